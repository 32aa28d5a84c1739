package plan

import (
	"fmt"
	"time"

	"cubesync/sync/user"
)

// Late is a call that was never answered and may still be carried out: a sign-up, or a change that gives an account the
// external ID. A sign-up that comes late makes no second account while one has the login that it was sent with, as logins
// are unique. So as long as it may come, nobody is signed up with another login, and who was keeps theirs.
type Late struct {
	Login     string    // that the sign-up was sent with
	AccountID int64     // that would get the external ID; 0 for a sign-up
	Until     time.Time // from then on it isn't expected any more
}

// LateAtMost is for how long a call that was never answered is expected. Nobody knows how long a service may take; the
// simulation tries ten minutes.
const LateAtMost = 15 * time.Minute

// hinders says why the operation could leave its external ID with two accounts, "" where it can't.
func (l Late) hinders(op *Operation) string {
	switch {
	case l == Late{} || op.Kind == Release || op.Kind == Delete:
		return ""
	case l.AccountID != 0:
		if op.Kind == Update || op.AccountID == l.AccountID {
			return ""
		}
		return fmt.Sprintf("account %d may still get this external ID, until %s, from a call that was never answered: a later run goes on", l.AccountID, Moment(l.Until))
	}
	before := op.Was().Values[user.Login].Text
	after := before
	for _, c := range op.Changes {
		if c.Field == user.Login {
			after = c.After
		}
	}
	if user.Login.Equal(after, l.Login) || op.Kind == Update && !user.Login.Equal(before, l.Login) {
		return ""
	}
	return fmt.Sprintf("a sign-up with the login %s was never answered and may still be carried out, until %s: a later run goes on with %s", l.Login, Moment(l.Until), after)
}
