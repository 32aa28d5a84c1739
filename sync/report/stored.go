package report

import (
	"slices"

	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// FromState is the report of an earlier run, from what the state keeps of it. file is nil where the run made no plan.
func FromState(run state.Run, file *plan.File, outcomes []state.StoredOutcome) Report {
	r := Report{Run: run}
	if file == nil {
		return r
	}
	r.Plan = file.Plan
	ended := Endings(file.Plan, outcomes)
	for i := range file.Plan.Operations {
		op := &file.Plan.Operations[i]
		outcome := ended[i]
		if outcome.Ending == state.DoneApplied && (op.Kind == plan.Delete || op.Kind == plan.Release) {
			r.Gone = append(r.Gone, outcome)
		}
		if isTrouble(outcome) {
			r.Troubles = append(r.Troubles, outcome)
		}
	}
	return r
}

// isTrouble reports whether somebody should look at the outcome. What the configuration says not to write is none; a
// write of which there is something to say is, such as that values were ignored.
func isTrouble(o state.Outcome) bool {
	if leaves := o.Operation.Kind == plan.Delete || o.Operation.Kind == plan.Release; o.Ending == state.DoneApplied {
		return o.Words != "" && !leaves
	}
	byPolicy := o.Operation.Blocked == plan.UpdatesOff || o.Operation.Blocked == plan.LeftVanished
	return o.Ending != state.NotAttempted && !byPolicy
}

// Endings say how each operation of a plan ended, in the plan's order. Only those that were opened stand in the journal:
// what was blocked, or waited for one that wasn't applied, was skipped, and the rest never had its turn.
func Endings(p *plan.Plan, outcomes []state.StoredOutcome) []state.Outcome {
	type key struct {
		externalID string
		kind       plan.Kind
		step       plan.Step
	}
	journal := make(map[key]*state.StoredOutcome, len(outcomes))
	for i := range outcomes {
		o := &outcomes[i]
		journal[key{o.ExternalID, o.Kind, o.Step}] = o
	}
	rings := map[string]string{} // by external ID
	for i := range p.Operations {
		if op := &p.Operations[i]; op.Ring != "" {
			rings[op.ExternalID] = op.Ring
		}
	}
	ended := make([]state.Outcome, len(p.Operations))
	applied := map[string]bool{}
	for i := range p.Operations {
		op := &p.Operations[i]
		ended[i] = state.Outcome{Operation: *op, Ending: state.NotAttempted}
		switch o := journal[key{op.ExternalID, op.Kind, op.Step}]; {
		case o != nil:
			ended[i].Ending, ended[i].Words = o.Ending, o.Words
			if op.AccountID == 0 {
				ended[i].Operation.AccountID = o.AccountID
			}
		case len(outcomes) == 0 && op.Blocked == "": // nothing was begun
		case op.Blocked != "":
			ended[i].Ending, ended[i].Words = state.DoneSkipped, string(op.Blocked)+": "+op.Detail
		case slices.ContainsFunc(op.WaitsFor, func(other string) bool {
			return !applied[other] && (op.Ring == "" || rings[other] != op.Ring) // those of a ring go together
		}):
			ended[i].Ending, ended[i].Words = state.DoneSkipped, string(plan.WaitsForOther)+": what it waits for wasn't applied"
		}
		if ended[i].Ending == state.DoneApplied && op.Step == "" {
			applied[op.ExternalID] = true
		}
	}
	return ended
}
