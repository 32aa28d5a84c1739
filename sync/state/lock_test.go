package state

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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

const lockFolder = "CUBESYNC_TEST_LOCK_FOLDER"

func lockUntilKilled(dir string) {
	if _, err := Lock(dir, endpoint, "7", "sync of pipeline staff"); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("locked")
	time.Sleep(time.Hour) // an empty select would be a deadlock, and end the process
}

func TestLockEndsWithItsProcess(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), lockFolder+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || said != "locked\n" {
		t.Errorf("the other process said %q, %v", said, err)
	}
	_, err = Lock(dir, endpoint, "7", "sync")
	var locked *LockedError
	if !errors.As(err, &locked) || locked.PID != cmd.Process.Pid || locked.Work != "sync of pipeline staff" {
		t.Errorf("while the other process lives: %v, want its number %d", err, cmd.Process.Pid)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the other process ended by itself")
	}
	lock, err := Lock(dir, endpoint, "7", "sync")
	if err != nil {
		t.Fatalf("after it was killed: %v", err)
	}
	lock.Unlock()
}

// A look holds the lock for the blink of an eye, and costs nobody their run.
func TestProbeCostsNoLock(t *testing.T) {
	dir := t.TempDir()
	lock := func() *Locked {
		l, err := Lock(dir, "https://api.example.com", "7", "a run")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	if err := Probe(dir, "https://api.example.com", "7"); err != nil {
		t.Errorf("before any lock: %v", err)
	}
	held := lock()
	var locked *LockedError
	if err := Probe(dir, "https://api.example.com", "7"); !errors.As(err, &locked) {
		t.Errorf("beside a lock: %v", err)
	}
	held.Unlock()
	done := make(chan struct{})
	var probing sync.WaitGroup
	probing.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				_ = Probe(dir, "https://api.example.com", "7") // what it says is of no interest here
			}
		}
	})
	for range 300 {
		lock().Unlock()
	}
	close(done)
	probing.Wait()
}
