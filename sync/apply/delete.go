package apply

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// freshness is how old the look-up may be that says that an account is still ours when its delete is sent. Somebody
// may be letting the account go by hand at that moment, and nothing brings it back.
const freshness = time.Second

// deleteAll deletes accounts that are still what the plan took them for. Whether one is gone, a look-up says, never an
// answer to the delete itself.
func (r *run) deleteAll(ctx context.Context, group []plan.Operation) []state.Outcome {
	outcomes := make([]state.Outcome, 0, len(group))
	errs := map[int64]error{} // of those asked for, by account id
	var asked []plan.Operation
	var present map[int64]account.Account
	var looked time.Time
	for i, op := range group {
		if r.over(op) {
			outcomes = append(outcomes, r.unsentOutcome(op))
			continue
		}
		if looked.IsZero() || time.Since(looked) > freshness {
			looked = time.Now() // before the call: the answer is older than its arrival
			var err error
			if present, err = r.byID(ctx, group[i:]); err != nil {
				outcomes = append(outcomes, r.unsent(ctx, group[i:], err)...)
				break
			}
		}
		now, there := present[op.AccountID]
		spared := r.spares(op.Kind, now)
		switch {
		case !there:
			outcomes = append(outcomes, state.Outcome{Operation: op, Ending: state.DoneApplied, Words: "was gone already"})
		case now.ExternalID != op.ExternalID || !now.HasTag(r.OwnerTag):
			outcomes = append(outcomes, state.Outcome{Operation: op, Ending: state.DoneSkipped, Words: (&movedError{"it isn't ours any more"}).Error()})
		case spared != "":
			outcomes = append(outcomes, state.Outcome{Operation: op, Ending: state.DoneSkipped, Words: (&movedError{spared}).Error()})
		default:
			errs[op.AccountID] = r.remove(ctx, op, now)
			asked = append(asked, op)
		}
	}
	return append(outcomes, r.proveAll(ctx, asked, errs)...)
}

func (r *run) remove(ctx context.Context, op plan.Operation, now account.Account) error {
	err := r.Service.Delete(ctx, now)
	if err == nil {
		r.succeeded(op)
	} else {
		r.troubled(ctx, op, err)
	}
	return err
}

// unsent are the outcomes of deletes that no look-up cleared.
func (r *run) unsent(ctx context.Context, group []plan.Operation, err error) []state.Outcome {
	ending := state.DoneFailed
	if r.troubled(ctx, group[0], err) || ctx.Err() != nil {
		ending = state.NotAttempted
	}
	outcomes := make([]state.Outcome, len(group))
	for i, op := range group {
		outcomes[i] = state.Outcome{Operation: op, Ending: ending, Words: "not sent: the look-up before it failed: " + err.Error()}
	}
	return outcomes
}

// proveAll looks up what became of the deletes that were asked for.
func (r *run) proveAll(ctx context.Context, asked []plan.Operation, errs map[int64]error) []state.Outcome {
	if len(asked) == 0 {
		return nil
	}
	present, err := r.byID(ctx, asked)
	if err != nil {
		r.troubled(ctx, asked[0], err) // once: it was one question
	}
	outcomes := make([]state.Outcome, len(asked))
	for i, op := range asked {
		outcomes[i] = r.proven(ctx, op, errs[op.AccountID], present, err)
	}
	return outcomes
}

// proven is the outcome of a delete that was asked for. What its answer said is counted already.
func (r *run) proven(ctx context.Context, op plan.Operation, deleteErr error, present map[int64]account.Account, lookupErr error) state.Outcome {
	_, there := present[op.AccountID]
	switch {
	case account.KindOf(deleteErr).Unusable() && (there || lookupErr != nil):
		return refusal(op, deleteErr)
	case lookupErr != nil:
		return inDoubt(op, deleteErr, lookupErr)
	case !there:
		r.succeeded(op)
		return state.Outcome{Operation: op, Ending: state.DoneApplied}
	case deleteErr == nil:
		words := fmt.Sprintf("ConnectyCube said that account %d was deleted, and it is still there", op.AccountID)
		return r.unknown(ctx, op, &account.Error{Kind: account.Ambiguous, Call: "delete user", Words: words}, nil)
	case account.KindOf(deleteErr) == account.Ambiguous:
		return inDoubt(op, deleteErr, nil)
	default:
		return refusal(op, deleteErr)
	}
}

func (r *run) byID(ctx context.Context, group []plan.Operation) (map[int64]account.Account, error) {
	ids := make([]string, len(group))
	for i, op := range group {
		ids[i] = strconv.FormatInt(op.AccountID, 10)
	}
	found, err := r.Service.Find(ctx, account.ByID, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[int64]account.Account, len(found))
	for _, a := range found {
		byID[a.ID] = a
	}
	return byID, nil
}
