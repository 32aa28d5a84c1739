package state

import (
	"context"
	"database/sql"
	"slices"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// park remembers what the accounts of parkings are about to give up. It is durable before any of them is sent, so that a
// run that is killed in the middle of a swap leaves nobody without: the next plan brings the swap to its end, or gives back.
func park(ctx context.Context, tx *sql.Tx, ops []plan.Operation) error {
	var known *book
	for i := range ops {
		op := &ops[i]
		if op.Step != plan.Park {
			continue
		}
		if known == nil {
			var err error
			if known, err = openBook(ctx, tx); err != nil {
				return err
			}
		}
		if err := known.update(ctx, op.ExternalID, func(e *entry) { e.park(op) }); err != nil {
			return err
		}
	}
	return nil
}

// park takes in what a parking is about to give up. What was given up before, and isn't given back yet, stays.
func (e *entry) park(op *plan.Operation) {
	if e.account.ID != op.AccountID {
		e.show(op.Was())
	}
	var gives plan.Parked
	if e.notes.Parked != nil {
		gives = *e.notes.Parked
	}
	gives.Waits, gives.Refused = false, nil
	for _, c := range op.Changes {
		switch c.Field {
		case user.Login:
			gives.Login = c.Before
		case user.Email:
			gives.Email = c.Before
		}
	}
	e.notes.Parked = &gives
}

// unpark forgets what the account gave up once it has something in its place, and reports whether that changed anything.
func (e *entry) unpark(now account.Account) (changed bool) {
	if e.notes.Parked == nil || e.notes.Parked.LackedBy(now) {
		return false
	}
	e.notes.Parked = nil
	return true
}

// mostRefused is how many refusals to take something back are remembered: there are no more ways to give it back.
const mostRefused = 4

// notTakenBack remembers that the service refused to give back what the account gave up, so that it isn't tried the same way
// a second time. What was given up stays known: it is tried in part, or again when a person says so.
func (e *entry) notTakenBack(o *Outcome) {
	if e.account.ID != o.Operation.AccountID {
		e.show(o.Operation.Was())
	}
	var gaveUp plan.Parked
	if e.notes.Parked != nil {
		gaveUp = *e.notes.Parked
	}
	refusal := plan.Refusal{Digest: o.Operation.Digest, Words: o.Words, Whatever: o.Whatever}
	all := slices.DeleteFunc(slices.Clone(gaveUp.Refused), func(r plan.Refusal) bool { return r.Digest == refusal.Digest })
	all = append(all, refusal)
	gaveUp.Refused = all[max(0, len(all)-mostRefused):]
	e.notes.Parked = &gaveUp
}

// stillLacks remembers that a run found the account without what it gave up, and left it so. It reports whether that is news.
func (e *entry) stillLacks(now account.Account) (changed bool) {
	if !e.notes.Parked.LackedBy(now) || e.notes.Parked != nil && e.notes.Parked.Waits {
		return false
	}
	var gaveUp plan.Parked
	if e.notes.Parked != nil {
		gaveUp = *e.notes.Parked
	}
	gaveUp.Waits = true
	e.notes.Parked = &gaveUp
	return true
}
