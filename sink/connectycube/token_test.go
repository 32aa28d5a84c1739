package connectycube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sync/account"
)

// sessions is a service that knows one token at a time.
type sessions struct {
	mu     sync.Mutex
	made   int
	live   string
	expiry func() string // of the expiry header; nil: none
}

func (s *sessions) open(ctx context.Context) (*session, error) {
	if err := sleep(ctx, 100*time.Millisecond); err != nil { // others arrive meanwhile
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	s.live = fmt.Sprint("token-", s.made)
	return newSession(s.live, s.answer(200)), nil
}

func (s *sessions) answer(status int) *answer {
	if s.expiry == nil {
		return says(status)
	}
	return says(status, expiryHeader, s.expiry())
}

func (s *sessions) send(_ context.Context, c *call) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.pass.header != tokenHeader || c.pass.value != s.live {
		return says(401), nil
	}
	return s.answer(200), nil
}

func (s *sessions) die() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = ""
}

// callers makes the same shared call with 32 goroutines.
func callers(t *testing.T, token *token, status int) {
	t.Helper()
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			got, err := token.send(t.Context(), &call{shared: true})
			if err != nil || got.status != status {
				t.Errorf("got %v, error %v", got, err)
			}
		})
	}
	group.Wait()
}

func TestSessionIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &sessions{}
		token := newToken(server, server.open)
		callers(t, token, 200)
		if server.made != 1 {
			t.Errorf("%d sessions were made for all callers, want 1", server.made)
		}
		server.die()
		callers(t, token, 200)
		if server.made != 2 {
			t.Errorf("%d sessions after one death, want 2", server.made)
		}
	})
}

func TestSessionIsRenewedOnceOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &sessions{}
		sent := 0
		token := newToken(senderFunc(func(context.Context, *call) (*answer, error) {
			sent++
			return says(401), nil
		}), server.open)
		got, err := token.send(t.Context(), &call{shared: true})
		if err != nil || got.status != 401 || sent != 2 || server.made != 2 {
			t.Errorf("got %v, error %v; sent %d times with %d sessions", got, err, sent, server.made)
		}
	})
}

func TestSessionIsRenewedBeforeItExpires(t *testing.T) {
	in := func(life time.Duration) func() string {
		return func() string { return time.Now().Add(life).UTC().Format(expiryLayout) }
	}
	fixed := time.Date(2000, 1, 1, 0, 30, 0, 0, time.UTC).Format(expiryLayout)
	tests := map[string]struct {
		expiry func() string
		idle   time.Duration // between calls
		made   int           // sessions for three calls
	}{
		"by-the-two-hour-rule":          {nil, 119*time.Minute + 30*time.Second, 3},
		"prolonged-by-use":              {nil, 100 * time.Minute, 1},
		"by-the-header":                 {in(time.Hour), 60 * time.Minute, 3},
		"prolonged-by-the-header":       {in(time.Hour), 50 * time.Minute, 1},
		"by-a-date-that-does-not-slide": {func() string { return fixed }, 15 * time.Minute, 2},
		"a-date-that-has-passed":        {in(-time.Hour), time.Minute, 1},
		"unreadable":                    {func() string { return "soon" }, time.Minute, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &sessions{expiry: test.expiry}
				token := newToken(server, server.open)
				for range 3 {
					if _, err := token.send(t.Context(), &call{shared: true}); err != nil {
						t.Fatal(err)
					}
					time.Sleep(test.idle)
				}
				if server.made != test.made {
					t.Errorf("%d sessions were made, want %d", server.made, test.made)
				}
			})
		})
	}
}

func TestSessionThatIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, body := range []string{``, `<html>`, `{}`, `{"session":null}`, `{"session":{"id":1}}`} {
			c, err := New(Options{Endpoint: "https://api.example.org", ApplicationID: "7", AuthKey: "auth-key", Base: saying(body)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.openSession(t.Context()); account.KindOf(err) != account.Unavailable || !strings.Contains(err.Error(), "no session") {
				t.Errorf("%q: got error %v", body, err)
			}
		}
	})
}

// saying answers everything with a body.
type saying string

func (s saying) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusCreated, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(s)))}, nil
}

func TestFailureToMakeASessionIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		refused := &account.Error{Kind: account.Unauthenticated}
		token := newToken(always(says(200)), func(ctx context.Context) (*session, error) {
			attempts++
			time.Sleep(15 * time.Second)
			return nil, refused
		})
		began := time.Now()
		var group sync.WaitGroup
		for range 32 {
			group.Go(func() {
				if _, err := token.send(t.Context(), &call{shared: true}); !errors.Is(err, refused) {
					t.Errorf("got error %v", err)
				}
			})
		}
		group.Wait()
		if attempts != 1 || time.Since(began) != 15*time.Second {
			t.Errorf("%d attempts took %v", attempts, time.Since(began))
		}
		if _, err := token.send(t.Context(), &call{shared: true}); !errors.Is(err, refused) || attempts != 2 {
			t.Errorf("a later caller must try again: %d attempts, error %v", attempts, err)
		}
	})
}

func TestCallerWhoGivesUpLeavesTheOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &sessions{}
		token := newToken(server, server.open)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := token.send(ctx, &call{shared: true}); err == nil {
				t.Error("the caller who gave up got an answer")
			}
		})
		synctest.Wait() // it makes the session now
		group.Go(func() { callers(t, token, 200) })
		group.Wait()
		if server.made != 1 {
			t.Errorf("%d sessions were made, want 1", server.made)
		}
	})
}

func TestOtherCredentialsPassUntouched(t *testing.T) {
	server := &sessions{}
	token := newToken(senderFunc(func(_ context.Context, c *call) (*answer, error) {
		if c.pass != (pass{adminHeader, "key"}) {
			t.Errorf("got %v", c.pass)
		}
		return says(401), nil
	}), server.open)
	if _, err := token.send(t.Context(), &call{pass: pass{adminHeader, "key"}}); err != nil || server.made != 0 {
		t.Errorf("error %v, %d sessions", err, server.made)
	}
}
