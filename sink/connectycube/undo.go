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

// origin is what the answer to a sign-in tells of where its user came from: some servers make a user of a login that
// nobody has.
type origin uint8

const (
	unclear origin = iota // it doesn't tell enough
	there                 // the user was there before, or has more than a sign-in gives
	madeNow               // the service made the user of this very sign-in
)

// originOf judges who signed in with a request that was sent then, and not before. Only a user who is both new and bare,
// as far as the whole answer and the service's own clock show, was made by it. Where somebody signs in as an account's user,
// who is newer than the account is new enough, as a password that is derived opens nobody else: an earlier such sign-in may
// have made them, and clocks jump.
func originOf(in signedIn, got *answer, sent, owned time.Time) origin {
	date, err := http.ParseTime(got.header.Get("Date"))
	dated := err == nil && !in.user.CreatedAt.IsZero()
	requested := date.Add(-time.Since(sent)).Truncate(time.Second) // created_at is in whole seconds
	if !owned.IsZero() && owned.Before(requested) {
		requested = owned
	}
	switch {
	case !bare(in.user), dated && in.user.CreatedAt.Before(requested):
		return there
	case !dated || !in.whole:
		return unclear
	default:
		return madeNow
	}
}

// bare reports whether the account has nothing but what a sign-in could have given it.
func bare(a account.Account) bool {
	for _, field := range user.Fields() {
		if field != user.Login && field != user.Email && a.Values[field].Text != "" {
			return false
		}
	}
	return a.ExternalID == ""
}

// undo deletes a user that the service made of an unknown login, and says so for an error. Anybody else is left alone.
func (c *Client) undo(ctx context.Context, s *session, in signedIn, with signIn) string {
	switch in.origin {
	case there:
		return ""
	case unclear:
		return fmt.Sprintf("; the service may have made user %d of an unknown login: its answer doesn't tell, so the user was left alone", in.user.ID)
	}
	if err := c.expel(ctx, s, in, with); err != nil {
		return fmt.Sprintf("; the service made user %d of an unknown login, who could not be deleted again: %v", in.user.ID, err)
	}
	return fmt.Sprintf("; the service made user %d of an unknown login, who was deleted again", in.user.ID)
}

// outliving is the context of what must be undone: as patient as its caller, and for a moment after them. Who is left behind
// holds a login that somebody needs.
func outliving(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		moment := time.NewTimer(tidyTimeout)
		defer moment.Stop()
		select {
		case <-moment.C:
			cancel()
		case <-longer.Done():
		}
	})
	return longer, func() { stop(); cancel() }
}

// undoTries is how often a user who was made by mistake is asked to be deleted.
const undoTries = 3

// expel deletes a user who was made by mistake, even for a caller who is gone. Where the session has ended, or the answer
// was lost, it signs in once more: whoever still can is still there.
func (c *Client) expel(ctx context.Context, s *session, in signedIn, with signIn) error {
	ctx, cancel := outliving(ctx)
	defer cancel()
	err := c.remove(ctx, in.user.ID, &call{pass: s.pass(), hint: hintOwner})
	return c.expelAgain(ctx, with.sentAt(in), 0, in.user.ID, err)
}

// expelAgain repeats a deletion, or a sign-in, that ended in err.
func (c *Client) expelAgain(ctx context.Context, with signIn, known, made int64, err error) error {
	for try := 1; try < undoTries && err != nil && account.KindOf(err) != account.Forbidden; try++ {
		err = c.signInToExpel(ctx, with, known, made)
	}
	return err
}

// signInToExpel deletes whoever signs in now, if the service made them of the sign-in: made, whom an answer has told already,
// and whoever this one tells; the known user it did not.
func (c *Client) signInToExpel(ctx context.Context, with signIn, known, made int64) error {
	s, err := c.openSession(ctx)
	if err != nil {
		return err
	}
	defer c.discard(ctx, s)
	in, err := c.login(ctx, s, with)
	switch {
	case account.KindOf(err) == account.Unauthenticated && c.alive(ctx, s):
		return nil // nobody can sign in with it
	case err != nil:
		return err
	case in.user.ID == made: // whatever the service's clock says by now
	case in.user.ID == known || in.origin == there:
		return nil
	case in.origin == unclear:
		return errors.New("the service's answer doesn't tell whether it made the user")
	}
	return c.remove(ctx, in.user.ID, &call{pass: s.pass(), hint: hintOwner})
}

// Expel deletes a user whom the service made of a sign-in, and whom a killed process left behind: left, who must have been
// made since then by the service's clock, have nothing but what a sign-in gives, and be opened by one of the passwords, which
// nobody else can derive. Anybody else is a Conflict and left alone; PasswordNotOurs says that it is somebody else's account.
func (c *Client) Expel(ctx context.Context, left account.Account, passwords []string, since time.Time) error {
	s, now, err := c.signInAsOwner(ctx, left, passwords)
	if err != nil {
		return err
	}
	if since.IsZero() || now.CreatedAt.Before(since) || !bare(now) {
		c.release(ctx, s)
		return &account.Error{Kind: account.Conflict, Call: ownerSignIn, Words: fmt.Sprintf("user %d isn't one whom a sign-in made", now.ID)}
	}
	err = c.remove(ctx, now.ID, &call{pass: s.pass(), hint: hintOwner})
	c.discard(ctx, s)
	return err
}

// sentAt is the same sign-in, for another time: who was made since it was first sent was made of it.
func (w signIn) sentAt(in signedIn) signIn {
	w.since = in.sent
	return w
}

// afterDoubt returns the error of a sign-in, and sees to the user who may have been made of it where the answer was
// lost. What may remain is said in the error.
func (c *Client) afterDoubt(ctx context.Context, with signIn, known int64, in signedIn, err error) error {
	failed, ok := errors.AsType[*account.Error](err)
	if !ok || failed.Kind != account.Unavailable || in.sent.IsZero() {
		return err
	}
	ctx, cancel := outliving(ctx)
	defer cancel()
	if left := c.expelAgain(ctx, with.sentAt(in), known, 0, err); left != nil {
		doubt := *failed
		doubt.Words += fmt.Sprintf("; if nobody has the login or e-mail %v any more, the service may have made a user of it, who is left behind", with.who())
		return &doubt
	}
	return err
}
