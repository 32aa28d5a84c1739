package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// A ring is carried out as a whole or not at all, by one worker: whoever stands in it may for a moment be without a login
// or an e-mail.
//
//	1  everybody in it is read under the authority that will write them, and what they claim is looked up: nobody is
//	   parked where one of them can't be written
//	2  the parkings, the members and the other halves of the parked ones are written in the plan's order; what ends in
//	   doubt is read before it goes on
//	3  where one of them isn't written after all, everything that was is undone, the last first
//
// Once begun, neither a stop nor a kind of operation that was given up breaks it off; only the end of ctx does. What is
// left then the next plan brings to its end, or gives back.

// ringRun is one ring on its way.
type ringRun struct {
	*run
	ops      []plan.Operation
	now      map[int64]account.Account // what is known of each account, to sign in with
	steps    []ringStep                // those that were, or may have been, written
	outcomes []state.Outcome           // one for each of ops, in their order
}

// ringStep is a write that may have to be undone.
type ringStep struct {
	op   int             // its number
	was  account.Account // before it
	left user.Values     // after it
}

// ring carries a ring out and returns how each of its operations ended.
func (r *run) ring(ctx context.Context, ops []plan.Operation) []state.Outcome {
	ring := &ringRun{run: r, ops: ops, now: map[int64]account.Account{}, outcomes: make([]state.Outcome, len(ops))}
	if who, err := ring.writable(ctx); err != nil {
		ring.notBegun(ctx, who, err)
		return ring.outcomes
	}
	if ring.calledOff() {
		for i, op := range ops {
			ring.outcomes[i] = r.unsentOutcome(op)
		}
		return ring.outcomes
	}
	for i := range ops {
		if !ring.write(ctx, i) {
			ring.undo(ctx, i)
			break
		}
	}
	return ring.outcomes
}

// write carries one operation out, signed in as what the account is by now.
func (r *ringRun) write(ctx context.Context, i int) bool {
	op := r.ops[i]
	was := r.now[op.AccountID]
	op.Account = &was
	outcome := r.update(ctx, op)
	outcome.Operation = r.ops[i]
	r.outcomes[i] = outcome
	step := ringStep{op: i, was: was, left: after(op.Changes)}
	if outcome.Account != nil {
		step.left = outcome.Account.Values
		r.now[op.AccountID] = *outcome.Account
	}
	if outcome.Account != nil || outcome.Ending == state.DoneUnknown { // a parking that was ignored may have been written in part
		r.steps = append(r.steps, step)
	}
	return outcome.Ending == state.DoneApplied
}

// writable finds out whether everybody in the ring could be written now, without writing anything, and returns who
// couldn't. It keeps how everybody is before the first write.
func (r *ringRun) writable(ctx context.Context) (who string, err error) {
	if who, err := r.unclaimed(ctx); err != nil {
		return who, err
	}
	for _, op := range r.ops {
		if op.Step == plan.Park {
			continue
		}
		if r.calledOff() {
			return "", nil
		}
		known := signingIn(op, op.Was())
		now, err := r.Service.Update(ctx, known, func(now account.Account) (account.Write, error) {
			_, err := r.stillToWrite(op, now)
			return account.Write{}, err
		})
		if err != nil {
			return op.ExternalID, r.unlessRenamed(ctx, known, err)
		}
		r.now[op.AccountID] = now
	}
	return "", nil
}

// calledOff reports whether a ring of which nothing was written yet isn't begun any more.
func (r *ringRun) calledOff() bool {
	return slices.ContainsFunc(r.ops, r.over)
}

// signingIn is the account with the external ID that its password is of, whatever the account carries.
func signingIn(op plan.Operation, a account.Account) account.Account {
	a.ExternalID = op.ExternalID
	return a
}

// unclaimed makes sure that nobody outside the ring holds what a member claims.
func (r *ringRun) unclaimed(ctx context.Context) (who string, err error) {
	for _, look := range claimKeys() {
		field := look.field
		claimants := map[string]string{} // external ID, by what they claim
		inside := map[int64]bool{}
		var values []string
		for _, op := range r.ops {
			inside[op.AccountID] = true
			for _, c := range op.Changes {
				if c.Field == field && c.After != "" && op.Step == "" {
					claimants[field.Canonical(c.After)] = op.ExternalID
					values = append(values, c.After)
				}
			}
		}
		if len(values) == 0 {
			continue
		}
		found, err := r.Service.Find(ctx, look.key, values)
		if err != nil {
			return r.ops[0].ExternalID, err
		}
		for _, a := range found {
			held := a.Values[field].Text
			if claimant, wanted := claimants[field.Canonical(held)]; wanted && !inside[a.ID] {
				return claimant, &account.Error{
					Kind: account.Conflict, Call: "look up", Field: field.String(), Words: fmt.Sprintf("account %d holds the %s %s", a.ID, field, held),
				}
			}
		}
	}
	return "", nil
}

// notBegun ends everybody in a ring that can't be written as a whole. It is remembered, by its first parking, where one of
// them was refused for good.
func (r *ringRun) notBegun(ctx context.Context, who string, err error) {
	words := fmt.Sprintf("not begun, as %s can't be written, for whom the others in its swap wait: %v", who, err)
	ending := state.DoneSkipped
	first := state.Outcome{Operation: r.ops[0], Ending: ending}
	if _, moved := errors.AsType[*movedError](err); moved {
		first.Moved = true
	} else {
		if kind := account.KindOf(err); kind.Unusable() {
			ending = state.NotAttempted
			first = r.refused(ctx, r.ops[0], err)
		} else if kind == account.Ambiguous {
			r.troubled(ctx, r.ops[0], err)
		} else {
			first = r.refused(ctx, r.ops[0], err)
			first.Taken = kind == account.Conflict
		}
	}
	for i, op := range r.ops {
		r.outcomes[i] = state.Outcome{Operation: op, Ending: ending, Words: words}
	}
	first.Words = words
	r.outcomes[0] = first
}

// undo puts everything back that was written, the last first, after the operation with the number wasn't. What can't be
// put back stays applied, or parked until the next run.
func (r *ringRun) undo(ctx context.Context, failed int) {
	culprit := &r.outcomes[failed]
	because := fmt.Sprintf("as %s couldn't be written: %s", culprit.Operation.ExternalID, culprit.Words)
	rest := state.DoneSkipped
	if culprit.Ending == state.NotAttempted || ctx.Err() != nil {
		rest = state.NotAttempted
	}
	for i := failed + 1; i < len(r.ops); i++ {
		r.outcomes[i] = state.Outcome{Operation: r.ops[i], Ending: rest, Words: "not sent, " + because}
	}
	parked := map[string]bool{} // who is still, by external ID
	whole := true
	var gone error
	for _, step := range slices.Backward(r.steps) {
		outcome := &r.outcomes[step.op]
		err, doubtful := gone, false
		if err == nil {
			doubtful, err = r.putBack(ctx, step)
		}
		if err != nil && account.KindOf(err).Unusable() {
			gone = err // for all others, too
		}
		whole = whole && err == nil
		switch {
		case err == nil && outcome != culprit:
			*outcome = state.Outcome{Operation: r.ops[step.op], Ending: state.DoneSkipped, Words: "undone, " + because}
		case err == nil && outcome.Ending == state.DoneUnknown: // in doubt no more
			outcome.Ending = state.DoneFailed
		case err == nil:
		case outcome.Operation.Step == plan.Park:
			parked[outcome.Operation.ExternalID] = true
		case doubtful:
			*outcome = inDoubt(outcome.Operation, fmt.Errorf("undone or not, %s; %w", because, err), nil)
		case outcome != culprit:
			outcome.Words = fmt.Sprintf("stays, although its swap was broken off, %s; undoing it failed: %v", because, err)
		}
	}
	for i := range r.outcomes {
		if o := &r.outcomes[i]; o.Operation.Step == "" && o.Ending != state.DoneApplied && parked[o.Operation.ExternalID] {
			o.Words += "; parked until the next run"
		}
	}
	if whole {
		culprit.Words += "; everybody in its swap is as before"
	} else {
		culprit.Words += "; its swap is broken off, the next run ends it or gives back what was given up"
	}
}

// putBack undoes a step: every value that it wrote becomes what it was, unless somebody else has changed it meanwhile. An
// adopted account stays adopted, and an external ID that was given stays given: they are right by themselves. After any
// error it reads the account, as whose user it signs in, and tries again. An error is doubtful where it may be put back nevertheless.
func (r *ringRun) putBack(ctx context.Context, step ringStep) (doubtful bool, err error) {
	op := r.ops[step.op]
	for try := 0; ; try++ {
		known := signingIn(op, r.now[op.AccountID])
		now, err := r.Service.Update(ctx, known, func(now account.Account) (account.Write, error) { return step.back(op, now), nil })
		if err == nil {
			r.now[op.AccountID] = now
			if w := step.back(op, now); w != (account.Write{}) {
				return false, &account.Error{Kind: account.Invalid, Call: "put back", Words: fmt.Sprintf("ConnectyCube ignored it: account %d isn't as it was", now.ID)}
			}
			return false, nil
		}
		kind := account.KindOf(err)
		doubtful = doubtful || kind == account.Ambiguous
		lasting := kind != account.Ambiguous && !kind.Unusable()
		if lasting && try > 0 || try == maxTries-1 || !pause(ctx, try+1) {
			if lasting {
				r.putLoginBack(ctx, step)
			}
			return doubtful, err
		}
		if present, lookupErr := byID(ctx, r.Service, op.AccountID); lookupErr == nil {
			if fresh, there := present[op.AccountID]; there {
				r.now[op.AccountID] = fresh
			}
		}
	}
}

// putLoginBack gives a parked login back where all that was given up can't be: an e-mail that somebody has taken meanwhile
// mustn't keep its user locked out. What comes of it the next run sees.
func (r *ringRun) putLoginBack(ctx context.Context, step ringStep) {
	op := r.ops[step.op]
	now, err := r.Service.Update(ctx, signingIn(op, r.now[op.AccountID]), func(now account.Account) (w account.Write, err error) {
		if all := step.back(op, now); all.Values[user.Email].Set {
			w.Values[user.Login] = all.Values[user.Login]
		}
		return w, nil
	})
	if err != nil {
		return
	}
	r.now[op.AccountID] = now
	if outcome := &r.outcomes[step.op]; outcome.Account != nil {
		outcome.Account = &now
	}
}

// back is the write that undoes the step; the zero Write where there is nothing to undo.
func (s ringStep) back(op plan.Operation, now account.Account) account.Write {
	var w account.Write
	for _, c := range op.Changes {
		if op.Kind == plan.Adopt && c.Field != user.Login && c.Field != user.Email {
			continue
		}
		current, was, left := now.Values[c.Field].Text, s.was.Values[c.Field].Text, s.left[c.Field].Text
		if c.Field.Equal(current, was) {
			continue
		}
		if c.Field.Equal(current, left) || c.Field.Equal(current, c.After) {
			w.Values[c.Field] = user.Text(was)
		} else if merged, ok := (plan.Change{Field: c.Field, Before: left, After: was}).Onto(current); ok && !c.Field.Equal(current, merged) {
			w.Values[c.Field] = user.Text(merged)
		}
	}
	return w
}

// unmoved names the field that such a step of a swap was to write and that the account has as before.
func unmoved(op plan.Operation, step plan.Step, now account.Account) string {
	if op.Step != step {
		return ""
	}
	for _, c := range op.Changes {
		if c.Field.Equal(now.Values[c.Field].Text, c.Before) {
			return c.Field.String()
		}
	}
	return ""
}
