// Package reconcile walks a pipeline's road once: read, list, look up, plan, guard, apply, remember. It holds no rule
// of its own about users; it only sees to it that nothing is written unless every step before went well.
package reconcile

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/apply"
	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// Pipeline is everything that the runs of one pipeline need. It isn't changed by a run.
type Pipeline struct {
	Name     string
	Source   record.Source
	Mapper   *mapping.Mapper
	Service  account.Service
	Password func(externalID string) (string, error) // of a new user
	Policy   plan.Policy
	Guards   plan.Limits
	Breaker  apply.Breaker
	// Workers is how many calls may be under way at the same time, at most; Width how many of them are of use at the moment, nil:
	// all.
	Workers int
	Width   func() int

	// ServiceUser returns the account id of the service's own user, who is never touched; 0, or nil, where there is none.
	ServiceUser func(context.Context) (int64, error)

	// Accept is the least completeness that may release or delete; a less complete read proves nobody's absence.
	Accept record.Completeness
	// Settings are digests of what decides who is a leaver, Digest of the whole configuration.
	Settings map[string]string
	Digest   string
	Version  string // of the program, which may make something else of a record than the last one did
	// SamplePrefix marks external IDs of sample users, which no live service may see; "" where they may pass.
	SamplePrefix string

	StateDir string
	Identity state.Identity
	KeepRuns int

	FullEvery int // at least every so many runs accounts are listed in full; 0: seven
	HoldMost  int // a plan holds in memory the sign-ups of at most so many newcomers; 0: ten thousand

	// Expel removes whom the service made of a sign-in as an account's user; nil where nothing is done as one.
	Expel apply.Expel

	// MaxDuration is how long a run that reads, or carries a saved plan out, may take from its start; 0: as long as it takes.
	// Then nothing new is begun, and what is under way has a minute.
	MaxDuration time.Duration

	Avatars *Avatars // nil: none are set
	Resets  *Resets  // nil: none are sent

	Rekeying      Rekeying
	PlanExpires   time.Duration // how long a saved plan may be carried out; 0: a day
	Costs         Costs
	Calls         func() map[string]int // sent to the service so far, by the client's names of their kinds; nil: they aren't counted
	SecretColumns []string              // of the source: their cells are never kept
}

// Order is how one run is to be done.
type Order struct {
	// Stop ends the run in good order when it is closed: what was sent is waited for, and nothing else begun.
	Stop         <-chan struct{}
	RetryRefused bool
	ListAll      bool // accounts are listed in full, and not only what changed
	// Confirm is asked before the first run that writes to a live service, once and for all; nil: go on.
	Confirm func(*plan.Plan) bool
	// Canary asks for a sample to be carried out and read back before the rest. Only saved plans have one.
	Canary apply.Canary
	// Progress is told how far the run is.
	Progress Progress
	// Forecast is told when the apply phase will end, now and then from its first minute on; nil: nobody is. Like Progress
	// it is called by one goroutine at a time.
	Forecast func(state.Forecast)
}

// Progress is told how far a run is. Its methods are called by one goroutine at a time.
type Progress interface {
	// Phase begins a phase; the one before has ended. A total of 0 is unknown.
	Phase(name string, total int)
	// Step says that n more of the phase are done.
	Step(n int)
}

// Result is what a run, or a look at what it would do, came to.
type Result struct {
	Run    state.Run
	Plan   *plan.Plan  // nil where it didn't come so far
	Header plan.Header // of the plan
	// Troubles are the outcomes that somebody should look at, in the order of the plan.
	Troubles []state.Outcome
	// Gone are the applied releases and deletes.
	Gone []state.Outcome
	// Differences are what the sample shows other than planned.
	Differences []state.Difference

	aside *tape // the sign-ups that the plan doesn't hold
}

// Close frees what a large plan has on the disk. After it the plan can't be used. No result needn't be closed.
func (r *Result) Close() {
	if r != nil && r.aside != nil {
		r.aside.close()
	}
}

// ErrSample refuses to send the sample's invented users to a live service.
var ErrSample = errors.New("the sample's users are refused with any endpoint but the emulator: point the source at your own data")

// Preview shows what a run would do and writes nothing anywhere. While another process works on the application it
// returns that lock's error: both together would exceed the rate limit, and look at a list that moves.
func (p *Pipeline) Preview(ctx context.Context, order Order) (*Result, error) {
	if err := state.Probe(p.StateDir, p.Identity.Endpoint, p.Identity.ApplicationID); err != nil {
		return nil, err
	}
	store, err := state.Peek(ctx, p.StateDir, p.Identity)
	if err != nil {
		return nil, err
	}
	defer func() { _ = store.Close() }() // what matters was committed before
	r := p.newRun(store, order)
	if r.afterRun, err = afterWhich(ctx, store); err != nil {
		return nil, err
	}
	ctx, release := untilStop(ctx, order.Stop)
	defer release()
	if r.decide(ctx) {
		r.Run.Trips = r.guard()
		r.Run.Status = state.Planned
		if len(r.Run.Trips) > 0 {
			r.Run.Status = state.Held
		}
	}
	if r.Plan != nil {
		r.describe()
	}
	r.notAttempted()
	return r.result()
}

// Sync runs the pipeline once. The result says how it ended; an error means that there is no result: the state can't
// be used, another run holds the lock, or the sample was about to go live.
//
// Closing order.Stop ends the run in good order; ending ctx breaks it off.
func (p *Pipeline) Sync(ctx context.Context, order Order) (*Result, error) {
	return p.withState(ctx, "sync", func(store *state.Store) (*Result, error) { return p.syncWith(ctx, store, order) })
}

func (p *Pipeline) syncWith(ctx context.Context, store *state.Store, order Order) (*Result, error) {
	r := p.newRun(store, order)
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	ctx, release := r.keepDeadline(ctx)
	defer release()
	permitted := r.ready(ctx) && r.permitted(ctx)
	if r.Plan != nil {
		r.describe()
	}
	return r.conclude(ctx, permitted)
}

// conclude carries the plan out if that is permitted, and writes down how the run ended.
func (r *run) conclude(ctx context.Context, permitted bool) (*Result, error) {
	if r.keepPlan(ctx) && permitted {
		r.announce()
		r.apply(ctx)
		r.settleUp()
	} else {
		r.notAttempted()
	}
	if err := r.sortOutcomes(); err != nil {
		r.stop(ctx, err)
	}
	r.Troubles = append(r.Troubles, r.later...)
	if err := r.finish(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	return r.result()
}

// run is one walk.
type run struct {
	Result
	*Pipeline
	store *state.Store
	order Order
	now   time.Time
	err   error // why there is no result

	baseline    *plan.Baseline // nil before the first applied run
	confirmed   bool           // a person agreed to writing here
	weekDeletes int
	present     map[string]plan.Mine // whom a usable read showed, by external ID, but for those passed over: what it wants of the merged fields
	mirrored    *mirrored
	rows        []int64           // of the state, that the run looked at
	observed    []account.Account // the owned accounts concerned, sorted by external ID
	unlisted    []string          // external IDs in the source whose known account wasn't listed
	knownAs     func(id int64) (externalID string, otherwise bool)
	evidence    record.Evidence
	counts      bool     // this read is new evidence of absence
	unknown     string   // why this read proves nobody's absence
	columns     []string // of the source
	hidden      []string // of them, those whose cells are never kept
	saved       bool     // the plan was saved before; nothing was read or listed
	lookups     int      // calls
	afterRun    int64    // the newest run before this one
	spare       func(plan.Kind, account.Account) string
	policyNow   plan.Policy
	callsBefore map[string]int          // the run
	forecast    *forecaster             // of the end of the apply phase; nil before it, and where calls aren't counted
	deadline    *deadline               // nil: none
	troubled    map[user.Digest]int64   // see apply.Applier
	nowTroubled map[user.Digest]int64   // as this run leaves them
	pictures    *Avatars                // the pipeline's, as long as any can be got; nil: avatars are left alone in this run
	noPictures  string                  // why pictures is nil although the pipeline has some
	later       []state.Outcome         // troubles of what comes after the plan's operations
	agreedTo    map[string]plan.Leavers // what the approval of this run says of leavers, by external ID

	shownLeavers bool // the person who approved this run was asked about those who leave
}

func (p *Pipeline) newRun(store *state.Store, order Order) *run {
	now := time.Now().UTC() // as machines read it
	if order.Progress == nil {
		order.Progress = silent{}
	}
	var before map[string]int
	if p.Calls != nil {
		before = p.Calls()
	}
	return &run{
		callsBefore: before, Pipeline: p, store: store, order: order, now: now, pictures: p.Avatars,
		Result: Result{Run: state.Run{
			Pipeline: p.Name, StartedAt: now, Status: state.Running, Config: p.Digest, RetryRefused: order.RetryRefused,
		}},
	}
}

// begin takes the run's number.
func (r *run) begin(ctx context.Context) (err error) {
	if r.afterRun, err = afterWhich(ctx, r.store); err != nil {
		return err
	}
	r.Run.ID, err = r.store.Begin(ctx, r.Run)
	return err
}

func (r *run) result() (*Result, error) {
	if r.err != nil {
		return nil, r.err
	}
	return &r.Result, nil
}

// ready does all that comes before the first write. Nothing is lost with it, so a stop breaks it off at once.
func (r *run) ready(ctx context.Context) bool {
	ctx, release := untilStop(ctx, r.order.Stop)
	defer release()
	return r.settle(ctx) && r.decide(ctx)
}

// untilStop returns a context that also ends when stop is closed.
func untilStop(ctx context.Context, stop <-chan struct{}) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		cancel()
		watch.Wait()
	}
}

// settle finds out what became of operations that a killed run left open.
func (r *run) settle(ctx context.Context) bool {
	if _, err := r.rekeying(ctx); err != nil {
		return r.stop(ctx, err)
	}
	pending, err := r.store.Pending(ctx)
	if err != nil {
		return r.stop(ctx, err)
	}
	if len(pending) == 0 {
		return true
	}
	r.order.Progress.Phase("settle", len(pending))
	settled, err := apply.Settle(ctx, r.Service, r.Policy.OwnerTag, pending, r.Expel)
	if err != nil {
		return r.stop(ctx, err)
	}
	if err := r.tick(ctx); err != nil {
		return r.stop(ctx, err)
	}
	if err := r.store.Settle(ctx, settled); err != nil {
		return r.stop(ctx, err)
	}
	r.order.Progress.Step(len(settled))
	return true
}

// apply carries the plan out.
func (r *run) apply(ctx context.Context) {
	normalised, err := r.normalised(ctx)
	if err == nil {
		err = r.recallTroubled(ctx)
	}
	if err != nil {
		r.stop(ctx, err)
		r.notAttempted()
		return
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

// finish writes down how the run ended; an applied one becomes the baseline.
func (r *run) finish(ctx context.Context) error {
	r.Run.EndedAt = time.Now().UTC()
	if err := r.keepTroubled(ctx); err != nil {
		return err
	}
	if r.Run.Status != state.Applied {
		if err := r.seen(ctx); err != nil {
			return err
		}
		return r.store.Finish(ctx, r.Run, nil, r.KeepRuns)
	}
	end := state.End{
		Baseline: plan.Baseline{Run: r.Run.ID, Present: r.Plan.Present(), Settled: r.settled()},
		Absent:   r.absent(),
		Counts:   r.counts,
		Approved: r.agreedTo,
		Evidence: r.evidence,
		Now:      r.now,
	}
	if !r.saved {
		end.Observed, end.Keep, end.Mine = r.observedAsKnown(), r.kept(), r.matched()
		end.Rows, end.Agreed, end.Listing = r.rows, r.Plan.Agreed, &r.mirrored.listing
	}
	return r.store.Finish(ctx, r.Run, &end, r.KeepRuns)
}

// settled are the settings that nobody needs to look at any more. As long as somebody is missing whom changed settings may
// take away, the old ones stay, whatever spares them tonight: the run in which they would go is held, until a person
// approves a plan that was held for those who leave.
func (r *run) settled() map[string]string {
	if r.baseline == nil || r.shownLeavers || !r.Plan.MayLose() {
		return r.Settings
	}
	return r.baseline.Settled
}

// matched returns what those want of the merged fields whom the plan left as they are: nobody who was rejected, and
// nobody for whom something is still, or was just, to be written.
func (r *run) matched() map[string]plan.Mine {
	matched := maps.Clone(r.present)
	for i := range r.Plan.Operations {
		delete(matched, r.Plan.Operations[i].ExternalID)
	}
	for _, reject := range r.Plan.Rejects {
		delete(matched, reject.ExternalID)
	}
	return matched
}

// seen lets everybody who was there be present again, although the run wasn't applied.
func (r *run) seen(ctx context.Context) error {
	if r.present == nil {
		return nil
	}
	return r.store.Seen(ctx, func(externalID string) bool {
		_, there := r.present[externalID]
		return there
	})
}

// stop ends the run early for a reason that the next run may not meet.
func (r *run) stop(ctx context.Context, err error) bool {
	r.Run.Problem = err.Error()
	opened, isOpened := errors.AsType[*apply.OpenedError](err)
	switch {
	case r.late() && (errors.Is(err, context.Canceled) || ctx.Err() != nil):
		r.Run.Status, r.Run.Problem = state.Late, r.deadline.words()
	case errors.Is(err, context.Canceled) || ctx.Err() != nil:
		r.Run.Status, r.Run.Problem = state.Interrupted, "interrupted; the next run goes on where this one stopped"
	case isOpened:
		r.Run.Status, r.Run.Breaker = state.Unusable, opened.Rule
	case isService(err):
		r.Run.Status, r.Run.Breaker = state.Unusable, state.ServiceUnusable
	default:
		r.Run.Status = state.Failed
	}
	return false
}

func isService(err error) bool {
	_, ok := errors.AsType[*account.Error](err)
	return ok
}

type silent struct{}

func (silent) Phase(string, int) {}
func (silent) Step(int)          {}
