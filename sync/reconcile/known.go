package reconcile

import (
	"context"
	"iter"
	"slices"
	"time"

	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// tick tells the state what time it is, by our clock and by the service's last answer.
func (r *run) tick(ctx context.Context) error {
	return r.store.Tick(ctx, time.Now(), r.Service.Clock())
}

// policy is the pipeline's, which protects the service's own user too.
func (r *run) policy(ctx context.Context) (plan.Policy, error) {
	policy := r.Policy
	if r.ServiceUser != nil {
		id, err := r.ServiceUser(ctx)
		if err != nil {
			return policy, err
		}
		if id != 0 {
			policy.Protected.IDs = append(slices.Clone(policy.Protected.IDs), id)
		}
	}
	r.policyNow, r.spare = policy, policy.Spares
	return policy, nil
}

// known is what the planner is told of those who are remembered.
func known(remembered []state.Remembered) iter.Seq[plan.Known] {
	return func(yield func(plan.Known) bool) {
		for i := range remembered {
			if one := &remembered[i]; (one.AccountID != 0 || one.Refusal != nil) && !yield(one.Known) {
				return
			}
		}
	}
}
