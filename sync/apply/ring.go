package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// rings are the operations of a plan that hang together by a parking, and who is parked at the moment.
type rings struct {
	operations map[string][]plan.Operation // by external ID; empty in a plan without any parking

	mu     sync.Mutex
	parked map[string]account.Account // as the parking left them, by external ID
}

func newRings(operations []plan.Operation) *rings {
	all := &rings{operations: map[string][]plan.Operation{}, parked: map[string]account.Account{}}
	if !slices.ContainsFunc(operations, func(op plan.Operation) bool { return op.Step == plan.Park }) {
		return all
	}
	for _, op := range operations {
		all.operations[op.ExternalID] = append(all.operations[op.ExternalID], op)
	}
	return all
}

// account returns the account of the operation as its parking left it; false where it wasn't parked.
func (r *rings) account(op plan.Operation) (account.Account, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, parked := r.parked[op.ExternalID]
	return now, parked && op.Step == ""
}

func (r *rings) put(now account.Account, externalID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now.ExternalID = externalID
	r.parked[externalID] = now
}

// members returns the operations that must be applied before the parked one can get its values, its own included.
func (r *rings) members(externalID string) []plan.Operation {
	var members []plan.Operation
	seen := map[string]bool{externalID: true}
	for next := []string{externalID}; len(next) > 0; next = next[1:] {
		for _, op := range r.operations[next[0]] {
			if op.Step != "" {
				continue
			}
			members = append(members, op)
			for _, other := range op.WaitsFor {
				if !seen[other] {
					seen[other] = true
					next = append(next, other)
				}
			}
		}
	}
	return members
}

// park carries out the first step of an operation in a ring: it gives up what others claim. Before the first of a ring
// is parked it is made sure that all of them may be written, because a ring that breaks in the middle leaves somebody
// without a login or an e-mail.
func (r *run) park(ctx context.Context, op plan.Operation) state.Outcome {
	if len(op.WaitsFor) == 0 {
		members := r.rings.members(op.ExternalID)
		if who, err := r.writable(ctx, members); err != nil {
			return r.notParked(ctx, op, who, err)
		}
	}
	outcome := r.update(ctx, op)
	if outcome.Ending == state.DoneApplied {
		r.rings.put(*outcome.Account, op.ExternalID)
	}
	return outcome
}

// writable finds out whether the operations could be carried out now, without writing anything, and returns whose
// couldn't.
func (r *run) writable(ctx context.Context, members []plan.Operation) (who string, err error) {
	if who, err := r.unclaimed(ctx, members); err != nil {
		return who, err
	}
	for _, op := range members {
		if op.Kind != plan.Update && op.Kind != plan.Adopt {
			continue
		}
		_, err := r.Service.Update(ctx, op.Account, func(now account.Account) (account.Write, error) {
			_, err := r.stillToWrite(op, now)
			return account.Write{}, err
		})
		if err != nil {
			return op.ExternalID, err
		}
	}
	return "", nil
}

// unclaimed makes sure that nobody outside the ring holds what a member claims.
func (r *run) unclaimed(ctx context.Context, members []plan.Operation) (who string, err error) {
	for _, look := range []struct {
		field user.Field
		key   account.Key
	}{{user.Login, account.ByLogin}, {user.Email, account.ByEmail}} {
		field := look.field
		claimants := map[string]string{} // external ID, by what they claim
		inside := map[int64]bool{}
		var values []string
		for _, op := range members {
			inside[op.AccountID] = true
			for _, c := range op.Changes {
				if c.Field == field && c.After != "" {
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
			return members[0].ExternalID, err
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

// notParked is the outcome of a parking whose ring can't be written as a whole. It is remembered where a member was
// refused for good.
func (r *run) notParked(ctx context.Context, op plan.Operation, who string, err error) state.Outcome {
	words := fmt.Sprintf("not begun, as %s can't be written: %v", who, err)
	_, moved := errors.AsType[*movedError](err)
	if moved || account.KindOf(err) == account.Ambiguous {
		return state.Outcome{Operation: op, Ending: state.DoneSkipped, Words: words}
	}
	outcome := r.refused(ctx, op, err)
	outcome.Words = words
	return outcome
}

// unpark gives a parked account the values that it waits for. It signs in as what the account is now. Where somebody in
// the ring couldn't be written after all, it puts back what it gave up, as far as that is still free.
func (r *run) unpark(ctx context.Context, op plan.Operation) state.Outcome {
	if now, parked := r.rings.account(op); parked {
		op.Account = now
	}
	if why := r.waitsInVain(op); why != "" {
		return state.Outcome{Operation: op, Ending: state.DoneSkipped, Words: why + r.putBack(ctx, op)}
	}
	return r.update(ctx, op)
}

// putBack returns what became of it, for the outcome. What can't be put back the next plan finishes: a parked login says
// what it is.
func (r *run) putBack(ctx context.Context, op plan.Operation) string {
	var done, left []string
	for _, c := range op.Changes {
		if !op.Awaits(c.Field, op.Account.Values[c.Field].Text) {
			continue
		}
		now, err := r.Service.Update(ctx, op.Account, func(now account.Account) (w account.Write, err error) {
			if op.Awaits(c.Field, now.Values[c.Field].Text) {
				w.Values[c.Field] = user.Text(c.Before)
			}
			return w, nil
		})
		if err != nil {
			left = append(left, c.Field.String())
			continue
		}
		op.Account = now
		op.Account.ExternalID = op.ExternalID
		done = append(done, c.Field.String())
	}
	words := ""
	if len(done) > 0 {
		words += "; put back: " + strings.Join(done, ", ")
	}
	if len(left) > 0 {
		words += "; parked until the next run: " + strings.Join(left, ", ")
	}
	return words
}

// stillHeld names the field that a parking was to give up and the account still has.
func stillHeld(op plan.Operation, now account.Account) string {
	if op.Step != plan.Park {
		return ""
	}
	for _, c := range op.Changes {
		if c.Field.Equal(now.Values[c.Field].Text, c.Before) {
			return c.Field.String()
		}
	}
	return ""
}
