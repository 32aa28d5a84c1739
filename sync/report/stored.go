package report

import (
	"slices"

	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// Outcomes has yield told every outcome that the journal has of a run, and stops with its error; nil: there are none.
type Outcomes func(yield func(state.StoredOutcome) error) error

// FromState is the report of an earlier run, from what the state keeps of it. file is nil where the run made no plan. An error
// means that one of them can't be read on.
func FromState(run state.Run, file *plan.File, outcomes Outcomes) (Report, error) {
	r := Report{Run: run}
	if file == nil {
		return r, nil
	}
	r.Plan = file.Plan
	ends, err := readEndings(file.Plan, outcomes, func(o *state.StoredOutcome) bool { return o.Ending != state.DoneApplied || o.Words != "" })
	if err != nil {
		return r, err
	}
	for op, err := range file.Plan.All() {
		if err != nil {
			return r, err
		}
		outcome := ends.of(op)
		if outcome.Ending == state.DoneApplied && (op.Kind == plan.Delete || op.Kind == plan.Release) {
			r.Gone = append(r.Gone, outcome)
		}
		if isTrouble(outcome) {
			r.Troubles = append(r.Troubles, outcome)
		}
	}
	return r, nil
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

// endings say how the operations of a plan ended. Only those that were opened stand in the journal: what was blocked, or waited
// for one that wasn't applied, was skipped, and the rest never had its turn.
type endings struct {
	begun   bool // the journal has something of the run
	journal map[ended]state.StoredOutcome
	rings   map[string]string // by external ID
	applied map[string]bool   // external IDs
}

// ended is what an outcome is of.
type ended struct {
	externalID string
	kind       plan.Kind
	step       plan.Step
}

// readEndings reads the outcomes of the operations that the plan holds and, of all others, those that are wanted: nobody waits
// for one of them.
func readEndings(p *plan.Plan, outcomes Outcomes, wanted func(*state.StoredOutcome) bool) (*endings, error) {
	e := &endings{journal: map[ended]state.StoredOutcome{}, rings: map[string]string{}, applied: map[string]bool{}}
	held := make(map[string]bool, len(p.Operations))
	for i := range p.Operations {
		op := &p.Operations[i]
		held[op.ExternalID] = true
		if op.Ring != "" {
			e.rings[op.ExternalID] = op.Ring
		}
	}
	if outcomes == nil {
		return e, nil
	}
	return e, outcomes(func(o state.StoredOutcome) error {
		e.begun = true
		if held[o.ExternalID] || wanted(&o) {
			e.journal[ended{o.ExternalID, o.Kind, o.Step}] = o
		}
		return nil
	})
}

// of is how an operation ended. It is asked in the plan's order.
func (e *endings) of(op *plan.Operation) state.Outcome {
	end := state.Outcome{Operation: *op, Ending: state.NotAttempted}
	o, opened := e.journal[ended{op.ExternalID, op.Kind, op.Step}]
	switch {
	case opened:
		end.Ending, end.Words = o.Ending, o.Words
		if op.AccountID == 0 {
			end.Operation.AccountID = o.AccountID
		}
	case op.Blocked != "":
		end.Ending, end.Words = state.DoneSkipped, string(op.Blocked)+": "+op.Detail
	case e.begun && slices.ContainsFunc(op.WaitsFor, func(other string) bool {
		return !e.applied[other] && (op.Ring == "" || e.rings[other] != op.Ring) // those of a ring go together
	}):
		end.Ending, end.Words = state.DoneSkipped, string(plan.WaitsForOther)+": what it waits for wasn't applied"
	}
	if end.Ending == state.DoneApplied && op.Step == "" && !op.IsSignUp() { // nobody waits for a sign-up
		e.applied[op.ExternalID] = true
	}
	return end
}
