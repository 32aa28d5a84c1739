package state

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const endpoint = "https://api.example.com"

func TestTwoLocks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	first, err := Lock(dir, endpoint, "7", "sync of pipeline staff")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Lock(dir, endpoint, "7", "sync of pipeline guests")
	var locked *LockedError
	if !errors.As(err, &locked) {
		t.Fatalf("the second got %v, want a LockedError", err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if locked.PID != os.Getpid() || locked.Host != host || locked.Work != "sync of pipeline staff" || time.Since(locked.Since) > time.Minute {
		t.Errorf("it names %+v", locked)
	}
	for _, word := range []string{"sync of pipeline staff", host, locked.File} {
		if !strings.Contains(locked.Error(), word) {
			t.Errorf("it says %q, want %q in it", locked, word)
		}
	}

	for _, other := range [][2]string{{endpoint, "8"}, {"https://other.example.com", "7"}} {
		lock, err := Lock(dir, other[0], other[1], "sync")
		if err != nil {
			t.Errorf("another application is locked too: %v", err)
			continue
		}
		lock.Unlock()
	}

	first.Unlock()
	again, err := Lock(dir, endpoint, "7", "apply")
	if err != nil {
		t.Fatalf("after Unlock: %v", err)
	}
	again.Unlock()
}

func TestLockWhoseHolderLeftNoWord(t *testing.T) {
	dir := t.TempDir()
	lock, err := Lock(dir, endpoint, "7", "sync")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	if err := os.WriteFile(lock.holder, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Lock(dir, endpoint, "7", "sync")
	if err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v", err)
	}
}

func TestLockInAFolderThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(file, endpoint, "7", "sync"); err == nil {
		t.Error("got no error")
	}
	if _, err := Open(t.Context(), file, staff); err == nil {
		t.Error("Open got no error")
	}
}
