package doctor

import (
	"context"
	"slices"
	"strconv"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// tooLate is the reason of answers that nothing was found out for.
const tooLate = "look-ups lag too far behind writes to tell"

// settling is how long after a write a look-up must not have shown it for that to mean anything.
func (e *examination) settling() time.Duration {
	switch {
	case e.facts.Answer(ListAtOnce).Answer == Yes:
		return 2 * time.Second
	case e.facts.Lag > 0:
		return 2*e.facts.Lag + 2*time.Second
	default:
		return patience
	}
}

// await asks until it holds, for a while: lists may lag behind writes.
func (e *examination) await(ctx context.Context, most time.Duration, holds func(context.Context) (bool, error)) (bool, error) {
	began := time.Now()
	for pause := 250 * time.Millisecond; ; pause *= 2 {
		ok, err := holds(ctx)
		left := most - time.Since(began)
		if ok || err != nil || left <= 0 {
			return ok, err
		}
		if err := sleep(ctx, min(pause, left)); err != nil {
			return false, err
		}
	}
}

// presence is what a look-up says of an account.
type presence uint8

const (
	unseen presence = iota // never shown, which says nothing
	there
	gone // shown before, and not any more
)

// look looks where the account is, and writes it down.
func (e *examination) look(ctx context.Context, id int64) (presence, error) {
	found, err := e.key.Find(ctx, account.ByID, []string{strconv.FormatInt(id, 10)})
	t := e.accounts.of(account.Account{ID: id})
	switch {
	case err != nil:
		return unseen, err
	case len(found) > 0:
		t.seen = true
		return there, nil
	case t.seen:
		t.gone = true
		return gone, nil
	default:
		return unseen, nil
	}
}

// goes waits for the account to go.
func (e *examination) goes(ctx context.Context, id int64, most time.Duration) (at presence, err error) {
	_, err = e.await(ctx, most, func(ctx context.Context) (bool, error) {
		at, err = e.look(ctx, id)
		return at == gone, err
	})
	return at, err
}

// appear waits until look-ups show a new account.
func (e *examination) appear(ctx context.Context, made account.Account) error {
	seen, err := e.await(ctx, min(e.settling(), e.patience()), func(ctx context.Context) (bool, error) {
		found, err := e.key.Find(ctx, account.ByID, []string{strconv.FormatInt(made.ID, 10)})
		return len(found) > 0, err
	})
	e.accounts.of(made).seen = seen
	e.blind = e.blind || err == nil && !seen && e.settling() >= patience
	return err
}

// patience is how long a look-up has to show what was written.
func (e *examination) patience() time.Duration {
	if e.blind {
		return settles // it has been waited for in vain: nothing is learned from what isn't shown
	}
	return patience
}

// upToDate reports whether what a look-up doesn't show of the account means anything: look-ups don't lag too far, and
// have shown this account.
func (e *examination) upToDate(known account.Account) bool {
	return !e.blind && e.accounts.of(known).seen
}

// twin returns the account of exactly this user, if a look-up finds it in time.
func (e *examination) twin(ctx context.Context, u user.User) (found account.Account, err error) {
	_, err = e.await(ctx, e.settling(), func(ctx context.Context) (bool, error) {
		all, err := e.key.Find(ctx, account.ByLogin, []string{u.Values[user.Login].Text})
		i := slices.IndexFunc(all, func(a account.Account) bool { return a.ExternalID == u.ExternalID })
		if i >= 0 {
			found = all[i]
		}
		return i >= 0, err
	})
	return found, err
}
