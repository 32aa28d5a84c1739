package connectycube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	margin  time.Duration // it is renewed this long before it expires
	expires atomic.Int64  // Unix nanoseconds, by our clock
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
	var made struct {
		Session struct {
			Token string `json:"token"`
		} `json:"session"`
	}
	got, err := c.do(ctx, &call{
		name: "open a session", kind: sessionCall, method: http.MethodPost, path: "/session.json", hint: hintApplication,
		body: mustMarshal(map[string]any{"application_id": c.application, "auth_key": c.options.AuthKey}),
		read: func(body []byte) error {
			if json.Unmarshal(body, &made) != nil || made.Session.Token == "" {
				return errors.New("it holds no session")
			}
			return nil
		},
	})
	if err != nil {
		return nil, refusedCredentials(err, hintApplication)
	}
	return newSession(made.Session.Token, got), nil
}

// signIn makes the shared session. It signs in on an application session, as making a session with a login and a
// password would also make a user of an unknown login.
func (c *Client) signIn(ctx context.Context) (*session, error) {
	s, err := c.openSession(ctx)
	who := c.options.User
	if err != nil || who == nil {
		return s, err
	}
	in, err := c.login(ctx, s, signInAs{who.Login, who.Email, who.Password, "sign in as the service user", hintServiceUser})
	if err != nil {
		c.discard(ctx, s)
		return nil, refusedCredentials(err, hintServiceUser)
	}
	if who.ID != 0 && in.user.ID != who.ID { // reported, not undone: they may be the service user, and the id mistyped
		c.discard(ctx, s)
		return nil, &account.Error{
			Kind: account.Unauthenticated, Call: "sign in as the service user", Hint: hintServiceUser,
			Words: fmt.Sprintf("user %d signed in, not user %d", in.user.ID, who.ID),
		}
	}
	return s, nil
}

// refusedCredentials makes every refusal of a sign-in one of its credentials: a session says nothing else that could
// be wrong.
func refusedCredentials(err error, hint string) error {
	failed, ok := errors.AsType[*account.Error](err)
	if !ok {
		return err
	}
	switch failed.Kind {
	case account.Invalid, account.Conflict, account.NotFound, account.Forbidden:
		refused := *failed
		refused.Kind, refused.Hint = account.Unauthenticated, hint
		return &refused
	default:
		return err
	}
}

// signInAs says who signs in; the login is preferred.
type signInAs struct{ login, email, password, name, hint string }

// signedIn is who did.
type signedIn struct {
	user account.Account
	date time.Time // the service's, of its answer
}

// login makes an application session one of a user.
func (c *Client) login(ctx context.Context, s *session, who signInAs) (signedIn, error) {
	fields := map[string]string{"password": who.password}
	if who.login != "" {
		fields["login"] = who.login
	} else {
		fields["email"] = who.email
	}
	var in signedIn
	got, err := c.do(ctx, &call{
		name: who.name, kind: loginCall, method: http.MethodPost, path: "/login.json", hint: who.hint,
		pass: s.pass(), body: mustMarshal(fields), secrets: []string{who.password}, read: readUser(&in.user),
	})
	if err != nil {
		return signedIn{}, err
	}
	s.prolong(got)
	in.date = got.date()
	return in, nil
}

// undo deletes a user that the service made on the fly, of a login that it didn't know, and says so for an error.
// Such a user is new and bare; anybody else is left alone.
func (c *Client) undo(ctx context.Context, s *session, in signedIn, began time.Time) string {
	requested := in.date.Add(-time.Since(began)).Truncate(time.Second) // created_at is in whole seconds
	if in.user.CreatedAt.Before(requested) || in.user.ExternalID != "" || hasTags(in.user) {
		return ""
	}
	ctx, cancel := tidying(ctx)
	defer cancel()
	if err := c.remove(ctx, in.user.ID, &call{pass: s.pass(), hint: hintOwner}); err != nil {
		return fmt.Sprintf("; the service made user %d of an unknown login, who could not be deleted again: %v", in.user.ID, err)
	}
	return fmt.Sprintf("; the service made user %d of an unknown login, who was deleted again", in.user.ID)
}

// logout makes the session of a user an application session again.
func (c *Client) logout(ctx context.Context, s *session) error {
	got, err := c.do(ctx, &call{name: "sign out", kind: logoutCall, method: http.MethodDelete, path: "/login.json", pass: s.pass()})
	if err == nil {
		s.prolong(got)
	}
	return err
}

func (c *Client) destroy(ctx context.Context, s *session) error {
	_, err := c.do(ctx, &call{name: "end a session", kind: destroyCall, method: http.MethodDelete, path: "/session.json", pass: s.pass()})
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
