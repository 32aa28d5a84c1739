package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"cubesync/sink/emulator"
)

// builds is the folder of the programs that tests start, each of which is linked once, when the first test needs it.
var (
	builds         string
	plainBinary    = sync.OnceValues(func() (string, error) { return goBuild("plain") })
	killableBinary = sync.OnceValues(func() (string, error) { return goBuild("killable", "-tags", "failpoints") })
)

// goBuild builds the program as its users do, but for the flags.
func goBuild(name string, flags ...string) (string, error) {
	binary := filepath.Join(builds, name, "cubesync")
	build := exec.Command("go", append([]string{"build", "-trimpath", "-o", binary}, flags...)...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}

// buildBinary builds the program as its users do.
func buildBinary(t *testing.T) string {
	t.Helper()
	binary, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// buildFailpoints builds the program that can be killed at a fail-point.
func buildFailpoints(t *testing.T) string {
	t.Helper()
	binary, err := killableBinary()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// site is a company with a CSV file, a configuration and cubesync, and a ConnectyCube server in a process of its own.
type site struct {
	*testing.T
	binary, dir string
	settings    map[string]string // of its configuration
	watch       *watch

	switches []string // of the emulator, besides where it is
	emulator *process
	endpoint string
}

const siteConfig = `
connectycube:
  endpoint: ENDPOINT
  application_id: "1"
  auth_key: emulator-auth-key
  service_user: {login: cubesync-service, password: emulator-service-password, id: 1}
  admin_key: emulator-admin-key
  rate_limit: RATE
state: .cubesync/state
keep_runs: KEEP_RUNS
pipelines:
  - name: staff
    owner_tag: staff-sync
    schedule: "@every 1s"
    timezone: UTC
    source: {csv: {path: users.csv, completeness: plausible}}
    mapping:
      external_id: {column: id}
      email: {column: email}
      full_name: {column: name}
      phone: {column: phone}
      tags: [{column: team}]
      custom_data: {keys: {desk: {column: desk}}}
    passwords: {derive: {secret: a-secret-of-this-site-of-at-least-32-characters}}
    updates: owner
    deletes: admin
    leavers: delete
    grace: none
    vanished: recreate
    guards: {creates: {floor: 10000}, updates: {floor: 10000}, field: {floor: 10000}, deletes: {floor: 1000}, week_deletes: {floor: 10000}}
    workers: WORKERS
`

// newSite opens a site with a server that has nobody but the service user.
func newSite(t *testing.T, binary string) *site {
	t.Helper()
	s := &site{T: t, binary: binary, dir: t.TempDir(), settings: map[string]string{"RATE": "100000", "WORKERS": "32", "KEEP_RUNS": "100"}}
	s.watch = newWatch(s.dir)
	t.Cleanup(func() {
		if leaks := s.watch.leaks(); len(leaks) > 0 {
			t.Errorf("secrets came out: %q", leaks)
		}
	})
	s.serveEmulator("127.0.0.1:0")
	return s
}

// serveEmulator starts the server, or starts it again at the same address.
func (s *site) serveEmulator(address string) {
	s.Helper()
	args := append([]string{"emulator", "--listen", address, "--data", "server.jsonl"}, s.switches...)
	p := s.start(args...)
	endpoint, err := p.endpoint()
	if err != nil {
		s.Fatal(err)
	}
	s.emulator, s.endpoint = p, endpoint
}

// configure writes the configuration, with the given settings by turns name and value.
func (s *site) configure(settings ...string) {
	s.Helper()
	for pair := range slices.Chunk(settings, 2) {
		s.settings[pair[0]] = pair[1]
	}
	s.settings["ENDPOINT"] = s.endpoint
	text := siteConfig
	for name, value := range s.settings {
		text = strings.ReplaceAll(text, name, value)
	}
	s.write("config.yaml", text)
}

func (s *site) write(name, text string) {
	s.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

// people writes the source: n persons, and what differs in this edition of it.
func (s *site) people(n int, edition string) {
	s.Helper()
	var text strings.Builder
	text.WriteString("id,email,name,phone,team,desk\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&text, "P%05d,p%d@example.org,Pat Nº %d%s,+1 514 555 %04d,team-%d,%d\n", i, i, i, edition, i, i%7, i*3)
	}
	s.write("users.csv", text.String())
}

// start starts a command that ends with the test.
func (s *site) start(args ...string) *process {
	s.Helper()
	if err := s.watch.look(); err != nil {
		s.Fatal(err)
	}
	p, err := start(s.binary, s.dir, args...)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		p.kill()
		s.watch.shown.WriteString(p.stderr())
		if s.Failed() {
			s.Logf("%v:\n%s", args, p.stderr())
		}
	})
	return p
}

// exits waits for a command to end with the code, and returns how long that took after the signal, if there is one.
func (s *site) exits(p *process, want int, signals ...syscall.Signal) time.Duration {
	s.Helper()
	began := time.Now()
	for _, each := range signals {
		p.signal(each)
	}
	if got := p.wait(); got != want {
		s.Fatalf("%v exited with %d, want %d:\n%s", p.cmd.Args[1:], got, want, p.stderr())
	}
	return time.Since(began)
}

// sync runs `cubesync sync` to its end.
func (s *site) sync(want int) {
	s.Helper()
	s.exits(s.start("sync", "--yes", "--all"), want)
}

// counted is what the server has counted.
func (s *site) counted() emulator.Counters {
	s.Helper()
	server, err := ask(s.endpoint)
	if err != nil {
		s.Fatal(err)
	}
	counters, err := server.counters()
	if err != nil {
		s.Fatal(err)
	}
	return counters
}

// until waits for the server to have counted enough.
func (s *site) until(enough func(emulator.Writes) bool) {
	s.Helper()
	deadline := time.Now().Add(time.Minute)
	for !enough(s.counted().Written) {
		if time.Now().After(deadline) {
			s.Fatalf("it never came so far: %+v", s.counted().Written)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// says waits for a command to log something.
func (s *site) says(p *process, words string) {
	s.Helper()
	deadline := time.Now().Add(time.Minute)
	for !strings.Contains(p.stderr(), words) {
		if time.Now().After(deadline) {
			s.Fatalf("it never said %q", words)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func signedUp(n int64) func(emulator.Writes) bool {
	return func(w emulator.Writes) bool { return w.SignUp >= n }
}

// owned returns the accounts that carry the owner tag, by external ID, without what every server decides for itself.
func (s *site) owned() map[string]map[string]any {
	s.Helper()
	server, err := ask(s.endpoint)
	if err != nil {
		s.Fatal(err)
	}
	accounts, err := server.accounts("user_tags=staff-sync")
	if err != nil {
		s.Fatal(err)
	}
	owned := map[string]map[string]any{}
	for _, account := range accounts {
		id, _ := account["external_id"].(string)
		if id == "" || owned[id] != nil {
			s.Fatalf("account %v has the external ID %q, which isn't its own", account["id"], id)
		}
		for _, field := range []string{"id", "created_at", "updated_at", "last_request_at"} {
			delete(account, field)
		}
		owned[id] = account
	}
	return owned
}

// has compares the accounts with those of another site.
func (s *site) has(want map[string]map[string]any) {
	s.Helper()
	got := s.owned()
	if len(got) != len(want) {
		s.Errorf("got %d accounts, want %d", len(got), len(want))
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		if diff := gocmp.Diff(want[id], got[id]); diff != "" {
			s.Fatalf("%s (-want +got):\n%s", id, diff)
		}
	}
}

// wrote compares the server's successful writes.
func (s *site) wrote(want emulator.Writes) {
	s.Helper()
	if got := s.counted().Written; got != want {
		s.Fatalf("the server wrote %+v, want %+v", got, want)
	}
}

// quiet runs once more, which must write nothing.
func (s *site) quiet() {
	s.Helper()
	before := s.counted()
	s.sync(exitInSync)
	after := s.counted()
	for _, kind := range []emulator.Kind{emulator.SignUp, emulator.Update, emulator.Delete, emulator.AdminDelete} {
		if n := cmp.Or(after.ByKind[kind]-before.ByKind[kind], 0); n != 0 {
			s.Fatalf("a run with nothing to do sent %d of %s", n, kind)
		}
	}
}
