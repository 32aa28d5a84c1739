package doctor

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"cubesync/sink/connectycube"
	"cubesync/sync/account"
	"cubesync/sync/user"
)

// flights is of how many logins an examination chooses the ones that it signs in with. A user whom the service makes of
// such a login has neither tag nor external ID to be found by, and look-ups don't take the beginning of a login. So there
// are few enough for a later doctor to look all of them up, too many to be all in use, and nobody without the secret
// can take one beforehand, which would hide what is to be found out.
const flights = 16

// flyLogins are logins that nobody has.
func (e *examination) flyLogins() []string {
	logins := make([]string, flights)
	for i := range logins {
		logins[i] = prefix + "fly-" + strings.ToLower(user.DerivePassword(e.Secret, Tag+" fly "+strconv.Itoa(i))[:16])
	}
	return logins
}

// inUse returns the accounts of the logins that nobody ought to have.
func (e *examination) inUse(ctx context.Context) ([]account.Account, error) {
	if e.Identity {
		return nil, nil
	}
	return e.key.Find(ctx, account.ByLogin, e.flyLogins())
}

// oldFlies asks for the deletion of users whom another doctor's sign-in made. Who doesn't open with our password is
// somebody else's.
func (e *examination) oldFlies(ctx context.Context) error {
	found, err := e.inUse(ctx)
	for _, a := range found {
		if !bare(a) {
			continue
		}
		t := e.accounts.inherit(a, LoginMakesUsers)
		err := e.owner(t).Delete(ctx, a)
		t.asked = err == nil
		if account.KindOf(err) == account.PasswordNotOurs {
			t.old, t.gone = false, true
		}
	}
	return err
}

// unknownLogins finds out whether signing in with an unknown login makes a user of it. Whoever is made is deleted at
// once.
func (e *examination) unknownLogins(ctx context.Context) error {
	if e.Identity {
		for _, q := range []Question{SessionMakesUsers, LoginMakesUsers} {
			e.answer(q, NotTried, identity)
		}
		return nil
	}
	taken, err := e.inUse(ctx)
	if err != nil && !refused(err) {
		return err
	}
	free := slices.DeleteFunc(e.flyLogins(), func(login string) bool {
		return slices.ContainsFunc(taken, func(a account.Account) bool { return user.Login.Equal(a.Values[user.Login].Text, login) })
	})
	rand.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	for _, entrance := range []struct {
		question Question
		by       connectycube.Entrance
	}{{LoginMakesUsers, connectycube.ByLogin}, {SessionMakesUsers, connectycube.BySession}} {
		e.answer(entrance.question, Unknown, "all logins to try it with are taken")
		for len(free) > 0 {
			login := free[0]
			free = free[1:]
			if taken := e.makesUsers(ctx, entrance.question, entrance.by, login); !taken {
				break
			}
		}
	}
	return ctx.Err()
}

// makesUsers tries it with a login, and reports whether that was taken at this very moment, as by another doctor.
func (e *examination) makesUsers(ctx context.Context, q Question, by connectycube.Entrance, login string) (taken bool) {
	entry := e.accounts.mayAppear(login, q)
	var id int64
	sent, doubts, err := e.signIns(func() (err error) {
		id, err = e.Client.Erase(ctx, by, login, e.password(login))
		return err
	})
	entry.doubt = doubts > 0
	switch {
	case account.KindOf(err) == account.Conflict && err != nil: // somebody else signed in, or has the login
		entry.gone = !entry.doubt
		e.answer(q, Unknown, said(err))
		return !entry.doubt && ctx.Err() == nil
	case id != 0 && err == nil:
		entry.gone = !entry.doubt
		e.answer(q, Yes, "")
	case id != 0:
		entry.account.ID = id
		e.answer(q, Yes, "and the user couldn't delete their own account: "+said(err))
	case sent > 0 && keyRefused(err):
		entry.gone = true
		e.answer(q, No, "")
	default:
		entry.gone = !entry.doubt
		e.answer(q, Unknown, said(err))
	}
	return false
}
