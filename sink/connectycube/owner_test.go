package connectycube_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/user"

	"github.com/google/go-cmp/cmp"
)

func TestOwnerSessionsAreReused(t *testing.T) {
	server, options := open(t)
	options.User = nil
	c, err := connectycube.New(options)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Service(owner())
	for i := range 5 {
		made := signUp(t, s, fmt.Sprint("E", i))
		if _, err := s.Update(t.Context(), made, setting(user.FullName, "New Name")); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	got := server.Counters().ByKind
	want := map[emulator.Kind]int64{
		emulator.SignUp: 5, emulator.SessionCreate: 1, emulator.Login: 10, emulator.Update: 5, emulator.Logout: 5, emulator.SessionDestroy: 1,
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("requests: got (-), want (+):\n%s", diff)
	}
}

// Each use prolongs a session for another two hours, that of owners too.
func TestOwnerSessionIsProlongedByUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, options := open(t)
		s := newClient(t, options).Service(owner())
		made := signUp(t, s, "E1")
		for i := range 3 {
			if _, err := s.Update(t.Context(), made, setting(user.FullName, fmt.Sprint("Name ", i))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Minute)
		}
		if got := server.Counters().ByKind[emulator.SessionCreate]; got != 1 {
			t.Errorf("%d sessions were made", got)
		}
	})
}

// One that must have died isn't tried.
func TestExpiredOwnerSessionIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, options := open(t)
		authority := owner()
		authority.Passwords = func(externalID string) []string { return []string{passwordOf(externalID)} }
		s := newClient(t, options).Service(authority)
		made := signUp(t, s, "E1")
		for i := range 2 {
			if _, err := s.Update(t.Context(), made, setting(user.FullName, fmt.Sprint("Name ", i))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Hour)
		}
		if got := server.Counters(); got.ByKind[emulator.SessionCreate] != 2 || len(got.Refused) != 0 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestOwnerSessionThatDiedIsReplaced(t *testing.T) {
	server, options := open(t)
	var lastToken atomic.Value
	base := options.Base
	options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
		lastToken.Store(r.Header.Get("CB-Token"))
		return base.RoundTrip(r)
	})
	s := newClient(t, options).Service(owner())
	made := signUp(t, s, "E1")
	if _, err := s.Update(t.Context(), made, setting(user.FullName, "One")); err != nil {
		t.Fatal(err)
	}
	kill, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, options.Endpoint+"/session.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	kill.Header.Set("CB-Token", fmt.Sprint(lastToken.Load()))
	answer, err := base.RoundTrip(kill)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("got %v, error %v", answer, err)
	}
	_ = answer.Body.Close()
	if _, err := s.Update(t.Context(), made, setting(user.FullName, "Two")); err != nil {
		t.Fatal(err)
	}
	if got := server.Counters().Written.Update; got != 2 {
		t.Errorf("%d updates were written, want 2", got)
	}
}

func TestPasswordNotOurs(t *testing.T) {
	server, options := open(t)
	c := newClient(t, options)
	made := signUp(t, c.Service(owner()), "E1")
	authority := owner()
	authority.Passwords = func(string) []string { return []string{"wrong-password-1", "wrong-password-2"} }
	s := c.Service(authority)
	for range 2 { // on a new session and on a pooled one
		_, err := s.Update(t.Context(), made, func(account.Account) (account.Write, error) {
			t.Error("change was called")
			return account.Write{}, nil
		})
		if account.KindOf(err) != account.PasswordNotOurs || strings.Contains(err.Error(), "wrong-password") {
			t.Errorf("got error %v", err)
		}
	}
	if got := server.Counters().ByKind[emulator.SessionCreate]; got != 1 {
		t.Errorf("%d sessions were made, want 1", got)
	}
}

func TestAnotherUserSignsIn(t *testing.T) {
	server, options := open(t)
	s := newClient(t, options).Service(owner())
	first, second := signUp(t, s, "E1"), signUp(t, s, "E2")
	known := first
	known.ExternalID = second.ExternalID // its password, then,
	known.Values[user.Login] = second.Values[user.Login]
	_, err := s.Update(t.Context(), known, setting(user.FullName, "Somebody Else"))
	if account.KindOf(err) != account.Forbidden || !strings.Contains(err.Error(), fmt.Sprintf("user %d signed in, not user %d", second.ID, first.ID)) {
		t.Errorf("got error %v", err)
	}
	if got, want := server.Counters().Written, (emulator.Writes{SignUp: 2}); got != want {
		t.Errorf("written %+v, want %+v", got, want)
	}
}

// A server that makes users of unknown logins: they are deleted again, through their own session.
func TestUserMadeOnTheFlyIsUndone(t *testing.T) {
	for name, test := range map[string]struct {
		age, account time.Duration // since the user was made, and since the account was; 0: it isn't known when
		left         bool
	}{
		"made-now": {}, "made-before": {age: time.Hour, left: true}, "made-by-an-earlier-sign-in": {age: time.Hour, account: 2 * time.Hour},
		"older-than-the-account": {age: 2 * time.Hour, account: time.Hour, left: true},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var calls []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				calls = append(calls, r.Method+" "+r.URL.Path+" "+r.Header.Get("CB-Token"))
				mu.Unlock()
				switch r.Method + " " + r.URL.Path {
				case "POST /session.json":
					w.WriteHeader(http.StatusCreated)
					_, _ = fmt.Fprint(w, `{"session":{"token":"t1"}}`)
				case "POST /login.json":
					created := time.Now().Add(-test.age).UTC().Format(time.RFC3339)
					_, _ = fmt.Fprintf(w, `{"user":{"id":99,"login":"hr-E1","created_at":%q,"user_tags":null,"external_id":null,"email":null,"full_name":null,"phone":null,"website":null,"custom_data":null}}`, created)
				}
			}))
			defer server.Close()
			_, options := open(t)
			options.Endpoint, options.Base = server.URL, nil
			c := newClient(t, options)
			known := account.Account{ID: 5, ExternalID: "E1", Values: person("E1").Values}
			if test.account > 0 {
				known.CreatedAt = time.Now().Add(-test.account)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err := c.Service(owner()).Update(ctx, known, setting(user.FullName, "New"))
			if account.KindOf(err) != account.Forbidden {
				t.Errorf("got error %v", err)
			}
			want := []string{"POST /session.json ", "POST /login.json t1", "DELETE /users/99.json t1", "DELETE /session.json t1"}
			if test.left {
				want = slices.Delete(want, 2, 3)
			}
			if diff := cmp.Diff(calls, want); diff != "" {
				t.Errorf("calls: got (-), want (+):\n%s", diff)
			}
		})
	}
}

// The clean-up is sent though the caller is gone.
func TestOwnerSessionIsEndedForACallerWhoIsGone(t *testing.T) {
	server, options := open(t)
	s := newClient(t, options).Service(owner())
	made := signUp(t, s, "E1")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := s.Update(ctx, made, func(account.Account) (account.Write, error) {
		cancel()
		var values user.Values
		values[user.FullName] = user.Text("New")
		return account.Write{Values: values}, nil
	})
	if account.KindOf(err) != account.Unavailable {
		t.Errorf("got error %v", err)
	}
	got := server.Counters()
	if got.ByKind[emulator.SessionDestroy] != 1 || got.Written.Update != 0 {
		t.Errorf("got %+v", got)
	}
}

// A session that always ends before the write arrives is that user's trouble: the run goes on, and as it isn't the write
// that was refused, it is made again another time.
func TestOwnerSessionThatEndsAgainAndAgain(t *testing.T) {
	server, options := open(t)
	made := signUp(t, newClient(t, options).Service(owner()), "E1")
	if err := server.SetFaults(1, emulator.Fault{Do: emulator.EndSession, Call: emulator.Update, Times: 1000}); err != nil {
		t.Fatal(err)
	}
	_, err := newClient(t, options).Service(owner()).Update(t.Context(), made, setting(user.FullName, "Ann"))
	if kind := account.KindOf(err); kind != account.Ambiguous || kind.Unusable() {
		t.Errorf("got %v", err)
	}
	if got := server.Counters().ByKind[emulator.Login]; got > 6 { // two passwords each, twice
		t.Errorf("%d sign-ins", got)
	}
}

// A 401 to the write of a session that lives is a refusal of the write, and in no doubt.
func TestWriteThatIsUnauthorized(t *testing.T) {
	_, options := open(t)
	made := signUp(t, newClient(t, options).Service(owner()), "E1")
	base := options.Base
	options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPut {
			return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(`{"errors":["Not this one"]}`))}, nil
		}
		return base.RoundTrip(r)
	})
	_, err := newClient(t, options).Service(owner()).Update(t.Context(), made, setting(user.FullName, "Ann"))
	if account.KindOf(err) != account.Forbidden || !strings.Contains(err.Error(), "Not this one") {
		t.Errorf("got error %v", err)
	}
}
