package state

import (
	"context"
	"database/sql"

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
		e.show(op.Account)
	}
	var gives plan.Parked
	if e.notes.Parked != nil {
		gives = *e.notes.Parked
	}
	gives.Refusal = nil
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

// notTakenBack remembers that the service refused to give back what the account gave up. It isn't tried a second time.
func (e *entry) notTakenBack(o *Outcome) {
	e.notes.Parked = &plan.Parked{Refusal: &plan.Refusal{Digest: o.Operation.Digest, Words: o.Words}}
}
