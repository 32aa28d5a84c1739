package connectycube

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

const ownerSignIn = "sign in as the account's user"

// signInAsOwner signs in as the account's user, with the first of the passwords that opens it, and returns the
// session and the account as the service shows it to its owner. The session must be given to release or discard.
func (c *Client) signInAsOwner(ctx context.Context, known account.Account, passwords []string) (*session, account.Account, error) {
	s := c.sessions.take()
	for last := false; ; last = true {
		if s == nil {
			var err error
			if s, err = c.openSession(ctx); err != nil {
				return nil, account.Account{}, err
			}
		}
		now, err := c.tryPasswords(ctx, s, known, passwords)
		switch {
		case err == nil:
			return s, now, nil
		case account.KindOf(err) != account.PasswordNotOurs:
			c.discard(ctx, s)
			return nil, account.Account{}, err
		case c.alive(ctx, s):
			c.keep(ctx, s) // nobody signed in on it
			return nil, account.Account{}, err
		case last:
			return nil, account.Account{}, errEndedAgain(ownerSignIn, account.Ambiguous)
		}
		s = nil // the session was refused, not the passwords: both are a 401
	}
}

// errEndedAgain is a session that ended before it was used, twice. It says nothing about the credentials.
func errEndedAgain(name string, kind account.Kind) error {
	return &account.Error{Kind: kind, Call: name, Status: http.StatusUnauthorized, Words: "the session ended before the call arrived, twice"}
}

// tryPasswords signs in on the session and makes sure that it is the account's user who did.
func (c *Client) tryPasswords(ctx context.Context, s *session, known account.Account, passwords []string) (account.Account, error) {
	login, email := known.Values[user.Login].Text, known.Values[user.Email].Text
	if login == "" && email == "" || len(passwords) == 0 {
		return account.Account{}, &account.Error{
			Kind: account.Forbidden, Call: ownerSignIn,
			Words: fmt.Sprintf("account %d has no login, no e-mail, or no password that we can derive", known.ID),
		}
	}
	for _, password := range passwords {
		with := withPassword(login, email, password, ownerSignIn, hintOwner)
		with.owned = known.CreatedAt
		in, err := c.login(ctx, s, with)
		if account.KindOf(err) == account.Unauthenticated {
			continue
		}
		err = c.afterDoubt(ctx, with, known.ID, in, err)
		if failed, ok := errors.AsType[*account.Error](err); ok && failed.Kind == account.Unavailable && failed.Status >= http.StatusInternalServerError {
			one := *failed
			one.Kind = account.Ambiguous // the service answers, only not for this user: no reason to end the run
			return account.Account{}, &one
		}
		if err != nil {
			return account.Account{}, err
		}
		if in.user.ID != known.ID {
			return account.Account{}, &account.Error{
				Kind: account.Forbidden, Call: ownerSignIn,
				Words: fmt.Sprintf("user %d signed in, not user %d%s", in.user.ID, known.ID, c.undo(ctx, s, in, with)),
				Hint:  "nothing was written; the next full list shows who has the login now",
			}
		}
		s.opened = password
		if !in.whole {
			return c.byID(ctx, known.ID)
		}
		return in.user, nil
	}
	return account.Account{}, &account.Error{
		Kind: account.PasswordNotOurs, Call: ownerSignIn, Status: http.StatusUnauthorized,
		Words: "no password that we can derive opens the account",
		Hint:  "the user has changed it, or the secret was changed: put the one before under passwords.derive.previous",
	}
}

// alive reports whether the service still knows the session. A server that doesn't tell isn't taken to have ended it.
func (c *Client) alive(ctx context.Context, s *session) bool {
	err := c.lookAt(ctx, s)
	switch account.KindOf(err) {
	case account.NotFound, account.Forbidden, account.Invalid:
		return true
	default:
		return err == nil
	}
}

// lookAt asks for the session itself. It is Unauthenticated where it has ended.
func (c *Client) lookAt(ctx context.Context, s *session) error {
	got, err := c.do(ctx, &call{name: "look at a session", kind: sessionCall, method: http.MethodGet, path: "/session.json", pass: s.pass()})
	if err == nil {
		s.prolong(got)
	}
	return err
}

// release signs the owner out and keeps the session for the next one.
func (c *Client) release(ctx context.Context, s *session) {
	ctx, cancel := tidying(ctx)
	defer cancel()
	s.opened = ""
	if err := c.logout(ctx, s); err != nil {
		c.discard(ctx, s)
		return
	}
	c.keep(ctx, s)
}

// keep keeps a session for the next owner. On one where a sign-in may still arrive the next would act as somebody else,
// and a sign-out would stop them: so it is ended.
func (c *Client) keep(ctx context.Context, s *session) {
	if s.late {
		c.discard(ctx, s)
		return
	}
	c.sessions.give(s)
}

func (c *Client) updateAsOwner(ctx context.Context, known account.Account, passwords []string, change changeFunc) (updated account.Account, err error) {
	err = c.asOwner(ctx, known, passwords, func(s *session, now account.Account) error {
		if updated, err = c.write(ctx, now, change, &call{pass: s.pass(), hint: hintOwner, oldPassword: s.opened}); err != nil {
			return err
		}
		c.release(ctx, s)
		return nil
	})
	return updated, err
}

func (c *Client) deleteAsOwner(ctx context.Context, known account.Account, passwords []string) error {
	return c.asOwner(ctx, known, passwords, func(s *session, _ account.Account) error {
		if err := c.remove(ctx, known.ID, &call{pass: s.pass(), hint: hintOwner}); err != nil {
			return err
		}
		c.discard(ctx, s) // its user is gone
		return nil
	})
}

// asOwner signs in as the account's user to act, and once more where the session ends before the write arrives: the
// user, too, signs in and out, and the refusal is definite. A session that ends again is that user's trouble, not the
// end of the run, and no refusal of what was to be written.
func (c *Client) asOwner(ctx context.Context, known account.Account, passwords []string, act func(s *session, now account.Account) error) error {
	for last := false; ; last = true {
		s, now, err := c.signInAsOwner(ctx, known, passwords)
		if err != nil {
			return err
		}
		err = act(s, now)
		if err == nil {
			return nil
		}
		ended, ok := errors.AsType[*account.Error](err)
		refused := ok && ended.Status == http.StatusUnauthorized
		living := refused && c.alive(ctx, s)
		c.discard(ctx, s)
		switch {
		case !refused:
			return err
		case living: // it is the write that is refused
			one := *ended
			one.Kind = account.Forbidden
			return &one
		case last:
			return errEndedAgain(ended.Call, account.Ambiguous)
		}
	}
}
