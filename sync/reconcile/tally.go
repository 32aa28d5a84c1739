package reconcile

import (
	"slices"
	"time"

	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// tallyPlan counts what a plan has decided already.
func (r *run) tallyPlan() {
	t := &r.Run.Tally
	t.Rejected, t.Unchanged, t.Collapsed, t.Filtered = len(r.Plan.Rejects), r.Plan.Unchanged, r.Plan.Collapsed, r.Plan.Filtered
	t.LeaversLeft = len(r.Plan.Leavers)
	for _, remark := range r.Plan.Remarks {
		switch remark.Reason {
		case plan.Ignored:
			t.Ignored++
		case plan.LockedOut:
			t.LockedOut++
		case plan.BadPicture:
			t.Avatars.Failed++
		}
	}
}

// notAttempted ends every operation of a plan that isn't carried out, and every record where there is no plan.
func (r *run) notAttempted() {
	if r.Plan == nil {
		r.Run.Tally.NotAttempted = r.Run.Tally.Read - r.Run.Tally.Rejected - r.Run.Tally.Filtered
		return
	}
	for i := range r.Plan.Operations {
		op := &r.Plan.Operations[i]
		r.count(state.Outcome{Operation: *op, Ending: state.NotAttempted})
	}
	if r.Plan.SignUps != nil {
		r.Run.Tally.NotAttempted += r.Plan.SignUps.Count
	}
	r.Run.Tally.Avatars.NotAttempted = r.Plan.AvatarsSent()
}

// observe takes an outcome in.
func (r *run) observe(outcome state.Outcome) {
	r.count(outcome)
	r.noteTrouble(outcome)
	r.following.unrest = r.following.unrest || !rests(&outcome)
	r.outdated = r.outdated || outcome.Moved
	if outcome.Operation.Blocked == "" && outcome.Operation.Step != plan.Park && outcome.Ending != state.NotAttempted {
		r.order.Progress.Step(1)
		r.forecast.step(time.Now())
	}
	if kind := outcome.Operation.Kind; outcome.Ending == state.DoneApplied && (kind == plan.Delete || kind == plan.Release) {
		r.Gone = append(r.Gone, outcome)
	}
	if outcome.Operation.Step != plan.Park && outcome.Ending != state.NotAttempted && (outcome.Ending != state.DoneApplied || outcome.Ignored > 0) && !byPolicy(outcome) {
		r.Troubles = append(r.Troubles, bare(outcome))
	}
}

// bare is an outcome without what its operation writes: there may be many to remember.
func bare(outcome state.Outcome) state.Outcome {
	op := &outcome.Operation
	op.Changes, op.Parked, op.Account, op.Mine, outcome.Account, outcome.Learned = nil, nil, nil, plan.Mine{}, nil, nil
	return outcome
}

// byPolicy reports whether an operation wasn't sent because the configuration says so.
func byPolicy(outcome state.Outcome) bool {
	return outcome.Operation.Blocked == plan.UpdatesOff || outcome.Operation.Blocked == plan.LeftVanished
}

// count adds an outcome to the tally: to the records' part, or to the leavers' where there is no record. A step of a swap is
// no end of a record.
func (r *run) count(outcome state.Outcome) {
	t := &r.Run.Tally
	if step := outcome.Operation.Step; step != "" {
		if step == plan.PutBack && outcome.Ending != state.DoneApplied && !r.saidLockedOut(outcome.Operation.AccountID) {
			t.LockedOut++
		}
		return
	}
	kind := outcome.Operation.Kind
	ofLeaver := kind == plan.Delete || kind == plan.Release
	bump := func(record, leaver *int) {
		if ofLeaver {
			*leaver++
		} else {
			*record++
		}
	}
	switch outcome.Ending {
	case state.DoneApplied:
		bump(&t.Applied, &t.LeaversApplied)
		if t.Done == nil {
			t.Done = map[plan.Kind]int{}
		}
		t.Done[kind]++
		if kind == plan.Create && outcome.Operation.Reason == plan.Vanished {
			t.Recreated++
		}
	case state.DoneFailed:
		bump(&t.Failed, &t.LeaversFailed)
	case state.DoneSkipped:
		bump(&t.Skipped, &t.LeaversSkipped)
		if byPolicy(outcome) {
			t.ByPolicy++
		}
	case state.DoneUnknown:
		bump(&t.Unknown, &t.LeaversUnknown)
	default:
		bump(&t.NotAttempted, &t.LeaversNotAttempted)
	}
	t.Ignored += outcome.Ignored
}

// saidLockedOut reports whether the plan counts the account already among those that lack something.
func (r *run) saidLockedOut(accountID int64) bool {
	return slices.ContainsFunc(r.Plan.Remarks, func(m plan.Remark) bool { return m.Reason == plan.LockedOut && m.AccountID == accountID })
}

// sortOutcomes puts outcomes, which end in any order, into the order of the plan.
func (r *run) sortOutcomes() error {
	place := make(map[string]int, len(r.Troubles)+len(r.Gone))
	for _, outcome := range slices.Concat(r.Troubles, r.Gone) {
		place[outcome.Operation.ExternalID] = 0
	}
	if len(place) > 0 {
		n := 0
		for op, err := range r.Plan.All() {
			if err != nil {
				return err
			}
			if _, wanted := place[op.ExternalID]; wanted {
				place[op.ExternalID] = n
			}
			n++
		}
	}
	byPlace := func(a, b state.Outcome) int {
		return place[a.Operation.ExternalID] - place[b.Operation.ExternalID]
	}
	slices.SortStableFunc(r.Troubles, byPlace)
	slices.SortStableFunc(r.Gone, byPlace)
	return nil
}
