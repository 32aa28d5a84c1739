package apply

import (
	"context"
	"fmt"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// rekey gives an account another external ID, and its user the password that belongs to it, in one call. Where the
// service doesn't take the external ID, the password is put back, and nothing more is sent. Nothing of it is remembered
// as refused: it is sent again when a person orders it again.
func (r *run) rekey(ctx context.Context, op plan.Operation) state.Outcome {
	outcome := r.update(ctx, op)
	outcome.Refused = false
	if outcome.KeptID == nil {
		return outcome
	}
	fixed := &account.Error{
		Kind: account.Forbidden, Call: "change an external ID", Field: "external_id",
		Words: fmt.Sprintf("ConnectyCube kept %q of account %d when %q was sent", *outcome.KeptID, op.AccountID, op.ExternalID),
		Hint:  "this server changes no external IDs, so nobody can be rekeyed",
	}
	r.unusable(fixed)
	failed := state.Outcome{Operation: op, Ending: state.DoneFailed, Words: fixed.Error()}
	if err := r.passwordBack(context.WithoutCancel(ctx), op); err != nil {
		failed.Ending = state.DoneUnknown
		failed.Words += fmt.Sprintf("; the password of %q couldn't be put back (%v): cubesync tries both from now on, `cubesync rekey` with this map tries again",
			*op.ExternalIDBefore, err)
	}
	return failed
}

// rekeyPassword is the password that goes with a new external ID, "" where passwords don't depend on it.
func (r *run) rekeyPassword(op plan.Operation, w account.Write) (string, error) {
	if op.Reason != plan.Rekeyed || w.ExternalID == "" || r.Password == nil {
		return "", nil
	}
	return r.Password(op.ExternalID)
}

// passwordBack gives the user of an account that kept its external ID the password of that one again.
func (r *run) passwordBack(ctx context.Context, op plan.Operation) error {
	if r.Password == nil {
		return nil
	}
	old, err := r.Password(*op.ExternalIDBefore)
	if err != nil {
		return err
	}
	known := op.Was()
	known.ExternalID = op.ExternalID // whose password it has now
	for try := range maxTries {
		if try > 0 && !pause(ctx, try) {
			break
		}
		_, err = r.Service.Update(ctx, known, func(account.Account) (account.Write, error) { return account.Write{Password: old}, nil })
		if err == nil || account.KindOf(err) != account.Ambiguous {
			return err
		}
	}
	return err
}
