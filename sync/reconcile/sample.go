package reconcile

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// Sample is what a look at the first records of a source came to.
type Sample struct {
	Run     state.Run     // Planned, or how it ended otherwise
	Records []Sampled     // in the order of the source
	All     bool          // the source has no more
	Hidden  []string      // columns whose cells aren't shown
	Remarks []plan.Remark // about nobody in particular
}

// Sampled is a record, the user that it makes, and what a run would do about them.
type Sampled struct {
	Traced
	User      *user.User      // nil where the record makes none
	Decision  string          // the kind of an operation, or one of those below; "" where it came to none
	AccountID int64           // that the user has, or would take over; 0: none, or it isn't known which
	Operation *plan.Operation // nil where there is none
	Reject    *plan.Reject    // nil where it isn't rejected
	Avatar    *plan.Avatar    // nil where none is to be set
	Remarks   []plan.Remark
}

// The decisions that make no operation.
const (
	Unchanged = "unchanged"
	Rejected  = "reject"
	Filtered  = "filtered"
)

// Sample shows what a run would do about the first n records of the source, and reads and looks up no more than those. It
// writes nothing anywhere. What the records after them say, it doesn't know: who left, who else wants the same login or
// e-mail, and what the guards think. Beside another process it returns that lock's error, as Preview does.
func (p *Pipeline) Sample(ctx context.Context, n int, order Order) (*Sample, error) {
	if err := state.Probe(p.StateDir, p.Identity.Endpoint, p.Identity.ApplicationID); err != nil {
		return nil, err
	}
	store, err := state.Peek(ctx, p.StateDir, p.Identity)
	if err != nil {
		return nil, err
	}
	defer func() { _ = store.Close() }() // nothing is written
	here := *p
	here.Service = remember(p.Service)
	s := &sampler{run: here.newRun(store, order)}
	s.Run.Status = state.Planned
	ctx, release := untilStop(ctx, order.Stop)
	defer release()
	if s.read(ctx, n) {
		if err := s.plan(ctx); err != nil {
			s.stop(ctx, err)
		}
	}
	if s.err != nil {
		return nil, s.err
	}
	s.sample.Run, s.sample.Hidden = s.Run, s.hidden
	return &s.sample, nil
}

// sampler is one walk over the first records.
type sampler struct {
	*run
	sample  Sample
	desired []plan.Desired // sorted by external ID once all are read
	rejects []plan.Reject
}

// read reads n records, or as many as there are. It reports whether there is anything to plan.
func (s *sampler) read(ctx context.Context, n int) bool {
	reader, verdict, err := s.open(ctx)
	switch {
	case err != nil:
		return s.refuse(ctx, err)
	case reader == nil:
		return s.unread(ctx, verdict)
	}
	defer func() { _ = reader.Close() }() // most of it stays unread
	s.order.Progress.Phase("read", n)
	for next := reader.first; ; next = reader.next(ctx, nil) {
		if next.ends() {
			s.end(reader.Verdict(), next.err)
			break
		}
		if err := s.take(ctx, &next); err != nil {
			return s.refuse(ctx, err)
		}
		s.order.Progress.Step(1)
		if len(s.sample.Records) == n { // asking for one more could have a source count all it has
			break
		}
	}
	slices.SortStableFunc(s.desired, func(a, b plan.Desired) int { return strings.Compare(a.User.ExternalID, b.User.ExternalID) })
	if ctx.Err() != nil {
		return s.stop(ctx, ctx.Err())
	}
	return true
}

// end takes in how a source ended before there were enough records.
func (s *sampler) end(verdict record.Verdict, err error) {
	if errors.Is(err, io.EOF) {
		s.sample.All = true
	} else if verdict.Reason == "" {
		verdict.Reason = err.Error()
	}
	s.judge(verdict)
}

// take maps a record.
func (s *sampler) take(ctx context.Context, a *answer) error {
	if bad, rejected := errors.AsType[*record.RejectError](a.err); rejected {
		s.rejects = append(s.rejects, reject(bad))
		s.sample.Records = append(s.sample.Records, Sampled{
			Traced: Traced{Position: bad.Position, Problem: bad.Error()}, Decision: Rejected,
		})
		return nil
	}
	rec := a.record
	m := s.mapped(rec)
	one := Sampled{Traced: s.traced(rec, &m)}
	switch {
	case m.out:
		one.Decision = Filtered
	case m.bad != nil:
		one.Decision = Rejected
		s.rejects = append(s.rejects, reject(m.bad))
	default:
		if err := s.real(m.user.ExternalID, &rec); err != nil {
			return err
		}
		one.User = &m.user
		d := plan.Desired{User: m.user, Position: rec.Position, Picture: s.pictures.picture(rec)}
		_, d.Unfit = s.Mapper.Password(rec)
		if err := s.pictures.carried(ctx, &d, rec); err != nil {
			return err
		}
		s.desired = append(s.desired, d)
	}
	s.sample.Records = append(s.sample.Records, one)
	return nil
}

// plan looks up whom the records concern and decides about them.
func (s *sampler) plan(ctx context.Context) error {
	policy, err := s.policy(ctx)
	if err != nil {
		return err
	}
	s.order.Progress.Phase("look up", 0)
	observed, remembered, err := s.meet(ctx)
	if err != nil {
		return err
	}
	late, err := s.store.Late(ctx)
	if err != nil {
		return err
	}
	survey := plan.NewSurvey(plan.Input{
		Desired: slices.Values(s.desired), Observed: slices.Values(observed), Known: known(remembered), Rejects: s.rejects, Late: late,
		AbsenceUnknown: "only the first records were read", Policy: policy, ConfigDigest: s.Digest,
		RetryRefused: s.order.RetryRefused, Now: s.now,
	})
	_, values := valuesOf(survey.Lookups())
	found, err := s.ask(ctx, values)
	if err != nil {
		return err
	}
	if err := s.look(ctx, s.desired, remembered); err != nil {
		return err
	}
	s.Plan = survey.Build(found)
	s.tell(observed)
	s.Plan.Remarks = nil
	s.noAlbum()
	s.sample.Remarks = s.Plan.Remarks
	return nil
}

// meet looks up the accounts that a list would show under the external IDs of the records, and recalls what is known of
// them. Known accounts that carry another external ID by now are for the planner to ask about.
func (s *sampler) meet(ctx context.Context) ([]account.Account, []state.Remembered, error) {
	var named []string
	for i := range s.desired {
		named = append(named, s.desired[i].User.ExternalID)
	}
	for i := range s.rejects {
		if s.rejects[i].ExternalID != "" {
			named = append(named, s.rejects[i].ExternalID)
		}
	}
	slices.Sort(named)
	named = slices.Compact(named)
	_, values := valuesOf(plan.Lookups{ExternalIDs: named})
	found, err := s.ask(ctx, values)
	if err != nil {
		return nil, nil, err
	}
	if err := s.tick(ctx); err != nil {
		return nil, nil, err
	}
	remembered, err := s.store.RememberOf(ctx, named)
	if err != nil {
		return nil, nil, err
	}
	observed := slices.DeleteFunc(found, func(a account.Account) bool { return !a.HasTag(s.Policy.OwnerTag) })
	slices.SortFunc(observed, func(a, b account.Account) int {
		return cmp.Or(strings.Compare(a.ExternalID, b.ExternalID), cmp.Compare(a.ID, b.ID))
	})
	return observed, remembered, nil
}

// tell says of each record what the plan does about it.
func (s *sampler) tell(observed []account.Account) {
	rejects, operations, avatars := map[record.Position]*plan.Reject{}, map[string]*plan.Operation{}, map[string]*plan.Avatar{}
	for i := range s.Plan.Rejects {
		rejects[s.Plan.Rejects[i].Position] = &s.Plan.Rejects[i]
	}
	for i := range s.Plan.Operations {
		if op := &s.Plan.Operations[i]; op.Step == "" {
			operations[op.ExternalID] = op
		}
	}
	for i := range s.Plan.Avatars {
		avatars[s.Plan.Avatars[i].ExternalID] = &s.Plan.Avatars[i]
	}
	for i := range s.sample.Records {
		one := &s.sample.Records[i]
		if one.Reject = rejects[one.Position]; one.Reject != nil {
			one.Decision = Rejected
		}
		if one.Decision != "" {
			continue
		}
		externalID := one.User.ExternalID
		one.Operation, one.Avatar = operations[externalID], avatars[externalID]
		one.Decision = Unchanged
		if one.Operation != nil {
			one.Decision, one.AccountID = string(one.Operation.Kind), one.Operation.AccountID
		} else if at := slices.IndexFunc(observed, func(a account.Account) bool { return a.ExternalID == externalID }); at >= 0 {
			one.AccountID = observed[at].ID
		}
		for _, remark := range s.Plan.Remarks {
			if remark.ExternalID == externalID {
				one.Remarks = append(one.Remarks, remark)
			}
		}
	}
}
