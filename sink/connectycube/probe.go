package connectycube

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"cubesync/sync/account"
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

// Erase signs in with a login and a password, and deletes whoever that signs in, through their own session: it finds
// out whether an entrance makes users of unknown logins, and takes such a user away. So it is for logins of the caller's
// own invention only. The id is that of the user who signed in, and 0 where nobody did; with an error beside an id, the
// user may still be there.
func (c *Client) Erase(ctx context.Context, by Entrance, login, password string) (id int64, err error) {
	s, id, err := c.enter(ctx, by, login, password)
	if err != nil {
		return 0, err
	}
	defer c.discard(ctx, s)
	ctx, cancel := tidying(ctx) // a user who was made for nothing goes, whoever is gone
	defer cancel()
	return id, c.remove(ctx, id, &call{pass: s.pass(), hint: hintOwner})
}

// enter signs in by the entrance, on a session of its own.
func (c *Client) enter(ctx context.Context, by Entrance, login, password string) (*session, int64, error) {
	if by == BySession {
		return c.enterBySession(ctx, login, password)
	}
	s, err := c.openSession(ctx)
	if err != nil {
		return nil, 0, err
	}
	in, err := c.login(ctx, s, withPassword(login, "", password, eraseName, hintOwner))
	if account.KindOf(err) == account.Unauthenticated && !c.alive(ctx, s) { // both are a 401
		err = &account.Error{Kind: account.Unavailable, Call: eraseName, Words: "the session ended meanwhile"}
	}
	if err != nil {
		c.discard(ctx, s)
		return nil, 0, err
	}
	return s, in.user.ID, nil
}

func (c *Client) enterBySession(ctx context.Context, login, password string) (*session, int64, error) {
	var made struct {
		Session struct {
			Token  string `json:"token"`
			UserID Number `json:"user_id"`
		} `json:"session"`
	}
	got, err := c.do(ctx, &call{
		name: eraseName, kind: sessionCall, method: http.MethodPost, path: "/session.json", hint: hintApplication, secrets: []string{password},
		fresh: func() []byte { return c.sessionBody(map[string]string{"login": login, "password": password}) },
		read: func(body []byte) error {
			if json.Unmarshal(body, &made) != nil || made.Session.Token == "" || made.Session.UserID.Number <= 0 {
				return errors.New("it holds no session of a user")
			}
			return nil
		},
	})
	if err != nil {
		return nil, 0, err
	}
	return newSession(made.Session.Token, got), made.Session.UserID.Number, nil
}

// PutExternalID writes an external ID to the account, as whoever the authority says updates are made, and returns the
// account after it. The documentation of the call lists only the deprecated external_user_id: whether the ID took is for
// the caller to see.
func (c *Client) PutExternalID(ctx context.Context, as Authority, known account.Account, externalID string) (account.Account, error) {
	write := func(by *call) (updated account.Account, err error) {
		by.name, by.kind, by.method, by.path = updateName, updateCall, http.MethodPut, userPath(known.ID)
		by.read = readUserOf(known.ID, &updated)
		err = c.put(ctx, map[string]any{"external_id": externalID}, by)
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
