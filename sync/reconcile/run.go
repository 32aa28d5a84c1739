package reconcile

import (
	"context"
	"errors"
	"sync"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/apply"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

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
	outdated    bool              // an account turned out not to be as it was listed
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
	unfinished  map[string]string       // changes of external IDs, the old ones by the new
	agreedTo    map[string]plan.Leavers // what the approval of this run says of leavers, by external ID

	following following

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
