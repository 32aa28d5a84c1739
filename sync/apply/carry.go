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
			return r.done(op, made)
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
		case found == nil:
			doubt = err
		case found.ExternalID == op.ExternalID && found.HasTag(r.OwnerTag):
			return r.done(op, *found)
		default:
			return r.refused(op, &account.Error{
				Kind: account.Conflict, Call: "sign up",
				Words: fmt.Sprintf("account %d holds its external ID, login or e-mail", found.ID),
			})
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

// errMoved is a precondition that no longer holds.
type movedError struct{ why string }

func (e *movedError) Error() string { return "changed since the plan was made: " + e.why }

// update writes an account, or takes the owner tag off. In doubt it reads and compares again.
func (r *run) update(ctx context.Context, op plan.Operation) state.Outcome {
	var doubt error
	for try := range maxTries {
		if try > 0 && !pause(ctx, try) {
			break
		}
		now, err := r.Service.Update(ctx, op.Account, func(now account.Account) (user.Values, error) {
			return r.stillToWrite(op, now)
		})
		if err == nil {
			return r.done(op, now)
		}
		if moved, ok := errors.AsType[*movedError](err); ok {
			return state.Outcome{Operation: op, Ending: state.DoneSkipped, Words: moved.Error()}
		}
		if account.KindOf(err) != account.Ambiguous {
			return r.refused(op, err)
		}
		doubt = err
	}
	return r.unknown(op, doubt, nil)
}

// stillToWrite checks an update against the account as it is now and returns what is left to write.
func (r *run) stillToWrite(op plan.Operation, now account.Account) (user.Values, error) {
	var values user.Values
	if now.ExternalID != op.ExternalID {
		return values, &movedError{fmt.Sprintf("account %d has the external ID %q now", now.ID, now.ExternalID)}
	}
	if op.Reason != plan.LostTag && !now.HasTag(r.OwnerTag) && op.Kind != plan.Release {
		return values, &movedError{fmt.Sprintf("account %d lost the tag %q", now.ID, r.OwnerTag)}
	}
	for _, c := range op.Changes {
		current := now.Values[c.Field].Text
		if c.Field.Equal(current, c.After) {
			continue
		}
		if c.Field.Equal(current, c.Before) {
			values[c.Field] = user.Text(c.After)
			continue
		}
		merged, ok := c.Onto(current)
		if !ok {
			return values, &movedError{fmt.Sprintf("%s is %q now, and was %q", c.Field, current, c.Before)}
		}
		if !c.Field.Equal(current, merged) {
			values[c.Field] = user.Text(merged)
		}
	}
	return values, nil
}

// deleteAll deletes accounts that are still what the plan took them for. Whether one is gone, a look-up says, never an
// answer to the delete itself.
func (r *run) deleteAll(ctx context.Context, group []plan.Operation) []state.Outcome {
	outcomes := make([]state.Outcome, 0, len(group))
	present, err := r.byID(ctx, group)
	if err != nil {
		r.haltIfUnusable(err)
		for _, op := range group {
			outcomes = append(outcomes, state.Outcome{Operation: op, Ending: state.NotAttempted, Words: err.Error()})
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
		default:
			errs[op.AccountID] = r.Service.Delete(ctx, now)
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
	case lookupErr != nil:
		return r.unknown(op, deleteErr, lookupErr)
	case !there:
		r.succeeded()
		return state.Outcome{Operation: op, Ending: state.DoneApplied}
	case deleteErr == nil:
		return r.unknown(op, errors.New("ConnectyCube said that it was deleted, and it is still there"), nil)
	case account.KindOf(deleteErr) == account.Ambiguous:
		return r.unknown(op, deleteErr, nil)
	default:
		return r.refused(op, deleteErr)
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

// done is the outcome of an applied create, update or release, with what the answer taught.
func (r *run) done(op plan.Operation, now account.Account) state.Outcome {
	r.succeeded()
	outcome := state.Outcome{Operation: op, Ending: state.DoneApplied, Account: &now}
	var ignored []string
	for _, c := range op.Changes {
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
	if r.haltIfUnusable(err) {
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
