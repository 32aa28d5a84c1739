package doctor

import (
	"context"
	"crypto/rand"
	"strconv"
	"strings"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// Tag marks throw-away accounts. Only one that also has an external ID with the prefix is taken for one that a doctor
// left behind.
const Tag = "cubesync-doctor"

const prefix = Tag + "-"

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
	refused bool            // …but when it was sent again it was refused, and wasn't there
	old     bool            // an earlier doctor's
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
		if t.account.ID != 0 && !t.gone && !t.asked && !t.old {
			return t.account, true
		}
	}
	return account.Account{}, false
}

// of returns the entry of an account that was found.
func (a *accounts) of(found account.Account) *throwAway {
	login := found.Values[user.Login].Text
	for _, t := range a.all {
		if t.account.ID == found.ID {
			return t
		}
	}
	for _, t := range a.all {
		if t.account.ID == 0 && t.doubt && user.Login.Equal(t.login(), login) {
			t.account = found
			return t
		}
	}
	t := &throwAway{account: found}
	t.user.Values[user.Login] = user.Text(login)
	a.all = append(a.all, t)
	return t
}

func (t *throwAway) login() string { return t.user.Values[user.Login].Text }

// victim returns an account to try something on. It signs one up where there is none.
func (e *examination) victim(ctx context.Context) (account.Account, error) {
	if known, ok := e.accounts.alive(); ok {
		return known, nil
	}
	as := e.key
	if e.facts.Answer(SignUpKey).Answer != Yes {
		as = e.shared
	}
	made, err := e.signUp(ctx, as, e.accounts.next())
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
		made, err := as.Create(ctx, u, e.Password)
		switch {
		case err == nil:
			entry.account = made
			if !entry.doubt {
				entry.born = time.Now()
				return made, nil
			}
			// The first may still be carried out, once this one's login is free again: there is a look for it at the end.
			e.accounts.all = append(e.accounts.all, &throwAway{user: u, doubt: true, refused: true})
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
		inDoubt := account.KindOf(err) == account.Ambiguous
		entry.doubt = entry.doubt || inDoubt
		entry.gone = !entry.doubt
		if !inDoubt || try == tries || sleep(ctx, time.Duration(try)*time.Second) != nil {
			return account.Account{}, err
		}
	}
}
