package reconcile

import (
	"context"
	"slices"
	"strings"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
)

const (
	// defaultFullEvery is after how many runs the accounts are listed in full again, where the pipeline doesn't say.
	defaultFullEvery = 7
	// listOverlap is how much earlier a list of changes begins than the last list did: clocks of several servers differ, and
	// a write may be seen later than it is stamped.
	listOverlap = 15 * time.Minute
)

// mirrored is what a run knows of the accounts that carry the owner tag.
type mirrored struct {
	agreements *state.Agreements
	sieve      *plan.Sieve
	changes    bool              // only the changes were listed: who isn't among the listed is as the mirror has them
	listed     []account.Account // those that the sieve doesn't pass
	calls      int
	listing    state.Listing // for the next run
}

// list reads the accounts that carry the owner tag: those that changed since the last run, if that shows all there is
// to know, and otherwise all.
func (r *run) list(ctx context.Context) error {
	agreements, err := r.store.Agreements(ctx)
	if err != nil {
		return err
	}
	last, err := r.store.Listing(ctx)
	if err != nil {
		return err
	}
	r.order.Progress.Phase("list", 0)
	every := r.FullEvery
	if every == 0 {
		every = defaultFullEvery
	}
	why, tried := r.whyAll(last, every), 0
	if why == "" {
		m := &mirrored{agreements: agreements, sieve: plan.NewSieve(agreements), changes: true}
		m.listing.SinceFull = last.SinceFull + 1
		if why, err = r.listChanged(ctx, m, last); why == "" || err != nil {
			r.mirrored = m
			return err
		}
		tried = m.calls
	}
	err = r.listAll(ctx, agreements)
	r.mirrored.calls += tried
	r.Run.Listed.All = why
	return err
}

// whyAll says why the changes since the last list aren't asked for, "" if they are.
func (r *run) whyAll(last state.Listing, every int) state.WhyAll {
	switch {
	case r.order.ListAll:
		return state.ListAsked
	case last.Ours.IsZero():
		return state.ListedNever
	case last.Watermark.IsZero():
		return state.ListWithoutClock
	case last.SinceFull+1 >= every:
		return state.ListDue
	case last.Outdated:
		return state.ListOutdated
	}
	return ""
}

func (r *run) listAll(ctx context.Context, agreements *state.Agreements) error {
	m := &mirrored{agreements: agreements, sieve: plan.NewSieve(agreements)}
	r.mirrored = m
	began := time.Now()
	total := 0
	err := r.Service.List(ctx, r.Policy.OwnerTag, func(a account.Account) error {
		total++
		if !m.sieve.Account(&a) {
			m.listed = append(m.listed, a)
		}
		if total%progressStep == 0 {
			r.order.Progress.Step(progressStep)
		}
		return nil
	})
	r.order.Progress.Step(total % progressStep)
	m.calls = 1 + total/listPage
	r.Run.Listed = &state.Listed{Accounts: total}
	m.listing.Watermark, m.listing.Ours = r.began(began), began
	return err
}

// listChanged says why the changes aren't all there is to know, "" if they are: each changed account is the one that was
// known under its external ID, there are as many in all as are known, and both clocks have gone on by as much.
func (r *run) listChanged(ctx context.Context, m *mirrored, last state.Listing) (why state.WhyAll, err error) {
	m.sieve.AllAsBefore()
	began := time.Now()
	since := last.Watermark.Add(-listOverlap)
	changed := 0
	total, err := r.Service.ListChanged(ctx, r.Policy.OwnerTag, since, func(a account.Account) error {
		changed++
		if !m.sieve.Changed(&a) {
			m.listed = append(m.listed, a)
		}
		return nil
	})
	m.calls = 2 + changed/listPage
	if account.KindOf(err) == account.Unavailable && ctx.Err() == nil {
		return state.ListUnanswered, nil // it may be only this question that isn't answered
	}
	if err != nil {
		return "", err
	}
	r.Run.Listed = &state.Listed{Accounts: changed, Since: since.UTC()}
	r.order.Progress.Step(changed)
	m.listing.Watermark, m.listing.Ours = r.began(began), began
	if theirs, ours := m.listing.Watermark.Sub(last.Watermark), elapsed(last.Ours, began); (theirs - ours).Abs() > listOverlap/2 {
		return state.ListClockSet, nil // since isn't when the last list began
	}
	rows := slices.Clone(m.agreements.Open())
	for i := range m.listed {
		if row, agreed := m.agreements.Find(plan.KeyOf(m.listed[i].ExternalID)); agreed {
			rows = append(rows, row)
		}
	}
	remembered, err := r.store.Remember(ctx, rows)
	if err != nil {
		return "", err
	}
	known := make(map[string]int64, len(remembered))
	expected := m.agreements.Len()
	for i := range remembered {
		one := &remembered[i]
		known[one.ExternalID] = one.AccountID
		if m.agreements.At(one.Row).Key == 0 && one.AccountID != 0 {
			expected++
		}
	}
	stranger := func(a account.Account) bool { return a.ExternalID == "" || known[a.ExternalID] != a.ID }
	if total != expected || slices.ContainsFunc(m.listed, stranger) {
		return state.ListNotAll, nil
	}
	return "", nil
}

// began is when, by the service's clock, something was begun; zero where the service doesn't tell the time, so that the next
// run lists in full.
func (r *run) began(ours time.Time) time.Time {
	now := r.Service.Clock()
	if now.IsZero() {
		return now
	}
	return now.Add(-max(time.Since(ours), elapsed(ours, time.Now())))
}

// elapsed is how much later it was by the clock on the wall, which goes on while the machine sleeps.
func elapsed(from, to time.Time) time.Duration { return to.Round(0).Sub(from.Round(0)) }

// concerned are the rows that a plan has to be made for.
func (m *mirrored) concerned() []int64 {
	return append(m.sieve.Concerned(), m.agreements.Open()...)
}

// all are all rows.
func (m *mirrored) all() []int64 {
	rows := slices.Clone(m.agreements.Open())
	for row := range m.agreements.Rows() {
		rows = append(rows, row)
	}
	return rows
}

// recollect returns what is remembered of the rows, and all accounts that were listed beside theirs, both sorted by
// external ID. It ends the use of the agreements, which take much memory. The state is told the time first: since when
// somebody is absent is a time of our clock, and that may have been set.
func (r *run) recollect(ctx context.Context, rows []int64) ([]state.Remembered, []account.Account, error) {
	if err := r.tick(ctx); err != nil {
		return nil, nil, err
	}
	m := r.mirrored
	r.rows = rows
	listed := make(map[int64]bool, len(m.listed)) // ids of accounts that are listed anew
	for i := range m.listed {
		listed[m.listed[i].ID] = true
	}
	asBefore := make(map[int64]bool, len(rows))
	for _, row := range rows {
		if m.agreements.At(row).Key == 0 { // no list marks it
			asBefore[row] = m.changes
		} else {
			asBefore[row] = m.sieve.AsListed(row)
		}
	}
	m.agreements, m.sieve = nil, nil
	remembered, err := r.store.Remember(ctx, rows)
	if err != nil {
		return nil, nil, err
	}
	observed := slices.Grow(m.listed, len(remembered))
	for i := range remembered {
		if one := &remembered[i]; asBefore[one.Row] && one.AccountID != 0 && !listed[one.AccountID] {
			observed = append(observed, one.Account)
		}
	}
	slices.SortStableFunc(observed, func(a, b account.Account) int { return strings.Compare(a.ExternalID, b.ExternalID) })
	return remembered, observed, nil
}
