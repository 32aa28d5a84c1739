package connectycube_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/user"

	"github.com/google/go-cmp/cmp"
)

func TestChangePassword(t *testing.T) {
	_, options := open(t)
	c := newClient(t, options)
	s := c.Service(owner())
	made := signUp(t, s, "E1")
	if err := c.ChangePassword(t.Context(), made, "not-the-password", "a-new-password"); account.KindOf(err) != account.PasswordNotOurs {
		t.Errorf("wrong old password: got error %v", err)
	}
	if err := c.ChangePassword(t.Context(), made, passwordOf("E1"), "short"); account.KindOf(err) != account.Invalid || strings.Contains(err.Error(), passwordOf("E1")) {
		t.Errorf("too short: got error %v", err)
	}
	if err := c.ChangePassword(t.Context(), made, passwordOf("E1"), "a-new-password"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Update(t.Context(), made, setting(user.FullName, "New")); account.KindOf(err) != account.PasswordNotOurs {
		t.Errorf("the old password still opens the account: %v", err)
	}
	if err := c.ChangePassword(t.Context(), made, "a-new-password", passwordOf("E1")); err != nil {
		t.Errorf("changed back: %v", err)
	}
}

func TestChangePasswordInDoubt(t *testing.T) {
	_, options := open(t)
	made := signUp(t, newClient(t, options).Service(owner()), "E1")
	options.Base = losing(http.MethodPut, ".json", options.Base)
	if err := newClient(t, options).ChangePassword(t.Context(), made, passwordOf("E1"), "a-new-password"); err == nil || account.KindOf(err) != account.Ambiguous {
		t.Errorf("got error %v", err)
	}
}

// An answer about somebody else proves no change.
func TestChangePasswordAnsweredWithSomebodyElse(t *testing.T) {
	_, options := open(t)
	made := signUp(t, newClient(t, options).Service(owner()), "E1")
	base, other := options.Base, answering(new([]string), http.StatusOK, `{"user":{"id":424242}}`)
	options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPut {
			return other(r)
		}
		return base.RoundTrip(r)
	})
	if err := newClient(t, options).ChangePassword(t.Context(), made, passwordOf("E1"), "a-new-password"); err == nil || account.KindOf(err) != account.Ambiguous {
		t.Errorf("got error %v", err)
	}
}

func TestChangePasswordShowsNeither(t *testing.T) {
	_, options := open(t)
	made := signUp(t, newClient(t, options).Service(owner()), "E1")
	base := options.Base
	options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodPut {
			return base.RoundTrip(r)
		}
		recorder := httptest.NewRecorder()
		recorder.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.Copy(recorder, r.Body)
		return recorder.Result(), nil
	})
	err := newClient(t, options).ChangePassword(t.Context(), made, passwordOf("E1"), "a-new-password")
	if account.KindOf(err) != account.Invalid {
		t.Errorf("got error %v", err)
	}
	noSecret(t, err, options, passwordOf("E1"), "a-new-password")
}

// resets is a server that knows some spellings of the reset call.
type resets struct {
	statuses map[string]int // by method
	lose     bool
	sent     []string
	base     http.RoundTripper
}

func (s *resets) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != "/users/password/reset.json" {
		return s.base.RoundTrip(r)
	}
	body := ""
	if r.Body != nil {
		got, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(got)
	}
	s.sent = append(s.sent, strings.TrimSpace(r.Method+" "+r.URL.RawQuery+body))
	if r.Header.Get("CB-Token") == "" {
		return nil, fmt.Errorf("the call has no token")
	}
	if s.lose {
		return nil, io.ErrUnexpectedEOF
	}
	recorder := httptest.NewRecorder()
	recorder.WriteHeader(s.statuses[r.Method])
	return recorder.Result(), nil
}

// The e-mail is asked for once, though the answer is lost with a connection that was used before, over which net/http would
// repeat a GET by itself.
func TestResetIsSentOnce(t *testing.T) {
	var gets atomic.Int64
	server := variant{options: emulator.Options{ResetBy: "get"}}.open(t)
	c := newClient(t, credentials(connectycube.Options{Endpoint: serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/users/password/reset") {
			gets.Add(1)
			panic(http.ErrAbortHandler)
		}
		server.ServeHTTP(w, r)
	}))}))
	if err := c.ResetPassword(t.Context(), "ann@example.com"); account.KindOf(err) != account.Ambiguous || gets.Load() != 1 {
		t.Errorf("sent %d times, error %v", gets.Load(), err)
	}
}

func TestResetPassword(t *testing.T) {
	const post, get = `POST {"email":"a+b@example.org"}`, "GET email=a%2Bb%40example.org"
	tests := map[string]struct {
		post, get int
		lose      bool
		want      []string // of two calls
		kind      account.Kind
		fails     bool
	}{
		"post":            {200, 405, false, []string{post, post}, 0, false},
		"get-404":         {404, 200, false, []string{post, get, get}, 0, false},
		"get-405":         {405, 200, false, []string{post, get, get}, 0, false},
		"nobody":          {404, 405, false, []string{post, get, post, get}, account.NotFound, true},
		"malformed":       {422, 200, false, []string{post, post}, account.Invalid, true},
		"post-in-trouble": {500, 200, false, []string{post, post}, account.Ambiguous, true},
		"get-in-trouble":  {404, 500, false, []string{post, get, post, get}, account.Ambiguous, true}, // not repeated, though a GET
		"lost":            {200, 200, true, []string{post, post}, account.Ambiguous, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, options := open(t)
				s := &resets{statuses: map[string]int{http.MethodPost: test.post, http.MethodGet: test.get}, lose: test.lose, base: options.Base}
				options.Base = s
				c, err := connectycube.New(options)
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					err := c.ResetPassword(t.Context(), "a+b@example.org")
					if (err != nil) != test.fails || (test.fails && account.KindOf(err) != test.kind) {
						t.Errorf("got error %v", err)
					}
				}
				if diff := cmp.Diff(s.sent, test.want); diff != "" {
					t.Errorf("sent (-), want (+):\n%s", diff)
				}
				if got := c.Calls()["password reset"]; got != len(test.want) {
					t.Errorf("counted %d resets", got)
				}
			})
		})
	}
}
