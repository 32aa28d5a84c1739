package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cubesync/sink/emulator"
	"cubesync/sync/state"
)

// powerLosses is how often the power goes.
var powerLosses = flag.Int("disk.losses", 6, "how often the power goes in the middle of a run")

// diskPeople is how many there are in the stories of disks.
const diskPeople = 30

// siteIdentity is whose state a site's is.
func (s *site) siteIdentity() state.Identity {
	return state.Identity{Endpoint: s.endpoint, ApplicationID: "1", Pipeline: "staff", OwnerTag: "staff-sync"}
}

func (s *site) stateFolder() string { return filepath.Join(s.dir, ".cubesync", "state") }

// undisturbed is what a site with these people has after a run that nothing disturbed.
func undisturbed(t *testing.T, binary string) map[string]map[string]any {
	t.Helper()
	s := newSite(t, binary)
	s.configure()
	s.people(diskPeople, "")
	s.sync(exitInSync)
	return s.owned()
}

// missing says that something the test needs isn't there; with REQUIRE_SERVERS=1 that is a failure.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("REQUIRE_SERVERS") == "1" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// wholeAgain is what must be so after a run that the disk disturbed, and after a healthy one: the state is sound, nobody
// is on the server whom the journal doesn't know as opened before, and in the end everybody is there once.
func (s *site) wholeAgain(want map[string]map[string]any) {
	s.Helper()
	checked := s.start("state", "check")
	if code := checked.wait(); code != exitInSync {
		s.Fatalf("after the fault, state check exits with %d", code)
	}
	opened := s.opened()
	for id := range s.owned() {
		if !opened[id] {
			s.Fatalf("%s was signed up, and no intent of it is durable", id)
		}
	}
	s.sync(exitInSync)
	s.wrote(emulator.Writes{SignUp: diskPeople})
	s.has(want)
}

// opened are the external IDs of all operations in the journal.
func (s *site) opened() map[string]bool {
	s.Helper()
	store, err := state.Peek(s.Context(), s.stateFolder(), s.siteIdentity())
	if err != nil && strings.Contains(err.Error(), "an older cubesync") {
		return nil // the disk let it be made in part, before any operation
	}
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = store.Close() }() // it was only read
	runs, err := store.Runs(s.Context(), 0)
	if err != nil {
		s.Fatal(err)
	}
	opened := map[string]bool{}
	for _, run := range runs {
		err := store.Outcomes(s.Context(), run.ID, func(o state.StoredOutcome) error {
			opened[o.ExternalID] = true
			return nil
		})
		if err != nil {
			s.Fatal(err)
		}
	}
	return opened
}

// remedies are what an error of the disk says to do.
func remedies() []string {
	return []string{"check the disk", "make room", "check who may", "move it away", "that there is room"}
}

// TestDisk tells stories of disks that fail, are full, or lose their power, with the binary. After each of them a healthy
// run ends with what an undisturbed one ends with.
func TestDisk(t *testing.T) {
	binary := buildBinary(t)
	want := undisturbed(t, binary)
	t.Run("faults", func(t *testing.T) { diskFaults(t, binary, want) })
	t.Run("full", func(t *testing.T) { fullDisk(t, binary, want) })
	t.Run("power-loss", func(t *testing.T) { powerLoss(t, binary, want) })
}

// diskFaults lets the system calls that write the state fail in the real binary, one after the other, until a run
// meets no fault any more.
func diskFaults(t *testing.T, binary string, want map[string]map[string]any) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		missing(t, "strace is missing, with which disk faults are injected")
	}
	if out, err := exec.Command(strace, "-qq", "-e", "trace=none", "true").CombinedOutput(); err != nil {
		missing(t, fmt.Sprintf("strace may trace nothing here: %v %s", err, out))
	}
	for _, fault := range []struct {
		name, calls, error string
		lasting            bool // from then on, all of them
		state              bool // only the state's files are written with these calls
	}{
		{"pages-broken", "pwrite64", "EIO", false, true},
		{"pages-broken-for-good", "pwrite64", "EIO", true, true},
		{"pages-full-for-good", "pwrite64", "ENOSPC", true, true},
		{"sync-fails", "fsync,fdatasync", "EIO", false, true},
		{"sync-fails-for-good", "fsync,fdatasync", "EIO", true, true},
		{"rename-fails", "rename,renameat,renameat2", "EIO", true, true},
		{"files-full", "write", "ENOSPC", false, false}, // sockets and the plan
	} {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			for n := 1; ; n++ {
				s := newSite(t, binary)
				s.configure()
				s.people(diskPeople, "")
				when := fmt.Sprint(n)
				if fault.lasting {
					when += "+"
				}
				trace := filepath.Join(s.dir, "trace")
				p, err := start(strace, s.dir, "-f", "-qq", "-o", trace, "-e", "trace="+fault.calls,
					"-e", fmt.Sprintf("inject=%s:error=%s:when=%s", fault.calls, fault.error, when), binary, "sync", "--yes")
				if err != nil {
					t.Fatal(err)
				}
				s.Cleanup(func() { p.kill() })
				code := p.wait()
				text, err := os.ReadFile(trace)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Contains(text, []byte("INJECTED")) {
					if code != exitInSync {
						t.Errorf("without a fault it exits with %d: %s", code, p.stderr())
					}
					break
				}
				runs++
				says := func(words string) bool { return strings.Contains(p.stderr()+s.problem(), words) }
				if fault.state && code != exitInSync && !slices.ContainsFunc(remedies(), says) {
					t.Errorf("fault %d: exit %d, and nothing says what to do: %s%s", n, code, p.stderr(), s.problem())
				}
				s.wholeAgain(want)
				if t.Failed() {
					t.Fatalf("at fault %d of %s", n, fault.calls)
				}
				s.emulator.stop()
			}
			t.Logf("%d faults, one at each call", runs)
			if runs == 0 {
				t.Error("no fault was injected: it proves nothing")
			}
		})
	}
}

// problem is what the newest run says that went wrong.
func (s *site) problem() string {
	store, err := state.Peek(s.Context(), s.stateFolder(), s.siteIdentity())
	if err != nil {
		return err.Error()
	}
	defer func() { _ = store.Close() }() // it was only read
	runs, err := store.Runs(s.Context(), 1)
	if err != nil || len(runs) == 0 {
		return ""
	}
	return runs[0].Problem
}

// fullDisk runs on disks on which there is too little room, and once more when there is enough.
func fullDisk(t *testing.T, binary string, want map[string]map[string]any) {
	full := 0
	for _, kilobytes := range []int{4, 32, 64, 96, 128, 192, 256, 4096} {
		t.Run(fmt.Sprintf("%dk", kilobytes), func(t *testing.T) {
			s := newSite(t, binary)
			s.configure()
			s.people(diskPeople, "")
			if err := os.MkdirAll(s.stateFolder(), 0o700); err != nil {
				t.Fatal(err)
			}
			size := func(how string, kilobytes int) error {
				out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("%ssize=%dk,mode=700", how, kilobytes), "tmpfs", s.stateFolder()).CombinedOutput()
				return errors.Join(err, errorOf(out))
			}
			if err := size("", kilobytes); err != nil {
				missing(t, "no small disk can be mounted, which takes root: "+err.Error())
			}
			t.Cleanup(func() {
				if out, err := exec.Command("umount", "-l", s.stateFolder()).CombinedOutput(); err != nil {
					t.Errorf("umount: %v %s", err, out)
				}
			})
			p := s.start("sync", "--yes")
			if code := p.wait(); code != exitInSync {
				full++
				if words := p.stderr() + s.problem(); !strings.Contains(words, "room") {
					t.Errorf("exit %d, and nothing says that there is no room: %s", code, words)
				}
			}
			if err := size("remount,", 64<<10); err != nil {
				t.Fatal(err)
			}
			s.wholeAgain(want)
		})
	}
	if full == 0 && !t.Skipped() && os.Getenv("REQUIRE_SERVERS") == "1" {
		t.Error("no disk was full")
	}
}

func errorOf(out []byte) error {
	if len(out) == 0 {
		return nil
	}
	return errors.New(string(bytes.TrimSpace(out)))
}

// powerLoss kills a run at a random moment, and goes on with what had been copied of its state just before, the log
// cut off somewhere behind what was synced first.
func powerLoss(t *testing.T, binary string, want map[string]map[string]any) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for round := range *powerLosses {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, uint64(round)))
			s := newSite(t, binary)
			s.configure("RATE", "20", "WORKERS", "4") // so that it is still at work, on any machine, when it is killed
			s.people(diskPeople, "")
			p := s.start("sync", "--yes")
			s.until(signedUp(int64(1 + random.IntN(diskPeople/2))))
			file := s.stateFiles()[0]
			log, err := os.ReadFile(file + "-wal") // the log first: the file may only be newer than it, as with a lost disk cache
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p.kill()
			const header, frame = 32, 24 + 4096
			frames := (len(log) - header) / frame
			log = log[:header+frame*(frames-random.IntN(min(3, frames)))]
			if random.IntN(2) == 0 { // in the middle of a frame
				log = log[:len(log)-random.IntN(frame)]
			} else { // its last sectors never came
				clear(log[max(header, len(log)-512*(1+random.IntN(8))):])
			}
			for path, content := range map[string][]byte{file: data, file + "-wal": log} {
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Remove(file + "-shm"); err != nil {
				t.Fatal(err)
			}
			s.configure("RATE", "100000", "WORKERS", "32")
			if again := s.start("sync", "--yes"); again.wait() != exitInSync {
				if !strings.Contains(again.stderr(), "move it away") {
					t.Fatalf("it can't go on, and doesn't say what to do: %s", again.stderr())
				}
				if err := os.RemoveAll(s.stateFolder()); err != nil {
					t.Fatal(err)
				}
				s.sync(exitInSync)
			}
			s.wrote(emulator.Writes{SignUp: diskPeople})
			s.has(want)
			s.quiet()
		})
	}
}

// stateFiles are the databases of the site.
func (s *site) stateFiles() []string {
	s.Helper()
	found, err := filepath.Glob(filepath.Join(s.stateFolder(), "*.db"))
	if err != nil || len(found) == 0 {
		s.Fatalf("there is no state: %v", err)
	}
	return found
}
