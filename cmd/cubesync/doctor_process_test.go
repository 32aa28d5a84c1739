package main

import (
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"cubesync/sink/emulator"
)

// TestDoctorProcesses tells stories of doctors that aren't alone, with the binary and real sockets.
func TestDoctorProcesses(t *testing.T) {
	binary := buildBinary(t)
	stories := map[string]func(*testing.T, string){
		"killed-then-tried-again": doctorKilled,
		"sigint":                  doctorInterrupted,
		"beside-a-sync":           doctorBesideSync,
		"on-a-bad-day":            doctorOnABadDay,
	}
	for name, story := range stories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, binary)
		})
	}
}

// behind is how many of the users that were made are still there.
func behind(w emulator.Writes) int64 { return w.SignUp + w.OnTheFly - w.Delete - w.AdminDelete }

// doctorKilled: what a killed doctor leaves behind, the next one removes.
func doctorKilled(t *testing.T, binary string) {
	s := newSite(t, binary)
	s.configure()
	p := s.start("doctor")
	s.until(func(w emulator.Writes) bool { return behind(w) >= 2 })
	if code := p.kill(); code != -1 {
		t.Fatalf("it wasn't killed in the middle: it exited with %d", code)
	}
	left := behind(s.counted().Written)
	if left == 0 {
		t.Fatal("it left nobody behind")
	}
	s.exits(s.start("doctor"), exitInSync)
	if got := behind(s.counted().Written); got != 0 {
		t.Errorf("%d accounts of %d are left", got, left)
	}
	if worst := s.counted().WorstSecond.Requests; worst > 2*doctorRate { // of two doctors
		t.Errorf("%d requests in one second", worst)
	}
}

// doctorInterrupted: after Control-C the doctor removes its accounts before it ends.
func doctorInterrupted(t *testing.T, binary string) {
	s := newSite(t, binary)
	s.configure()
	p := s.start("doctor")
	s.until(func(w emulator.Writes) bool { return behind(w) >= 1 })
	if took := s.exits(p, exitInterrupted, syscall.SIGINT); took > 20*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	if w := s.counted().Written; behind(w) != 0 {
		t.Errorf("left behind: %+v", w)
	}
}

// doctorBesideSync: a doctor neither waits for a run nor keeps one from working.
func doctorBesideSync(t *testing.T, binary string) {
	const people = 600
	s := newSite(t, binary)
	s.configure("RATE", "100")
	s.people(people, "")
	p := s.start("sync", "--yes")
	s.until(signedUp(1))
	doctor := s.start("doctor", "--log-format", "json")
	s.exits(doctor, exitInSync)
	if strings.Contains(doctor.stderr(), "lock") {
		t.Errorf("it spoke of a lock: %s", doctor.stderr())
	}
	s.exits(p, exitInSync)
	if n := len(s.owned()); n != people {
		t.Errorf("%d accounts are owned", n)
	}
	if got := behind(s.counted().Written); got != people {
		t.Errorf("%d users are there, want %d", got, people)
	}
	s.quiet()
}

// doctorOnABadDay: lost answers, refusals for a while and trouble of the server change neither the answers nor what is
// left of the trying.
func doctorOnABadDay(t *testing.T, binary string) {
	s := newSite(t, binary)
	s.configure()
	server, err := ask(s.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	type fault map[string]any
	err = server.call(http.MethodPost, "/__emulator/faults", "", map[string]any{"faults": []fault{
		{"do": "lose_after", "call": "sign_up"},
		{"do": "error_after", "call": "sign_up", "skip": 5, "status": 503},
		{"do": "throttle", "call": "update"},
		{"do": "lose_after", "call": "delete", "skip": 1},
		{"do": "error_before", "call": "admin_delete"},
		{"do": "truncate", "call": "session_create", "skip": 1},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := s.start("doctor", "--format", "json")
	report, err := io.ReadAll(p.stdout)
	if err != nil {
		t.Fatal(err)
	}
	s.exits(p, exitInSync)
	for _, words := range []string{`"update_owner","answer":"yes"`, `"delete_owner","answer":"yes"`, `"delete_admin","answer":"yes"`, `"left":[]`} {
		if !strings.Contains(string(report), words) {
			t.Errorf("it doesn't say %s: %s", words, report)
		}
	}
	if worst := s.counted().WorstSecond.Requests; worst > doctorRate+1 { // whatever the configuration permits
		t.Errorf("%d requests in one second", worst)
	}
	if w := s.counted().Written; behind(w) != 0 {
		t.Errorf("left behind: %+v", w)
	}
}
