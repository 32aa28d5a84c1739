package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"cubesync/sink/emulator"
	"cubesync/sync/state"
)

// killWorld is a company whose cubesync is killed: the program with the fail-points, in processes of its own, and a server
// in this one, which sees everything that is sent and lives on.
type killWorld struct {
	*testing.T
	site   // of it: binary, folder, settings and the watch over secrets
	server *emulator.Server
	web    *httptest.Server
	open   atomic.Int64 // connections
}

const killConfig = `
connectycube:
  endpoint: ENDPOINT
  application_id: "1"
  auth_key: emulator-auth-key
  service_user: {login: cubesync-service, password: emulator-service-password, id: 1}
  admin_key: emulator-admin-key
  rate_limit: RATE
state: .cubesync/state
pipelines:
  - name: staff
    owner_tag: staff-sync
    source: {csv: {path: users.csv, completeness: plausible}}
    mapping:
      external_id: {column: id}
      login: {column: login}
      email: {column: email}
      full_name: {column: name}
      tags: [{column: team}]
    passwords: {derive: {secret: a-secret-of-this-site-of-at-least-32-characters}}
    updates: UPDATES
    deletes: DELETES
    adopt: ADOPT
    leavers: LEAVERS
    grace: none
    vanished: recreate
    guards: {creates: {floor: 10000}, updates: {floor: 10000}, field: {floor: 10000}, deletes: {floor: 1000}, week_deletes: {floor: 10000}, shrink: 90%}
    workers: WORKERS
`

// openKillWorld opens a world with nobody in it but the service user. front, if there is one, stands before the server.
func openKillWorld(t *testing.T, binary string, options emulator.Options, front func(http.Handler) http.Handler, settings map[string]string) *killWorld {
	t.Helper()
	options.Users, options.KeepRequests = serviceUser(), -1
	kept, err := emulator.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	w := &killWorld{T: t, server: kept}
	var handler http.Handler = kept
	if front != nil {
		handler = front(kept)
	}
	w.web = httptest.NewUnstartedServer(handler)
	w.web.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			w.open.Add(1)
		case http.StateClosed, http.StateHijacked:
			w.open.Add(-1)
		}
	}
	w.web.Start()
	t.Cleanup(w.web.Close)
	w.site = w.newOffice(binary, settings)
	return w
}

// newOffice is a folder with a configuration, a source and a state of its own.
func (w *killWorld) newOffice(binary string, settings map[string]string) site {
	w.Helper()
	s := site{T: w.T, binary: binary, dir: quickFolder(w.T), endpoint: w.web.URL, settings: map[string]string{
		"UPDATES": "owner", "DELETES": "admin", "ADOPT": "refuse", "LEAVERS": "delete", "WORKERS": "8", "RATE": "100000",
	}}
	maps.Copy(s.settings, settings)
	s.settings["ENDPOINT"] = s.endpoint
	text := killConfig
	for name, value := range s.settings {
		text = strings.ReplaceAll(text, name, value)
	}
	s.write("config.yaml", text)
	s.watch = newWatch(s.dir)
	w.Cleanup(func() {
		if leaks := s.watch.leaks(); len(leaks) > 0 {
			w.Errorf("secrets came out: %q", leaks)
		}
	})
	return s
}

// quickFolder is a folder for one test, in memory where the system has such a place: a kill takes nothing from the caches
// of the system, so it makes no difference whether anything came as far as a disk.
func quickFolder(t *testing.T) string {
	t.Helper()
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(memory, "cubesync-kill-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// killed is the end of a process that a fail-point ended.
const killed = -int(syscall.SIGKILL)

// command is one run of the program.
func (s *site) command(environment []string, args ...string) *exec.Cmd {
	cmd := exec.Command(s.binary, args...)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), environment...)
	return cmd
}

// run runs the program to its end, or to that which the order gives it, and returns the exit code, or the signal below zero,
// and what it said.
func (s *site) run(order string, args ...string) (code int, said string) {
	s.Helper()
	if err := s.watch.look(); err != nil {
		s.Fatal(err)
	}
	var environment []string
	if order != "" {
		environment = []string{"CUBESYNC_FAILPOINT=" + order}
	}
	cmd := s.command(environment, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	overdue := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Signal(syscall.SIGABRT) })
	_ = cmd.Wait() // the state says it all
	overdue.Stop()
	s.watch.shown.Write(out.Bytes())
	return codeOfProcess(cmd.ProcessState), out.String()
}

func codeOfProcess(ended *os.ProcessState) int {
	if status, ok := ended.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return -int(status.Signal())
	}
	return ended.ExitCode()
}

// must runs the program to its end.
func (s *site) must(want int, args ...string) string {
	s.Helper()
	code, said := s.run("", args...)
	if code != want {
		s.Fatalf("%v ended with %d, want %d:\n%s", args, code, want, said)
	}
	return said
}

// worker is a person of the company.
type worker struct{ id, login, email, name, team string }

func staffOf(n int) []worker {
	staff := make([]worker, n)
	for i := range staff {
		staff[i] = worker{
			fmt.Sprintf("P%03d", i+1), fmt.Sprintf("login%d", i+1), fmt.Sprintf("p%d@example.org", i+1), fmt.Sprintf("Pat Nº %d", i+1), fmt.Sprintf("team-%d", i%3),
		}
	}
	return staff
}

// staff writes the source.
func (s *site) staff(people []worker) {
	s.Helper()
	rows := [][]string{{"id", "login", "email", "name", "team"}}
	for _, p := range people {
		rows = append(rows, []string{p.id, p.login, p.email, p.name, p.team})
	}
	s.table("users.csv", rows)
}

func (s *site) table(name string, rows [][]string) {
	s.Helper()
	var text strings.Builder
	writer := csv.NewWriter(&text)
	if err := writer.WriteAll(rows); err != nil {
		s.Fatal(err)
	}
	s.write(name, text.String())
}

// past asks the server past the program and its faults.
func (w *killWorld) past() *server {
	return &server{base: "http://emulator.invalid", http: &http.Client{Transport: w.server.Transport()}}
}

// settled waits until everything has arrived that a killed process sent: its connections were accepted before ours, and end
// when what came through them was answered.
func (w *killWorld) settled() {
	w.Helper()
	probe, err := ask(w.web.URL)
	if err == nil {
		_, err = probe.counters()
	}
	if err != nil {
		w.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); w.open.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("%d connections of a dead process stay open", w.open.Load())
		}
	}
}

// accounts returns everybody but the service user, by id, without what every server decides for itself.
func (w *killWorld) accounts() map[int64]map[string]any {
	w.Helper()
	made := w.server.Counters().Written
	query := "id[in][]=0" // of everybody there ever was: they are given one after the other
	for id := range made.SignUp + made.OnTheFly {
		query += "&id[in][]=" + strconv.FormatInt(id+2, 10)
	}
	all, err := w.past().accounts(query)
	if err != nil {
		w.Fatal(err)
	}
	byID := map[int64]map[string]any{}
	for _, account := range all {
		id, _ := account["id"].(float64)
		for _, field := range []string{"id", "created_at", "updated_at", "last_request_at"} {
			delete(account, field)
		}
		byID[int64(id)] = account
	}
	return byID
}

// people returns the accounts as lines that can be compared with those of another server: one for each, by external ID.
func people(accounts map[int64]map[string]any) []string {
	lines := make([]string, 0, len(accounts))
	for _, account := range accounts {
		line := fmt.Sprintf("%v:", account["external_id"])
		for _, field := range slices.Sorted(maps.Keys(account)) {
			line += fmt.Sprintf(" %s=%v", field, account[field])
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// memory is what the program remembers.
func (s *site) memory() *state.Store {
	s.Helper()
	store, err := state.Peek(s.Context(), filepath.Join(s.dir, ".cubesync", "state"),
		state.Identity{Endpoint: s.endpoint, ApplicationID: "1", Pipeline: "staff", OwnerTag: "staff-sync"})
	if err != nil {
		s.Fatal(err)
	}
	return store
}

// journal returns the newest run and what is known of its operations; 0 where there is no run.
func (s *site) journal() (run int64, outcomes []state.StoredOutcome) {
	s.Helper()
	store := s.memory()
	defer func() { _ = store.Close() }()
	runs, err := store.Runs(s.Context(), 1)
	if err != nil {
		s.Fatal(err)
	}
	if len(runs) == 0 {
		return 0, nil
	}
	return runs[0].ID, s.outcomes(store, runs[0].ID)
}

func (s *site) outcomes(store *state.Store, run int64) (outcomes []state.StoredOutcome) {
	s.Helper()
	err := store.Outcomes(s.Context(), run, func(o state.StoredOutcome) error {
		outcomes = append(outcomes, o)
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	return outcomes
}
