package reconcile

import (
	"context"
	"maps"
	"slices"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/apply"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/state"
)

// Rekeying is what it takes to change external IDs.
type Rekeying struct {
	// Service updates with the authority that external IDs are changed with; nil where there is none.
	Service account.Service
	// Password returns the password that belongs to an external ID; nil where passwords don't depend on it.
	Password func(externalID string) (string, error)
	// MayHave tells the services that the user of either external ID may have the password of the other: it was being
	// changed, and nobody knows how that ended. It is called before anything is sent.
	MayHave func(one, other string)
}

// rekeying tells the services whose password may be another's.
func (r *run) rekeying(ctx context.Context) (map[string]string, error) {
	pairs, err := r.store.Rekeying(ctx)
	if err != nil || r.Rekeying.MayHave == nil {
		return pairs, err
	}
	for _, now := range slices.Sorted(maps.Keys(pairs)) {
		r.Rekeying.MayHave(pairs[now], now)
	}
	return pairs, nil
}

// Rekey gives accounts other external IDs, as wanted says, and all that is known of them goes with it. What is to be done
// is shown to order.Confirm first; after a no it is held, and no run is begun that could be approved. It reads no source and
// makes no baseline. A *NotApplicableError says that nobody has the right to it.
func (p *Pipeline) Rekey(ctx context.Context, name string, wanted []plan.Rename, order Order) (*Result, error) {
	if p.Rekeying.Service == nil {
		return nil, notApplicable("nobody has the right to change external IDs: that takes passwords: {derive: …}, which go with them, or updates: shared with passwords: {random: true} or {column: …}")
	}
	return p.withState(ctx, "rekey", func(store *state.Store) (*Result, error) {
		r := p.newRun(store, order)
		r.Run.Rekey, r.Run.Tally.Read = true, len(wanted)
		r.Run.Verdict = state.Verdict{Completeness: record.Proven.String(), Evidence: record.Evidence{Name: name}}
		planned := r.planRekey(ctx, wanted)
		if planned && order.Confirm != nil && r.Plan.Sent() > 0 && !order.Confirm(r.Plan) {
			r.Run.Status, r.Run.Trips = state.Held, []plan.Trip{plan.UnconfirmedRekey(r.Plan)}
			r.describe()
			r.notAttempted()
			return r.result()
		}
		if err := r.begin(ctx); err != nil {
			return nil, err
		}
		if r.Plan != nil {
			r.describe()
		}
		if r.keepPlan(ctx) && planned {
			r.rekey(ctx)
		} else {
			r.notAttempted()
		}
		if err := r.sortOutcomes(); err != nil {
			return nil, err
		}
		r.Run.EndedAt = time.Now().UTC()
		if err := r.store.Finish(context.WithoutCancel(ctx), r.Run, nil, r.KeepRuns); err != nil {
			return nil, err
		}
		return r.result()
	})
}

// planRekey settles what earlier runs left open, lists, looks up and plans.
func (r *run) planRekey(ctx context.Context, wanted []plan.Rename) bool {
	ctx, release := untilStop(ctx, r.order.Stop)
	defer release()
	if !r.settle(ctx) {
		return false
	}
	if err := r.list(ctx); err != nil {
		return r.stop(ctx, err)
	}
	remembered, observed, err := r.recollect(ctx, r.mirrored.all())
	if err != nil {
		return r.stop(ctx, err)
	}
	if _, err := r.recall(ctx); err != nil {
		return r.stop(ctx, err)
	}
	policy, err := r.policy(ctx)
	if err != nil {
		return r.stop(ctx, err)
	}
	names := make([]string, len(wanted))
	for i := range wanted {
		names[i] = wanted[i].New
	}
	total, values := valuesOf(plan.Lookups{ExternalIDs: names})
	found, err := r.lookUp(ctx, total, values)
	if err != nil {
		return r.stop(ctx, err)
	}
	r.Plan = plan.Rekey(plan.Renames{Wanted: wanted, Observed: observed, Found: found, Known: slices.Collect(known(remembered)), Policy: policy})
	r.tallyPlan()
	return true
}

// rekey carries the plan out. Before anything is sent it is remembered which passwords are in question.
func (r *run) rekey(ctx context.Context) {
	pairs, err := r.rekeying(ctx)
	if err != nil {
		r.stop(ctx, err)
		r.notAttempted()
		return
	}
	if pairs == nil {
		pairs = map[string]string{}
	}
	inDoubt := maps.Clone(pairs) // since earlier runs: that this one sends nothing settles none of them
	for i := range r.Plan.Operations {
		op := &r.Plan.Operations[i]
		pairs[op.ExternalID] = *op.ExternalIDBefore
		if r.Rekeying.MayHave != nil {
			r.Rekeying.MayHave(*op.ExternalIDBefore, op.ExternalID)
		}
	}
	if err := r.store.SetRekeying(ctx, pairs); err != nil {
		r.stop(ctx, err)
		r.notAttempted()
		return
	}
	r.order.Progress.Phase("rekey", r.Plan.Sent())
	applier := &apply.Applier{
		Service: r.Rekeying.Service, Journal: r.store, Run: r.Run.ID, OwnerTag: r.Policy.OwnerTag, Workers: r.Workers, Width: r.Width,
		Password: r.Rekeying.Password,
		Spare:    r.spare,
		Observe: func(outcome state.Outcome) {
			who, end := outcome.Operation.ExternalID, outcome.Ending
			_, before := inDoubt[who]
			if end == state.DoneApplied || end == state.DoneSkipped && !before { // what wasn't attempted is still to be done
				delete(pairs, who)
			}
			r.observe(outcome)
		},
	}
	if err := applier.Apply(ctx, r.order.Stop, r.Plan.Operations); err != nil {
		r.stop(ctx, err)
	} else {
		r.Run.Status = state.Applied
	}
	if err := r.store.SetRekeying(context.WithoutCancel(ctx), pairs); err != nil {
		r.stop(ctx, err)
	}
}
