package reconcile

import (
	"context"
	"slices"
	"time"

	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// defaultExpiry is how long a saved plan may be carried out where the pipeline doesn't say.
const defaultExpiry = 24 * time.Hour

// describe fills in the header of the run's plan.
func (r *run) describe() {
	expiry := r.PlanExpires
	if expiry == 0 {
		expiry = defaultExpiry
	}
	r.Header = plan.Header{
		Endpoint: r.Identity.Endpoint, ApplicationID: r.Identity.ApplicationID, Pipeline: r.Identity.Pipeline, OwnerTag: r.Identity.OwnerTag,
		MadeAt: r.now, ExpiresAt: r.now.Add(expiry), Run: r.Run.ID, AfterRun: r.afterRun,
		Source:  plan.Source(r.Run.Verdict),
		Columns: r.columns, LeftEmpty: r.hidden, Fields: r.fieldOwners(), Leavers: r.Policy.Leavers,
		AbsenceUnknown: r.unknown, CountsAsRead: r.counts,
		Config: r.Digest, Settings: r.Settings, Reviewed: r.Run.Reviewed, RetryRefused: r.order.RetryRefused,
		Watermark: r.mirrored.listing.Watermark, Guards: r.Run.Trips, Calls: r.budget(),
	}
	r.Header.Counts = r.Plan.Counts(r.Run.Tally.Read)
}

// fieldOwners says of each mapped field who owns it.
func (r *run) fieldOwners() map[user.Field]string {
	names := map[plan.Ownership]string{plan.OwnedBySource: "source", plan.OwnedAtCreate: "create", plan.OwnedIfEmpty: "if_empty"}
	owners := map[user.Field]string{}
	for _, field := range r.Mapper.Fields() {
		owners[field] = names[r.Policy.Owners[field]]
	}
	return owners
}

// keepPlan stores the run's plan before anything of it is carried out: it is what a person approves, and what explains
// the run afterwards.
func (r *run) keepPlan(ctx context.Context) bool {
	if r.Plan == nil {
		return true
	}
	if err := r.store.SavePlan(r.Run.ID, &plan.File{Header: r.Header, Plan: r.Plan}); err != nil {
		return r.stop(ctx, err)
	}
	return true
}

// leftEmpty names the columns whose cells are never kept: those with passwords, and all that aren't mapped, because
// nobody can tell by a name whether they hold any.
func (r *run) leftEmpty() []string {
	mapped := r.Mapper.Columns()
	var hidden []string
	for _, name := range r.columns {
		if slices.Contains(r.SecretColumns, name) || !slices.Contains(mapped, name) {
			hidden = append(hidden, name)
		}
	}
	return hidden
}

// afterWhich returns the newest run before this one, 0 where there is none.
func afterWhich(ctx context.Context, store *state.Store) (int64, error) {
	runs, err := store.Runs(ctx, 1)
	if err != nil || len(runs) == 0 {
		return 0, err
	}
	return runs[0].ID, nil
}
