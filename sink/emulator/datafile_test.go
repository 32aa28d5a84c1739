package emulator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// dump is everything that must survive: users, counters of writes, and the last id.
func dump(s *Server) string {
	var users []*person
	for id := range int64(len(s.users.people)) {
		if p := s.users.at(id + 1); p != nil {
			p.LastRequest = 0
			users = append(users, p)
		}
	}
	indexed := map[string]int{}
	for _, x := range s.users.indexes {
		indexed[x.field] = len(x.owner) + len(x.owners)
	}
	raw, _ := json.MarshalIndent(map[string]any{
		"users": users, "last_id": len(s.users.people), "written": s.users.written,
		"indexed": indexed, "tags": len(s.users.byTag), "count": s.users.count,
	}, "", " ")
	return string(raw)
}

// writeOneOfEach makes every kind of write.
func writeOneOfEach(t *testing.T, client *testClient, after func()) {
	t.Helper()
	client.signUp(`{"login":"ann","email":"ann@example.com","password":"annspassword","tag_list":["hr","ä"],"custom_data":"{\"a\":\"\\n\"}"}`)
	after()
	client.signUp(`{"login":"bob","external_id":"E2","password":"bobspassword","tag_list":"hr"}`)
	after()
	client.session(`{"login":"carol","password":"carolspassword"}`)
	after()
	client.session(ann).do("PUT", "/users/1", `{"user":{"full_name":"Ann","tag_list":"x"}}`).want(t, 200, "Ann")
	after()
	client.session(bob).do("DELETE", "/users/2", "").want(t, 200, "")
	after()
	client.with("CB-Administration-API-Key", DefaultAdminKey).do("DELETE", "/admin/user/3", "").want(t, 200, "true")
	after()
}

func reopen(t *testing.T, path string) string {
	t.Helper()
	s, err := Open(Options{Data: path})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	return dump(s)
}

func TestDataSurvivesRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new folder", "users.jsonl")
	o := Options{Data: path, Users: []SeedUser{{Login: "service", Password: "servicepassword", Tags: []string{"svc"}}}}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	client := &testClient{t: t, server: s}
	client.session(`{"login":"service","password":"servicepassword"}`)
	client.signUp(ann)
	want, counters := dump(s), s.Counters()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		if info, err := os.Stat(name); err != nil || info.Mode() != mode {
			t.Errorf("%s: mode %v, want %v (%v)", name, info.Mode(), mode, err)
		}
	}
	if raw, _ := os.ReadFile(path); bytes.Contains(raw, []byte("spassword")) || bytes.Contains(raw, []byte("servicep")) {
		t.Error("a password is in the file")
	}

	again := open(t, o)
	if diff := cmp.Diff(want, dump(again.server)); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	got := again.server.Counters()
	if got.Written != counters.Written || got.UserWrites != 1 || got.Requests != 0 {
		t.Errorf("counters %+v, want the writes of %+v and nothing else", got, counters)
	}
	again.session("").do("POST", "/login", ann).want(t, 200, `"ann"`)
}

// A crash can leave any prefix of the file. It opens with exactly the writes that are whole in it, and goes on.
func TestFileCutAtEveryByte(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "users.jsonl")
	client := open(t, Options{Data: path})
	type point struct {
		size int
		dump string
	}
	var points []point
	note := func() {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		points = append(points, point{len(raw), dump(client.server)})
	}
	note()
	writeOneOfEach(t, client, note)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	cut := filepath.Join(folder, "cut.jsonl")
	for size := range len(whole) + 1 {
		want := points[0].dump // a cut header is a new file's
		for _, p := range points {
			if p.size <= size {
				want = p.dump
			}
		}
		if size > 0 && size < len(`{"cubesync_emulator":`) {
			continue // not recognised as ours; can't happen, as new files appear whole
		}
		if err := os.WriteFile(cut, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, reopen(t, cut)); diff != "" {
			t.Fatalf("cut at byte %d (-want +got):\n%s", size, diff)
		}
		if size%7 != 0 {
			continue
		}
		s, err := Open(Options{Data: cut})
		if err != nil {
			t.Fatal(err)
		}
		(&testClient{t: t, server: s}).signUp(`{"login":"dave","password":"davespassword"}`)
		want = dump(s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, reopen(t, cut)); diff != "" {
			t.Fatalf("written to after a cut at byte %d (-want +got):\n%s", size, diff)
		}
	}
}

func TestDamagedFiles(t *testing.T) {
	const first = `{"cubesync_emulator":1,"last_id":0,"written":{}}` + "\n"
	const user = `"user":{"id":1,"login":"ann","created":1,"updated":1,"password":"00000000000000000000000000000000000000000000000000000000000000000000000000000000"}}`
	for name, c := range map[string]struct{ content, want string }{
		"foreign":       {"root:x:0:0\n", ":1: not a data file of this server"},
		"foreign-cut":   {"some notes", ":1: not a data file of this server"},
		"version":       {`{"cubesync_emulator":2}` + "\n", ":1: data file version 2"},
		"damaged-line":  {first + `{"op":"sign_up","id":1,` + user + "\n{\"op\":\"del\n" + `{"op":"delete","id":1}` + "\n", ":3: damaged"},
		"same-id-twice": {first + `{"op":"sign_up","id":1,` + user + "\n" + `{"op":"sign_up","id":1,` + user + "\n", ":3: damaged"},
		"update-nobody": {first + `{"op":"update","id":1,` + user + "\n", ":2: damaged"},
		"delete-nobody": {first + `{"op":"delete","id":1}` + "\n", ":2: damaged"},
		"unknown-op":    {first + `{"op":"grow","id":1}` + "\n", ":2: damaged"},
		"no-user":       {first + `{"op":"sign_up","id":1}` + "\n", ":2: damaged"},
		"negative-last": {strings.Replace(first, ":0,", ":-1,", 1), ":1: damaged: last_id -1"},
		"huge-last":     {strings.Replace(first, ":0,", ":4611686018427387904,", 1), ":1: damaged: last_id 4611686018427387904"},
		"huge-id":       {first + `{"op":"user","id":4611686018427387904,` + user + "\n", ":2: damaged"},
		"login-twice":   {first + `{"op":"user","id":1,` + user + "\n" + `{"op":"user","id":2,` + user + "\n", `:3: damaged: user 1 has the login "ann" too`},
		"login-taken": {first + `{"op":"user","id":1,` + user + "\n" + `{"op":"user","id":2,` + strings.Replace(user, "ann", "bob", 1) + "\n" +
			`{"op":"update","id":2,` + user + "\n", ":4: damaged: user 1 has"},
		"password-length": {first + `{"op":"sign_up","id":1,"user":{"password":"00"}}` + "\n", ":2: damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "users.jsonl")
			if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time shows that the lock was given up
				s, err := Open(Options{Data: path})
				if err == nil {
					_ = s.Close()
				}
				if err == nil || !strings.Contains(err.Error(), path+c.want) {
					t.Errorf("error %v, want %s%s", err, path, c.want)
				}
			}
			if raw, _ := os.ReadFile(path); string(raw) != c.content {
				t.Error("the file was changed")
			}
		})
	}
}

func TestOneProcessAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.jsonl")
	client := open(t, Options{Data: path})
	if _, err := Open(Options{Data: path}); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("the second Open: %v", err)
	}
	if err := client.server.Close(); err != nil {
		t.Fatal(err)
	}
	client.with("CB-AuthKey", DefaultAuthKey).do("POST", "/users", `{"user":`+ann+`}`).want(t, 500, "closed")
	reopen(t, path)
}

func TestSeedsKeepTheRules(t *testing.T) {
	for want, u := range map[string]SeedUser{
		"login can't be blank":  {Email: "ann@example.com", Password: "annspassword"},
		"login is too short":    {Login: "an", Password: "annspassword"},
		"password is too short": {Login: "ann", Password: "secret"},
	} {
		path := filepath.Join(t.TempDir(), "users.jsonl")
		_, err := Open(Options{Data: path, Users: []SeedUser{u}})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), u.Password) {
			t.Errorf("error %v, want %s", err, want)
		}
		reopen(t, path) // the lock must be free again
	}
}

func TestCompactionForgetsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.jsonl")
	s, err := Open(Options{Data: path})
	if err != nil {
		t.Fatal(err)
	}
	client := &testClient{t: t, server: s}
	writeOneOfEach(t, client, func() {})
	session := client.session(ann)
	for i := range 1100 {
		session.do("PUT", "/users/1", fmt.Sprintf(`{"user":{"phone":"%d"}}`, i)).want(t, 200, "phone")
	}
	want := dump(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if diff := cmp.Diff(want, reopen(t, path)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if raw, _ := os.ReadFile(path); bytes.Count(raw, []byte("\n")) != 2 {
			t.Errorf("%d lines, want a header and a user", bytes.Count(raw, []byte("\n")))
		}
	}
}

const killVariable = "EMULATOR_TEST_KILLED_WRITER"

// TestKilledWriter isn't a test of its own: TestKill9 runs it in another process. It signs users up until it is killed,
// and says each login once its sign-up is acknowledged.
func TestKilledWriter(t *testing.T) {
	path := os.Getenv(killVariable)
	if path == "" {
		t.Skip("only as another process of TestKill9")
	}
	client := open(t, Options{Data: path})
	var out sync.Mutex
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 100_000 {
				login := fmt.Sprintf("user-%d-%d-%d", os.Getpid(), worker, i)
				client.signUp(fmt.Sprintf(`{"login":%q,"password":"12345678","tag_list":"hr"}`, login))
				out.Lock()
				fmt.Println("ack", login)
				out.Unlock()
			}
		})
	}
	all.Wait()
}

func TestKill9(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.jsonl")
	acknowledged := map[string]bool{}
	for _, acks := range []int{1, 57, 333} {
		for _, login := range runAndKill(t, path, acks) {
			acknowledged[login] = true
		}
		client := open(t, Options{Data: path})
		for login := range acknowledged {
			if client.server.users.find(login, "") == nil {
				t.Errorf("%s was acknowledged and is lost", login)
			}
		}
		if n := client.server.Counters().Written.SignUp; n < int64(len(acknowledged)) {
			t.Errorf("%d sign-ups counted, %d acknowledged", n, len(acknowledged))
		}
		if err := client.server.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// runAndKill starts a writer, kills it after some acknowledged sign-ups, and returns all that it acknowledged.
func runAndKill(t *testing.T, path string, acks int) (logins []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledWriter$")
	cmd.Env = append(os.Environ(), killVariable+"="+path)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if login, ok := strings.CutPrefix(lines.Text(), "ack "); ok {
			logins = append(logins, login)
		}
		if len(logins) == acks {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait() // killed
	if len(logins) < acks {
		t.Fatalf("the writer ended after %d sign-ups", len(logins))
	}
	return logins
}
