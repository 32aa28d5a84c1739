// Package apply carries a plan's operations out: concurrently, in the plan's order, each with its preconditions
// checked just before the write, each with exactly one outcome. It decides nothing that a plan decides; what it finds
// changed it leaves for the next run.
package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// Journal makes intents and outcomes durable; *state.Store is one.
type Journal interface {
	// Intend opens operations before any of them is sent.
	Intend(ctx context.Context, run int64, operations []plan.Operation) error
	// Record closes them.
	Record(ctx context.Context, run int64, outcomes []state.Outcome) error
}

// Applier applies one plan. Its fields are set by the caller and not changed while Apply runs.
type Applier struct {
	Service  account.Service
	Journal  Journal
	Run      int64
	OwnerTag string
	Workers  int
	// Spare says why no operation of the kind may write the account as it is now, "" where it may; nil: none is spared.
	Spare func(kind plan.Kind, now account.Account) string
	// Password returns the password of a new user.
	Password func(externalID string) (string, error)
	// Observe is told every outcome, by one goroutine at a time, in the order in which they end.
	Observe func(state.Outcome)
}

const (
	// intentChunk is how many operations one durable commit opens. After a crash all of them that have no outcome
	// are in doubt, which costs a look-up each; a commit for every operation would cost a disk flush each.
	intentChunk = 500
	// deleteGroup is how many deletes share one look-up before and one after; a look-up takes 100 values.
	deleteGroup = 100
)

// Apply carries the operations out and returns when every one of them has an outcome. It returns nil when all were
// tried, and otherwise why the rest was not attempted: the error of a service that can't be used (its Kind says so) or
// that did nothing useful ten times in a row, context.Canceled when stop was closed or ctx ended, or the journal's error.
//
// Closing stop lets what is under way finish; ending ctx breaks it off.
func (a *Applier) Apply(ctx context.Context, stop <-chan struct{}, operations []plan.Operation) error {
	r := &run{
		Applier: a, rings: newRings(operations),
		applied: map[string]bool{}, streak: map[plan.Kind]int{}, givenUp: map[plan.Kind]error{},
	}
	r.stopped = make(chan struct{})
	select {
	case <-stop:
		r.halt(context.Canceled) // before the first operation, not a moment after it
	default:
	}
	unwatch := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-stop:
			r.halt(context.Canceled)
		case <-ctx.Done():
			r.halt(context.Canceled)
		case <-unwatch:
		}
	})
	defer watch.Wait()
	defer close(unwatch)

	for wave := range waves(operations) {
		r.wave(ctx, wave)
	}
	cause := r.cause()
	if errors.Is(cause, context.Canceled) && !r.open {
		cause = nil // stopped when there was nothing left to do
	}
	for _, kind := range plan.Kinds() {
		if cause == nil {
			cause = r.givenUp[kind]
		}
	}
	return cause
}

// waves yields the runs of operations that may be under way together.
func waves(operations []plan.Operation) func(yield func([]plan.Operation) bool) {
	return func(yield func([]plan.Operation) bool) {
		for start := 0; start < len(operations); {
			end := start + 1
			for end < len(operations) && operations[end].Wave == operations[start].Wave {
				end++
			}
			if !yield(operations[start:end]) {
				return
			}
			start = end
		}
	}
}

// run is the state of one Apply.
type run struct {
	*Applier
	stopped chan struct{} // closed when nothing new may be begun
	rings   *rings

	mu      sync.Mutex
	err     error           // why it stopped
	applied map[string]bool // external IDs whose operation, or the first step of it, was applied
	open    bool            // an operation wasn't attempted, or is in doubt
	// streak counts what ended in doubt or for lack of permission without a success in between, givenUp says why no
	// more are sent, both by kind of operation.
	streak  map[plan.Kind]int
	givenUp map[plan.Kind]error
}

func (r *run) spares(kind plan.Kind, now account.Account) string {
	if r.Spare == nil {
		return ""
	}
	return r.Spare(kind, now)
}

// halt stops the handing out of operations; the first cause counts.
func (r *run) halt(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = cause
		close(r.stopped)
	}
}

func (r *run) cause() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// wave carries out operations that don't wait for each other.
func (r *run) wave(ctx context.Context, operations []plan.Operation) {
	outcomes := make(chan state.Outcome, intentChunk)
	var recorder sync.WaitGroup
	recorder.Go(func() { r.record(ctx, outcomes) })

	jobs := make(chan []plan.Operation)
	var workers errgroup.Group
	for range max(1, r.Workers) {
		workers.Go(func() error {
			for group := range jobs {
				r.carryOut(ctx, group, outcomes)
			}
			return nil
		})
	}
	r.handOut(ctx, operations, jobs, outcomes)
	close(jobs)
	_ = workers.Wait() // workers report through outcomes
	close(outcomes)
	recorder.Wait()
}

// handOut opens the operations chunk by chunk and gives them to the workers. What may not be sent gets its outcome
// here.
func (r *run) handOut(ctx context.Context, operations []plan.Operation, jobs chan<- []plan.Operation, outcomes chan<- state.Outcome) {
	var ready []plan.Operation
	for _, op := range operations {
		if why := r.hindrance(op); why != "" {
			r.observe(state.Outcome{Operation: op, Ending: state.DoneSkipped, Words: why})
			continue
		}
		ready = append(ready, op)
	}
	for chunk := range slices.Chunk(ready, intentChunk) {
		if r.cause() == nil {
			if err := r.Journal.Intend(ctx, r.Run, chunk); err != nil {
				r.halt(fmt.Errorf("opening %d operations in the journal, nothing more is sent: %w", len(chunk), err))
			}
		}
		if r.cause() != nil {
			for _, op := range chunk {
				r.observe(state.Outcome{Operation: op, Ending: state.NotAttempted})
			}
			continue
		}
		for _, group := range r.groups(chunk) {
			select {
			case <-r.stopped:
				r.leave(group, outcomes)
				continue
			default:
			}
			select {
			case jobs <- group:
			case <-r.stopped:
				r.leave(group, outcomes)
			}
		}
	}
}

// leave ends opened operations that aren't sent.
func (r *run) leave(group []plan.Operation, outcomes chan<- state.Outcome) {
	for _, op := range group {
		outcomes <- state.Outcome{Operation: op, Ending: state.NotAttempted}
	}
}

// groups cuts a chunk into what one worker does at a time: deletes share look-ups, everything else goes singly.
func (r *run) groups(chunk []plan.Operation) [][]plan.Operation {
	var groups [][]plan.Operation
	var deletes []plan.Operation
	for i, op := range chunk {
		if op.Kind == plan.Delete {
			deletes = append(deletes, op)
			continue
		}
		groups = append(groups, chunk[i:i+1])
	}
	if len(deletes) == 0 {
		return groups
	}
	workers := max(1, r.Workers)
	size := min(deleteGroup, (len(deletes)+workers-1)/workers)
	return slices.AppendSeq(groups, slices.Chunk(deletes, size))
}

// hindrance says why an operation may not be sent, "" if it may.
func (r *run) hindrance(op plan.Operation) string {
	if op.Blocked != "" {
		return fmt.Sprintf("%s: %s", op.Blocked, op.Detail)
	}
	if _, parked := r.rings.account(op); parked {
		return "" // it can't be left as it is: see unpark
	}
	return r.waitsInVain(op)
}

// waitsInVain says which operation that this one waits for wasn't applied, "" if all were.
func (r *run) waitsInVain(op plan.Operation) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return "" // what it waits for may not have had its turn, and neither has it
	}
	for _, other := range op.WaitsFor {
		if !r.applied[other] {
			return fmt.Sprintf("%s: waits for %s, which wasn't applied", plan.WaitsForOther, other)
		}
	}
	return ""
}

// record makes outcomes durable, as many at a time as have gathered.
func (r *run) record(ctx context.Context, outcomes <-chan state.Outcome) {
	ctx = context.WithoutCancel(ctx) // what was done is written down however the run ends
	for first := range outcomes {
		batch := []state.Outcome{first}
	gather:
		for len(batch) < intentChunk {
			select {
			case next, more := <-outcomes:
				if !more {
					break gather
				}
				batch = append(batch, next)
			default:
				break gather
			}
		}
		if err := r.Journal.Record(ctx, r.Run, batch); err != nil {
			r.halt(fmt.Errorf("writing %d outcomes to the journal: %w", len(batch), err))
		}
		for _, outcome := range batch {
			r.observe(outcome)
		}
	}
}

func (r *run) observe(outcome state.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch outcome.Ending {
	case state.DoneApplied:
		r.applied[outcome.Operation.ExternalID] = true
	case state.NotAttempted, state.DoneUnknown:
		r.open = true
	}
	if r.Observe != nil {
		r.Observe(outcome)
	}
}

func (r *run) carryOut(ctx context.Context, group []plan.Operation, outcomes chan<- state.Outcome) {
	if ctx.Err() != nil || r.over(group[0].Kind) { // between being handed out and being taken
		r.leave(group, outcomes)
		return
	}
	if group[0].Kind == plan.Delete {
		for _, outcome := range r.deleteAll(ctx, group) {
			outcomes <- outcome
		}
		return
	}
	op := group[0]
	switch {
	case op.Kind == plan.Create:
		outcomes <- r.create(ctx, op)
	case op.Reason == plan.Rekeyed:
		outcomes <- r.rekey(ctx, op)
	case op.Step == plan.Park:
		outcomes <- r.park(ctx, op)
	case len(op.Parked) > 0:
		outcomes <- r.unpark(ctx, op)
	default:
		outcomes <- r.update(ctx, op)
	}
}
