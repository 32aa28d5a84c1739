package simulation

import (
	"context"
	"strings"
	"time"

	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// longest is how long a run may take in the network's time.
const longest = 6 * time.Hour

// patience is how long a worker waits for a look-up to show what was done.
const patience = 2 * time.Second

// drain is how long a run may go on after it was asked to stop: what was begun is finished, with all its tries.
const drain = 15 * time.Minute

// report checks what a process that ended says of itself.
func (w *worker) report(ctx context.Context, l life, end result, alone bool) error {
	run := end.Run
	w.note("%s ended: %s %s %+v", w.process, run.Status, run.Problem, run.Tally)
	switch {
	case run.Status == state.Applied:
	case run.Status == state.Unusable && w.world.server.ListLag > patience: // as deletes are never seen to be done
	case (run.Status == state.Unusable || run.Status == state.Interrupted) && !l.calm:
	default:
		w.breaks("%s ended as %s: %s %v", w.process, run.Status, run.Problem, run.Trips)
	}
	if took := end.ended - end.began; took > longest {
		w.breaks("%s took %v", w.process, took)
	} else if l.stop > 0 && took > l.stop+drain {
		w.breaks("%s went on for %v after it was asked to stop", w.process, took-l.stop)
	}
	t := run.Tally
	if sum := t.Unchanged + t.Applied + t.Failed + t.Skipped + t.NotAttempted + t.Unknown + t.Rejected + t.Collapsed; sum != t.Read {
		w.breaks("%s: %d records were read, and %d ended: %+v", w.process, t.Read, sum, t)
	}
	if end.Plan == nil {
		return nil
	}
	return w.outcomes(ctx, end, alone)
}

// outcomes compares how operations ended, as the state keeps it, with the truth.
func (w *worker) outcomes(ctx context.Context, end result, alone bool) error {
	store, err := state.Peek(ctx, w.dir, identity())
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // it was only read
	planned := map[string]*plan.Operation{}
	for i := range end.Plan.Operations {
		if op := &end.Plan.Operations[i]; op.Step == "" {
			planned[op.ExternalID] = op
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	done, overtaken := map[string]bool{}, map[string]bool{}
	for _, c := range w.truth.commits[end.before:] {
		done[string(c.kind)+" "+c.who] = true
		if c.late {
			overtaken[c.who] = true // the late one may have undone what came after it was sent
		}
	}
	if err := w.settledBefore(ctx, store, end.Run.ID); err != nil {
		return err
	}
	applied := map[plan.Kind]int{}
	err = store.Outcomes(ctx, end.Run.ID, func(o state.StoredOutcome) error {
		op := planned[o.ExternalID]
		if o.Step != "" || op == nil {
			return nil
		}
		if o.Ending == state.DoneApplied {
			applied[o.Kind]++
		}
		if !overtaken[o.ExternalID] {
			w.outcome(op, o, done, alone)
		}
		return nil
	})
	for _, kind := range plan.Kinds() {
		if applied[kind] != end.Run.Tally.Done[kind] {
			w.breaks("%s: %d %s are said to be applied, and %d were", w.process, end.Run.Tally.Done[kind], kind, applied[kind])
		}
	}
	return err
}

// outcome compares how one operation ended with the truth.
func (w *worker) outcome(op *plan.Operation, o state.StoredOutcome, done map[string]bool, alone bool) {
	sent := map[plan.Kind]kind{plan.Create: signUp, plan.Delete: remove}[op.Kind]
	if sent == "" {
		sent = update
	}
	who := op.ExternalID
	if op.ExternalIDBefore != nil && *op.ExternalIDBefore != "" {
		who = *op.ExternalIDBefore
	}
	switch o.Ending {
	case state.DoneApplied:
		if why := w.untrue(op); why != "" {
			w.breaks("%s: %s %s is said to be applied, and %s (%s)", w.process, op.Kind, op.ExternalID, why, o.Words)
		}
	case state.DoneUnknown:
	default:
		if alone && op.Ring == "" && done[string(sent)+" "+who] {
			w.breaks("%s: %s %s is said to be %s, and was carried out (%s)", w.process, op.Kind, op.ExternalID, o.Ending, o.Words)
		}
	}
}

// untrue says what of an operation isn't so, "" where it was applied.
func (w *worker) untrue(op *plan.Operation) string {
	now := w.truth.live[op.AccountID]
	switch op.Kind {
	case plan.Create:
		if all := w.truth.holding(op.ExternalID); len(all) == 0 || !all[0].ours() {
			return "there is no such account"
		}
		return ""
	case plan.Delete:
		if now != nil {
			return "it is still there"
		}
		return ""
	case plan.Release:
		if now.ours() {
			return "it carries our tag"
		}
		return ""
	}
	if now == nil {
		return "its account is gone"
	}
	if now.ExternalID != op.ExternalID {
		return "its external ID is " + now.ExternalID
	}
	for _, c := range op.Changes {
		if got := now.value(c.Field); !c.Field.Equal(got, c.After) {
			return c.Field.String() + " is " + got
		}
	}
	return ""
}

// settledBefore checks what was found out about runs before this one.
func (w *worker) settledBefore(ctx context.Context, store *state.Store, run int64) error {
	runs, err := store.Runs(ctx, 0)
	if err != nil {
		return err
	}
	for _, earlier := range runs {
		if earlier.ID >= run || w.checked[earlier.ID] {
			continue
		}
		w.checked[earlier.ID] = true
		err := store.Outcomes(ctx, earlier.ID, func(o state.StoredOutcome) error {
			if !strings.HasSuffix(o.Words, "; found applied afterwards") || o.Step != "" {
				return nil
			}
			op := plan.Operation{Kind: o.Kind, ExternalID: o.ExternalID, AccountID: o.AccountID}
			if why := w.untrue(&op); why != "" {
				w.breaks("%s: %s %s of run %d was found to be applied, and %s", w.process, o.Kind, o.ExternalID, earlier.ID, why)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
