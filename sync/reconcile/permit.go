package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// permitted applies the guards, and asks before the first run that writes to a live service.
func (r *run) permitted(ctx context.Context) bool {
	approved := r.order.Approved != nil && r.order.Approved.Reviewed == r.Run.Reviewed
	if !approved {
		if r.order.Approved != nil {
			r.hold("approval", "a plan that isn't the approved one any more", "the approved plan only",
				"the source or the accounts have changed since; look at the new plan")
		}
		r.Run.Trips = append(r.Run.Trips, r.guard()...)
	}
	if len(r.Run.Trips) == 0 && r.order.Confirm != nil && !r.confirmed && r.Plan.Sent() > 0 {
		if !approved && !r.order.Confirm(r.Plan) {
			r.hold("first_run", fmt.Sprintf("%s operations in the first run that writes to a live application", plan.Number(r.Plan.Sent())),
				"none unconfirmed", "answer yes on a terminal, or run it with --yes")
		} else if err := r.store.Confirm(ctx); err != nil {
			return r.stop(ctx, err)
		}
	}
	if len(r.Run.Trips) > 0 {
		r.Run.Status = state.Held
		return false
	}
	return true
}

func (r *run) hold(guard, saw, limit, remedy string) {
	r.Run.Trips = append(r.Run.Trips, plan.Trip{Guard: guard, Saw: saw, Limit: limit, Remedy: remedy})
}

// guard judges the plan.
func (r *run) guard() []plan.Trip {
	return plan.Guard(r.Plan, r.Guards, plan.Situation{Baseline: r.baseline, Settings: r.Settings, WeekDeletes: r.weekDeletes})
}

// reviewed recognises what a person sees of a run: the plan, the read behind it, and the configuration. Two plans
// without operations are not the same if they were made from different data.
func (r *run) reviewed() string {
	sum := sha256.New()
	fmt.Fprintln(sum, r.Plan.Digest(), r.Digest, r.Plan.Present(), r.Plan.Owned, len(r.Plan.Rejects), r.evidence.SHA256)
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// Held returns a held run that a person may approve, for Order.Approved. A newer run supersedes it, unless it was held
// over the same plan. A *NotApprovableError says why it can't be.
func (p *Pipeline) Held(ctx context.Context, number int64) (*state.Run, error) {
	if err := state.Probe(p.StateDir, p.Identity.Endpoint, p.Identity.ApplicationID); err != nil {
		return nil, err
	}
	store, err := state.Peek(ctx, p.StateDir, p.Identity)
	if err != nil {
		return nil, err
	}
	defer func() { _ = store.Close() }() // it was only read
	runs, err := store.Runs(ctx, 0)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(runs, func(r state.Run) bool { return r.ID == number })
	if i < 0 {
		return nil, notApprovable("pipeline %s has no run %d", p.Name, number)
	}
	run := &runs[i]
	switch {
	case run.Status != state.Held:
		return nil, notApprovable("run %d isn't held: it ended as %s", number, run.Status)
	case !run.Approvable():
		return nil, notApprovable("run %d saw a source without any record, which can't be approved: check the export", number)
	case run.Config != p.Digest:
		return nil, notApprovable("run %d was made with another configuration than this one: name the right one with --config, or sync again", number)
	}
	for _, newer := range runs[:i] {
		if newer.Status != state.Held {
			return nil, notApprovable("run %d can't be approved: run %d came after it and ended as %s", number, newer.ID, newer.Status)
		}
		if newer.Reviewed != run.Reviewed {
			return nil, notApprovable("run %d can't be approved: run %d came after it and is held over another plan", number, newer.ID)
		}
	}
	return run, nil
}

// NotApprovableError is a run that nobody can approve.
type NotApprovableError struct{ why string }

func (e *NotApprovableError) Error() string { return e.why }

func notApprovable(format string, args ...any) error {
	return &NotApprovableError{fmt.Sprintf(format, args...)}
}
