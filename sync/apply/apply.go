// Package apply carries a plan's operations out: concurrently, in the plan's order, each with its preconditions
// checked just before the write, each with exactly one outcome. It decides nothing that a plan decides; what it finds
// changed it leaves for the next run.
package apply

import (
	"context"
	"errors"
	"fmt"
	"iter"
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
		Applier: a,
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

	mu      sync.Mutex
	err     error           // why it stopped
	applied map[string]bool // external IDs whose operation was applied
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
	for unit := range units(operations) {
		if why := r.hindrances(unit); why != nil {
			for i, op := range unit {
				r.observe(state.Outcome{Operation: op, Ending: state.DoneSkipped, Words: why[i]})
			}
			continue
		}
		ready = append(ready, unit...)
	}
	for chunk := range chunks(ready) {
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

// chunks yields as many operations at a time as one commit opens. A ring is never cut.
func chunks(operations []plan.Operation) iter.Seq[[]plan.Operation] {
	return func(yield func([]plan.Operation) bool) {
		start, end := 0, 0
		for unit := range units(operations) {
			if end > start && end+len(unit)-start > intentChunk {
				if !yield(operations[start:end]) {
					return
				}
				start = end
			}
			end += len(unit)
		}
		if end > start {
			yield(operations[start:end])
		}
	}
}

// leave ends opened operations that aren't sent.
func (r *run) leave(group []plan.Operation, outcomes chan<- state.Outcome) {
	for _, op := range group {
		outcomes <- state.Outcome{Operation: op, Ending: state.NotAttempted}
	}
}

// groups cuts a chunk into what one worker does at a time: deletes share look-ups, a ring is one, everything else goes
// singly.
func (r *run) groups(chunk []plan.Operation) [][]plan.Operation {
	var groups [][]plan.Operation
	var deletes []plan.Operation
	for unit := range units(chunk) {
		if unit[0].Kind == plan.Delete {
			deletes = append(deletes, unit...)
			continue
		}
		groups = append(groups, unit)
	}
	if len(deletes) == 0 {
		return groups
	}
	workers := max(1, r.Workers)
	size := min(deleteGroup, (len(deletes)+workers-1)/workers)
	return slices.AppendSeq(groups, slices.Chunk(deletes, size))
}

// hindrances say of each operation of a unit why it may not be sent, nil if all may.
func (r *run) hindrances(unit []plan.Operation) []string {
	inside := map[string]bool{}
	if len(unit) > 1 {
		for i := range unit {
			inside[unit[i].ExternalID] = true
		}
	}
	var why []string
	first := ""
	for i := range unit {
		words := r.hindrance(&unit[i], inside)
		why = append(why, words)
		if first == "" && words != "" {
			first = fmt.Sprintf("%s: its swap isn't begun, as %s can't be written (%s)", plan.WaitsForOther, unit[i].ExternalID, words)
		}
	}
	if first == "" {
		return nil
	}
	for i := range why {
		if why[i] == "" {
			why[i] = first
		}
	}
	return why
}

// hindrance says why an operation may not be sent, "" if it may: it is blocked, or one that it waits for wasn't applied.
// Those inside its ring are under way together.
func (r *run) hindrance(op *plan.Operation, inside map[string]bool) string {
	if op.Blocked != "" {
		return fmt.Sprintf("%s: %s", op.Blocked, op.Detail)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return "" // what it waits for may not have had its turn, and neither has it
	}
	for _, other := range op.WaitsFor {
		if !r.applied[other] && !inside[other] {
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
		if outcome.Operation.Step == "" {
			r.applied[outcome.Operation.ExternalID] = true
		}
	case state.NotAttempted, state.DoneUnknown:
		r.open = true
	}
	if r.Observe != nil {
		r.Observe(outcome)
	}
}

func (r *run) carryOut(ctx context.Context, group []plan.Operation, outcomes chan<- state.Outcome) {
	mayNot := func(op plan.Operation) bool { return r.over(op.Kind) }
	if ctx.Err() != nil || slices.ContainsFunc(group, mayNot) { // between being handed out and being taken
		r.leave(group, outcomes)
		return
	}
	var ended []state.Outcome
	switch op := group[0]; {
	case op.Kind == plan.Delete:
		ended = r.deleteAll(ctx, group)
	case op.Ring != "":
		ended = r.ring(ctx, group)
	case op.Kind == plan.Create:
		ended = []state.Outcome{r.create(ctx, op)}
	case op.Reason == plan.Rekeyed:
		ended = []state.Outcome{r.rekey(ctx, op)}
	default:
		ended = []state.Outcome{r.update(ctx, op)}
	}
	for _, outcome := range ended {
		outcomes <- outcome
	}
}
