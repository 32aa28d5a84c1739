package reconcile

import (
	"context"
	"fmt"

	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// permitted applies the guards, and asks before the first run that writes to a live service.
func (r *run) permitted() bool {
	if r.order.Approved != "" {
		if r.order.Approved == r.Run.PlanDigest {
			return true
		}
		r.Run.Trips = append(r.Run.Trips, plan.Trip{
			Guard: "approval", Saw: "a plan that isn't the approved one any more",
			Limit: "the approved plan only", Remedy: "the source or the accounts have changed; look at the new plan",
		})
	}
	r.Run.Trips = append(r.Run.Trips, r.guard()...)
	if len(r.Run.Trips) == 0 && r.baseline == nil && r.Plan.Sent() > 0 && r.order.Confirm != nil && !r.order.Confirm(r.Plan) {
		r.Run.Trips = append(r.Run.Trips, plan.Trip{
			Guard: "first_run", Saw: fmt.Sprintf("%d operations in the first run against a live service", r.Plan.Sent()),
			Limit: "none unconfirmed", Remedy: "run it on a terminal and say yes, or with --yes",
		})
	}
	if len(r.Run.Trips) > 0 {
		r.Run.Status = state.Held
		return false
	}
	return true
}

// guard judges the plan.
func (r *run) guard() []plan.Trip {
	return plan.Guard(r.Plan, r.Guards, plan.Situation{Baseline: r.baseline, Settings: r.Settings, WeekDeletes: r.weekDeletes})
}

// HeldPlan returns the digest of the plan that a held run showed, for Order.Approved. Only the pipeline's newest run
// can be approved: a newer one has looked at newer data.
func (p *Pipeline) HeldPlan(ctx context.Context, number int64) (string, error) {
	store, err := state.Peek(ctx, p.StateDir, p.Identity)
	if err != nil {
		return "", err
	}
	defer func() { _ = store.Close() }() // what matters was committed before
	newest, err := store.Runs(ctx, 1)
	switch {
	case err != nil:
		return "", err
	case len(newest) == 0:
		return "", fmt.Errorf("pipeline %s has no runs yet", p.Name)
	case newest[0].ID != number:
		return "", fmt.Errorf("the newest run of pipeline %s is %d: only that one can be approved", p.Name, newest[0].ID)
	case newest[0].Status != state.Held:
		return "", fmt.Errorf("run %d isn't held: it ended as %s", number, newest[0].Status)
	case !newest[0].Approvable():
		return "", fmt.Errorf("run %d saw a source without any record, which can't be approved: check the export", number)
	}
	return newest[0].PlanDigest, nil
}
