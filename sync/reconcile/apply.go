package reconcile

import (
	"context"
	"errors"

	"cubesync/sync/account"
	"cubesync/sync/apply"
	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// apply carries the plan out.
func (r *run) apply(ctx context.Context) {
	normalised, err := r.normalised(ctx)
	if err == nil {
		err = r.recallTroubled(ctx)
	}
	if err == nil {
		err = r.store.Rule(ctx, r.rules())
	}
	if err != nil {
		r.stop(ctx, err)
		r.notAttempted()
		return
	}
	secret := newPasswords(r)
	if r.Password == nil {
		if err := secret.readFirst(ctx); err != nil {
			r.stop(ctx, err)
			if _, unread := errors.AsType[*SourceError](err); unread {
				r.Run.Status = state.Incomplete // nothing was sent
			}
			r.notAttempted()
			return
		}
	}
	if n := r.Plan.Sent(); n > 0 {
		r.order.Progress.Phase("apply", n)
	}
	r.forecast = r.newForecaster()
	applier := &apply.Applier{
		Service: r.Service, Journal: r.store, Run: r.Run.ID, OwnerTag: r.Policy.OwnerTag, Workers: r.Workers, Width: r.Width,
		DeletesALook: r.deletesALook(),
		Password:     r.Password,
		Breaker:      r.Breaker,
		Troubled:     r.troubled,
		Canary:       r.order.Canary, Normalised: normalised,
		Checked: func(c state.Canary, different []state.Difference) { r.Run.Canary, r.Differences = &c, different },
		Spare:   r.spare,
		Observe: r.observe,
	}
	if r.Password == nil {
		applier.Password, applier.Prepare = secret.take, secret.prepare
	}
	if applier.Agree, err = r.agreeing(ctx); err != nil {
		r.stop(ctx, err)
		r.notAttempted()
		return
	}
	if err := applier.ApplyAll(ctx, r.order.Stop, r.Plan.All()); err != nil {
		r.stop(ctx, err)
		return
	}
	r.Run.Status = state.Applied
	r.setAvatars(ctx)
	r.sendResets(ctx)
}

// agreeing returns what says of somebody signed up that they agree from the start; nil where nobody may be given an agreement,
// because others have one that the plan's read knows nothing of.
func (r *run) agreeing(ctx context.Context) (func(*plan.Operation, *account.Account) plan.Agreement, error) {
	switch {
	case r.Plan.Count(plan.Create) == 0:
		return nil, nil
	case !r.saved:
		return r.policyNow.SignedUp, r.store.Disagree(ctx, r.rows)
	}
	others, err := r.store.Agreements(ctx)
	if err != nil || others.Len() > 0 {
		return nil, err
	}
	return r.policyNow.SignedUp, nil
}
