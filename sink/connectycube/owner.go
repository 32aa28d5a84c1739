package connectycube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

const ownerSignIn = "sign in as the account's user"

// signInAsOwner signs in as the account's user, with the first of the passwords that opens it, and returns the
// session and the account as the service shows it to its owner. The session must be given to release or discard.
func (c *Client) signInAsOwner(ctx context.Context, known account.Account, passwords []string) (*session, account.Account, error) {
	s := c.sessions.take()
	pooled := s != nil
	var err error
	if !pooled {
		if s, err = c.openSession(ctx); err != nil {
			return nil, account.Account{}, err
		}
	}
	now, err := c.tryPasswords(ctx, s, known, passwords)
	if pooled && account.KindOf(err) == account.PasswordNotOurs && !c.alive(ctx, s) {
		// The session was refused, not the passwords: both are a 401.
		if s, err = c.openSession(ctx); err != nil {
			return nil, account.Account{}, err
		}
		now, err = c.tryPasswords(ctx, s, known, passwords)
	}
	switch {
	case err == nil:
		return s, now, nil
	case account.KindOf(err) == account.PasswordNotOurs:
		c.sessions.give(s) // nobody signed in on it
	default:
		c.discard(ctx, s)
	}
	return nil, account.Account{}, err
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
		began := time.Now()
		in, err := c.login(ctx, s, withPassword(login, email, password, ownerSignIn, hintOwner))
		if account.KindOf(err) == account.Unauthenticated {
			continue
		}
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
				Words: fmt.Sprintf("user %d signed in, not user %d%s", in.user.ID, known.ID, c.undo(ctx, s, in, began)),
				Hint:  "nothing was written; the next full list shows who has the login now",
			}
		}
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

// alive reports whether the service still knows the session.
func (c *Client) alive(ctx context.Context, s *session) bool {
	got, err := c.do(ctx, &call{name: "look at a session", kind: sessionCall, method: http.MethodGet, path: "/session.json", pass: s.pass()})
	if err == nil {
		s.prolong(got)
	}
	return err == nil
}

// release signs the owner out and keeps the session for the next one.
func (c *Client) release(ctx context.Context, s *session) {
	ctx, cancel := tidying(ctx)
	defer cancel()
	if err := c.logout(ctx, s); err != nil {
		c.discard(ctx, s)
		return
	}
	c.sessions.give(s)
}

func (c *Client) updateAsOwner(ctx context.Context, known account.Account, passwords []string, change changeFunc) (updated account.Account, err error) {
	err = c.asOwner(ctx, known, passwords, func(s *session, now account.Account) error {
		if updated, err = c.write(ctx, now, change, &call{pass: s.pass(), hint: hintOwner}); err != nil {
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
// end of the run.
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
		c.discard(ctx, s)
		ended, ok := errors.AsType[*account.Error](err)
		if !ok || ended.Status != http.StatusUnauthorized {
			return err
		}
		if last {
			one := *ended
			one.Kind = account.Forbidden
			return &one
		}
	}
}
