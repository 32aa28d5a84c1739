package connectycube_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/user"
)

// troubled answers the first calls of a method to a path with a status, and lets the others through.
func troubled(method, suffix string, times, status int, base http.RoundTripper) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		if r.Method == method && strings.HasSuffix(r.URL.Path, suffix) && times > 0 {
			times--
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
		}
		return base.RoundTrip(r)
	}
}

// One bad moment where a session is made or a user signs in ends nothing.
func TestSessionCallsAreRepeated(t *testing.T) {
	for _, suffix := range []string{"/session.json", "/login.json"} {
		t.Run(strings.Trim(suffix, "/"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, options := open(t)
				made := signUp(t, newClient(t, options).Service(owner()), "E1")
				options.Base = troubled(http.MethodPost, suffix, 3, http.StatusServiceUnavailable, options.Base)
				if _, err := newClient(t, options).Service(owner()).Update(t.Context(), made, setting(user.FullName, "Ann")); err != nil {
					t.Errorf("after three bad moments: %v", err)
				}
			})
		})
	}
}

// So does one where a session ends, and none is left at the end. One on which a sign-out may still arrive isn't kept.
func TestEndingCallsAreRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, options := open(t)
		options.Base = troubled(http.MethodDelete, "/login.json", 1, http.StatusServiceUnavailable, options.Base)
		options.Base = troubled(http.MethodDelete, "/session.json", 1, http.StatusServiceUnavailable, options.Base)
		options.User = nil
		c, err := connectycube.New(options)
		if err != nil {
			t.Fatal(err)
		}
		made := signUp(t, c.Service(owner()), "E1")
		if _, err := c.Service(owner()).Update(t.Context(), made, setting(user.FullName, "Ann")); err != nil {
			t.Fatal(err)
		}
		if got := server.Counters().ByKind[emulator.SessionDestroy]; got != 1 {
			t.Errorf("%d sessions were ended, want the owner's", got)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got := server.Counters().ByKind; got[emulator.SessionDestroy] != got[emulator.SessionCreate] {
			t.Errorf("%d sessions were made, %d ended", got[emulator.SessionCreate], got[emulator.SessionDestroy])
		}
	})
}

// A user at whom the service stumbles each time is that user's trouble, not the end of the run.
func TestOneUserWhoCantSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, options := open(t)
		made := signUp(t, newClient(t, options).Service(owner()), "E1")
		options.Base = troubled(http.MethodPost, "/login.json", 1000, http.StatusInternalServerError, options.Base)
		_, err := newClient(t, options).Service(owner()).Update(t.Context(), made, setting(user.FullName, "Ann"))
		if kind := account.KindOf(err); err == nil || kind != account.Ambiguous || kind.Unusable() {
			t.Errorf("got %v", err)
		}
	})
}

func TestPasswordNotOursSaysWhatToDo(t *testing.T) {
	_, options := open(t)
	client := newClient(t, options)
	made := signUp(t, client.Service(owner()), "E1")
	authority := owner()
	authority.Passwords = func(string) []string { return []string{"quite another"} }
	_, err := client.Service(authority).Update(t.Context(), made, setting(user.FullName, "Ann"))
	if account.KindOf(err) != account.PasswordNotOurs || !strings.Contains(err.Error(), "passwords.derive.previous") {
		t.Errorf("got %v", err)
	}
}

// What the answer to a sign-in leaves out isn't empty: the account is read whole before anything is merged into it.
func TestSignInAnswerThatLeavesFieldsOut(t *testing.T) {
	_, options := open(t)
	u := person("E1")
	u.Values[user.CustomData] = user.Text(`{"theirs":1}`)
	made, err := newClient(t, options).Service(owner()).Create(t.Context(), u, passwordOf("E1"))
	if err != nil {
		t.Fatal(err)
	}
	base := options.Base
	options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
		answer, err := base.RoundTrip(r)
		if err != nil || answer.StatusCode != http.StatusOK || !strings.HasSuffix(r.URL.Path, "/login.json") || r.Method != http.MethodPost {
			return answer, err
		}
		var body map[string]map[string]any
		if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
			return nil, err
		}
		delete(body["user"], "custom_data")
		text, err := json.Marshal(body)
		answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		return answer, err
	})
	_, err = newClient(t, options).Service(owner()).Update(t.Context(), made, func(now account.Account) (account.Write, error) {
		if got := now.Values[user.CustomData].Text; !user.CustomData.Equal(got, `{"theirs":1}`) {
			t.Errorf("custom_data is taken for %q", got)
		}
		return setting(user.FullName, "Ann")(now)
	})
	if err != nil {
		t.Error(err)
	}
}

// On a session where a sign-in may still arrive nobody else signs in: they would act as somebody else from then on.
func TestLateSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, options := open(t)
		options.User = nil
		s := newClient(t, options).Service(owner())
		ann, bo := signUp(t, s, "E1"), signUp(t, s, "E2")
		options.Base = lateAt(http.MethodPost, "/login.json", 2, options.Base)
		s = newClient(t, options).Service(owner())
		for _, one := range []account.Account{ann, bo} {
			if _, err := s.Update(t.Context(), one, setting(user.FullName, "New Name")); err != nil {
				t.Errorf("account %d: %v", one.ID, err)
			}
		}
		if got := server.Counters().ByKind[emulator.SessionCreate]; got != 2 {
			t.Errorf("%d sessions were made, want one for each", got)
		}
	})
}

// lateAt answers the first call of this kind badly, and lets it arrive right after a later one.
func lateAt(method, suffix string, later int, base http.RoundTripper) http.RoundTripper {
	var first *http.Request
	n := 0
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != method || !strings.HasSuffix(r.URL.Path, suffix) {
			return base.RoundTrip(r)
		}
		n++
		if n == 1 {
			first = r.Clone(context.WithoutCancel(r.Context()))
			body, err := io.ReadAll(r.Body)
			first.Body = io.NopCloser(bytes.NewReader(body))
			return nil, errors.Join(errors.New("connection reset"), err)
		}
		got, err := base.RoundTrip(r)
		if n == later+1 {
			late, lateErr := base.RoundTrip(first)
			if lateErr == nil {
				lateErr = late.Body.Close()
			}
			err = errors.Join(err, lateErr)
		}
		return got, err
	})
}
