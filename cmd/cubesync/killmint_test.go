package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"cubesync/sink/emulator"
)

// TestKilledSignInsMintNobody has everybody's account disappear in the moment between the list and the sign-in as its user, on a
// server that makes a user of a login that nobody has. Whenever the program is killed then, none of these users is left in the
// end, and everybody is back as who they are.
func TestKilledSignInsMintNobody(t *testing.T) {
	binary := buildFailpoints(t)
	const signIn = "sign in as the account's user"
	for _, workers := range killWorkers() {
		for _, order := range []string{
			"kill 1 sent/" + signIn, "kill 7 sent/" + signIn, "kill 1 answered/" + signIn, "kill 9 answered/" + signIn,
			"kill 1 sent/delete user", "kill 3 answered/delete user",
		} {
			t.Run(fmt.Sprintf("%s-by-%d", strings.ReplaceAll(order, "/", ":"), workers), func(t *testing.T) {
				t.Parallel()
				d := &disappearing{}
				settings := map[string]string{"WORKERS": fmt.Sprint(workers)}
				w := openKillWorld(t, binary, emulator.Options{LoginCreatesUsers: true}, d.before, settings)
				staff := synced(w)
				renamed(w, staff)
				d.begin()
				if code, said := w.run(order, "sync"); code != killed {
					t.Fatalf("it ended with %d:\n%s", code, said)
				}
				w.settled()
				d.end()
				if w.wroteOnce().onTheFly == 0 {
					t.Fatal("no sign-in made a user: there was nothing to clear up")
				}
				for range 3 {
					if code, said := w.run("", "sync"); code != exitInSync && code != exitTroubles {
						t.Fatalf("the run after it ended with %d:\n%s", code, said)
					}
				}
				w.silent()
				want := map[string]bool{}
				for _, p := range staff {
					want[p.id+" "+p.login+" "+p.name+" the Second"] = true
				}
				got := map[string]bool{}
				for _, account := range w.accounts() {
					got[fmt.Sprintf("%v %v %v", account["external_id"], account["login"], account["full_name"])] = true
				}
				if diff := gocmp.Diff(want, got); diff != "" {
					t.Errorf("the accounts in the end (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// disappearing deletes accounts just before somebody signs in to them.
type disappearing struct {
	mu   sync.Mutex
	on   bool
	gone map[string]bool // logins
}

func (d *disappearing) begin() { d.mu.Lock(); d.on, d.gone = true, map[string]bool{}; d.mu.Unlock() }

func (d *disappearing) end() { d.mu.Lock(); d.on = false; d.mu.Unlock() }

// first reports whether the login's account is still to disappear.
func (d *disappearing) first(login string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.on || login == "" || login == emulatorServiceLogin || d.gone[login] {
		return false
	}
	d.gone[login] = true
	return true
}

// before stands before the server.
func (d *disappearing) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/login.json" {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return // it was killed in mid-request
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			var who struct{ Login string }
			if json.Unmarshal(body, &who) == nil && d.first(who.Login) {
				remove(next, who.Login)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// remove deletes the account of a login by the Admin API, as if somebody did so by hand.
func remove(from http.Handler, login string) {
	kept, _ := from.(*emulator.Server)
	past := &server{base: "http://emulator.invalid", http: &http.Client{Transport: kept.Transport()}}
	found, err := past.accounts("login=" + login)
	if err != nil || len(found) != 1 {
		return // the test sees that nobody was made
	}
	id, _ := found[0]["id"].(float64)
	request := httptest.NewRequest(http.MethodDelete, fmt.Sprintf("http://127.0.0.1/admin/user/%d", int64(id)), nil)
	request.Header.Set("CB-Administration-Api-Key", emulator.DefaultAdminKey)
	from.ServeHTTP(httptest.NewRecorder(), request)
}
