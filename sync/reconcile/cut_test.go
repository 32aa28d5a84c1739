package reconcile_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"cubesync/source/csvfile"
	"cubesync/sync/record"
	"cubesync/sync/state"
)

// A file is cut off, at ends of rows and anywhere else, while leavers are deleted at once and no guard is on: what shows
// that it isn't whole is all that stands between it and the accounts. The whole one deletes the leaver.
func TestCutFilesDeleteNobody(t *testing.T) {
	for by, prove := range map[string]func(t *testing.T, s *scene, text string, pack func(string) string) (string, csvfile.Proof){
		"trailer": func(_ *testing.T, _ *scene, text string, pack func(string) string) (string, csvfile.Proof) {
			return pack(text + fmt.Sprintf("#TOTAL,%d\n", staffed-1)), csvfile.Proof{Trailer: "#TOTAL"}
		},
		"checksum": func(t *testing.T, s *scene, text string, pack func(string) string) (string, csvfile.Proof) {
			whole := pack(text)
			sum := sha256.Sum256([]byte(whole))
			path := filepath.Join(s.StateDir, "users.csv.sha256")
			if err := os.WriteFile(path, []byte(hex.EncodeToString(sum[:])+"  users.csv\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			return whole, csvfile.Proof{Checksum: path}
		},
		"records": func(_ *testing.T, _ *scene, text string, pack func(string) string) (string, csvfile.Proof) {
			return pack(text), csvfile.Proof{Records: staffed - 1}
		},
	} {
		for how, writer := range map[string]func(io.Writer) (io.WriteCloser, error){
			"plain": nil,
			"gzip":  func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
			"zstd":  func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
		} {
			t.Run(by+"/"+how, func(t *testing.T) {
				s := newScene(t)
				whole, proof := prove(t, s, s.export(t, columns), func(text string) string { return packed(t, text, writer) })
				for _, size := range cuts(whole) {
					s.proven(t, whole[:size], proof)
					s.untouched(t, state.Incomplete, 1)
					if t.Failed() {
						t.Fatalf("cut at byte %d of %d", size, len(whole))
					}
				}
				s.proven(t, whole, proof)
				s.recovers(t)
			})
		}
	}
}

// cuts are places in a file: behind some rows, and between.
func cuts(text string) (sizes []int) {
	const most = 6
	rows := strings.SplitAfter(text, "\n")
	size := 0
	for i, row := range rows[:len(rows)-1] {
		if size += len(row); i%(len(rows)/most+1) == 0 && size < len(text) {
			sizes = append(sizes, size)
		}
	}
	for i := range most {
		sizes = append(sizes, (i+1)*(len(text)-1)/most)
	}
	return sizes
}

func packed(t *testing.T, text string, writer func(io.Writer) (io.WriteCloser, error)) string {
	t.Helper()
	if writer == nil {
		return text
	}
	var out bytes.Buffer
	w, err := writer(&out)
	if err == nil {
		_, err = io.WriteString(w, text)
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// proven lets the pipeline read this as its CSV file, and believe only what is proven.
func (s *scene) proven(t *testing.T, content string, proof csvfile.Proof) {
	t.Helper()
	s.exported(t, content)
	source, err := csvfile.New(csvfile.Options{Path: filepath.Join(s.StateDir, "users.csv"), KeyColumn: "id", Proof: proof})
	if err != nil {
		t.Fatal(err)
	}
	s.Source, s.Accept = source, record.Proven
}

// With lenient quotes a record may be lost in another one's cell, however many rows there are: nobody is taken for a
// leaver, and all else is done.
func TestLenientQuotesDeleteNobody(t *testing.T) {
	s := newScene(t)
	text := s.export(t, columns)
	s.exported(t, text)
	lenient, err := csvfile.New(csvfile.Options{
		Path: filepath.Join(s.StateDir, "users.csv"), KeyColumn: "id", Lenient: true, Proof: csvfile.Proof{Records: staffed - 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Source = lenient
	s.untouched(t, state.Applied, 2)
	s.exported(t, text)
	s.recovers(t)
}
