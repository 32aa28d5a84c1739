package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// maxTries is how often an operation in doubt is repeated before it is left to the next run as unknown.
const maxTries = 4

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
			outcome := r.done(op, made, op.Changes)
			outcome.Late = doubt != nil
			return outcome
		}
		kind := account.KindOf(err)
		certain := kind != account.Ambiguous && kind != account.Conflict
		if certain && doubt == nil {
			return r.refused(ctx, op, err)
		}
		if kind.Unusable() {
			r.unusable(err)
			break
		}
		found, lookupErr := r.holder(ctx, u)
		switch {
		case lookupErr != nil:
			return r.unknown(ctx, op, err, lookupErr)
		case found != nil && found.ExternalID == op.ExternalID && found.HasTag(r.OwnerTag):
			outcome := r.done(op, *found, nil)
			outcome.Late = doubt != nil // of two that were sent, one made the account
			return outcome
		case certain: // perhaps because of what is in doubt, and what look-ups don't show yet
			return r.unknown(ctx, op, err, nil)
		case found == nil && kind == account.Conflict && doubt == nil:
			outcome := r.refused(ctx, op, err)
			outcome.Taken, outcome.Open = true, true
			return outcome
		case found != nil:
			outcome := r.refused(ctx, op, heldBy(err, *found))
			outcome.Taken, outcome.Open = true, slices.Contains(op.WaitsFor, found.ExternalID)
			outcome.Late = doubt != nil || kind == account.Ambiguous
			return outcome
		case u.Values[user.Login].Text == "":
			return r.unknown(ctx, op, err, nil) // nothing would keep a second account from being made
		default:
			doubt = err
		}
	}
	return r.unknown(ctx, op, doubt, nil)
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

// update writes an account, or takes the owner tag off. In doubt it reads and compares again; when that is refused, to
// sign in with what the write may have changed for one, it looks the account up.
func (r *run) update(ctx context.Context, op plan.Operation) state.Outcome {
	known := op.Was()
	known.ExternalID = op.ExternalID // passwords are of this one, whatever the account carries
	if op.Reason == plan.Rekeyed {
		known.ExternalID = *op.ExternalIDBefore
	}
	var doubt error
	for try := range maxTries {
		if try > 0 && !pause(ctx, try) {
			break
		}
		var sent []plan.Change
		var w account.Write
		now, err := r.Service.Update(ctx, known, func(now account.Account) (account.Write, error) {
			var err error
			sent, err = r.stillToWrite(op, now)
			if err != nil {
				return account.Write{}, err
			}
			w = account.Write{Values: after(sent), ExternalID: idToWrite(op, now)}
			w.Password, err = r.rekeyPassword(op, w)
			return w, err
		})
		if err == nil {
			return keptID(r.done(op, now, sent), w, now)
		}
		if doubt == nil {
			err = r.unlessRenamed(ctx, known, err)
		}
		if moved, ok := errors.AsType[*movedError](err); ok {
			if doubt != nil { // perhaps by what is in doubt: the service may make something else of a value
				return r.unknown(ctx, op, fmt.Errorf("%w; %w", doubt, moved), nil)
			}
			return state.Outcome{Operation: op, Ending: state.DoneSkipped, Words: moved.Error(), Moved: true}
		}
		switch kind := account.KindOf(err); {
		case kind == account.Ambiguous:
			doubt = err
			known = r.signingInAgain(ctx, op, known)
			continue
		case doubt == nil:
			outcome := r.refused(ctx, op, err)
			if kind == account.Conflict {
				kept := r.keptByAnother(ctx, op)
				outcome.Taken, outcome.Open = kept || len(op.WaitsFor) == 0, !kept
			}
			return outcome
		case kind.Unusable():
			r.unusable(err)
			return r.unknown(ctx, op, doubt, nil)
		}
		return r.refusedInDoubt(ctx, op, doubt, err)
	}
	return r.unknown(ctx, op, doubt, nil)
}

// signingInAgain is the account as whose user an update in doubt is repeated. The update may have changed what they sign in
// with: whoever has that login by then is somebody else, and some servers make a user of one that nobody has.
func (r *run) signingInAgain(ctx context.Context, op plan.Operation, known account.Account) account.Account {
	if !slices.ContainsFunc(op.Changes, func(c plan.Change) bool { return c.Field == user.Login || c.Field == user.Email }) {
		return known
	}
	present, err := byID(ctx, r.Service, op.AccountID)
	now, there := present[known.ID]
	if err != nil || !there {
		return known
	}
	now.ExternalID = known.ExternalID // passwords are of this one
	return now
}

// unlessRenamed is err, or that the account's user signs in with something else by now: then it wasn't they who were refused.
func (r *run) unlessRenamed(ctx context.Context, known account.Account, err error) error {
	if kind := account.KindOf(err); kind != account.PasswordNotOurs && kind != account.Forbidden {
		return err
	}
	present, lookupErr := byID(ctx, r.Service, known.ID)
	now, there := present[known.ID]
	if lookupErr != nil || !there {
		return err
	}
	for _, field := range []user.Field{user.Login, user.Email} {
		if was, is := known.Values[field].Text, now.Values[field].Text; !field.Equal(was, is) {
			return &movedError{fmt.Sprintf("%s is %q now, and was %q", field, is, was)}
		}
	}
	return err
}

// keptByAnother reports whether somebody is found who has what the operation claims, and isn't to free it: what nobody keeps is
// taken for a moment, by another worker's swap or a call that came late, or look-ups don't show yet what was freed.
func (r *run) keptByAnother(ctx context.Context, op plan.Operation) bool {
	for _, look := range claimKeys() {
		for _, c := range op.Changes {
			if c.Field != look.field || c.After == "" {
				continue
			}
			found, err := r.Service.Find(ctx, look.key, []string{c.After})
			if err != nil {
				continue // nothing tells
			}
			for _, a := range found {
				if a.ID != op.AccountID && c.Field.Equal(a.Values[c.Field].Text, c.After) && !slices.Contains(op.WaitsFor, a.ExternalID) {
					return true
				}
			}
		}
	}
	return false
}

// claimKey is how it is found out who holds a value that nobody else may have.
type claimKey struct {
	field user.Field
	key   account.Key
}

func claimKeys() []claimKey {
	return []claimKey{{user.Login, account.ByLogin}, {user.Email, account.ByEmail}}
}

// refusedInDoubt is the outcome of an update in doubt that was refused when it was repeated.
func (r *run) refusedInDoubt(ctx context.Context, op plan.Operation, doubt, refused error) state.Outcome {
	present, err := byID(ctx, r.Service, op.AccountID)
	if err != nil {
		return r.unknown(ctx, op, doubt, err)
	}
	if now, there := present[op.AccountID]; there {
		if left, err := r.stillToWrite(op, now); err == nil && len(left) == 0 && idToWrite(op, now) == "" {
			return r.done(op, now, nil)
		}
	}
	return r.unknown(ctx, op, refused, nil) // perhaps refused because of what is in doubt, and what look-ups don't show yet
}

// stillToWrite checks an update against the account as it is now and returns what is left to write over it.
func (r *run) stillToWrite(op plan.Operation, now account.Account) ([]plan.Change, error) {
	var left []plan.Change
	if spared := r.spares(op.Kind, now); spared != "" {
		return nil, &movedError{spared}
	}
	if now.ExternalID != op.ExternalID && now.ExternalID != op.Was().ExternalID {
		return nil, &movedError{fmt.Sprintf("account %d has the external ID %q now", now.ID, now.ExternalID)}
	}
	if lost := !now.HasTag(r.OwnerTag); lost && op.Reason != plan.LostTag && op.Kind != plan.Release && op.Kind != plan.Adopt {
		return nil, &movedError{fmt.Sprintf("account %d lost the tag %q", now.ID, r.OwnerTag)}
	}
	if op.Kind == plan.Adopt {
		if field := differs(op, now); field != "" {
			return nil, &movedError{fmt.Sprintf("account %d, found by its external ID, login or e-mail, has another %s now", now.ID, field)}
		}
	}
	for _, c := range op.Changes {
		current := now.Values[c.Field].Text
		if c.Field.Equal(current, c.After) {
			continue
		}
		if c.Field.Equal(current, c.Before) || op.Awaits(c.Field, current) {
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

// idToWrite returns the external ID that the account is still to get, "" where it has it or isn't to get it.
func idToWrite(op plan.Operation, now account.Account) string {
	if op.ExternalIDBefore == nil || op.Step != "" || now.ExternalID == op.ExternalID {
		return ""
	}
	return op.ExternalID
}

// keptID adds to the outcome that the service didn't take the external ID. It is said once: from now on the account is
// known by its id.
func keptID(outcome state.Outcome, w account.Write, now account.Account) state.Outcome {
	if outcome.Ending != state.DoneApplied || w.ExternalID == "" || now.ExternalID == w.ExternalID {
		return outcome
	}
	outcome.KeptID = &now.ExternalID
	outcome.Ignored++
	words := fmt.Sprintf("ConnectyCube kept the external ID %q of account %d when %q was sent; from now on the account is known by its id",
		now.ExternalID, now.ID, w.ExternalID)
	if outcome.Words != "" {
		words = outcome.Words + "; " + words
	}
	outcome.Words = words
	return outcome
}

// differs names the login or e-mail of an account to be adopted that is neither what it was nor what it is to be: it may
// not be the account that was found any more.
func differs(op plan.Operation, now account.Account) string {
	for _, field := range []user.Field{user.Login, user.Email} {
		have := now.Values[field].Text
		wanted := slices.ContainsFunc(op.Changes, func(c plan.Change) bool { return c.Field == field && field.Equal(c.After, have) })
		if !wanted && !field.Equal(have, op.Was().Values[field].Text) {
			return field.String()
		}
	}
	return ""
}

// done is the outcome of an applied create, update or release, with what the answer taught about the changes that it
// answered. What a look-up showed instead of an answer teaches nothing: it may have been written by somebody else.
func (r *run) done(op plan.Operation, now account.Account, answered []plan.Change) state.Outcome {
	if op.Kind == plan.Release && now.HasTag(r.OwnerTag) {
		words := fmt.Sprintf("ConnectyCube ignored tags: account %d still carries %q", now.ID, r.OwnerTag)
		return state.Outcome{Operation: op, Ending: state.DoneFailed, Words: words, Refused: true}
	}
	if held := unmoved(op, plan.Park, now); held != "" {
		words := fmt.Sprintf("ConnectyCube ignored %s: account %d still has it, so nobody else can", held, now.ID)
		return state.Outcome{Operation: op, Ending: state.DoneFailed, Words: words, Refused: true, Account: &now}
	}
	if lacking := unmoved(op, plan.PutBack, now); lacking != "" {
		words := fmt.Sprintf("ConnectyCube ignored %s: account %d still lacks what it gave up", lacking, now.ID)
		return state.Outcome{Operation: op, Ending: state.DoneFailed, Words: words, Refused: true, Account: &now}
	}
	r.succeeded(op)
	outcome := state.Outcome{Operation: op, Ending: state.DoneApplied, Account: &now}
	if r.Agree != nil {
		outcome.Agreement = r.Agree(&op, &now)
	}
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
