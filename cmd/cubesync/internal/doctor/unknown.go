package doctor

import (
	"context"

	"cubesync/sink/connectycube"
	"cubesync/sync/account"
	"cubesync/sync/user"
)

// flyLogin is the login that nobody has. It is always the same, as a user that the service makes of it has neither tag
// nor external ID to be found by.
const flyLogin = Tag + "-unknown-login"

// unknownLogins finds out whether signing in with an unknown login makes a user of it. Whoever is made is deleted at
// once. POST /login comes first, as it also shows whether a killed doctor left such a user behind.
func (e *examination) unknownLogins(ctx context.Context) error {
	entry := &throwAway{doubt: true}
	entry.user.Values[user.Login] = user.Text(flyLogin)
	e.accounts.all = append(e.accounts.all, entry)
	e.makesUsers(ctx, LoginMakesUsers, connectycube.ByLogin, entry)
	e.makesUsers(ctx, SessionMakesUsers, connectycube.BySession, entry)
	if !entry.gone {
		e.eraseAgain(ctx, entry)
	}
	return ctx.Err()
}

// eraseAgain removes a user who may be there. Who can't sign in any more is gone.
func (e *examination) eraseAgain(ctx context.Context, entry *throwAway) {
	_, err := insist(ctx, func() (err error) {
		_, err = e.Client.Erase(ctx, connectycube.ByLogin, flyLogin, e.Password)
		return err
	})
	entry.gone = err == nil || account.KindOf(err) == account.Unauthenticated
}

func (e *examination) makesUsers(ctx context.Context, q Question, by connectycube.Entrance, entry *throwAway) {
	id, err := e.Client.Erase(ctx, by, flyLogin, e.Password)
	if id != 0 && err == nil && by == connectycube.ByLogin { // left behind, or made: nobody is left behind now
		id, err = e.Client.Erase(ctx, by, flyLogin, e.Password)
		if id == 0 {
			e.facts.Removed++
		}
	}
	entry.account.ID = id
	switch {
	case id != 0 && err == nil:
		entry.gone = true
		e.answer(q, Yes, "")
	case id != 0:
		entry.account.Values = entry.user.Values
		entry.gone, entry.asked = false, false
		e.answer(q, Yes, "and the user couldn't delete their own account: "+said(err))
	case keyRefused(err):
		entry.gone = true
		e.answer(q, No, "")
	default:
		entry.gone = false
		e.answer(q, Unknown, said(err))
	}
}
