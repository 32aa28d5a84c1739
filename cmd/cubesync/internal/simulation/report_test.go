package simulation

import (
	"context"
	"slices"
	"strings"
	"testing"
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
func (w *worker) report(ctx context.Context, l life, end result) error {
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
	if sum := t.Unchanged + t.Applied + t.Failed + t.Skipped + t.NotAttempted + t.Unknown + t.Rejected + t.Collapsed + t.Filtered; sum != t.Read {
		w.breaks("%s: %d records were read, and %d ended: %+v", w.process, t.Read, sum, t)
	}
	if end.Plan == nil {
		return nil
	}
	return w.outcomes(ctx, end)
}

// outcomes compares how operations ended, as the state keeps it, with the truth.
func (w *worker) outcomes(ctx context.Context, end result) error {
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
	overtaken := map[string]bool{}
	for _, c := range w.truth.commits[end.before:] {
		if c.late || c.from != w.watch {
			overtaken[c.who] = true // the late one may have undone what came after it was sent, and so may another worker
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
		w.outcome(op, o, overtaken[o.ExternalID])
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
func (w *worker) outcome(op *plan.Operation, o state.StoredOutcome, overtaken bool) {
	switch o.Ending {
	case state.DoneApplied:
		if why := w.untrue(op); why != "" && !overtaken {
			w.breaks("%s: %s %s is said to be applied, and %s (%s)", w.process, op.Kind, op.ExternalID, why, o.Words)
		}
	case state.DoneUnknown:
	default:
		if op.Ring == "" && w.carriedOut(op) {
			w.breaks("%s: %s %s is said to be %s, and was carried out (%s)", w.process, op.Kind, op.ExternalID, o.Ending, o.Words)
		}
	}
}

// carriedOut reports whether the service carried out a call of this process for the operation, sooner or later. What an
// earlier process sent doesn't count: a run says what became of its own calls. One that was in doubt when its run ended may
// arrive after this run has listed: before this run sends anything, or so that what it sends is refused, as the password has
// changed. What came of it the next plan sees.
func (w *watch) carriedOut(op *plan.Operation) bool {
	return slices.ContainsFunc(w.truth.commits, func(c commit) bool {
		switch {
		case c.from != w:
			return false
		case op.Kind == plan.Create:
			return c.kind == signUp && c.who == op.ExternalID
		case op.Kind == plan.Delete:
			return c.kind == remove && c.id == op.AccountID
		default: // by the account, whose external ID it may change
			return c.kind == update && c.id == op.AccountID
		}
	})
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

// A call counts for the process that sent it, however late it is, and for no other: two rekey, and the first dies.
func TestCallsCountForTheirProcess(t *testing.T) {
	n := &network{truth: newTruth()}
	died, lives := &watch{network: n}, &watch{network: n}
	sent := []*call{
		{kind: update, from: died, who: "e1", id: 1}, // carried out while the other one runs
		{kind: update, from: lives, who: "e2", id: 2},
		{kind: update, from: lives, who: "ke3", id: 3}, // a try after the one that changed it
		{kind: signUp, from: lives, who: "n1"},
		{kind: remove, from: lives, who: "e4", id: 4},
	}
	for _, c := range sent {
		n.truth.commits = append(n.truth.commits, commit{c, true})
	}
	for name, test := range map[string]struct {
		op   plan.Operation
		want bool
	}{
		"of-the-dead":     {plan.Operation{Kind: plan.Update, ExternalID: "ke1", AccountID: 1}, false},
		"update":          {plan.Operation{Kind: plan.Update, ExternalID: "ke2", AccountID: 2}, true},
		"under-its-new":   {plan.Operation{Kind: plan.Update, ExternalID: "ke3", AccountID: 3}, true},
		"sign-up":         {plan.Operation{Kind: plan.Create, ExternalID: "n1"}, true},
		"delete":          {plan.Operation{Kind: plan.Delete, ExternalID: "e4", AccountID: 4}, true},
		"of-another-kind": {plan.Operation{Kind: plan.Update, ExternalID: "e4", AccountID: 4}, false},
		"never-sent":      {plan.Operation{Kind: plan.Create, ExternalID: "n2"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := lives.carriedOut(&test.op); got != test.want {
				t.Errorf("carried out by this process: %t, want %t", got, test.want)
			}
		})
	}
}
