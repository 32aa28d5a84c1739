package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/spool"
	"cubesync/sync/state"
)

const (
	// lookupBatch is how many values one look-up carries; the service answers at most 100 accounts a page.
	lookupBatch = 100
	listPage    = lookupBatch - 1 // pages overlap by one
)

// progressStep is how many records are counted before progress is told, so that telling costs nothing.
const progressStep = 100

// decide lists, reads, looks up and plans. It reports whether the plan may be carried out; a plan made from an
// incomplete read is there to be looked at only.
func (r *run) decide(ctx context.Context) bool {
	if err := r.follow(ctx); err != nil {
		return r.stop(ctx, err)
	}
	reader, verdict, err := r.open(ctx)
	switch {
	case err != nil:
		return r.refuse(ctx, err)
	case reader == nil:
		return r.unread(ctx, verdict)
	case reader.useless():
		verdict = reader.Verdict()
		_ = reader.Close() // the verdict says how it ended
		return r.unread(ctx, verdict)
	}
	policy, err := r.survey(ctx)
	if err != nil {
		_ = reader.Close() // nothing was read
		return r.stop(ctx, err)
	}
	users := spool.NewUsers(r.StateDir)
	defer users.Close()
	read, err := r.read(ctx, reader, r.mirrored.sieve, r.salt(&policy), users)
	if err != nil {
		return r.refuse(ctx, err)
	}
	verdict = read.verdict
	r.Run.Tally.Read, r.Run.Tally.Rejected, r.Run.Tally.Filtered = read.records(), len(read.rejects), read.filtered
	if ctx.Err() != nil || !verdict.Completeness.Usable() && read.records() == read.userless() {
		return r.unread(ctx, verdict)
	}
	verdict = r.judge(verdict)
	remembered, observed, err := r.concerned(ctx, read)
	if err == nil {
		err = r.lostZeros(read, remembered, observed)
	}
	if err != nil {
		return r.decideByAll(ctx, err)
	}
	if err := r.weigh(ctx, verdict, read.rejects); err != nil {
		return r.stop(ctx, err)
	}
	late, err := r.store.Late(ctx)
	if err != nil {
		return r.stop(ctx, err)
	}
	others, err := r.planAll(ctx, read, remembered, plan.Input{
		Observed: slices.Values(observed), Known: known(remembered),
		Rejects: read.rejects, Agreeing: read.passed, NotRead: r.Run.Tally.NotRead, Late: late, AbsenceUnknown: r.unknown, Policy: policy, ConfigDigest: r.Digest,
		RetryRefused: r.order.RetryRefused, CountsAsRead: r.counts, Now: r.now,
	})
	if err == nil {
		r.Plan.Filtered = read.filtered
		r.noAlbum()
		err = r.fillCells(ctx, others, read.zeroless)
	}
	if err == nil {
		r.Run.Reviewed, err = r.reviewed()
	}
	if err != nil {
		return r.decideByAll(ctx, err)
	}
	r.tallyPlan()
	return verdict.Completeness.Usable()
}

// weigh says what the read shows of who is missing.
func (r *run) weigh(ctx context.Context, verdict record.Verdict, rejects []plan.Reject) error {
	lastRead, err := r.recall(ctx)
	if err != nil {
		return err
	}
	r.unknown = r.absenceUnknown(verdict, rejects)
	r.counts = r.unknown == "" && (lastRead == nil || !verdict.Evidence.Same(*lastRead))
	r.evidence = verdict.Evidence
	return nil
}

// decideByAll decides once more, by all records, where those that changed aren't enough.
func (r *run) decideByAll(ctx context.Context, err error) bool {
	if !errors.Is(err, errNeedsAll) {
		return r.stop(ctx, err)
	}
	r.following = following{readAll: true}
	if r.aside != nil {
		r.aside.Close()
	}
	return r.decide(ctx)
}

// survey finds out how things stand at the service.
func (r *run) survey(ctx context.Context) (plan.Policy, error) {
	if err := r.list(ctx); err != nil {
		return plan.Policy{}, err
	}
	return r.policy(ctx)
}

// judge takes the verdict on the source in, and returns what of it may be kept: of a file with passwords, no digest. Whoever
// knows everything else in a short one could try passwords against it.
func (r *run) judge(verdict record.Verdict) record.Verdict {
	if r.Password == nil {
		verdict.Evidence.SHA256 = ""
	}
	r.Run.Verdict = state.Verdict{
		Completeness: verdict.Completeness.String(), Reason: verdict.Reason, Note: verdict.Note, Evidence: verdict.Evidence,
		Since: verdict.Since, SeveralMoments: verdict.SeveralMoments, Empty: verdict.Empty,
	}
	r.following.next = verdict.Cursor
	if !verdict.Completeness.Usable() {
		r.Run.Status, r.Run.Problem = state.Incomplete, verdict.Reason
	}
	return verdict
}

// refuse ends a run that couldn't be planned; one over the sample has no result at all.
func (r *run) refuse(ctx context.Context, err error) bool {
	if errors.Is(err, ErrSample) {
		r.err = err
	}
	return r.stop(ctx, err)
}

// unread ends a run whose source gave nothing to plan with.
func (r *run) unread(ctx context.Context, verdict record.Verdict) bool {
	r.judge(verdict)
	if ctx.Err() != nil {
		return r.stop(ctx, ctx.Err())
	}
	return false
}

// recall reads from the state what the planner and the guards need beside what is remembered of the users.
func (r *run) recall(ctx context.Context) (lastRead *record.Evidence, err error) {
	if r.baseline, err = r.store.Baseline(ctx); err != nil {
		return nil, err
	}
	if r.confirmed, err = r.store.Confirmed(ctx); err != nil {
		return nil, err
	}
	if r.weekDeletes, err = r.store.WeekDeletes(ctx, r.now); err != nil {
		return nil, err
	}
	if r.unfinished, err = r.store.Rekeying(ctx); err != nil {
		return nil, err
	}
	evidence, counted, err := r.store.LastEvidence(ctx)
	if err != nil || !counted {
		return nil, err
	}
	return &evidence, nil
}

// absenceUnknown says why this read can't show that anybody left, "" if it can.
func (r *run) absenceUnknown(verdict record.Verdict, rejects []plan.Reject) string {
	switch {
	case !verdict.Completeness.Usable():
		return "the source was read incompletely: " + verdict.Reason
	case verdict.Completeness < r.Accept:
		return fmt.Sprintf("the read is %s, and that isn't accepted for leavers", verdict.Completeness)
	case verdict.Since != "":
		return "only what changed since " + verdict.Since + " was read"
	case verdict.AbsenceUnknown != "":
		return verdict.AbsenceUnknown
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
