// Package apply carries a plan's operations out: concurrently, in the plan's order, each with its preconditions
// checked just before the write, each with exactly one outcome. It decides nothing that a plan decides; what it finds
// changed it leaves for the next run.
package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// Journal makes intents and outcomes durable; *state.Store is one.
type Journal interface {
	// Intend opens operations before any of them is sent.
	Intend(ctx context.Context, run int64, operations []plan.Operation) error
	// Record closes them. It doesn't keep the slice.
	Record(ctx context.Context, run int64, outcomes []state.Outcome) error
}

// Applier applies one plan. Its fields are set by the caller and not changed while Apply runs.
type Applier struct {
	Service  account.Service
	Journal  Journal
	Run      int64
	OwnerTag string
	// Workers is how many calls may be under way at the same time, at most; Width how many of them are of use at the moment, nil:
	// all. It is asked again and again.
	Workers int
	Width   func() int
	// DeletesALook is how many deletes share a look-up before and one after; 0: a hundred.
	DeletesALook int
	Breaker      Breaker // the zero Breaker: DefaultBreaker
	// Troubled are those who were refused or ended in doubt when they were sent last: the number of that run, by the
	// plan.KeyOf of their external ID.
	Troubled map[user.Digest]int64
	Canary   Canary
	// Normalised are the names of fields of which the service is known to make something else: that doesn't fail the sample.
	Normalised map[string]bool
	// Checked is told what came of the sample, before the rest is sent.
	Checked func(state.Canary, []state.Difference)
	// Spare says why no operation of the kind may write the account as it is now, "" where it may; nil: none is spared.
	Spare func(kind plan.Kind, now account.Account) string
	// Password returns the password of a new user.
	Password func(externalID string) (string, error)
	// Prepare is told of sign-ups before they are opened, some thousands at a time, in about the plan's order: it makes their
	// passwords ready, and says by external ID why somebody has none. An error ends the run. It isn't called by two goroutines at
	// once. nil: passwords are always ready.
	Prepare func(ctx context.Context, signUps []*plan.Operation) (why map[string]string, err error)
	// Agree returns the agreement of somebody who was signed up, as the service answered; the zero one where there is none;
	// nil: nobody's is wanted.
	Agree func(op *plan.Operation, now *account.Account) plan.Agreement
	// Observe is told every outcome, by one goroutine at a time, in the order in which they end.
	Observe func(state.Outcome)
}

const (
	// intentChunk is how many operations one durable commit opens. After a crash all of them that have no outcome
	// are in doubt, which costs a look-up each; a commit for every operation would cost a disk flush each.
	intentChunk = 500
	// recordWithin is how long an outcome waits for others, to be made durable together with them: a commit costs as much as
	// dozens of outcomes in it. After a crash those that waited are in doubt, too.
	recordWithin = 20 * time.Millisecond
	// mostRecorded is how many outcomes may gather in that time; more wait for their places.
	mostRecorded = 2000
	// wavePiece is how many operations of a wave are taken up, and put in order, at once.
	wavePiece = 10_000
	// mostDeletes is how many deletes can share a look-up, which takes 100 values.
	mostDeletes = 100
)

// Apply carries the operations out and returns when every one of them has an outcome. It returns nil when all were
// tried, and otherwise why the rest was not attempted: an *OpenedError where the breaker opened, context.Canceled when stop was
// closed or ctx ended, or the journal's error.
//
// Closing stop lets what is under way finish; ending ctx breaks it off.
func (a *Applier) Apply(ctx context.Context, stop <-chan struct{}, operations []plan.Operation) error {
	return a.ApplyAll(ctx, stop, plan.Held(operations))
}

// ApplyAll is Apply for operations that needn't be in memory. Where they can't be read on, no more are begun: that error is
// returned, and those that weren't read have no outcome.
func (a *Applier) ApplyAll(ctx context.Context, stop <-chan struct{}, operations iter.Seq2[*plan.Operation, error]) error {
	r := &run{
		Applier: a, breaker: newBreaker(a.Breaker), suspects: a.suspects(operations),
		applied: map[string]bool{}, stopped: make(chan struct{}),
	}
	r.crew, r.deletes = account.NewCrew(a.Workers, a.Width), newConveyor()
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

	chosen, err := a.Canary.choose(operations)
	if err != nil {
		r.unreadable(err)
	}
	if chosen != nil {
		r.sampling = true
		r.carryOutWaves(ctx, operations, func(u unit) bool { return chosen[u[0].ExternalID] })
		r.sampling = false
		r.check(ctx, r.sampled, func() bool { return others(operations, chosen) })
	}
	r.carryOutWaves(ctx, operations, func(u unit) bool { return !chosen[u[0].ExternalID] })
	cause := r.cause()
	if errors.Is(cause, context.Canceled) && !r.open {
		cause = nil // stopped when there was nothing left to do
	}
	return cmp.Or(cause, r.breaker.opened())
}

// carryOutWaves carries out those of the units that are wanted.
func (r *run) carryOutWaves(ctx context.Context, operations iter.Seq2[*plan.Operation, error], wanted func(unit) bool) {
	w, number := r.newWave(ctx), 0
	for piece, err := range waves(operations) {
		if err != nil {
			w.end()
			r.unreadable(err)
			return
		}
		if next := piece[0][0].Wave; next != number {
			w.end()
			w, number = r.newWave(ctx), next
		}
		piece = slices.DeleteFunc(piece, func(u unit) bool { return !wanted(u) })
		r.order(piece)
		w.takeUp(ctx, piece)
	}
	w.end()
}

// run is the state of one Apply.
type run struct {
	*Applier
	crew     *account.Crew
	deletes  conveyor
	breaker  *breaker
	suspects map[string]bool // external IDs of those who were in trouble before
	stopped  chan struct{}   // closed when nothing new may be begun

	mu      sync.Mutex
	err     error           // why it stopped
	applied map[string]bool // external IDs whose operation was applied, but for sign-ups: nobody waits for one
	sampled []state.Outcome // of the canary
	// sampling: the canary is under way. It changes only while no worker is.
	sampling bool
	open     bool // an operation wasn't attempted, or is in doubt
}

func (r *run) spares(kind plan.Kind, now account.Account) string {
	if r.Spare == nil {
		return ""
	}
	return r.Spare(kind, now)
}

// unreadable ends the run: the plan can't be read on.
func (r *run) unreadable(err error) {
	r.halt(fmt.Errorf("the plan can't be read on, nothing more is sent: %w", err))
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

// wave is operations that don't wait for each other, on their way. Each chunk is opened while the one before it is sent, be
// that of another piece: workers idle at the end of a wave, and not before.
type wave struct {
	*run
	opened   chan []unit // a chunk at a time
	working  sync.WaitGroup
	outcomes chan state.Outcome
	finished chan struct{} // closed when there are all outcomes
	recorder sync.WaitGroup
}

func (r *run) newWave(ctx context.Context) *wave {
	w := &wave{run: r, opened: make(chan []unit), outcomes: make(chan state.Outcome, mostRecorded), finished: make(chan struct{})}
	w.working.Go(func() { w.handOut(ctx) })
	w.recorder.Go(func() { r.record(ctx, w.outcomes, w.finished) })
	return w
}

// end waits until everything that was taken up has its outcome.
func (w *wave) end() {
	close(w.opened)
	w.working.Wait()
	close(w.finished)
	close(w.outcomes)
	w.recorder.Wait()
}

// takeUp opens the operations of a piece chunk by chunk, each while the one before it is sent. What may not be sent gets its
// outcome here.
func (w *wave) takeUp(ctx context.Context, piece []unit) {
	ready := make([]unit, 0, len(piece))
	without := w.prepare(ctx, piece)
	for _, u := range piece {
		why := w.hindrances(u)
		if words := without[u[0].ExternalID]; why == nil && words != "" {
			why = []string{words} // no sign-up stands in a ring
		}
		if why != nil {
			for i, op := range u {
				w.observe(state.Outcome{Operation: op, Ending: state.DoneSkipped, Words: why[i]})
			}
			continue
		}
		ready = append(ready, u)
	}
	for chunk := range chunks(ready) {
		if w.intend(ctx, chunk) {
			w.opened <- chunk
		}
	}
}

// prepare makes passwords ready for the sign-ups of a piece, and returns why somebody has none.
func (w *wave) prepare(ctx context.Context, piece []unit) map[string]string {
	if w.Prepare == nil || w.cause() != nil {
		return nil
	}
	var signUps []*plan.Operation
	for _, u := range piece {
		if op := &u[0]; op.Kind == plan.Create && op.Blocked == "" {
			signUps = append(signUps, op)
		}
	}
	if len(signUps) == 0 {
		return nil
	}
	why, err := w.Prepare(ctx, signUps)
	if err != nil {
		w.halt(err)
	}
	return why
}

// handOut begins what is open as there are places in the crew.
func (w *wave) handOut(ctx context.Context) {
	for chunk := range w.opened {
		singly, deletes := w.groups(chunk)
		w.begin(ctx, singly)
		for _, group := range deletes { // take places as they need them
			w.deletes.looking <- struct{}{}
			w.working.Go(func() { w.carryOut(ctx, group, w.outcomes) })
		}
	}
}

// begin returns when the last of the groups is begun.
func (w *wave) begin(ctx context.Context, groups [][]plan.Operation) {
	waiting := &line{groups: groups}
	for !waiting.isEmpty() {
		if !w.crew.Enter(w.stopped) {
			for group, more := waiting.next(); more; group, more = waiting.next() {
				w.leave(group, w.outcomes)
			}
			return
		}
		w.working.Go(func() {
			defer w.crew.Leave()
			for group, more := waiting.next(); more; group, more = waiting.next() {
				w.carryOut(ctx, group, w.outcomes)
				if !w.crew.Stay() {
					return
				}
			}
		})
	}
}

// line is of groups that are open and wait for whoever has a place. It is safe for concurrent use.
type line struct {
	mu     sync.Mutex
	groups [][]plan.Operation
}

func (l *line) isEmpty() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.groups) == 0
}

// next takes the first group out.
func (l *line) next() (group []plan.Operation, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.groups) == 0 {
		return nil, false
	}
	group, l.groups = l.groups[0], l.groups[1:]
	return group, true
}

// intend opens a chunk, and reports whether it did. Otherwise its operations end here.
func (r *run) intend(ctx context.Context, chunk []unit) bool {
	ops := slices.Concat(chunk...)
	if r.cause() == nil {
		err := r.Journal.Intend(ctx, r.Run, ops)
		if err == nil {
			return true
		}
		r.halt(fmt.Errorf("opening %d operations in the journal, nothing more is sent: %w", len(ops), err))
	}
	for _, op := range ops {
		r.observe(state.Outcome{Operation: op, Ending: state.NotAttempted})
	}
	return false
}

// leave ends opened operations that aren't sent.
func (r *run) leave(group []plan.Operation, outcomes chan<- state.Outcome) {
	for _, op := range group {
		outcomes <- r.unsentOutcome(op)
	}
}

// hindrances say of each operation of a unit why it may not be sent, nil if all may.
func (r *run) hindrances(u unit) []string {
	inside := map[string]bool{}
	if len(u) > 1 {
		for i := range u {
			inside[u[i].ExternalID] = true
		}
	}
	var why []string
	first := ""
	for i := range u {
		words := r.hindrance(&u[i], inside)
		why = append(why, words)
		if first == "" && words != "" {
			first = fmt.Sprintf("%s: its swap isn't begun, as %s can't be written (%s)", plan.WaitsForOther, u[i].ExternalID, words)
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

// record makes outcomes durable, as many at a time as gather until finished is closed. It isn't woken for each of them.
func (r *run) record(ctx context.Context, outcomes <-chan state.Outcome, finished <-chan struct{}) {
	ctx = context.WithoutCancel(ctx) // what was done is written down however the run ends
	batch := make([]state.Outcome, 0, cap(outcomes))
	for first := range outcomes {
		batch = append(batch[:0], first)
		select {
		case <-time.After(recordWithin):
		case <-finished:
		}
		for len(batch) < cap(batch) && len(outcomes) > 0 {
			batch = append(batch, <-outcomes)
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
		if outcome.Operation.Step == "" && outcome.Operation.Kind != plan.Create {
			r.applied[outcome.Operation.ExternalID] = true
		}
	case state.NotAttempted, state.DoneUnknown:
		r.open = true
	}
	if r.sampling {
		r.sampled = append(r.sampled, outcome)
	}
	if r.Observe != nil {
		r.Observe(outcome)
	}
}

func (r *run) carryOut(ctx context.Context, group []plan.Operation, outcomes chan<- state.Outcome) {
	if group[0].Kind != plan.Delete && (ctx.Err() != nil || slices.ContainsFunc(group, r.over)) { // between being handed out and being taken
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
		r.took(outcome)
		outcomes <- outcome
	}
}
