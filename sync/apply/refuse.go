package apply

import (
	"context"
	"fmt"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// refused is the outcome of an operation that definitely wasn't carried out.
func (r *run) refused(ctx context.Context, op plan.Operation, err error) state.Outcome {
	r.troubled(ctx, err)
	return refusal(op, err)
}

// refusal is remembered, so that the operation isn't sent again until its record, its account or the configuration
// changes. A lack of permission isn't: it is lifted without a change of any of them. To keep a second run from writing
// anything, nothing else is needed: what is forbidden writes nothing, and soon ends the run.
func refusal(op plan.Operation, err error) state.Outcome {
	kind := account.KindOf(err)
	if kind.Unusable() {
		return state.Outcome{Operation: op, Ending: state.NotAttempted, Words: err.Error()}
	}
	return state.Outcome{Operation: op, Ending: state.DoneFailed, Words: err.Error(), Refused: kind != account.Forbidden}
}

// unknown is the outcome of an operation that nothing proves done or not done.
func (r *run) unknown(ctx context.Context, op plan.Operation, doubt, lookupErr error) state.Outcome {
	cause := doubt
	if lookupErr != nil {
		cause = lookupErr
	}
	if account.KindOf(cause).Unusable() {
		r.halt(cause)
	} else {
		r.useless(ctx, cause)
	}
	return inDoubt(op, doubt, lookupErr)
}

func inDoubt(op plan.Operation, doubt, lookupErr error) state.Outcome {
	words := "in doubt; the next run finds out"
	if doubt != nil {
		words += ": " + doubt.Error()
	}
	if lookupErr != nil {
		words += "; the look-up failed: " + lookupErr.Error()
	}
	return state.Outcome{Operation: op, Ending: state.DoneUnknown, Words: words}
}

// troubled takes in an error of the service. It stops the run when the error concerns the service and not one user,
// and reports whether it did so at once.
func (r *run) troubled(ctx context.Context, err error) (unusable bool) {
	switch kind := account.KindOf(err); {
	case kind.Unusable():
		r.halt(err)
		return true
	case kind == account.Forbidden, kind == account.Ambiguous:
		r.useless(ctx, err)
	}
	return false
}

// useless counts what ended in doubt or for lack of permission, and stops the run when nothing else comes.
func (r *run) useless(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return // we broke it off ourselves
	}
	r.mu.Lock()
	r.streak++
	enough := r.streak >= uselessLimit
	r.mu.Unlock()
	if enough {
		r.halt(fmt.Errorf("%d operations in a row were forbidden or ended in doubt, so nothing more is sent: %w", uselessLimit, err))
	}
}

func (r *run) succeeded() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streak = 0
}
