package apply

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// maxTries is how often an operation in doubt is repeated before it is left to the next run as unknown.
const maxTries = 4

// permissionsGone is how many refusals for lack of permission, without a success in between, mean that the
// credentials and not the users are the trouble.
const permissionsGone = 10

// create signs a user up. In doubt it finds out before it repeats, and repeats only with the same login, which only
// one account can hold: so nobody is signed up twice.
func (r *run) create(ctx context.Context, op plan.Operation) state.Outcome {
	u := user.User{ExternalID: op.ExternalID, Values: after(op.Changes)}
	password, err := r.Password(op.ExternalID)
	if err != nil {
		return state.Outcome{Operation: op, Ending: state.DoneFailed, Words: err.Error()}
	}
	var doubt error
	for try := range maxTries {
		if try > 0 && !pause(ctx, try) {
			break
		}
		made, err := r.Service.Create(ctx, u, password)
		if err == nil {
			return r.done(op, made, op.Changes)
		}
		kind := account.KindOf(err)
		if kind != account.Ambiguous && kind != account.Conflict {
			if doubt != nil && kind.Unusable() {
				r.halt(err)
				break
			}
			return r.refused(op, err)
		}
		found, lookupErr := r.holder(ctx, u)
		switch {
		case lookupErr != nil:
			return r.unknown(op, err, lookupErr)
		case found == nil && kind == account.Conflict && doubt == nil:
			return r.refused(op, err)
		case found == nil && u.Values[user.Login].Text == "":
			return r.unknown(op, err, nil) // nothing would keep a second account from being made
		case found == nil:
			doubt = err
		case found.ExternalID == op.ExternalID && found.HasTag(r.OwnerTag):
			return r.done(op, *found, nil)
		default:
			return r.refused(op, heldBy(err, *found))
		}
	}
	return r.unknown(op, doubt, nil)
}

// holder returns the account that holds what the user would claim, nil if there is none.
func (r *run) holder(ctx context.Context, u user.User) (*account.Account, error) {
	for _, look := range []struct {
		key   account.Key
		value string
	}{
		{account.ByExternalID, u.ExternalID},
		{account.ByLogin, u.Values[user.Login].Text},
		{account.ByEmail, u.Values[user.Email].Text},
	} {
		if look.value == "" {
			continue
		}
		found, err := r.Service.Find(ctx, look.key, []string{look.value})
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return &found[0], nil
		}
	}
	return nil, nil
}

// heldBy is a sign-up that somebody else stands in the way of, with the service's own words where it had any.
func heldBy(err error, holder account.Account) error {
	refusal := account.Error{Kind: account.Conflict, Call: "sign up"}
	if said, ok := errors.AsType[*account.Error](err); ok && said.Kind == account.Conflict {
		refusal = *said
	}
	refusal.Hint = fmt.Sprintf("account %d holds its external ID, login or e-mail", holder.ID)
	return &refusal
}

// movedError is a precondition that no longer holds.
type movedError struct{ why string }

func (e *movedError) Error() string { return "changed since the plan was made: " + e.why }

// update writes an account, or takes the owner tag off. In doubt it reads and compares again.
func (r *run) update(ctx context.Context, op plan.Operation) state.Outcome {
	var doubt error
	for try := range maxTries {
		if try > 0 && !pause(ctx, try) {
			break
		}
		var sent []plan.Change
		now, err := r.Service.Update(ctx, op.Account, func(now account.Account) (user.Values, error) {
			var err error
			sent, err = r.stillToWrite(op, now)
			return after(sent), err
		})
		if err == nil {
			return r.done(op, now, sent)
		}
		if moved, ok := errors.AsType[*movedError](err); ok {
			return state.Outcome{Operation: op, Ending: state.DoneSkipped, Words: moved.Error()}
		}
		if kind := account.KindOf(err); kind != account.Ambiguous {
			if doubt != nil && kind.Unusable() {
				r.halt(err)
				break
			}
			return r.refused(op, err)
		}
		doubt = err
	}
	return r.unknown(op, doubt, nil)
}

// stillToWrite checks an update against the account as it is now and returns what is left to write over it.
func (r *run) stillToWrite(op plan.Operation, now account.Account) ([]plan.Change, error) {
	var left []plan.Change
	if now.ExternalID != op.ExternalID {
		return nil, &movedError{fmt.Sprintf("account %d has the external ID %q now", now.ID, now.ExternalID)}
	}
	if op.Reason != plan.LostTag && !now.HasTag(r.OwnerTag) && op.Kind != plan.Release {
		return nil, &movedError{fmt.Sprintf("account %d lost the tag %q", now.ID, r.OwnerTag)}
	}
	for _, c := range op.Changes {
		current := now.Values[c.Field].Text
		if c.Field.Equal(current, c.After) {
			continue
		}
		if c.Field.Equal(current, c.Before) {
			left = append(left, plan.Change{Field: c.Field, Before: current, After: c.After})
			continue
		}
		merged, ok := c.Onto(current)
		if !ok {
			return nil, &movedError{fmt.Sprintf("%s is %q now, and was %q", c.Field, current, c.Before)}
		}
		if !c.Field.Equal(current, merged) {
			left = append(left, plan.Change{Field: c.Field, Before: current, After: merged})
		}
	}
	return left, nil
}

// deleteAll deletes accounts that are still what the plan took them for. Whether one is gone, a look-up says, never an
// answer to the delete itself.
func (r *run) deleteAll(ctx context.Context, group []plan.Operation) []state.Outcome {
	outcomes := make([]state.Outcome, 0, len(group))
	present, err := r.byID(ctx, group)
	if err != nil {
		ending := state.DoneFailed
		if r.haltIfUnusable(err) || ctx.Err() != nil {
			ending = state.NotAttempted
		}
		for _, op := range group {
			outcomes = append(outcomes, state.Outcome{Operation: op, Ending: ending, Words: "not sent: the look-up before it failed: " + err.Error()})
		}
		return outcomes
	}
	errs := map[int64]error{} // of those asked for, by account id
	var asked []plan.Operation
	for _, op := range group {
		now, there := present[op.AccountID]
		switch {
		case !there:
			outcomes = append(outcomes, state.Outcome{Operation: op, Ending: state.DoneApplied, Words: "was gone already"})
		case now.ExternalID != op.ExternalID || !now.HasTag(r.OwnerTag):
			outcomes = append(outcomes, state.Outcome{Operation: op, Ending: state.DoneSkipped, Words: (&movedError{"it isn't ours any more"}).Error()})
		case r.cause() != nil:
			outcomes = append(outcomes, state.Outcome{Operation: op, Ending: state.NotAttempted})
		default:
			err := r.Service.Delete(ctx, now)
			if err == nil {
				r.succeeded()
			} else {
				r.haltIfUnusable(err)
			}
			errs[op.AccountID] = err
			asked = append(asked, op)
		}
	}
	if len(asked) == 0 {
		return outcomes
	}
	present, err = r.byID(ctx, asked)
	for _, op := range asked {
		outcomes = append(outcomes, r.proven(op, errs[op.AccountID], present, err))
	}
	return outcomes
}

// proven is the outcome of a delete that was asked for.
func (r *run) proven(op plan.Operation, deleteErr error, present map[int64]account.Account, lookupErr error) state.Outcome {
	_, there := present[op.AccountID]
	switch {
	case account.KindOf(deleteErr).Unusable() && (there || lookupErr != nil):
		return refusal(op, deleteErr)
	case lookupErr != nil:
		return r.unknown(op, deleteErr, lookupErr)
	case !there:
		return state.Outcome{Operation: op, Ending: state.DoneApplied}
	case deleteErr == nil:
		return r.unknown(op, errors.New("ConnectyCube said that it was deleted, and it is still there"), nil)
	case account.KindOf(deleteErr) == account.Ambiguous:
		return r.unknown(op, deleteErr, nil)
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

// done is the outcome of an applied create, update or release, with what the answer taught about the changes that it
// answered. What a look-up showed instead of an answer teaches nothing: it may have been written by somebody else.
func (r *run) done(op plan.Operation, now account.Account, answered []plan.Change) state.Outcome {
	r.succeeded()
	outcome := state.Outcome{Operation: op, Ending: state.DoneApplied, Account: &now}
	var ignored []string
	for _, c := range answered {
		got := now.Values[c.Field].Text
		if c.Field.Equal(got, c.After) {
			continue
		}
		learned := plan.Learned{Field: c.Field, Sent: c.After, Got: got, Ignored: c.Field.Equal(got, c.Before)}
		if learned.Ignored {
			ignored = append(ignored, c.Field.String())
		}
		outcome.Learned = append(outcome.Learned, learned)
	}
	if len(ignored) > 0 {
		outcome.Ignored = len(ignored)
		outcome.Words = "ConnectyCube ignored " + strings.Join(ignored, ", ")
	}
	return outcome
}

// refused is the outcome of an operation that definitely wasn't carried out.
func (r *run) refused(op plan.Operation, err error) state.Outcome {
	r.haltIfUnusable(err)
	return refusal(op, err)
}

func refusal(op plan.Operation, err error) state.Outcome {
	if account.KindOf(err).Unusable() {
		return state.Outcome{Operation: op, Ending: state.NotAttempted, Words: err.Error()}
	}
	return state.Outcome{Operation: op, Ending: state.DoneFailed, Words: err.Error(), Refused: true}
}

func (r *run) unknown(op plan.Operation, doubt, lookupErr error) state.Outcome {
	words := "in doubt; the next run finds out"
	if doubt != nil {
		words += ": " + doubt.Error()
	}
	if lookupErr != nil {
		r.haltIfUnusable(lookupErr)
		words += "; the look-up failed: " + lookupErr.Error()
	}
	return state.Outcome{Operation: op, Ending: state.DoneUnknown, Words: words}
}

// haltIfUnusable stops the run when the error concerns the service and not one user.
func (r *run) haltIfUnusable(err error) bool {
	kind := account.KindOf(err)
	if kind.Unusable() {
		r.halt(err)
		return true
	}
	if kind != account.Forbidden {
		return false
	}
	r.mu.Lock()
	r.forbidden++
	gone := r.forbidden >= permissionsGone
	r.mu.Unlock()
	if gone {
		r.halt(err)
	}
	return false
}

func (r *run) succeeded() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forbidden = 0
}

// pause waits before another try, longer each time; false when ctx ended.
func pause(ctx context.Context, try int) bool {
	timer := time.NewTimer(time.Duration(try*try) * 200 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func after(changes []plan.Change) user.Values {
	var values user.Values
	for _, c := range changes {
		values[c.Field] = user.Text(c.After)
	}
	return values
}
