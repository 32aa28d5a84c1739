package doctor

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"cubesync/sync/account"
)

// settles is how long an account whose sign-up is in doubt must not be seen before it isn't waited for any longer. The
// service may still make it later: it is named among those that may be there.
const settles = 4 * time.Second

// leftovers removes the accounts of a doctor that was killed.
func (e *examination) leftovers(ctx context.Context) error {
	err := e.key.List(ctx, Tag, func(a account.Account) error {
		if strings.HasPrefix(a.ExternalID, prefix) {
			e.accounts.of(a).old = true
		}
		return nil
	})
	if err != nil && !refused(err) { // a list that is refused is a finding of its own
		return err
	}
	e.sweep(ctx)
	for _, t := range e.accounts.all {
		if t.gone {
			e.facts.Removed++
		}
	}
	return ctx.Err()
}

// tidy removes every throw-away account, and names those that may still be there.
func (e *examination) tidy(ctx context.Context) {
	e.sweep(ctx)
	for _, t := range e.accounts.all {
		if !t.gone {
			e.facts.Left = append(e.facts.Left, t.login())
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
			e.removeAll(ctx, pending, found)
			e.note(pending, found, time.Since(began))
		}
		if sleep(ctx, min(pause, 4*time.Second)) != nil {
			return
		}
	}
}

// find looks for accounts by their ids and by their logins, of which more than one account may be made where the
// service doesn't keep them unique.
func (e *examination) find(ctx context.Context, wanted []*throwAway) ([]account.Account, error) {
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
	return append(found, byLogin...), err
}

// note writes down who is gone: who was seen, or deleted, and isn't shown any more. Who never was seen is waited for.
func (e *examination) note(pending []*throwAway, found []account.Account, waited time.Duration) {
	for _, t := range pending {
		there := slices.ContainsFunc(found, func(a account.Account) bool { return a.ID == t.account.ID })
		t.seen = t.seen || there
		settled := waited >= max(settles, e.settling())
		switch {
		case !there && (t.seen || t.refused || settled && t.asked):
			t.gone = true
		case settled && (!there || waited >= patience):
			t.stuck = true
		}
	}
}

// removeAll deletes the accounts that were found or are known, each as the first who may.
func (e *examination) removeAll(ctx context.Context, pending []*throwAway, found []account.Account) {
	for _, a := range found {
		if t := e.accounts.of(a); !slices.Contains(pending, t) {
			pending = append(pending, t)
		}
	}
	for _, t := range pending {
		if t.account.ID != 0 && !t.asked && !t.gone {
			t.asked = e.remove(ctx, t.account)
		}
	}
}

// remove asks for the account's deletion, and reports whether somebody's request was taken.
func (e *examination) remove(ctx context.Context, a account.Account) bool {
	for _, as := range e.removers() {
		if as.Delete(ctx, a) == nil {
			return true
		}
	}
	return false
}

// removers are those who may be able to delete: owners always, as documented.
func (e *examination) removers() []account.Service {
	all := []account.Service{e.owner}
	if e.AdminKey {
		all = append(all, e.admin)
	}
	if e.ServiceUser {
		all = append(all, e.shared)
	}
	return all
}
