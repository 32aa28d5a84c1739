package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// permitted applies the guards, and asks before the first run that writes to a live service.
func (r *run) permitted(ctx context.Context) bool {
	r.Run.Trips = r.guard()
	if len(r.Run.Trips) == 0 && !r.agreed(ctx) {
		return false
	}
	if len(r.Run.Trips) > 0 {
		r.Run.Status = state.Held
		return false
	}
	return true
}

// agreed asks before the first run that writes to a live service. A no holds the run; false means that it can't go on.
func (r *run) agreed(ctx context.Context) bool {
	if r.order.Confirm == nil || r.confirmed || r.Plan.Writes() == 0 {
		return true
	}
	if !r.order.Confirm(r.Plan) {
		r.Run.Trips = append(r.Run.Trips, plan.Unconfirmed(r.Plan))
		return true
	}
	if err := r.store.Confirm(ctx); err != nil {
		return r.stop(ctx, err)
	}
	return true
}

// guard judges the plan.
func (r *run) guard() []plan.Trip {
	return plan.Guard(r.Plan, r.Guards, plan.Situation{
		Baseline: r.baseline, Settings: r.Settings, WeekDeletes: r.weekDeletes, SeveralMoments: r.Run.Verdict.SeveralMoments,
		Changes: r.partial(), Empty: r.Run.Verdict.Empty, Rekeying: r.unfinished,
	})
}

// reviewed recognises what a person sees of a run: the plan, the read behind it, and the configuration. Two plans
// without operations are not the same if they were made from different data.
func (r *run) reviewed() (string, error) {
	digest, err := r.Plan.Digest()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintln(sum, digest, r.Digest, r.Plan.Present(), r.Plan.Owned, len(r.Plan.Rejects), r.evidence.SHA256)
	return hex.EncodeToString(sum.Sum(nil)[:16]), nil
}
