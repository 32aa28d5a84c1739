package apply

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"sync"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// freshness is how old the look-up may be that says that an account is still ours when its delete is sent. Somebody
// may be letting the account go by hand at that moment, and nothing brings it back.
const freshness = time.Second

// conveyor lets one group of deletes be looked up while the one before it is sent, in their order and no further ahead:
// what was looked up too long ago must be looked up again. A group is let in by who hands it out, and lets the next one
// in when it is about to be sent itself.
type conveyor struct{ looking, sending chan struct{} }

func newConveyor() conveyor { return conveyor{make(chan struct{}, 1), make(chan struct{}, 1)} }

// shareALook is how many deletes share a look-up.
func (a *Applier) shareALook() int {
	if a.DeletesALook <= 0 {
		return mostDeletes
	}
	return min(a.DeletesALook, mostDeletes)
}

// DeleteLooks returns how many look-ups the deletes among the operations take where each goes out while its look-up holds, as
// far as the operations can be read.
func (a *Applier) DeleteLooks(operations iter.Seq2[*plan.Operation, error]) int {
	size, suspects := a.shareALook(), a.suspects(operations)
	looks := 0
	for wave, err := range waves(operations) {
		if err != nil {
			break
		}
		wave = slices.DeleteFunc(wave, func(u unit) bool { return u[0].Blocked != "" })
		a.order(wave)
		for chunk := range chunks(wave) {
			deletes := map[bool]int{} // whether they are suspects
			for _, u := range chunk {
				if u[0].Kind == plan.Delete {
					deletes[suspects[u[0].ExternalID]]++
				}
			}
			for _, n := range deletes {
				looks += 2 * ((n + size - 1) / size)
			}
		}
	}
	return looks
}

// glance is what a look-up showed.
type glance struct {
	at      time.Time // before the call: the answer is older than its arrival
	present map[int64]account.Account
	err     error
}

func (r *run) look(ctx context.Context, group []plan.Operation) glance {
	at := time.Now()
	present, err := r.accounts(ctx, group)
	return glance{at, present, err}
}

// deleteAll deletes accounts that are still what the plan took them for. Whether one is gone, a look-up says, never an
// answer to the delete itself.
func (r *run) deleteAll(ctx context.Context, group []plan.Operation) []state.Outcome {
	var seen glance
	if r.crew.Enter(r.stopped) {
		seen = r.look(ctx, group)
		r.crew.Leave()
	}
	r.deletes.sending <- struct{}{}
	<-r.deletes.looking
	d := deletion{run: r, errs: map[int64]error{}}
	d.sendAll(ctx, group, seen)
	<-r.deletes.sending
	d.sending.Wait()
	if len(d.asked) == 0 {
		return d.outcomes
	}
	r.crew.Enter(nil) // what was sent is proven, whatever stops
	defer r.crew.Leave()
	return append(d.outcomes, r.proveAll(ctx, d.asked, d.errs)...)
}

// deletion is one group of deletes on its way.
type deletion struct {
	*run
	outcomes []state.Outcome  // of those that aren't asked for
	asked    []plan.Operation // those that are
	sending  sync.WaitGroup
	mu       sync.Mutex
	errs     map[int64]error // of those asked for, by account id
}

// sendAll sends the deletes as there are places, each on a fresh look-up.
func (d *deletion) sendAll(ctx context.Context, group []plan.Operation, seen glance) {
	for i, op := range group {
		if !d.crew.Enter(d.stopped) {
			d.outcomes = append(d.outcomes, d.unsentOutcome(op))
			continue
		}
		if d.over(op) {
			d.outcomes = append(d.outcomes, d.unsentOutcome(op))
			d.crew.Leave()
			continue
		}
		if time.Since(seen.at) > freshness && seen.err == nil {
			seen = d.look(ctx, group[i:])
		}
		if seen.err != nil {
			d.crew.Leave()
			d.outcomes = append(d.outcomes, d.unsent(ctx, group[i:], seen.err)...)
			return
		}
		now, there := seen.present[op.AccountID]
		if left := d.leftAlone(op, now, there); left != nil {
			d.outcomes = append(d.outcomes, *left)
			d.crew.Leave()
			continue
		}
		d.asked = append(d.asked, op)
		d.sending.Go(func() {
			defer d.crew.Leave()
			err := d.remove(ctx, op, now)
			d.mu.Lock()
			defer d.mu.Unlock()
			d.errs[op.AccountID] = err
		})
	}
}

// leftAlone is the outcome of a delete that isn't sent, nil where it is.
func (r *run) leftAlone(op plan.Operation, now account.Account, there bool) *state.Outcome {
	spared := r.spares(op.Kind, now)
	switch {
	case !there:
		return &state.Outcome{Operation: op, Ending: state.DoneApplied, Words: "was gone already"}
	case now.ExternalID != op.ExternalID || !now.HasTag(r.OwnerTag):
		return &state.Outcome{Operation: op, Ending: state.DoneSkipped, Words: (&movedError{"it isn't ours any more"}).Error()}
	case spared != "":
		return &state.Outcome{Operation: op, Ending: state.DoneSkipped, Words: (&movedError{spared}).Error()}
	}
	return nil
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
	present, err := r.accounts(ctx, asked)
	late := func(op plan.Operation) bool {
		_, there := present[op.AccountID]
		return there && errs[op.AccountID] == nil
	}
	for try := 1; try < maxTries && err == nil && slices.ContainsFunc(asked, late) && pause(ctx, try); try++ {
		present, err = r.accounts(ctx, asked) // a look-up may show a delete a moment after it was answered
	}
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

// accounts looks up those of the operations.
func (r *run) accounts(ctx context.Context, group []plan.Operation) (map[int64]account.Account, error) {
	ids := make([]int64, len(group))
	for i, op := range group {
		ids[i] = op.AccountID
	}
	return byID(ctx, r.Service, ids...)
}

// byID looks accounts up, and returns those that are there.
func byID(ctx context.Context, service account.Service, ids ...int64) (map[int64]account.Account, error) {
	present := make(map[int64]account.Account, len(ids))
	if len(ids) == 0 {
		return present, nil
	}
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.FormatInt(id, 10)
	}
	found, err := service.Find(ctx, account.ByID, texts)
	if err != nil {
		return nil, err
	}
	for _, a := range found {
		present[a.ID] = a
	}
	return present, nil
}
