package doctor

import (
	"context"
	"regexp"
	"strings"

	"cubesync/sink/connectycube"
	"cubesync/sync/account"
	"cubesync/sync/user"
)

// password is that of the throw-away account with the login. Each has one of its own, and no app ships what it is derived
// from.
func (e *examination) password(login string) string {
	return user.DerivePassword(e.Secret, strings.ToLower(login))
}

func (e *examination) passwords(login string) func(string) []string {
	return func(string) []string { return []string{e.password(login)} }
}

// owner is the application as the account's own user sees it.
func (e *examination) owner(t *throwAway) account.Service {
	return &owner{examination: e, login: t.login(), Service: e.Client.Service(connectycube.Authority{
		Updates: connectycube.UpdatesAsOwner, Deletes: connectycube.DeletesAsOwner, Passwords: e.passwords(t.login()),
	})}
}

// owner notes sign-ins that are in doubt: where the service makes users of unknown logins, one that is carried out late
// makes one of a login whose account was deleted meanwhile.
type owner struct {
	account.Service
	*examination
	login string
}

func (o *owner) Update(ctx context.Context, known account.Account, change func(account.Account) (account.Write, error)) (now account.Account, err error) {
	return now, o.signIn(o.login, func() (err error) {
		now, err = o.Service.Update(ctx, known, change)
		return err
	})
}

func (o *owner) Delete(ctx context.Context, known account.Account) error {
	return o.signIn(o.login, func() error { return o.Service.Delete(ctx, known) })
}

// signIn does what signs in with the login, once.
func (e *examination) signIn(login string, act func() error) error {
	_, doubts, err := e.signIns(act)
	if doubts > 0 && e.facts.Answer(LoginMakesUsers).Answer != No {
		e.accounts.mayAppear(login, LoginMakesUsers)
	}
	return err
}

// signIns counts the sign-ins that were sent, and those of them that may still be carried out. The client repeats them by
// itself, which only their number shows.
func (e *examination) signIns(act func() error) (sent, doubts int, err error) {
	const kind = "login"
	sent, doubts = e.Client.Calls()[kind], e.Client.Doubts()[kind]
	err = act()
	return e.Client.Calls()[kind] - sent, e.Client.Doubts()[kind] - doubts, err
}

// invented is the form of the logins and external IDs of throw-away accounts.
var invented = regexp.MustCompile(`^` + prefix + `[a-z2-7]{12}-[0-9]+(` + moved + `)?$`)

// left reports whether an account is one that some doctor signed up.
func left(a account.Account) bool {
	return invented.MatchString(strings.ToLower(a.Values[user.Login].Text)) && marked(a)
}

// marked reports whether the account has the tag of throw-away accounts, or an external ID of theirs.
func marked(a account.Account) bool { return a.HasTag(Tag) || invented.MatchString(a.ExternalID) }

// isOf reports whether an account is the one of the entry. Its login, which we invented, isn't enough: it must also be
// marked, or have nothing but that login and be no older than this examination. Whatever else a look-up shows stays as
// it is.
func (e *examination) isOf(a account.Account, t *throwAway) bool {
	switch {
	case t.made && t.account.ID == a.ID:
		return true
	case !user.Login.Equal(t.login(), a.Values[user.Login].Text):
		return false
	case marked(a):
		return t.hazard == ""
	case t.old:
		return t.hazard != "" && bare(a)
	default:
		return bare(a) && !e.began.IsZero() && !a.CreatedAt.Before(e.began)
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
