package doctor

import (
	"context"
	"slices"
	"strconv"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// settles is how long an account whose sign-up is in doubt must not be seen before it isn't waited for any longer. The
// service may still make it later: it is named among those that may be there.
const settles = 4 * time.Second

// leftovers removes the accounts of a doctor that was killed. One that is at work has made its own a moment ago: those
// are looked at again at the end.
func (e *examination) leftovers(ctx context.Context) error {
	e.began = e.key.Clock().Truncate(time.Second) // created_at is in whole seconds
	young := e.began.Add(-longest - tidyTime)
	err := e.key.List(ctx, Tag, func(a account.Account) error {
		switch {
		case !left(a):
		case !e.began.IsZero() && a.CreatedAt.After(young):
			e.strays = append(e.strays, a)
		default:
			e.accounts.inherit(a, "")
		}
		return nil
	})
	if err != nil && !refused(err) { // a list that is refused is a finding of its own
		return err
	}
	if err := e.oldFlies(ctx); err != nil && !refused(err) {
		return err
	}
	e.sweep(ctx)
	return ctx.Err()
}

// removeStrays removes what a doctor left behind that was killed a moment ago. One that is at work has signed somebody up
// meanwhile, changed or removed them: then its accounts are its own business.
func (e *examination) removeStrays(ctx context.Context) error {
	if len(e.strays) == 0 {
		return nil
	}
	mine := func(a account.Account) bool {
		return slices.ContainsFunc(e.accounts.all, func(t *throwAway) bool { return user.Login.Equal(t.login(), a.Values[user.Login].Text) })
	}
	var now []account.Account
	err := e.key.List(ctx, Tag, func(a account.Account) error {
		if left(a) && !mine(a) {
			now = append(now, a)
		}
		return nil
	})
	if err != nil {
		return err
	}
	e.facts.Others = !slices.EqualFunc(now, e.strays, func(a, b account.Account) bool {
		return a.ID == b.ID && a.UpdatedAt.Equal(b.UpdatedAt) && a.Values == b.Values && a.ExternalID == b.ExternalID
	})
	if e.facts.Others {
		return nil
	}
	for _, a := range now {
		e.accounts.inherit(a, "")
	}
	e.sweep(ctx)
	return ctx.Err()
}

// tidy removes every throw-away account, counts those of others, and names those that may still be there.
func (e *examination) tidy(ctx context.Context) {
	for _, t := range e.accounts.all {
		if t.hazard != "" && !t.old && e.facts.Answer(t.hazard).Answer == No {
			t.gone = true // nobody is made that way
		}
	}
	e.sweep(ctx)
	for _, t := range e.accounts.all {
		if !t.old && t.account.ID != 0 {
			e.facts.Made++
		}
		switch {
		case !t.gone:
			e.facts.Left = append(e.facts.Left, t.login())
		case t.old:
			e.facts.Removed++
		}
	}
	slices.Sort(e.facts.Left)
	e.facts.Left = slices.Compact(e.facts.Left)
}

// sweep removes the accounts that are there, and looks until they are gone: a list may lag, and a sign-up in doubt may
// be carried out late.
func (e *examination) sweep(ctx context.Context) {
	began := time.Now()
	for pause := 250 * time.Millisecond; ; pause *= 2 {
		pending := slices.DeleteFunc(slices.Clone(e.accounts.all), func(t *throwAway) bool { return t.gone || t.stuck })
		if len(pending) == 0 {
			return
		}
		if found, err := e.find(ctx, pending); err == nil {
			e.removeAll(ctx, pending)
			e.note(pending, found, time.Since(began))
		}
		if sleep(ctx, min(pause, 4*time.Second)) != nil {
			return
		}
	}
}

// find looks for accounts by their ids and by their logins, of which more than one account may be made where the
// service doesn't keep them unique, and writes down whose accounts they are.
func (e *examination) find(ctx context.Context, wanted []*throwAway) (there map[int64]bool, err error) {
	var ids, logins []string
	for _, t := range wanted {
		if t.account.ID != 0 {
			ids = append(ids, strconv.FormatInt(t.account.ID, 10))
		}
		if t.doubt {
			logins = append(logins, t.login())
		}
	}
	found, err := e.key.Find(ctx, account.ByID, ids)
	if err != nil {
		return nil, err
	}
	byLogin, err := e.key.Find(ctx, account.ByLogin, logins)
	there = map[int64]bool{}
	for _, a := range append(found, byLogin...) {
		there[a.ID] = true
		e.claim(a)
	}
	return there, err
}

// claim gives an account that was found to the entry that it can only be of. Whoever is of none is a stranger.
func (e *examination) claim(a account.Account) {
	for _, t := range e.accounts.all {
		if t.account.ID == a.ID {
			if !t.made {
				t.account = a
			}
			return
		}
	}
	for _, t := range e.accounts.all {
		if t.doubt && t.account.ID == 0 && e.isOf(a, t) {
			t.account = a
			return
		}
	}
	for _, t := range e.accounts.all { // one of its login is known already: this is a second
		if t.doubt && e.isOf(a, t) {
			e.accounts.all = append(e.accounts.all, &throwAway{user: t.user, account: a, hazard: t.hazard, seen: true})
			return
		}
	}
}

// note writes down who is gone: who was seen, or deleted, and isn't shown any more. Who never was seen is waited for. A
// sign-in in doubt may make a user for as long as the service likes.
func (e *examination) note(pending []*throwAway, shown map[int64]bool, waited time.Duration) {
	for _, t := range pending {
		there := shown[t.account.ID]
		t.seen = t.seen || there
		settled := waited >= max(settles, e.settling())
		switch {
		case !there && t.hazard != "" && t.doubt:
			t.stuck = settled
		case !there && t.refused:
			t.gone = time.Since(t.doubted) >= patience
		case !there && (t.seen || settled && t.asked):
			t.gone = true
		case settled && (!there || waited >= patience):
			t.stuck = true
		}
	}
}

// removeAll deletes the accounts that are known, each as the first who may.
func (e *examination) removeAll(ctx context.Context, pending []*throwAway) {
	for _, t := range pending {
		if t.account.ID != 0 && !t.asked && !t.gone && e.isOf(t.account, t) {
			t.asked = e.remove(ctx, t)
		}
	}
}

// remove asks for the account's deletion, and reports whether somebody's request was taken.
func (e *examination) remove(ctx context.Context, t *throwAway) bool {
	for _, as := range e.removers(t) {
		if as.Delete(ctx, t.account) == nil {
			return true
		}
	}
	return false
}

// removers are those who may be able to delete: owners always, as documented. Of a user whom another doctor's sign-in
// made, only that our password opens it shows whose it is.
func (e *examination) removers(t *throwAway) []account.Service {
	var all []account.Service
	if !e.Identity { // which would sign somebody else in
		all = append(all, e.owner(t))
	}
	if t.old && t.hazard != "" {
		return all
	}
	if e.AdminKey {
		all = append(all, e.admin)
	}
	if e.ServiceUser {
		all = append(all, e.shared)
	}
	return all
}
