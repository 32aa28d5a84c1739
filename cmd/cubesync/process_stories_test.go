package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"cubesync/sink/emulator"
)

// TestProcesses tells stories of several processes, with the binary and real sockets.
func TestProcesses(t *testing.T) {
	binary := buildBinary(t)
	stories := map[string]func(*testing.T, string){
		"server-killed-in-mid-run":   serverKilledInMidRun,
		"server-restarts-in-mid-run": serverRestartsInMidRun,
		"sigterm-in-mid-run":         sigtermInMidRun,
		"sigterm-while-all-wait":     sigtermWhileAllWait,
		"second-sigterm":             secondSigterm,
		"sigint-in-mid-sync":         sigintInMidSync,
		"two-at-once":                twoAtOnce,
		"killed-in-a-sign-in":        killedInASignIn,
		"serve-goes-on":              serveGoesOn,
	}
	for name, story := range stories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, binary)
		})
	}
}

// serverKilledInMidRun: the run ends as unusable, and the next one goes on.
func serverKilledInMidRun(t *testing.T, binary string) {
	const people = 1500
	s := newSite(t, binary)
	s.configure("RATE", "200") // so that many are left when the server is gone, on any machine
	s.people(people, "")
	p := s.start("sync", "--yes")
	s.until(signedUp(100))
	s.emulator.kill()
	if took := s.exits(p, exitUnusable); took > time.Minute {
		t.Errorf("it took %v to give up", took)
	}
	s.serveEmulator(s.endpoint[len("http://"):])
	if n := s.counted().Written.SignUp; n < 100 || n >= people {
		t.Fatalf("%d users were signed up before", n)
	}
	s.configure("RATE", "100000")
	s.sync(exitInSync)
	s.wrote(emulator.Writes{SignUp: people})
	s.quiet()
}

// serverRestartsInMidRun: a server that is back soon costs no run. What was under way is found out.
func serverRestartsInMidRun(t *testing.T, binary string) {
	const people = 1500
	s := newSite(t, binary)
	s.configure("RATE", "1000")
	s.people(people, "")
	p := s.start("sync", "--yes")
	s.until(signedUp(500))
	s.emulator.kill()
	s.serveEmulator(s.endpoint[len("http://"):])
	s.exits(p, exitInSync)
	s.wrote(emulator.Writes{SignUp: people})
	s.quiet()
}

// busyServe starts `cubesync serve` with more to do than it can do soon.
func busyServe(t *testing.T, binary string, settings ...string) (*site, *process) {
	t.Helper()
	s := newSite(t, binary)
	s.configure()
	s.people(10, "")
	s.sync(exitInSync) // the first run is nothing for serve
	s.people(800, "")
	s.configure(settings...)
	p := s.start("serve")
	s.until(signedUp(15))
	return s, p
}

// sigtermInMidRun: what is under way ends, the rest is left to the next run.
func sigtermInMidRun(t *testing.T, binary string) {
	s, p := busyServe(t, binary, "RATE", "50", "WORKERS", "8")
	if took := s.exits(p, exitInterrupted, syscall.SIGTERM); took > 5*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	if n := s.counted().Written.SignUp; n >= 800 {
		t.Fatalf("all %d were signed up: it wasn't stopped in mid-run", n)
	}
	s.configure("RATE", "100000")
	s.sync(exitInSync)
	s.wrote(emulator.Writes{SignUp: 800})
	s.quiet()
}

// sigtermWhileAllWait: even where everything that is under way waits for the limit, it ends in time.
func sigtermWhileAllWait(t *testing.T, binary string) {
	s := newSite(t, binary)
	s.configure()
	s.people(200, "")
	s.sync(exitInSync)
	s.people(200, " the Second")
	s.configure("RATE", "4", "WORKERS", "128")
	p := s.start("serve")
	s.until(func(emulator.Writes) bool { return s.counted().ByKind[emulator.SessionCreate] > 12 })
	if took := s.exits(p, exitInterrupted, syscall.SIGTERM); took > 28*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	s.configure("RATE", "100000", "WORKERS", "32")
	s.sync(exitInSync)
	s.wrote(emulator.Writes{SignUp: 200, Update: 200})
	s.quiet()
}

// sigintInMidSync: Control-C ends a sync as SIGTERM ends serve.
func sigintInMidSync(t *testing.T, binary string) {
	s := newSite(t, binary)
	s.configure("RATE", "200")
	s.people(800, "")
	p := s.start("sync", "--yes")
	s.until(signedUp(50))
	if took := s.exits(p, exitInterrupted, syscall.SIGINT); took > 5*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	if n := s.counted().Written.SignUp; n >= 800 {
		t.Fatalf("all %d were signed up: it wasn't stopped in mid-run", n)
	}
	s.configure("RATE", "100000")
	s.sync(exitInSync)
	s.wrote(emulator.Writes{SignUp: 800})
	s.quiet()
}

// secondSigterm: whoever can't wait is obeyed at once.
func secondSigterm(t *testing.T, binary string) {
	s, p := busyServe(t, binary, "RATE", "10", "WORKERS", "64")
	p.signal(syscall.SIGTERM)
	select {
	case code := <-p.exited:
		t.Fatalf("it exited with %d at the first signal: there was nothing to wait for", code)
	case <-time.After(300 * time.Millisecond): // it drains
	}
	if took := s.exits(p, exitInterrupted, syscall.SIGTERM); took > 2*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	s.configure("RATE", "100000")
	s.sync(exitInSync)
	s.wrote(emulator.Writes{SignUp: 800})
	s.quiet()
}

// twoAtOnce: the second leaves the first alone, and says who works.
func twoAtOnce(t *testing.T, binary string) {
	s := newSite(t, binary)
	s.configure("RATE", "100")
	s.people(300, "")
	first := s.start("sync", "--yes")
	s.until(signedUp(1))
	first.signal(syscall.SIGSTOP) // until the second has come and gone, however long that takes
	second := s.start("sync", "--yes")
	s.exits(second, exitLocked)
	first.signal(syscall.SIGCONT)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	who := fmt.Sprintf("sync of pipeline staff (process %d on %s, since %d-", first.cmd.Process.Pid, host, time.Now().Year())
	if words := second.stderr(); !strings.Contains(words, who) {
		t.Errorf("it doesn't say %q: %s", who, words)
	}
	s.exits(first, exitInSync)
	s.wrote(emulator.Writes{SignUp: 300})
	s.quiet()
}

// serveGoesOn: a night that goes wrong doesn't end the nights after it, and nobody is asked at night.
func serveGoesOn(t *testing.T, binary string) {
	s := newSite(t, binary)
	s.configure()
	p := s.start("serve")
	s.says(p, "run failed")
	s.people(30, "")
	s.says(p, "guard=first_run")
	s.exits(p, exitInSync, syscall.SIGTERM)
	s.wrote(emulator.Writes{})

	s.sync(exitInSync)
	p = s.start("serve")
	s.people(40, "")
	s.until(signedUp(40))
	s.people(40, " the Second")
	s.until(func(w emulator.Writes) bool { return w.Update >= 40 })
	s.says(p, "updated=40")
	s.exits(p, exitInSync, syscall.SIGTERM)
	s.wrote(emulator.Writes{SignUp: 40, Update: 40})
	s.quiet()
}
