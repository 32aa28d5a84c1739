package connectycube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// TryApplication makes a session of the application, which everything else rests on. Its errors are about the
// application's id and keys, or about the way to the service; the service user isn't signed in.
func (c *Client) TryApplication(ctx context.Context) error {
	s, err := c.openSession(ctx)
	if err == nil {
		c.sessions.give(s) // the first who signs in as owner uses it
	}
	return err
}

// Entrance is a call that signs a user in.
type Entrance string

// The entrances. The documentation says of the first that it makes a user of an unknown login, unless the application
// denies that, and is silent about the second.
const (
	BySession Entrance = "POST /session"
	ByLogin   Entrance = "POST /login"
)

const eraseName = "sign in with an unknown login"

// Erase signs in with a login that nobody has, and deletes the user whom the service makes of it, through their own
// session: it finds out whether an entrance makes users of unknown logins, and takes such a user away. The id is that of
// the user who signed in, and 0 where nobody did; with an error beside an id, the user is still there, or may be.
//
// A login that somebody has already is a Conflict, and nobody signs in. Nor is anybody deleted but a user who has the login,
// nothing else, and was made after the request: for others the id comes with a Conflict, too.
func (c *Client) Erase(ctx context.Context, by Entrance, login, password string) (id int64, err error) {
	s, err := c.vacancy(ctx, login)
	if err != nil {
		return 0, err
	}
	defer c.discard(ctx, s)
	with := withPassword(login, "", password, eraseName, hintOwner)
	in, err := c.enter(ctx, s, by, login, with)
	switch {
	case account.KindOf(err) == account.Unauthenticated && !c.alive(ctx, s): // both are a 401
		return in.user.ID, &account.Error{Kind: account.Unavailable, Call: eraseName, Words: "the session ended meanwhile"}
	case err != nil:
		return in.user.ID, c.afterDoubt(ctx, with, 0, in, err)
	case in.origin != madeNow || !user.Login.Equal(in.user.Values[user.Login].Text, login):
		return in.user.ID, &account.Error{
			Kind: account.Conflict, Call: eraseName,
			Words: fmt.Sprintf("user %d signed in, who doesn't seem to be new, bare and of the login %s, and was left alone", in.user.ID, login),
		}
	}
	return in.user.ID, c.expel(ctx, s, in, with)
}

// vacancy makes sure that nobody has the login, and returns the session on which that was asked.
func (c *Client) vacancy(ctx context.Context, login string) (*session, error) {
	s, err := c.openSession(ctx)
	if err != nil {
		return nil, err
	}
	holders, err := c.holders(ctx, s, FieldLogin, login)
	if err == nil && len(holders) > 0 {
		err = &account.Error{Kind: account.Conflict, Call: eraseName, Words: fmt.Sprintf("user %d has the login %s", holders[0].ID, login)}
	}
	if err != nil {
		c.discard(ctx, s)
		return nil, err
	}
	return s, nil
}

// enter signs in on the session by the entrance, which shows who that is: the making of a session need not.
func (c *Client) enter(ctx context.Context, s *session, by Entrance, login string, with signIn) (signedIn, error) {
	if by == ByLogin {
		return c.login(ctx, s, with)
	}
	made, sent, err := c.openUserSession(ctx, login, with)
	if err != nil {
		return signedIn{sent: sent}, err
	}
	ctx, cancel := tidying(ctx) // a user who was made for nothing goes, whoever is gone
	defer cancel()
	defer c.discard(ctx, made)
	in, err := c.login(ctx, s, with.sentAt(signedIn{sent: sent}))
	if in.user.ID != made.user {
		in.user.ID, in.origin = made.user, unclear
	}
	return in, err
}

// openUserSession makes a session of a user, and returns when that was asked for.
func (c *Client) openUserSession(ctx context.Context, login string, with signIn) (*session, time.Time, error) {
	s := &session{}
	as := &call{
		name: eraseName, kind: loginCall, method: http.MethodPost, path: "/session.json", hint: hintApplication, secrets: with.secrets,
		fresh: func() []byte {
			return c.sessionBody(map[string]string{"login": login, "password": fmt.Sprint(with.fields["password"])})
		},
	}
	as.read = func(body []byte) error {
		var made struct {
			Session struct {
				Token  string `json:"token"`
				UserID Number `json:"user_id"`
			} `json:"session"`
		}
		if json.Unmarshal(body, &made) != nil || made.Session.Token == "" || made.Session.UserID.Number <= 0 {
			return errors.New("it holds no session of a user")
		}
		s.token, s.user = made.Session.Token, made.Session.UserID.Number
		return nil
	}
	_, err := c.do(ctx, as)
	return s, as.released, err
}

// PutExternalID writes an external ID to the account, as whoever the authority says updates are made, and returns the
// account after it. The documentation of the call lists only the deprecated external_user_id: whether the ID took is for
// the caller to see.
func (c *Client) PutExternalID(ctx context.Context, as Authority, known account.Account, externalID string) (account.Account, error) {
	write := func(by *call) (updated account.Account, err error) {
		by.name, by.kind, by.method, by.path = updateName, updateCall, http.MethodPut, userPath(known.ID)
		by.read = readUserOf(known.ID, &updated)
		err = c.put(ctx, userBody(map[string]any{"external_id": externalID}), by)
		return updated, err
	}
	switch as.Updates {
	case UpdatesAsOwner:
		var passwords []string
		if as.Passwords != nil {
			passwords = as.Passwords(known.ExternalID)
		}
		s, _, err := c.signInAsOwner(ctx, known, passwords)
		if err != nil {
			return account.Account{}, err
		}
		updated, err := write(&call{pass: s.pass(), hint: hintOwner})
		if err != nil {
			c.discard(ctx, s)
			return account.Account{}, err
		}
		c.release(ctx, s)
		return updated, nil
	case UpdatesAsShared:
		return write(&call{shared: true, hint: hintServiceUser})
	default:
		return account.Account{}, errNoUpdates()
	}
}
