package reconcile

import (
	"context"
	"slices"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// defaultExpiry is how long a saved plan may be carried out where the pipeline doesn't say.
const defaultExpiry = 24 * time.Hour

// Costs say what a pipeline's operations take beyond their own call.
type Costs struct {
	RateLimit    float64 // requests a second; 0: not known
	OwnerUpdates bool    // each update signs in as its user, and out again
	OwnerDeletes bool    // so does each delete
}

// describe fills in the header of the run's plan.
func (r *run) describe() {
	expiry := r.PlanExpires
	if expiry == 0 {
		expiry = defaultExpiry
	}
	evidence := r.Run.Verdict
	r.Header = plan.Header{
		Endpoint: r.Identity.Endpoint, ApplicationID: r.Identity.ApplicationID, Pipeline: r.Identity.Pipeline, OwnerTag: r.Identity.OwnerTag,
		MadeAt: r.now, ExpiresAt: r.now.Add(expiry), Run: r.Run.ID, AfterRun: r.afterRun,
		Source:  plan.Source{Completeness: evidence.Completeness, Reason: evidence.Reason, Evidence: evidence.Evidence},
		Columns: r.columns, LeftEmpty: r.hidden, Fields: r.fieldOwners(), Leavers: r.Policy.Leavers,
		AbsenceUnknown: r.unknown, CountsAsRead: r.counts,
		Config: r.Digest, Settings: r.Settings, Reviewed: r.Run.Reviewed, RetryRefused: r.order.RetryRefused,
		Watermark: newest(r.observed), Guards: r.Run.Trips, Calls: r.budget(),
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

func newest(accounts []account.Account) time.Time {
	var at time.Time
	for i := range accounts {
		if accounts[i].UpdatedAt.After(at) {
			at = accounts[i].UpdatedAt
		}
	}
	return at
}

// budget counts the calls of a plan: those that made it, and those that carry it out where none has to be repeated.
func (r *run) budget() plan.Calls {
	const listPage = lookupBatch - 1 // pages overlap by one
	calls := plan.Calls{List: 1 + len(r.observed)/listPage, LookUp: batches(r.lookups), Session: 1}
	updates := r.Plan.Count(plan.Update) + r.Plan.Count(plan.Adopt) + r.Plan.Count(plan.Release) + r.parkings()
	deletes := r.Plan.Count(plan.Delete)
	calls.Write = r.Plan.Count(plan.Create) + updates + deletes
	calls.LookUp += 2 * ((deletes + lookupBatch - 1) / lookupBatch) // before and after
	if r.Costs.OwnerUpdates {
		calls.Session += 2 * updates
	} else {
		calls.LookUp += updates // read again before it is written
	}
	if r.Costs.OwnerDeletes {
		calls.Session += 2 * deletes
	}
	if rate := r.Costs.RateLimit; rate > 0 {
		calls.Seconds = float64(calls.Sum()) / rate
	}
	return calls
}

// parkings counts the first steps of operations that are carried out in two.
func (r *run) parkings() int {
	n := 0
	for i := range r.Plan.Operations {
		if op := &r.Plan.Operations[i]; op.Step != "" && op.Blocked == "" {
			n++
		}
	}
	return n
}

func batches(l plan.Lookups) int {
	n := 0
	for _, values := range [][]string{l.IDs, l.ExternalIDs, l.Logins, l.Emails} {
		n += (len(values) + lookupBatch - 1) / lookupBatch
	}
	return n
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
