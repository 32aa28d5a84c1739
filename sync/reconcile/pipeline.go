// Package reconcile walks a pipeline's road once: read, list, look up, plan, guard, apply, remember. It holds no rule
// of its own about users; it only sees to it that nothing is written unless every step before went well.
package reconcile

import (
	"context"
	"errors"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/apply"
	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/spool"
	"cubesync/sync/state"
)

// Pipeline is everything that the runs of one pipeline need. It isn't changed by a run.
type Pipeline struct {
	Name     string
	Source   record.Source
	Mapper   *mapping.Mapper
	Service  account.Service
	Password func(externalID string) (string, error) // of a new user; nil: the mapper's, of their record
	Policy   plan.Policy
	Guards   plan.Limits
	Breaker  apply.Breaker
	// Workers is how many calls may be under way at the same time, at most; Width how many of them are of use at the moment, nil:
	// all.
	Workers int
	Width   func() int
	// Fits returns how many of the first of these values one look-up by the key carries, at least one; nil: all of them.
	Fits func(key account.Key, values []string) int

	// ServiceUser returns the account id of the service's own user, who is never touched; 0, or nil, where there is none.
	ServiceUser func(context.Context) (int64, error)

	// Accept is the least completeness that may release or delete; a less complete read proves nobody's absence.
	Accept record.Completeness
	// ZerosGetLost says that what made the source may have taken zeros off the beginnings of external IDs.
	ZerosGetLost bool
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
	// ReadAllEvery is at least every how many runs all records are read, of a source that can give only what changed; 0: seven.
	ReadAllEvery int
	HoldMost     int // a plan holds in memory the sign-ups of at most so many newcomers; 0: ten thousand

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
	PasswordsHeld int                   // of how many sign-ups passwords are in memory at most; 0: fifty thousand
}

// Order is how one run is to be done.
type Order struct {
	// Stop ends the run in good order when it is closed: what was sent is waited for, and nothing else begun.
	Stop         <-chan struct{}
	RetryRefused bool
	ListAll      bool // accounts are listed and records read in full, and not only what changed
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

	aside *spool.SignUps // the sign-ups that the plan doesn't hold; not those of a file, which whoever read it has
}

// Close frees what a large plan has on the disk. After it the plan can't be used. No result needn't be closed.
func (r *Result) Close() {
	if r != nil && r.aside != nil {
		r.aside.Close()
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
