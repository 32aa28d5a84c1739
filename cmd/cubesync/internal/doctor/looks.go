package doctor

import (
	"context"
	"slices"
	"strconv"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

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

// isGone looks whether the account is, and writes it down.
func (e *examination) isGone(ctx context.Context, id int64) (bool, error) {
	found, err := e.key.Find(ctx, account.ByID, []string{strconv.FormatInt(id, 10)})
	if err != nil || len(found) > 0 {
		return false, err
	}
	for _, t := range e.accounts.all {
		if t.account.ID == id && (t.seen || t.asked) {
			t.gone = true
			return true, nil
		}
	}
	return false, nil
}

// appear waits until look-ups show a new account.
func (e *examination) appear(ctx context.Context, made account.Account) error {
	seen, err := e.await(ctx, e.settling(), func(ctx context.Context) (bool, error) {
		found, err := e.key.Find(ctx, account.ByID, []string{strconv.FormatInt(made.ID, 10)})
		return len(found) > 0, err
	})
	e.accounts.of(made).seen = seen
	return err
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
