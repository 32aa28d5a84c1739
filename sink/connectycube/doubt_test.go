package connectycube_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/user"
)

// roundTripper stands between client and server.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// losing drops the answers to the method after the server has acted.
func losing(method, suffix string, base http.RoundTripper) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		answer, err := base.RoundTrip(r)
		if err == nil && r.Method == method && strings.HasSuffix(r.URL.Path, suffix) {
			_ = answer.Body.Close()
			return nil, &net.OpError{Op: "read", Err: io.ErrUnexpectedEOF}
		}
		return answer, err
	}
}

func TestLostAnswersLeaveDoubt(t *testing.T) {
	server, options := open(t)
	made := signUp(t, newClient(t, options).Service(owner()), "E1")
	lossy := func(method, suffix string) account.Service {
		with := options
		with.Base = losing(method, suffix, options.Base)
		return newClient(t, with).Service(owner())
	}
	t.Run("sign-up", func(t *testing.T) {
		if _, err := lossy(http.MethodPost, "/users.json").Create(t.Context(), person("E2"), passwordOf("E2")); err == nil || account.KindOf(err) != account.Ambiguous {
			t.Errorf("got error %v", err)
		}
	})
	t.Run("update", func(t *testing.T) {
		_, err := lossy(http.MethodPut, ".json").Update(t.Context(), made, setting(user.FullName, "Lost"))
		if err == nil || account.KindOf(err) != account.Ambiguous {
			t.Errorf("got error %v", err)
		}
	})
	t.Run("delete", func(t *testing.T) {
		if err := lossy(http.MethodDelete, fmt.Sprint("/admin/user/", made.ID)).Delete(t.Context(), made); err == nil || account.KindOf(err) != account.Ambiguous {
			t.Errorf("got error %v", err)
		}
	})
	if got, want := server.Counters().Written, (emulator.Writes{SignUp: 2, Update: 1, AdminDelete: 1}); got != want {
		t.Errorf("written %+v, want each once: %+v", got, want)
	}
}

// A sign-in changes nobody: it is repeated, and then it is known that nothing was written.
func TestLostSignInLeavesNoDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, options := open(t)
		made := signUp(t, newClient(t, options).Service(owner()), "E1")
		options.Base = losing(http.MethodPost, "/login.json", options.Base)
		_, err := newClient(t, options).Service(owner()).Update(t.Context(), made, setting(user.FullName, "Lost"))
		if account.KindOf(err) != account.Unavailable {
			t.Errorf("got error %v", err)
		}
	})
}

func TestEndpointIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, options := open(t)
		options.Base = roundTripper(func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connect: connection refused")}
		})
		c := newClient(t, options)
		s := c.Service(owner())
		began := time.Now()
		var group sync.WaitGroup
		for range 32 {
			group.Go(func() {
				if _, err := s.Find(t.Context(), account.ByLogin, []string{"nobody"}); account.KindOf(err) != account.Unavailable || !strings.Contains(err.Error(), "connectycube.endpoint") {
					t.Errorf("got error %v", err)
				}
				if _, err := s.Create(t.Context(), person("E1"), "a-good-password"); account.KindOf(err) != account.Unavailable {
					t.Errorf("got error %v", err)
				}
			})
		}
		group.Wait()
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("two calls of 32 workers took %v", took)
		}
	})
}

func TestThrottledByTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, err := emulator.Open(emulator.Options{RequestsPerSecond: 20})
		if err != nil {
			t.Fatal(err)
		}
		c, err := connectycube.New(connectycube.Options{
			Endpoint: "https://emulator.example.org", ApplicationID: "1", AuthKey: emulator.DefaultAuthKey,
			RequestsPerSecond: 40, Base: server.Transport(), Version: "test",
		})
		if err != nil {
			t.Fatal(err)
		}
		s := c.Service(owner())
		var group sync.WaitGroup
		for worker := range 8 {
			group.Go(func() {
				for i := range 20 {
					externalID := fmt.Sprintf("E%d-%d", worker, i)
					if _, err := s.Create(t.Context(), person(externalID), passwordOf(externalID)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		if got := server.Counters(); got.Written.SignUp != 160 || got.Refused[emulator.SignUp] == 0 {
			t.Errorf("got %+v", got)
		}
		if got, want := c.Throttled(), server.Counters().Refused[emulator.SignUp]; int64(got) < want {
			t.Errorf("%d requests were counted as throttled, want %d", got, want)
		}
	})
}
