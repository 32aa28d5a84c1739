package apply

import (
	"context"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// refused is the outcome of an operation that definitely wasn't carried out.
func (r *run) refused(ctx context.Context, op plan.Operation, err error) state.Outcome {
	r.troubled(ctx, op, err)
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
		r.unusable(cause)
	} else {
		r.useless(ctx, op, cause)
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
