package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// readTries is how often a read that was cut off is begun again.
const readTries = 3

// lookupBatch is how many values one look-up carries; the service answers at most 100 accounts a page.
const lookupBatch = 100

// progressStep is how many records are counted before progress is told, so that telling costs nothing.
const progressStep = 100

// decide reads, lists, looks up and plans. It reports whether the plan may be carried out; a plan made from an
// incomplete read is there to be looked at only.
func (r *run) decide(ctx context.Context) bool {
	desired, rejects, verdict, err := r.read(ctx)
	if err != nil {
		r.err = err
		return r.stop(ctx, err)
	}
	r.Run.Verdict = state.Verdict{Completeness: verdict.Completeness.String(), Reason: verdict.Reason, Evidence: verdict.Evidence}
	r.Run.Tally.Read, r.Run.Tally.Rejected = len(desired)+len(rejects), len(rejects)
	if ctx.Err() != nil {
		return r.stop(ctx, ctx.Err())
	}
	if !verdict.Completeness.Usable() {
		r.Run.Status, r.Run.Problem = state.Incomplete, verdict.Reason
		if len(desired) == 0 {
			return false
		}
	}
	if verdict.Completeness.Usable() {
		r.present = present(desired, rejects)
	}
	if err := r.list(ctx); err != nil {
		return r.stop(ctx, err)
	}
	known, lastRead, err := r.recall(ctx)
	if err != nil {
		return r.stop(ctx, err)
	}
	policy, err := r.policy(ctx)
	if err != nil {
		return r.stop(ctx, err)
	}
	unknown := r.absenceUnknown(verdict, rejects)
	r.unknown = unknown
	r.counts = unknown == "" && (lastRead == nil || !verdict.Evidence.Same(*lastRead))
	r.evidence = verdict.Evidence
	survey := plan.NewSurvey(plan.Input{
		Desired: slices.Values(desired), Observed: slices.Values(r.observed), Known: slices.Values(known),
		Rejects: rejects, AbsenceUnknown: unknown, Policy: policy, ConfigDigest: r.Digest,
		RetryRefused: r.order.RetryRefused, CountsAsRead: r.counts, Now: r.now,
	})
	r.unlisted, r.knownAs = survey.Unlisted(), survey.KnownAs
	r.lookups = survey.Lookups()
	found, err := r.lookUp(ctx, r.lookups)
	if err != nil {
		return r.stop(ctx, err)
	}
	r.Plan = survey.Build(found)
	if err := r.fillCells(ctx, desired); err != nil {
		return r.stop(ctx, err)
	}
	r.Run.Reviewed = r.reviewed()
	r.tallyPlan()
	return verdict.Completeness.Usable()
}

// read reads the source to its end, again from the start where a read was cut off. An error means that the run must
// not go on at all.
func (r *run) read(ctx context.Context) ([]plan.Desired, []plan.Reject, record.Verdict, error) {
	for try := 1; ; try++ {
		r.order.Progress.Phase("read", 0)
		desired, rejects, verdict, err := r.readOnce(ctx)
		if err != nil || verdict.Completeness.Usable() || !verdict.Retryable || try == readTries || ctx.Err() != nil {
			slices.SortStableFunc(desired, func(a, b plan.Desired) int {
				return strings.Compare(a.User.ExternalID, b.User.ExternalID)
			})
			return desired, rejects, verdict, err
		}
	}
}

func (r *run) readOnce(ctx context.Context) (desired []plan.Desired, rejects []plan.Reject, verdict record.Verdict, err error) {
	reader, err := r.Source.Open(ctx)
	if err != nil {
		return nil, nil, record.Verdict{Reason: err.Error()}, nil
	}
	defer func() { _ = reader.Close() }() // the verdict says how the read ended
	r.columns = reader.Columns().Names()
	r.hidden = r.leftEmpty()
	if columns := reader.Columns(); len(columns.Names()) > 0 { // a source without any says why in its verdict
		if err := r.Mapper.Check(columns); err != nil {
			return nil, nil, record.Verdict{Reason: err.Error(), Evidence: reader.Verdict().Evidence}, nil
		}
	}
	for n := 1; ; n++ {
		rec, err := reader.Next(ctx)
		var u user.User
		if err == nil {
			u, err = r.Mapper.User(rec)
		}
		bad, rejected := errors.AsType[*record.RejectError](err)
		switch {
		case rejected:
			one := reject(bad)
			if rec.Position != "" { // the mapping rejected it
				one.Cells = r.cells(rec)
			}
			rejects = append(rejects, one)
		case err != nil:
			verdict := reader.Verdict()
			if verdict.Reason == "" && !errors.Is(err, io.EOF) {
				verdict.Reason = err.Error()
			}
			r.order.Progress.Step((n - 1) % progressStep)
			return desired, rejects, verdict, nil
		case r.SamplePrefix != "" && strings.HasPrefix(u.ExternalID, r.SamplePrefix):
			return nil, nil, record.Verdict{}, fmt.Errorf("%s: %w", rec.Position, ErrSample)
		default:
			desired = append(desired, plan.Desired{User: u, Position: rec.Position})
		}
		if n%progressStep == 0 {
			r.order.Progress.Step(progressStep)
		}
	}
}

func reject(bad *record.RejectError) plan.Reject {
	detail := bad.Problem
	if bad.Field != "" {
		detail = bad.Field + ": " + detail
	}
	return plan.Reject{Position: bad.Position, ExternalID: bad.ExternalID, Reason: plan.BadRecord, Detail: detail, Uncertain: bad.Uncertain}
}

// present gathers whom a read showed, with what it wants of the fields that are merged.
func present(desired []plan.Desired, rejects []plan.Reject) map[string]user.Values {
	all := make(map[string]user.Values, len(desired))
	for _, reject := range rejects {
		if reject.ExternalID != "" {
			all[reject.ExternalID] = user.Values{}
		}
	}
	for i := range desired {
		all[desired[i].User.ExternalID] = plan.Merged(desired[i].User.Values)
	}
	return all
}

// list reads the accounts that carry the owner tag.
func (r *run) list(ctx context.Context) error {
	r.order.Progress.Phase("list", 0)
	err := r.Service.List(ctx, r.Policy.OwnerTag, func(a account.Account) error {
		r.observed = append(r.observed, a)
		if len(r.observed)%progressStep == 0 {
			r.order.Progress.Step(progressStep)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.order.Progress.Step(len(r.observed) % progressStep)
	slices.SortStableFunc(r.observed, func(a, b account.Account) int { return strings.Compare(a.ExternalID, b.ExternalID) })
	return nil
}

// recall reads from the state what the planner and the guards need.
func (r *run) recall(ctx context.Context) (known []plan.Known, lastRead *record.Evidence, err error) {
	if err := r.tick(ctx); err != nil {
		return nil, nil, err
	}
	if known, err = r.store.Known(ctx); err != nil {
		return nil, nil, err
	}
	if r.baseline, err = r.store.Baseline(ctx); err != nil {
		return nil, nil, err
	}
	if r.confirmed, err = r.store.Confirmed(ctx); err != nil {
		return nil, nil, err
	}
	if r.weekDeletes, err = r.store.WeekDeletes(ctx, r.now); err != nil {
		return nil, nil, err
	}
	evidence, counted, err := r.store.LastEvidence(ctx)
	if err != nil || !counted {
		return known, nil, err
	}
	return known, &evidence, nil
}

// absenceUnknown says why this read can't show that anybody left, "" if it can.
func (r *run) absenceUnknown(verdict record.Verdict, rejects []plan.Reject) string {
	switch {
	case !verdict.Completeness.Usable():
		return "the source was read incompletely: " + verdict.Reason
	case verdict.Completeness < r.Accept:
		return fmt.Sprintf("the read is %s, and that isn't accepted for leavers", verdict.Completeness)
	case r.baseline == nil:
		return "there is no baseline yet; this run makes the first"
	}
	for _, reject := range rejects {
		switch {
		case reject.ExternalID == "":
			return fmt.Sprintf("%s was rejected and its external ID can't be read, so it may be anybody", reject.Position)
		case reject.Uncertain:
			return fmt.Sprintf("%s was rejected and another record may hide in it", reject.Position)
		}
	}
	return ""
}

// lookUp asks ConnectyCube about everything that planned sign-ups would claim.
func (r *run) lookUp(ctx context.Context, lookups plan.Lookups) ([]account.Account, error) {
	var found []account.Account
	looks := []struct {
		key    account.Key
		values []string
	}{
		{account.ByID, lookups.IDs},
		{account.ByExternalID, lookups.ExternalIDs},
		{account.ByLogin, lookups.Logins},
		{account.ByEmail, lookups.Emails},
	}
	total := 0
	for _, look := range looks {
		total += len(look.values)
	}
	if total == 0 {
		return nil, nil
	}
	r.order.Progress.Phase("look up", total)
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, r.Workers))
	for _, look := range looks {
		for batch := range slices.Chunk(look.values, lookupBatch) {
			group.Go(func() error {
				accounts, err := r.Service.Find(ctx, look.key, batch)
				if err != nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				found = append(found, accounts...)
				r.order.Progress.Step(len(batch))
				return nil
			})
		}
	}
	return found, group.Wait()
}
