package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/state"
)

// NotApplicableError is a saved plan, or a held run, that can't be carried out, and why.
type NotApplicableError struct{ why string }

func (e *NotApplicableError) Error() string { return e.why }

func notApplicable(format string, args ...any) error {
	return &NotApplicableError{fmt.Sprintf(format, args...)}
}

// Held returns a held run that a person may approve. A newer run supersedes it, unless it was over the same plan and
// didn't carry it out. A *NotApplicableError says why it can't be.
func (p *Pipeline) Held(ctx context.Context, number int64) (*state.Run, error) {
	store, err := state.Peek(ctx, p.StateDir, p.Identity)
	if err != nil {
		return nil, err
	}
	defer func() { _ = store.Close() }() // it was only read
	return p.held(ctx, store, number)
}

func (p *Pipeline) held(ctx context.Context, store *state.Store, number int64) (*state.Run, error) {
	runs, err := store.Runs(ctx, 0)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(runs, func(r state.Run) bool { return r.ID == number })
	if i < 0 {
		return nil, notApplicable("pipeline %s has no run %d", p.Name, number)
	}
	run := &runs[i]
	switch {
	case run.Status != state.Held:
		return nil, notApplicable("run %d isn't held: it ended as %s", number, run.Status)
	case !run.Approvable():
		return nil, notApplicable("run %d saw a source without any record, which can't be approved: check the export", number)
	case !Approvable(*run):
		return nil, notApplicable("run %d held the plan of a file by guard %s: such a plan isn't approved, sync again", number, run.Trips[0].Guard)
	case run.Config != p.Digest:
		return nil, notApplicable("run %d was made with another configuration than this one: name the right one with --config, or sync again", number)
	}
	if newer := superseding(runs[:i], run.Reviewed); newer != "" {
		return nil, notApplicable("run %d can't be approved: %s", number, newer)
	}
	return run, nil
}

// superseding says which of the newer runs, newest first, knows more than a plan that was reviewed before them; "" where
// none does, because all of them made the same plan and none carried it out.
func superseding(newer []state.Run, reviewed string) string {
	for _, run := range newer {
		switch {
		case run.Status == state.Applied || run.Reviewed == "":
			return fmt.Sprintf("run %d came after it and ended as %s", run.ID, run.Status)
		case run.Reviewed != reviewed && run.Status == state.Held:
			return fmt.Sprintf("run %d came after it and is held over another plan", run.ID)
		case run.Reviewed != reviewed:
			return fmt.Sprintf("run %d came after it and made another plan", run.ID)
		}
	}
	return ""
}

// Approve carries out the plan of a held run as it was saved, and makes its read and configuration the baseline, even
// where the plan is empty. What has moved since the plan was made is skipped, with the reason. A *NotApplicableError says
// why it can't be.
func (p *Pipeline) Approve(ctx context.Context, number int64, order Order) (*Result, error) {
	return p.withState(ctx, func(store *state.Store) (*Result, error) {
		run, err := p.held(ctx, store, number)
		if err != nil {
			return nil, err
		}
		file, err := StoredPlan(store, *run)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, notApplicable("the plan of run %d isn't kept any more: sync again", number)
		}
		if err != nil {
			return nil, err
		}
		if why := p.unlike(&file.Header, run); why != "" {
			return nil, notApplicable("run %d can't be approved: %s: sync again", number, why)
		}
		if at := file.Header.ExpiresAt; file.Plan.Count(plan.Release)+file.Plan.Count(plan.Delete) > 0 && time.Now().After(at) {
			return nil, notApplicable("the plan of run %d releases or deletes, and it expired at %s (plan_expires): sync again", number, at.Format(time.RFC3339))
		}
		return p.carryOut(ctx, store, file, order, number)
	})
}

// unlike says why what is kept as the plan of a run isn't what a person saw of it; "" if it is.
func (p *Pipeline) unlike(h *plan.Header, run *state.Run) string {
	id := p.Identity
	switch {
	case h.Redacted || h.Run != run.ID || h.Reviewed != run.Reviewed:
		return "the plan that is kept under its number is another one"
	case h.Endpoint != id.Endpoint || h.ApplicationID != id.ApplicationID || h.Pipeline != id.Pipeline || h.OwnerTag != id.OwnerTag:
		return "the plan that is kept under its number belongs to another application, pipeline or owner tag"
	}
	return ""
}

// Apply carries out a saved plan, as Approve does, but only where no guard would hold it by now: the file can be written
// by hand, so that what it says of its guards isn't relied on. It refuses one that guards hold, that has expired, that was made for
// another application, pipeline or configuration, or that a newer run has overtaken, with a *NotApplicableError.
func (p *Pipeline) Apply(ctx context.Context, file *plan.File, order Order) (*Result, error) {
	if why := p.unfit(&file.Header, time.Now()); why != "" {
		return nil, notApplicable("%s", why)
	}
	return p.withState(ctx, func(store *state.Store) (*Result, error) {
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

// unfit says why the pipeline can't carry the plan out, "" if it can.
func (p *Pipeline) unfit(h *plan.Header, now time.Time) string {
	id := p.Identity
	switch {
	case h.Redacted:
		return "the plan is a redacted view, made for sharing: its values are gone; apply the plan that it was made from"
	case h.Endpoint != id.Endpoint || h.ApplicationID != id.ApplicationID:
		return fmt.Sprintf("the plan belongs to application %s at %s, and the configuration to application %s at %s", h.ApplicationID, h.Endpoint, id.ApplicationID, id.Endpoint)
	case h.Pipeline != id.Pipeline || h.OwnerTag != id.OwnerTag:
		return fmt.Sprintf("the plan belongs to pipeline %s with owner tag %q, not to pipeline %s with owner tag %q", h.Pipeline, h.OwnerTag, id.Pipeline, id.OwnerTag)
	case h.Source.Completeness != record.Plausible.String() && h.Source.Completeness != record.Proven.String():
		return fmt.Sprintf("the plan was made from a source that was read %s: nothing may be written by it", h.Source.Completeness)
	case h.Config != p.Digest:
		return "the configuration has changed since the plan was made: make the plan again"
	case now.After(h.ExpiresAt):
		return fmt.Sprintf("the plan expired at %s (plan_expires): make the plan again", h.ExpiresAt.Format(time.RFC3339))
	case len(h.Guards) > 0 && h.Run != 0:
		return fmt.Sprintf("the plan is held by guard %s: if it is right, cubesync approve %d --pipeline %s", h.Guards[0].Guard, h.Run, h.Pipeline)
	case len(h.Guards) > 0:
		return fmt.Sprintf("the plan is held by guard %s (%s): `cubesync sync` holds it under a number, which `cubesync approve` takes", h.Guards[0].Guard, h.Guards[0].Saw)
	}
	return ""
}

// overtaken says which run knows more than a plan; "" where none does. Among runs, newest first, the state must still
// have the one that came before the plan.
func overtaken(h *plan.Header, runs []state.Run) string {
	if h.AfterRun > 0 && (len(runs) == 0 || runs[0].ID < h.AfterRun) {
		return fmt.Sprintf("the plan was made after run %d, which the state doesn't know", h.AfterRun)
	}
	i := slices.IndexFunc(runs, func(r state.Run) bool { return r.ID <= h.AfterRun && !r.StartedAt.After(h.MadeAt) })
	if i < 0 {
		i = len(runs)
	}
	if newer := superseding(runs[:i], h.Reviewed); newer != "" {
		return "the plan is overtaken: " + newer
	}
	return ""
}

// withState does something with the state under the application's lock.
func (p *Pipeline) withState(ctx context.Context, do func(*state.Store) (*Result, error)) (*Result, error) {
	lock, err := state.Lock(p.StateDir, p.Identity.Endpoint, p.Identity.ApplicationID, p.Name)
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	store, err := state.Open(ctx, p.StateDir, p.Identity)
	if err != nil {
		return nil, err
	}
	defer func() { _ = store.Close() }() // what matters was committed before
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
	r.Run.Verdict = state.Verdict{Completeness: h.Source.Completeness, Reason: h.Source.Reason, Evidence: h.Source.Evidence}
	r.Run.Tally.Read = h.Counts.Read
	if approves != 0 {
		r.agreedTo = agreedTo(file, p.Policy.Leavers)
	}
	r.tallyPlan()
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	permitted := r.readyAgain(ctx)
	h.Run, h.AfterRun, h.Guards = r.Run.ID, r.afterRun, r.Run.Trips
	r.Header = h
	if r.keepPlan(ctx) && permitted {
		r.apply(ctx)
	} else {
		r.notAttempted()
	}
	r.sortOutcomes()
	if err := r.finish(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	return r.result()
}

// readyAgain does all that comes before the first write of a saved plan.
func (r *run) readyAgain(ctx context.Context) bool {
	ctx, release := untilStop(ctx, r.order.Stop)
	defer release()
	if !r.settle(ctx) {
		return false
	}
	found, err := r.lookUp(ctx, r.Plan.Concerned())
	if err != nil {
		return r.stop(ctx, err)
	}
	if err := r.remember(ctx); err != nil {
		return r.stop(ctx, err)
	}
	if r.Run.Trips = r.guardAgain(); len(r.Run.Trips) > 0 { // judged as a person sees it: before anything is blocked
		r.Run.Status = state.Held
		return false
	}
	policy, err := r.policy(ctx)
	if err != nil {
		return r.stop(ctx, err)
	}
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
