package apply

import (
	"context"
	"fmt"
	"sync"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// Breaker says when so much has gone wrong that the rest isn't sent: no more of one kind of operation, or no more at all.
//
//	rule      | opens when                                             | what isn't sent any more
//	----------+--------------------------------------------------------+-----------------------------------
//	unusable  | the service refuses the credentials, or can't be used  | everything
//	in a row  | InARow operations of one kind were forbidden or ended  | the rest of this kind: who may not
//	          | in doubt, and none was carried out in between          | update may still sign up
//	share     | of the last 200 operations more than Share failed,     | everything
//	          | refusals of single users included                      |
//
// Who was in trouble before (Applier.Troubled) comes last and tells nothing of the service: they are counted by themselves,
// and in a row only. When that many of them are in trouble again, the others of their kind wait for a later run.
type Breaker struct {
	InARow int     // 1 or more
	Share  float64 // from 0 to 1, which never opens
}

// DefaultBreaker is the breaker where none is set. Ten different users aren't in trouble one after the other by themselves;
// and where more is refused than taken, it is the data or the mapping, and a person has to look at it.
func DefaultBreaker() Breaker { return Breaker{InARow: 10, Share: 0.5} }

// window is how many operations the share is taken of. Fewer never open the breaker: to try them all costs little.
const window = 200

// OpenedError says that the breaker opened, by which rule, and what the service said last.
type OpenedError struct {
	Rule  state.Rule
	words string
	cause error // nil where only words are left of it
}

func (e *OpenedError) Error() string { return e.words }

func (e *OpenedError) Unwrap() error { return e.cause }

// class is what is counted together.
type class struct {
	kind     plan.Kind
	troubled bool // before this run
}

// breaker counts; safe for concurrent use.
type breaker struct {
	Breaker

	mu      sync.Mutex
	streak  map[class]int // in a row
	givenUp map[class]error
	last    [window]bool // whether they failed
	seen    int
	failed  int // of last
}

func newBreaker(b Breaker) *breaker {
	if b == (Breaker{}) {
		b = DefaultBreaker()
	}
	return &breaker{Breaker: b, streak: map[class]int{}, givenUp: map[class]error{}}
}

// useless counts what ended in doubt or for lack of permission.
func (b *breaker) useless(c class, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.streak[c]++
	if b.streak[c] >= b.InARow && b.givenUp[c] == nil {
		words := fmt.Sprintf("%d operations in a row (%s) were forbidden or ended in doubt, so no more of them are sent: %v", b.InARow, c.kind, err)
		b.givenUp[c] = &OpenedError{Rule: state.InARow, words: words, cause: err}
	}
}

func (b *breaker) succeeded(c class) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.streak[c] = 0
}

// why is why the class is sent no more; nil where it is.
func (b *breaker) why(c class) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.givenUp[c]
}

// opened is the first kind that is sent no more, in the order of plan.Kinds. Who was in trouble before doesn't count.
func (b *breaker) opened() error {
	for _, kind := range plan.Kinds() {
		if why := b.why(class{kind: kind}); why != nil {
			return why
		}
	}
	return nil
}

// took counts how an operation ended that was sent. An error is why no more are sent.
func (b *breaker) took(o state.Outcome) error {
	failed := o.Ending != state.DoneApplied
	b.mu.Lock()
	defer b.mu.Unlock()
	oldest := &b.last[b.seen%window]
	if *oldest {
		b.failed--
	}
	if *oldest = failed; failed {
		b.failed++
	}
	b.seen++
	if b.seen < window || float64(b.failed) <= b.Share*window {
		return nil
	}
	words := fmt.Sprintf("%d of the last %d operations failed (the breaker opens beyond %g%%), so nothing more is sent; the last one: %s",
		b.failed, window, b.Share*100, o.Words)
	return &OpenedError{Rule: state.Share, words: words}
}

// took lets the breaker count an outcome of this run.
func (r *run) took(o state.Outcome) {
	sent := o.Ending == state.DoneApplied || o.Ending == state.DoneFailed || o.Ending == state.DoneUnknown
	if !sent || o.Operation.Step == plan.Park || r.classOf(o.Operation).troubled {
		return
	}
	if err := r.breaker.took(o); err != nil {
		r.halt(err)
	}
}

// classOf is what the operation is counted with.
func (r *run) classOf(op plan.Operation) class {
	return class{op.Kind, r.suspects[op.ExternalID]}
}

// unusable ends the run: the service can't be used.
func (r *run) unusable(err error) {
	r.halt(&OpenedError{Rule: state.ServiceUnusable, words: err.Error(), cause: err})
}

// useless counts what ended in doubt or for lack of permission, and gives up what nothing else comes of.
func (r *run) useless(ctx context.Context, op plan.Operation, err error) {
	if ctx.Err() == nil { // otherwise we broke it off ourselves
		r.breaker.useless(r.classOf(op), err)
	}
}

func (r *run) succeeded(op plan.Operation) { r.breaker.succeeded(r.classOf(op)) }

// over reports whether operations like this one are sent no more.
func (r *run) over(op plan.Operation) bool {
	return r.cause() != nil || r.breaker.why(r.classOf(op)) != nil
}

// unsentOutcome is the outcome of an operation that isn't sent any more.
func (r *run) unsentOutcome(op plan.Operation) state.Outcome {
	c := r.classOf(op)
	if why := r.breaker.why(c); why != nil && c.troubled && r.cause() == nil {
		return state.Outcome{Operation: op, Ending: state.DoneSkipped, Words: "in trouble before, as were others that are in trouble again; it has its turn in a later run: " + why.Error()}
	}
	return state.Outcome{Operation: op, Ending: state.NotAttempted}
}

// troubled takes in an error of the service. It stops the run when the error concerns the service and not one user,
// and reports whether it did so at once.
func (r *run) troubled(ctx context.Context, op plan.Operation, err error) (unusable bool) {
	switch trouble := account.KindOf(err); {
	case trouble.Unusable():
		r.unusable(err)
		return true
	case trouble == account.Forbidden, trouble == account.Ambiguous:
		r.useless(ctx, op, err)
	}
	return false
}
