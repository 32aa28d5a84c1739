package reconcile

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// finish writes down how the run ended; an applied one becomes the baseline.
func (r *run) finish(ctx context.Context) error {
	r.Run.EndedAt = time.Now().UTC()
	if err := r.keepTroubled(ctx); err != nil {
		return err
	}
	if r.Run.Status != state.Applied {
		if err := r.seen(ctx); err != nil {
			return err
		}
		return r.store.Finish(ctx, r.Run, nil, r.KeepRuns)
	}
	end := state.End{
		Baseline: plan.Baseline{Run: r.Run.ID, Present: r.Plan.Present(), Settled: r.settled(), Empty: r.Run.Verdict.Empty},
		Absent:   r.absent(),
		Counts:   r.counts,
		Approved: r.agreedTo,
		Evidence: r.evidence,
		Now:      r.now,
		Cursor:   r.nextCursor(),
	}
	if r.partial() {
		end.Baseline, end.Partial, end.NotRead = *r.baseline, true, r.following.notRead
	}
	if !r.saved {
		r.mirrored.listing.Outdated = r.outdated
		end.Observed, end.Keep, end.Mine = r.observedAsKnown(), r.kept(), r.matched()
		end.Rows, end.Agreed, end.Listing = r.rows, r.Plan.Agreed, &r.mirrored.listing
	}
	return r.store.Finish(ctx, r.Run, &end, r.KeepRuns)
}

// settled are the settings that nobody needs to look at any more. As long as somebody is missing whom changed settings may
// take away, the old ones stay, whatever spares them tonight: the run in which they would go is held, until a person
// approves a plan that was held for those who leave. Where nothing is known of earlier runs, nobody can tell what changed
// since, so none are.
func (r *run) settled() map[string]string {
	switch {
	case r.shownLeavers || !r.Plan.MayLose():
		return r.Settings
	case r.baseline == nil:
		return nil
	default:
		return r.baseline.Settled
	}
}

// matched returns what those want of the merged fields whom the plan left as they are: nobody who was rejected, and
// nobody for whom something is still, or was just, to be written.
func (r *run) matched() map[string]plan.Mine {
	matched := maps.Clone(r.present)
	for i := range r.Plan.Operations {
		delete(matched, r.Plan.Operations[i].ExternalID)
	}
	for _, reject := range r.Plan.Rejects {
		delete(matched, reject.ExternalID)
	}
	return matched
}

// seen lets everybody who was there be present again, although the run wasn't applied.
func (r *run) seen(ctx context.Context) error {
	if r.present == nil {
		return nil
	}
	return r.store.Seen(ctx, func(externalID string) bool {
		_, there := r.present[externalID]
		return there
	})
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

// absent returns the external IDs of those whose absence this read may count.
func (r *run) absent() []string {
	var absent []string
	for _, leaver := range r.Plan.Leavers {
		if leaver.Reason != plan.Kept {
			absent = append(absent, leaver.ExternalID)
		}
	}
	for i := range r.Plan.Operations {
		if op := &r.Plan.Operations[i]; op.Kind == plan.Delete || op.Kind == plan.Release {
			absent = append(absent, op.ExternalID)
		}
	}
	return absent
}
