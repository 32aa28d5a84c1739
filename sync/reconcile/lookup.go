package reconcile

import (
	"cmp"
	"context"
	"iter"
	"sync"

	"golang.org/x/sync/errgroup"

	"cubesync/sync/account"
	"cubesync/sync/plan"
)

// asked is a value that ConnectyCube is asked about.
type asked struct {
	key   account.Key
	value string
}

// lookUp asks ConnectyCube about values, of which there are as many as said, and counts the calls. Each call carries as
// many values of a kind as fit.
func (r *run) lookUp(ctx context.Context, total int, values iter.Seq2[asked, error]) ([]account.Account, error) {
	if total == 0 {
		return nil, nil
	}
	r.order.Progress.Phase("look up", total)
	return r.ask(ctx, values)
}

// ask is lookUp within its phase.
func (r *run) ask(ctx context.Context, values iter.Seq2[asked, error]) ([]account.Account, error) {
	var found []account.Account
	var mu sync.Mutex
	before := ctx
	group, ctx := errgroup.WithContext(ctx)
	crew := account.NewCrew(r.Workers, r.Width)
	ask := func(key account.Key, values []string) (left []string) {
		fit := len(values)
		if r.Fits != nil {
			fit = r.Fits(key, values)
		}
		batch, left := values[:fit], values[fit:]
		if !crew.Enter(ctx.Done()) {
			return left // a call that failed, for one
		}
		r.lookups++
		group.Go(func() error {
			defer crew.Leave()
			accounts, err := r.Service.Find(ctx, key, batch)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			found = append(found, accounts...)
			r.order.Progress.Step(len(batch))
			return nil
		})
		return left
	}
	gathered := map[account.Key][]string{}
	for one, err := range values {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, cmp.Or(group.Wait(), err)
		}
		gathered[one.key] = append(gathered[one.key], one.value)
		if batch := gathered[one.key]; len(batch) == lookupBatch {
			gathered[one.key] = ask(one.key, batch)
		}
	}
	for _, key := range []account.Key{account.ByID, account.ByExternalID, account.ByLogin, account.ByEmail} {
		for left := gathered[key]; len(left) > 0; {
			left = ask(key, left)
		}
	}
	return found, cmp.Or(group.Wait(), before.Err())
}

// valuesOf yields what look-ups ask about, and returns how many there are.
func valuesOf(l plan.Lookups) (int, iter.Seq2[asked, error]) {
	looks := []struct {
		key    account.Key
		values []string
	}{
		{account.ByID, l.IDs},
		{account.ByExternalID, l.ExternalIDs},
		{account.ByLogin, l.Logins},
		{account.ByEmail, l.Emails},
	}
	total := 0
	for _, look := range looks {
		total += len(look.values)
	}
	return total, func(yield func(asked, error) bool) {
		for _, look := range looks {
			for _, value := range look.values {
				if !yield(asked{look.key, value}, nil) {
					return
				}
			}
		}
	}
}
