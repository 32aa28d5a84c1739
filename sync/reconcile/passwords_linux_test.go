package reconcile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cubesync/sync/reconcile"
)

// What is put aside on the disk, in files without a name, has no password in it.
func TestNoPasswordIsPutAside(t *testing.T) {
	k := newKeyring(t, 100)
	k.HoldMost = 1
	for i := range k.source.persons {
		k.source.persons[i][7] = `{"x":"` + strings.Repeat("x", 200_000) + `"}`
	}
	k.source.persons[0][1] = k.source.persons[1][1] // two are rejected, and their cells read while all users are aside
	seen := 0
	k.before(func(read int) error {
		links, err := filepath.Glob("/proc/self/fd/*")
		for _, link := range links {
			name, gone := os.Readlink(link)
			if gone != nil || filepath.Dir(name) != k.StateDir || !strings.Contains(name, ".part") {
				continue
			}
			content, err := os.ReadFile(link)
			if err != nil {
				return err
			}
			if bytes.Contains(content, []byte("Pa55word")) {
				t.Errorf("a password is in %s, before read %d", name, read)
			}
			if bytes.Contains(content, []byte("Name e0050")) {
				seen++
			}
		}
		return err
	})
	result, err := k.Preview(t.Context(), reconcile.Order{})
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close()
	if seen != 2 {
		t.Errorf("looked into %d files", seen)
	}
}
