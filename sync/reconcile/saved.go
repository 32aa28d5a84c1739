package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/spool"
	"cubesync/sync/state"
)

// recheckLot is how many sign-ups of a saved plan are looked up and judged at once. Look-ups idle at the end of each lot for
// as long as one takes.
const recheckLot = 10_000

// Approve carries out the plan of a held run as it was saved, and makes its read and configuration the baseline, even
// where the plan is empty; changed settings only where settled says so. What has moved since the plan was made is skipped, with the reason. A *NotApplicableError says
// why it can't be.
func (p *Pipeline) Approve(ctx context.Context, number int64, order Order) (*Result, error) {
	return p.withState(ctx, fmt.Sprintf("approve %d", number), func(store *state.Store) (*Result, error) {
		run, err := p.held(ctx, store, number)
		if err != nil {
			return nil, err
		}
		aside := spool.NewSignUps(p.StateDir)
		result, err := p.approve(ctx, store, run, aside, order)
		if err != nil {
			aside.Close()
			return nil, err
		}
		result.aside = aside
		return result, nil
	})
}

// approve carries out the plan of a held run.
func (p *Pipeline) approve(ctx context.Context, store *state.Store, run *state.Run, aside *spool.SignUps, order Order) (*Result, error) {
	file, err := StoredPlan(store, *run, aside)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notApplicable("the plan of run %d isn't kept any more: sync again", run.ID)
	}
	if err != nil {
		return nil, err
	}
	if why := p.unlike(&file.Header, run); why != "" {
		return nil, notApplicable("run %d can't be approved: %s: sync again", run.ID, why)
	}
	if at := file.Header.ExpiresAt; file.Plan.Count(plan.Release)+file.Plan.Count(plan.Delete) > 0 && time.Now().After(at) {
		return nil, notApplicable("the plan of run %d releases or deletes, and it expired at %s (plan_expires): sync again", run.ID, plan.Moment(at))
	}
	return p.carryOut(ctx, store, file, order, run.ID)
}

// Apply carries out a saved plan, as Approve does, but only where no guard would hold it by now: the file can be written
// by hand, so that what it says of its guards isn't relied on. It refuses one that guards hold, that has expired, that was made for
// another application, pipeline or configuration, or that a newer run has overtaken, with a *NotApplicableError.
func (p *Pipeline) Apply(ctx context.Context, file *plan.File, order Order) (*Result, error) {
	if why := p.unfit(&file.Header, time.Now()); why != "" {
		return nil, notApplicable("%s", why)
	}
	return p.withState(ctx, "apply", func(store *state.Store) (*Result, error) {
		runs, err := store.Runs(ctx, 0)
		if err != nil {
			return nil, err
		}
		if why := overtaken(&file.Header, runs); why != "" {
			return nil, notApplicable("%s: make the plan again", why)
		}
		return p.carryOut(ctx, store, file, order, 0)
	})
}

// withState does something with the state under the application's lock. command is what holds it, for whoever meets it.
func (p *Pipeline) withState(ctx context.Context, command string, do func(*state.Store) (*Result, error)) (*Result, error) {
	lock, err := state.Lock(p.StateDir, p.Identity.Endpoint, p.Identity.ApplicationID, command+" of pipeline "+p.Name)
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	store, err := state.Open(ctx, p.StateDir, p.Identity)
	if err != nil {
		return nil, err
	}
	defer func() { _ = store.Close() }() // what matters was committed before
	if p.Resets != nil {
		store.OweResets()
	}
	return do(store)
}

// carryOut is a run over a saved plan: it looks up the accounts concerned, skips what no longer fits them, and does the
// rest.
func (p *Pipeline) carryOut(ctx context.Context, store *state.Store, file *plan.File, order Order, approves int64) (*Result, error) {
	h := file.Header
	order.RetryRefused = h.RetryRefused
	r := p.newRun(store, order)
	r.saved, r.Plan, r.now, r.evidence, r.counts = true, file.Plan, h.MadeAt, h.Source.Evidence, h.CountsAsRead
	r.Run.Approves, r.Run.PlannedAt, r.Run.Reviewed = approves, h.MadeAt, h.Reviewed
	r.Run.Verdict = state.Verdict(h.Source)
	r.Run.Tally.Read = h.Counts.Read
	if approves != 0 {
		r.agreedTo = agreedTo(file, p.Policy.Leavers)
		r.shownLeavers = slices.ContainsFunc(h.Guards, plan.Trip.ShowsLeavers)
	}
	r.tallyPlan()
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	ctx, release := r.keepDeadline(ctx)
	defer release()
	permitted := r.readyAgain(ctx)
	h.Run, h.AfterRun, h.Guards = r.Run.ID, r.afterRun, r.Run.Trips
	r.Header = h
	return r.conclude(ctx, permitted)
}

// readyAgain does all that comes before the first write of a saved plan.
func (r *run) readyAgain(ctx context.Context) bool {
	ctx, release := untilStop(ctx, r.order.Stop)
	defer release()
	if !r.settle(ctx) {
		return false
	}
	found, left, err := r.lookAgain(ctx)
	if err != nil {
		return r.stop(ctx, err)
	}
	if err := r.remember(ctx); err != nil {
		return r.stop(ctx, err)
	}
	if r.partial() && r.baseline == nil {
		return r.stop(ctx, errors.New("the plan was made from what changed since another run, of which nothing is known here: sync again"))
	}
	if r.Run.Trips = r.guardAgain(); len(r.Run.Trips) > 0 { // judged as a person sees it: before anything is blocked
		r.Run.Status = state.Held
		return false
	}
	policy, err := r.policy(ctx)
	if err != nil {
		return r.stop(ctx, err)
	}
	r.Plan = left
	r.Plan.DropMade(policy.OwnerTag, found)
	r.Run.Tally.Unchanged = r.Plan.Unchanged
	r.Plan.Recheck(policy, found)
	if !r.agreed(ctx) {
		return false
	}
	if len(r.Run.Trips) > 0 {
		r.Run.Status = state.Held
		return false
	}
	return true
}

// lookAgain looks up what the plan concerns, and returns what there is of its operations, and the plan as it is left by what
// there is of the sign-ups that it doesn't hold. They are looked up and judged a lot at a time: after a try that was broken
// off, most of them are there.
func (r *run) lookAgain(ctx context.Context) (found []account.Account, left *plan.Plan, err error) {
	all, values := valuesOf(r.Plan.Concerned())
	if _, err := r.Plan.Revise(recheckLot, func(some *plan.Plan) error {
		n, _ := valuesOf(some.Concerned())
		all += n
		return nil
	}); err != nil || all == 0 {
		return nil, r.Plan, err
	}
	r.order.Progress.Phase("look up", all)
	if found, err = r.ask(ctx, values); err != nil {
		return nil, nil, err
	}
	left, err = r.Plan.Revise(recheckLot, func(some *plan.Plan) error {
		_, values := valuesOf(some.Concerned())
		there, err := r.ask(ctx, values)
		if err == nil {
			some.DropMade(r.Policy.OwnerTag, there)
			some.Recheck(r.Policy, there)
		}
		return err
	})
	return found, left, err
}

// remember reads from the state what a saved plan is judged by. The clock is set after the look-up, which told the
// service's time.
func (r *run) remember(ctx context.Context) (err error) {
	if err := r.tick(ctx); err != nil {
		return err
	}
	if r.baseline, err = r.store.Baseline(ctx); err != nil {
		return err
	}
	if r.confirmed, err = r.store.Confirmed(ctx); err != nil {
		return err
	}
	if r.unfinished, err = r.store.Rekeying(ctx); err != nil {
		return err
	}
	r.weekDeletes, err = r.store.WeekDeletes(ctx, time.Now())
	return err
}

// guardAgain judges a saved plan by what is known now. Of an approved one, only what nobody can approve counts.
func (r *run) guardAgain() []plan.Trip {
	trips := r.guard()
	if r.Run.Approves != 0 {
		trips = slices.DeleteFunc(trips, plan.Trip.Approvable)
	}
	return trips
}

// agreedTo is what a person who approves the held plan agrees to see become of those in grace. Only a guard that named
// them asked about them.
func agreedTo(file *plan.File, leavers plan.Leavers) map[string]plan.Leavers {
	if !slices.ContainsFunc(file.Header.Guards, plan.Trip.NamesLeavers) {
		return nil
	}
	agreed := map[string]plan.Leavers{}
	for _, leaver := range file.Plan.Leavers {
		if leaver.Reason == plan.InGrace {
			agreed[leaver.ExternalID] = leavers
		}
	}
	return agreed
}
