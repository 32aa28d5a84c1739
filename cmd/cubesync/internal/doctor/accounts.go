package doctor

import (
	"context"
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"time"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sync/account"
	"cubesync/sync/user"
)

// Tag marks throw-away accounts. Only one whose login has the form of ours is taken for one that a doctor left behind.
const Tag = config.DoctorTag

const (
	prefix = Tag + "-"
	moved  = "-moved" // the end of an external ID that was changed
)

const (
	tries    = 3                // of a call that is in doubt
	patience = 15 * time.Second // with lists that lag behind
)

// throwAway is a throw-away account. It is written down before its sign-up is sent.
type throwAway struct {
	user    user.User
	account account.Account // zero until its sign-up was answered, or a look-up found it
	born    time.Time       // when its sign-up was answered, without doubt
	doubt   bool            // it may exist, or come to exist
	doubted time.Time       // when it was last sent
	refused bool            // …but when it was sent again it was refused, and wasn't there
	old     bool            // another doctor's
	hazard  Question        // the entrance that made it, if at all: it has nothing but its login; "" where we sign it up
	made    bool            // the service answered its sign-up with it
	asked   bool            // the service took its deletion
	stuck   bool            // nothing more can be done about it
	seen    bool            // a look-up showed it: from then on, one that doesn't shows that it is gone
	gone    bool            // proven, or never made
}

// accounts are the throw-away accounts of one examination.
type accounts struct {
	run string // no two examinations have the same
	all []*throwAway
}

func newAccounts() accounts { return accounts{run: strings.ToLower(rand.Text()[:12])} }

// next invents a user.
func (a *accounts) next() user.User {
	name := prefix + a.run + "-" + strconv.Itoa(len(a.all)+1)
	u := user.User{ExternalID: name}
	u.Values[user.Login] = user.Text(name)
	u.Values[user.Email] = user.Text(name + "@example.com")
	u.Values[user.FullName] = user.Text("cubesync doctor")
	u.Values[user.Tags] = user.Text(Tag)
	return u
}

// alive returns an account that is there, if one is.
func (a *accounts) alive() (account.Account, bool) {
	for _, t := range a.all {
		if t.account.ID != 0 && !t.gone && !t.asked && !t.old && t.hazard == "" {
			return t.account, true
		}
	}
	return account.Account{}, false
}

// of returns the entry of an account that is known.
func (a *accounts) of(known account.Account) *throwAway {
	i := slices.IndexFunc(a.all, func(t *throwAway) bool { return t.account.ID == known.ID })
	return a.all[i]
}

// inherit notes an account that another doctor left behind.
func (a *accounts) inherit(left account.Account, hazard Question) *throwAway {
	t := &throwAway{account: left, old: true, hazard: hazard, seen: true}
	t.user.Values[user.Login] = left.Values[user.Login]
	a.all = append(a.all, t)
	return t
}

// mayAppear notes a login of which a sign-in may make a user, now or later.
func (a *accounts) mayAppear(login string, hazard Question) *throwAway {
	i := slices.IndexFunc(a.all, func(t *throwAway) bool { return t.hazard == hazard && t.doubt && t.login() == login })
	if i >= 0 {
		return a.all[i]
	}
	t := &throwAway{doubt: true, hazard: hazard}
	t.user.Values[user.Login] = user.Text(login)
	a.all = append(a.all, t)
	return t
}

func (t *throwAway) login() string { return t.user.Values[user.Login].Text }

// victim returns an account to try something on, which look-ups show if they can. It signs one up where there is none.
func (e *examination) victim(ctx context.Context) (account.Account, error) {
	if known, ok := e.accounts.alive(); ok {
		if e.accounts.of(known).seen {
			return known, nil
		}
		return known, e.appear(ctx, known)
	}
	made, err := e.signUp(ctx, e.signUps(), e.accounts.next())
	if err != nil {
		return made, err
	}
	return made, e.appear(ctx, made)
}

// signUp signs a throw-away account up. One in doubt is repeated with the same login, so that it ends as one account
// or none: a refusal of the repetition may mean that the first was carried out.
func (e *examination) signUp(ctx context.Context, as account.Service, u user.User) (account.Account, error) {
	entry := &throwAway{user: u}
	e.accounts.all = append(e.accounts.all, entry)
	for try := 1; ; try++ {
		made, err := as.Create(ctx, u, e.password(u.Values[user.Login].Text))
		switch {
		case err == nil:
			entry.account, entry.made = made, true
			if !entry.doubt {
				entry.born = time.Now()
				return made, nil
			}
			// The first may still be carried out, once this one's login is free again: there is a look for it at the end.
			e.accounts.all = append(e.accounts.all, &throwAway{user: u, doubt: true, doubted: entry.doubted, refused: true})
			return made, nil
		case refused(err) && !entry.doubt:
			entry.gone = true
			return account.Account{}, err
		case refused(err):
			found, lookErr := e.twin(ctx, u)
			if lookErr != nil {
				return account.Account{}, lookErr
			}
			entry.account, entry.refused = found, found.ID == 0
			if entry.refused {
				return found, err
			}
			return found, nil
		}
		entry.doubted = time.Now()
		inDoubt := account.KindOf(err) == account.Ambiguous
		entry.doubt = entry.doubt || inDoubt
		entry.gone = !entry.doubt
		if !inDoubt || try == tries || sleep(ctx, time.Duration(try)*time.Second) != nil {
			return account.Account{}, err
		}
	}
}
