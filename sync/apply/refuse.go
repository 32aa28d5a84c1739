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
	r.troubled(ctx, op.Kind, err)
	return refusal(op, err)
}

// refusal is remembered, so that the operation isn't sent again until its record, its account or the configuration
// changes. So is a lack of permission: users to whom it applies must not stand in the way of the others every night.
// When the permission is granted, --retry-failed sends them again.
func refusal(op plan.Operation, err error) state.Outcome {
	if account.KindOf(err).Unusable() {
		return state.Outcome{Operation: op, Ending: state.NotAttempted, Words: err.Error()}
	}
	kind := account.KindOf(err)
	return state.Outcome{
		Operation: op, Ending: state.DoneFailed, Words: err.Error(), Refused: true,
		Whatever: kind == account.Forbidden || kind == account.PasswordNotOurs,
	}
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
		r.useless(ctx, op.Kind, cause)
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
func (r *run) troubled(ctx context.Context, kind plan.Kind, err error) (unusable bool) {
	switch trouble := account.KindOf(err); {
	case trouble.Unusable():
		r.halt(err)
		return true
	case trouble == account.Forbidden, trouble == account.Ambiguous:
		r.useless(ctx, kind, err)
	}
	return false
}

// useless counts what ended in doubt or for lack of permission, and gives the kind of operation up when nothing else
// comes of it. The other kinds go on: who may not update may still sign up.
func (r *run) useless(ctx context.Context, kind plan.Kind, err error) {
	if ctx.Err() != nil {
		return // we broke it off ourselves
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streak[kind]++
	if r.streak[kind] >= uselessLimit && r.givenUp[kind] == nil {
		r.givenUp[kind] = fmt.Errorf("%d operations in a row (%s) were forbidden or ended in doubt, so no more of them are sent: %w", uselessLimit, kind, err)
	}
}

func (r *run) succeeded(kind plan.Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.streak[kind] = 0
}

// over reports whether operations of the kind are sent no more.
func (r *run) over(kind plan.Kind) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err != nil || r.givenUp[kind] != nil
}
