package csvfile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestInput: what is given is the file, block after block, and then its end for ever.
func TestInput(t *testing.T) {
	defer goleak.VerifyNone(t)
	for name, size := range map[string]int{
		"empty": 0, "a-byte": 1, "a-block": blockBytes, "more-than-a-block": blockBytes + 1, "more-than-all-blocks": blocks*blockBytes + 7,
	} {
		t.Run(name, func(t *testing.T) {
			content := bytes.Repeat([]byte("0123456789\n"), size/11+1)[:size]
			path := filepath.Join(t.TempDir(), "users.csv")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			in, err := openInput(path)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(in)
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes and %v; want the file's %d", len(got), err, size)
			}
			for range 2 {
				if _, err := in.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
					t.Errorf("Read at the end: %v", err)
				}
			}
			if err := in.close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestNoGoroutineStays: however a read ends, closing it ends what reads ahead.
func TestNoGoroutineStays(t *testing.T) {
	defer goleak.VerifyNone(t)
	long := "id,name\n" + strings.Repeat("E1,Ann\n", blocks*blockBytes)
	for name, c := range map[string]struct {
		content string
		records int // that are read; all where there are fewer
	}{
		"bad-header": {"id,id\n", 0}, "closed-at-once": {long, 0}, "closed-early": {long, 3}, "to-the-end": {"id\nE1\n", 3}, "empty": {"", 1}, "broken-quote": {"id\n\"a\"b\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "users.csv")
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			source, err := New(Options{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			reader, err := source.Open(t.Context())
			if err != nil {
				return
			}
			for range c.records {
				if _, err := reader.Next(t.Context()); err != nil {
					break
				}
			}
			if err := reader.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestBrokenFile: a file system that fails ends the read with what it said, for ever.
func TestBrokenFile(t *testing.T) {
	defer goleak.VerifyNone(t)
	path := filepath.Join(t.TempDir(), "users.csv")
	if err := os.WriteFile(path, []byte(strings.Repeat("E1,Ann\n", blockBytes)), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := openInput(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.file.Close(); err != nil {
		t.Fatal(err)
	}
	var last error
	for range 2 {
		if _, last = io.Copy(io.Discard, in); !errors.Is(last, os.ErrClosed) || !strings.Contains(last.Error(), "read CSV file") {
			t.Errorf("reading gives %v", last)
		}
	}
	_ = in.close() // it is closed already
}
