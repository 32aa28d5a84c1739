package state

import (
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPeekWithoutAState(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	s := peek(t, dir)
	checkEmpty(t, s)
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder was made, or: %v", err)
	}
}

func TestPeekLeavesNothingBehind(t *testing.T) {
	tests := map[string]func(t *testing.T) (dir string){
		"closed-state": func(t *testing.T) string {
			dir := t.TempDir()
			s := openStore(t, dir)
			finish(t, s, begin(t, s), End{Observed: accounts("E1")}, 0)
			closeStore(t, s)
			return dir
		},
		"killed-run": func(t *testing.T) string { // the log is there and holds it all
			from, dir := t.TempDir(), t.TempDir()
			s := openStore(t, from)
			finish(t, s, begin(t, s), End{Observed: accounts("E1")}, 0)
			if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
				t.Fatal(err)
			}
			return dir
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			dir := prepare(t)
			before := contents(t, dir)
			s := peek(t, dir)
			if known := knownByID(t, s); known["E1"].AccountID != 1 {
				t.Errorf("it knows %v, want E1", known)
			}
			if baseline, err := s.Baseline(t.Context()); err != nil || baseline == nil {
				t.Errorf("baseline %v, %v", baseline, err)
			}
			closeStore(t, s)
			if diff := cmp.Diff(before, contents(t, dir)); diff != "" {
				t.Errorf("the folder changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestPeekBesideAWriter(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	p := peek(t, dir)
	checkEmpty(t, p)
	finish(t, s, begin(t, s), End{Observed: accounts("E1")}, 0)
	if known := knownByID(t, p); known["E1"].AccountID != 1 {
		t.Errorf("it knows %v, want what was written since", known)
	}
}

func TestPeekThatAWriterOvertakes(t *testing.T) {
	dir := t.TempDir()
	closeStore(t, openStore(t, dir))
	p := peek(t, dir)
	err := p.read(t.Context(), "looking", func(*sql.DB) error {
		s := openStore(t, dir)
		begin(t, s)
		closeStore(t, s)
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "do it again") {
		t.Errorf("got %v, want a word that somebody wrote", err)
	}
	if runs, err := p.Runs(t.Context(), 0); err != nil || len(runs) != 1 {
		t.Errorf("afterwards: %v, %v, want one run", runs, err)
	}
}

func peek(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Peek(t.Context(), dir, staff)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func checkEmpty(t *testing.T, s *Store) {
	t.Helper()
	if known := knownByID(t, s); len(known) != 0 {
		t.Errorf("it knows %v", known)
	}
	if baseline, err := s.Baseline(t.Context()); err != nil || baseline != nil {
		t.Errorf("baseline %v, %v", baseline, err)
	}
	if evidence, known, err := s.LastEvidence(t.Context()); err != nil || known {
		t.Errorf("evidence %v, %v", evidence, err)
	}
	if n := weekDeletes(t, s, monday); n != 0 {
		t.Errorf("%d deletes", n)
	}
	if got := pending(t, s); len(got) != 0 {
		t.Errorf("pending %v", got)
	}
	if runs, err := s.Runs(t.Context(), 0); err != nil || len(runs) != 0 {
		t.Errorf("runs %v, %v", runs, err)
	}
}

// contents are the files of a folder and of those in it, by name. What is in the index of the log (-shm) isn't compared: it is shared
// memory, where readers note what they read.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name := strings.TrimPrefix(path, dir+string(filepath.Separator))
		all[name] = string(text)
		if strings.HasSuffix(name, "-shm") {
			all[name] = "there"
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
