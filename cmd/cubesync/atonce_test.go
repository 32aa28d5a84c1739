package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestTwoStatesAtOnce has two machines, each with a state of its own, do the same night's work on one application: no lock
// keeps them apart. One is halted at a moment, the other does everything, and then the first goes on; or both just run. Still
// everybody has one account, and nobody is lost.
func TestTwoStatesAtOnce(t *testing.T) {
	binary := buildFailpoints(t)
	stories := killStories()
	for _, name := range slices.Sorted(maps.Keys(stories)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story := stories[name]
			end := story.undisturbed(t, binary, 8)
			halts := []string{
				"answered/open a session", "after-rename/", "after-commit/opening a chunk", "answered/" + story.write, "before-commit/recording outcomes",
			}
			if slices.Contains(story.more, "sent/sign out") {
				halts = append(halts, "answered/sign in as the account's user")
			}
			for _, halt := range append(halts, "") {
				t.Run("halted-at-"+strings.ReplaceAll(halt, "/", ":"), func(t *testing.T) {
					w, other := story.twoOffices(t, binary)
					for _, code := range w.bothAtWork(&other, halt, story.commands()[0]) {
						if code != exitInSync && (code != exitTroubles || !story.overtakes) {
							t.Errorf("one of them ended with %d", code)
						}
					}
					for _, s := range []*site{&w.site, &other} {
						for _, command := range story.commands() {
							s.must(exitInSync, command...)
						}
					}
					if diff := gocmp.Diff(end.people, people(w.accounts())); diff != "" {
						t.Errorf("the accounts aren't those of one undisturbed run (-want +got):\n%s", diff)
					}
					if got := w.wroteOnce(); got != end.written {
						t.Errorf("the server signed up and deleted %+v, want %+v", got, end.written)
					}
					w.silent()
					if story.opens {
						w.opens()
					}
				})
			}
		})
	}
}

// twoOffices is the world of a story with two machines that both knew it in the evening.
func (story *killStory) twoOffices(t *testing.T, binary string) (*killWorld, site) {
	t.Helper()
	w := openKillWorld(t, binary, story.options, nil, story.settings)
	other := w.newOffice(binary, story.settings)
	staff := story.before(w)
	if _, err := os.Stat(filepath.Join(w.dir, "users.csv")); err == nil {
		w.share(&other, "users.csv")
		other.must(exitInSync, "sync", "--yes")
	}
	story.change(w, staff)
	w.share(&other, "users.csv")
	if story.command != nil {
		w.share(&other, "map.csv")
	}
	return w, other
}

func (w *killWorld) share(with *site, name string) {
	w.Helper()
	content, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.Fatal(err)
	}
	with.write(name, string(content))
}

// bothAtWork lets both run, and returns how they ended. The first is halted at the moment until the other is through; "":
// it isn't.
func (w *killWorld) bothAtWork(other *site, halt string, command []string) [2]int {
	w.Helper()
	trace := filepath.Join(w.dir, "trace.txt")
	environment := []string{"CUBESYNC_FAILPOINT_TRACE=" + trace}
	if halt != "" {
		environment = append(environment, "CUBESYNC_FAILPOINT=stop 1 "+halt)
	}
	first := w.command(environment, command...)
	var out bytes.Buffer
	first.Stdout, first.Stderr = &out, &out
	if err := first.Start(); err != nil {
		w.Fatal(err)
	}
	ended := make(chan int, 1)
	go func() {
		_ = first.Wait() // the state says it all
		ended <- codeOfProcess(first.ProcessState)
	}()
	defer func() { _ = first.Process.Kill() }() // where the test has failed before
	if halt != "" {
		w.reads(trace, halt)
	}
	code, said := other.run("", command...)
	_ = first.Process.Signal(syscall.SIGCONT) // it may be gone already
	codes := [2]int{<-ended, code}
	w.Cleanup(func() {
		if w.Failed() {
			w.Logf("the first:\n%s\nthe other:\n%s", out.String(), said)
		}
	})
	return codes
}

// reads waits until a file has the line.
func (w *killWorld) reads(file, line string) {
	w.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		text, _ := os.ReadFile(file) // it isn't there at once
		if strings.Contains(string(text), line+"\n") {
			return
		}
		if time.Now().After(deadline) {
			w.Fatalf("it never came to %s", line)
		}
	}
}
