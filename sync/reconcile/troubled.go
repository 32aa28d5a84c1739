package reconcile

import (
	"context"
	"maps"

	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// recallTroubled reads who was in trouble when they were sent last: they come last in this run.
func (r *run) recallTroubled(ctx context.Context) (err error) {
	r.troubled, err = r.store.Troubled(ctx)
	r.nowTroubled = maps.Clone(r.troubled)
	return err
}

// noteTrouble takes in whether an operation that was sent ended in trouble. Who wasn't sent stays as they were.
func (r *run) noteTrouble(outcome state.Outcome) {
	if r.nowTroubled == nil || outcome.Operation.Step == plan.Park {
		return
	}
	key := plan.KeyOf(outcome.Operation.ExternalID)
	switch outcome.Ending {
	case state.DoneApplied:
		delete(r.nowTroubled, key)
	case state.DoneFailed, state.DoneUnknown:
		r.nowTroubled[key] = r.Run.ID
	}
}

// keepTroubled stores who is in trouble now. Whom a new plan doesn't name any more isn't.
func (r *run) keepTroubled(ctx context.Context) error {
	if r.nowTroubled == nil {
		return nil
	}
	if !r.saved && len(r.nowTroubled) > 0 {
		named := make(map[user.Digest]bool, len(r.nowTroubled))
		for op, err := range r.Plan.All() {
			if err != nil {
				return err
			}
			if key := plan.KeyOf(op.ExternalID); r.nowTroubled[key] != 0 {
				named[key] = true
			}
		}
		maps.DeleteFunc(r.nowTroubled, func(key user.Digest, _ int64) bool { return !named[key] })
	}
	if maps.Equal(r.troubled, r.nowTroubled) {
		return nil
	}
	return r.store.SetTroubled(ctx, r.nowTroubled)
}
