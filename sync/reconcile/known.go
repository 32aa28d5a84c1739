package reconcile

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
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
	r.spare = policy.Spares
	return policy, nil
}

// observedAsKnown are the listed accounts by the external IDs under which they are known: an account whose external ID
// somebody changed, or that never took ours, is still the same person's.
func (r *run) observedAsKnown() iter.Seq[account.Account] {
	moved := func(a account.Account) bool {
		_, otherwise := r.knownAs(a.ID)
		return otherwise
	}
	if !slices.ContainsFunc(r.observed, moved) {
		return slices.Values(r.observed)
	}
	all := slices.Clone(r.observed)
	for i := range all {
		if externalID, otherwise := r.knownAs(all[i].ID); otherwise {
			all[i].ExternalID = externalID
		}
	}
	slices.SortStableFunc(all, func(a, b account.Account) int { return strings.Compare(a.ExternalID, b.ExternalID) })
	return slices.Values(all)
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
