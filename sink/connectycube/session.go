package connectycube

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"cubesync/sync/account"

	"golang.org/x/sync/errgroup"
)

const (
	// sessionLife is how long a token lives after its last use, where the service doesn't tell the date.
	sessionLife = 2 * time.Hour

	// expiryHeader comes with answers, written as expiryLayout.
	expiryHeader = "CB-Token-ExpirationDate"
	expiryLayout = "2006-01-02 15:04:05 MST"

	// tidyTimeout bounds what is still sent for a caller who is gone: ending sessions, undoing sign-ins.
	tidyTimeout = 5 * time.Second
)

// session is a session that the service made for us.
type session struct {
	token   string
	opened  string        // the password of the account's user who is signed in; "" where nobody is
	user    int64         // who was made or signed in with it; 0 where nobody was
	margin  time.Duration // it is renewed this long before it expires
	expires atomic.Int64  // Unix nanoseconds, by our clock
	late    bool          // a sign-in or a sign-out on it may still arrive
}

func newSession(token string, got *answer) *session {
	s := &session{token: token}
	s.margin = min(time.Minute, s.prolong(got)/10)
	return s
}

// prolong notes when the session ends after this answer, and returns how long that is. The service's date is read
// against the service's clock, as ours may differ; a date that has passed on a living session is no date.
func (s *session) prolong(got *answer) time.Duration {
	life := sessionLife
	if date, err := time.Parse(expiryLayout, got.header.Get(expiryHeader)); err == nil {
		if left := date.Sub(got.date()); left > 0 {
			life = left
		}
	}
	s.expires.Store(time.Now().Add(life).UnixNano())
	return life
}

func (s *session) expiring() bool {
	return time.Now().Add(s.margin).UnixNano() >= s.expires.Load()
}

func (s *session) pass() pass { return pass{tokenHeader, s.token} }

// openSession makes an application session.
func (c *Client) openSession(ctx context.Context) (*session, error) {
	return c.openSessionWith(ctx, nil, false)
}

// openSessionWith makes a session of the user with these fields, or of the application without any. It is asked for once
// where each time makes a user.
func (c *Client) openSessionWith(ctx context.Context, userFields map[string]string, once bool) (*session, error) {
	var made struct {
		Session struct {
			Token  string `json:"token"`
			UserID Number `json:"user_id"`
		} `json:"session"`
	}
	got, err := c.do(ctx, &call{
		name: "open a session", kind: sessionCall, method: http.MethodPost, path: "/session.json", hint: hintApplication, once: once,
		fresh: func() []byte { return c.sessionBody(userFields) },
		read: func(body []byte) error {
			if json.Unmarshal(body, &made) != nil || made.Session.Token == "" {
				return errors.New("it holds no session")
			}
			return nil
		},
	})
	if err != nil {
		return nil, refusedCredentials(err, c.hintSession(got))
	}
	s := newSession(made.Session.Token, got)
	s.user = made.Session.UserID.Number
	return s, nil
}

// hintSession says what to check where a session was refused.
func (c *Client) hintSession(refusal *answer) string {
	switch {
	case refusal != nil && refusal.status == http.StatusNotFound:
		return hintEndpoint // no ConnectyCube is there
	case c.options.AuthSecret == "":
		return hintUnsigned
	}
	return cmp.Or(explainSkew(refusal), hintSigned)
}

// logout makes the session of a user an application session again.
func (c *Client) logout(ctx context.Context, s *session) error {
	out := &call{name: "sign out", kind: logoutCall, method: http.MethodDelete, path: "/login.json", pass: s.pass()}
	_, err := c.do(ctx, out)
	s.late = s.late || out.late
	return err
}

func (c *Client) destroy(ctx context.Context, s *session) error {
	_, err := c.do(ctx, &call{name: "end a session", kind: destroyCall, method: http.MethodDelete, path: "/session.json", pass: s.pass()})
	if account.KindOf(err) == account.Unauthenticated {
		return nil // it had ended already
	}
	return err
}

func (c *Client) destroyAll(ctx context.Context, sessions []*session) error {
	var group errgroup.Group
	group.SetLimit(8)
	for _, s := range sessions {
		group.Go(func() error { return c.destroy(ctx, s) })
	}
	return group.Wait()
}

// discard ends a session that is of no use, even for a caller who is gone. A failure is of no consequence: the
// session dies by itself.
func (c *Client) discard(ctx context.Context, s *session) {
	ctx, cancel := tidying(ctx)
	defer cancel()
	if err := c.destroy(ctx, s); err != nil {
		c.log.Debug("a session was not ended", "error", err)
	}
}

func tidying(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), tidyTimeout)
}
