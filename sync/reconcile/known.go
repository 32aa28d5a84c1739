package reconcile

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"cubesync/sync/account"
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

// observedAsKnown are the accounts by the external IDs under which they are known: an account whose external ID somebody
// changed, or that never took ours, is still the same person's.
func (r *run) observedAsKnown() iter.Seq2[string, account.Account] {
	names := make([]string, len(r.observed))
	order := make([]int, len(r.observed))
	for i := range r.observed {
		names[i], order[i] = r.observed[i].ExternalID, i
		if externalID, otherwise := r.knownAs(r.observed[i].ID); otherwise {
			names[i] = externalID
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return strings.Compare(names[i], names[j]) })
	return func(yield func(string, account.Account) bool) {
		for _, i := range order {
			if !yield(names[i], r.observed[i]) {
				return
			}
		}
	}
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

// kept are the external IDs of which what is known stays, whatever account is listed under them: those whose account
// wasn't listed, and those whose record was rejected. Otherwise what one run can't decide the next one would guess.
func (r *run) kept() []string {
	keep := slices.Clone(r.unlisted)
	for _, reject := range r.Plan.Rejects {
		if reject.ExternalID != "" {
			keep = append(keep, reject.ExternalID)
		}
	}
	for i := range r.Plan.Operations {
		if op := &r.Plan.Operations[i]; op.Reason == plan.LostTag {
			keep = append(keep, op.ExternalID)
		}
	}
	return keep
}
