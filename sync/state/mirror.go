package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
)

// comparison brings the mirror to what a run observed.
type comparison struct {
	run          int64
	absent, keep []string // sorted
	notRead      map[string]bool
	mine         map[string]plan.Mine
	failed       map[string]bool // their operation of this run wasn't applied
	counts       bool
	approved     map[string]plan.Leavers
	now          time.Time
	agreements   map[string]plan.Agreement
	agreed       []agreed // what becomes of agreements
	changes      *book
	gap          gap
	apart        bool // the accounts that were listed aren't one for one those that are known
}

// syncMirror walks the rows concerned and what was observed side by side, both sorted, and writes what differs. It reads
// through another connection, which sees the state as it was before, so that what is written can't move under it.
func (s *Store) syncMirror(ctx context.Context, tx *sql.Tx, run int64, end *End) error {
	changes, err := openBook(ctx, tx)
	if err != nil {
		return err
	}
	failed, err := notApplied(ctx, tx, run)
	if err != nil {
		return err
	}
	c := comparison{
		run: run, mine: end.Mine, failed: failed, absent: slices.Sorted(slices.Values(end.Absent)), keep: slices.Sorted(slices.Values(end.Keep)),
		notRead: end.NotRead,
		counts:  end.Counts, approved: end.Approved, now: end.Now,
		agreements: end.Agreed, changes: changes,
	}
	for externalID := range end.Observed {
		c.apart = c.apart || externalID == ""
	}
	next, stop := iter.Pull2(groups(end.Observed))
	defer stop()
	seen := observed{next: next}
	if err := seen.advance(); err != nil {
		return err
	}
	_, err = eachOf(ctx, s.reader, end.Rows, func(r *row) error {
		if err := c.unknown(ctx, &seen, func() bool { return seen.externalID < r.externalID }); err != nil {
			return err
		}
		e, err := r.entry()
		if err != nil {
			return err
		}
		if !seen.more || seen.externalID != r.externalID {
			return c.judge(ctx, e, nil)
		}
		if err := c.judge(ctx, e, seen.accounts); err != nil {
			return err
		}
		return seen.advance()
	})
	if err != nil {
		return err
	}
	if err := c.unknown(ctx, &seen, func() bool { return true }); err != nil {
		return err
	}
	if c.apart && end.Listing != nil { // their number says nothing, so the next run has to list all
		end.Listing = &Listing{SinceFull: end.Listing.SinceFull}
	}
	return changes.agree(ctx, c.agreed)
}

// notApplied returns the external IDs of the run's operations that were opened and not applied.
func notApplied(ctx context.Context, tx *sql.Tx, run int64) (failed map[string]bool, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT external_id FROM journal WHERE run = ?1 AND ending <> ?2
		UNION ALL SELECT external_id FROM `+intents+` WHERE run = ?1`, run, DoneApplied)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	failed = map[string]bool{}
	for rows.Next() {
		var externalID string
		if err := scan(rows, &externalID); err != nil {
			return nil, err
		}
		failed[externalID] = true
	}
	return failed, rows.Err()
}

// unknown takes in accounts that weren't known when the run began, as long as wanted says.
func (c *comparison) unknown(ctx context.Context, seen *observed, wanted func() bool) error {
	for seen.more && wanted() {
		e := entry{externalID: seen.externalID}
		known, err := c.gap.known(ctx, c.changes.tx, seen.externalID)
		if err == nil && known {
			e, _, err = c.changes.entry(ctx, seen.externalID)
		}
		if err != nil {
			return err
		}
		if err := c.judge(ctx, e, seen.accounts); err != nil {
			return err
		}
		if err := seen.advance(); err != nil {
			return err
		}
	}
	return nil
}

// gap is a stretch of external IDs under which nothing is known, so that nobody in a long list of new ones has to be
// looked for.
type gap struct {
	open bool
	end  sql.NullString // the first known external ID after it; none: it is endless
}

// known reports whether anything is known under an external ID. Each must be higher than the last one.
func (g *gap) known(ctx context.Context, db querier, externalID string) (bool, error) {
	if !g.open || g.end.Valid && g.end.String < externalID {
		g.open = true
		err := db.QueryRowContext(ctx, "SELECT min(external_id) FROM known WHERE external_id >= ?", externalID).Scan(&g.end)
		if err != nil {
			return false, err
		}
	}
	return g.end.Valid && g.end.String == externalID, nil
}

// judge writes what becomes of one entry.
func (c *comparison) judge(ctx context.Context, e entry, seen []account.Account) error {
	_, keep := slices.BinarySearch(c.keep, e.externalID)
	keep = keep || c.notRead[e.externalID]
	_, absent := slices.BinarySearch(c.absent, e.externalID)
	mine, matched := c.mine[e.externalID]
	if !matched || c.failed[e.externalID] {
		mine = plan.Mine{}
	}
	known, parked := e.account.ID, e.notes.Parked
	changed := e.observe(c.run, seen, keep, mine)
	if c.failed[e.externalID] && e.account.ID == known && e.notes.Parked == nil { // the list is from before what the run tried
		e.notes.Parked = parked
	}
	theirs := len(seen) == 1 && seen[0].ID == e.account.ID || len(seen) == 0 && e.account.ID == 0
	c.apart = c.apart || !theirs && e.written != c.run
	if !c.notRead[e.externalID] {
		changed = e.count(absent, c.counts, c.approved[e.externalID], c.now) || changed
	}
	if e.account.ID == 0 && e.notes.Refusal == nil {
		return c.changes.remove(ctx, &e)
	}
	if changed {
		if err := c.changes.store(ctx, &e); err != nil {
			return err
		}
	}
	agreement := c.agreements[e.externalID]
	switch {
	case agreement.Key != 0 && !c.failed[e.externalID] && e.mayAgree(c.run) && len(seen) == 1 && seen[0].ID == e.account.ID:
		c.agreed = append(c.agreed, agreed{row: e.number, agreement: agreement})
		return nil
	case changed:
		return nil // it has none any more
	default:
		return c.changes.disagree(ctx, e.number)
	}
}

// mayAgree reports whether all that is remembered says nothing against an agreement: the account is the listed one, and
// there is nothing that a later run has to think of. What answers taught, a refusal too, counts again only when the record
// or the account changes, and then there is no agreement.
func (e *entry) mayAgree(run int64) bool {
	n := &e.notes
	return e.account.ID != 0 && e.written != run && n.Absence == nil && n.KeptID == nil && n.Parked == nil
}

// observed are accounts by external ID, one group after another.
type observed struct {
	next       func() (string, []account.Account, bool)
	externalID string
	accounts   []account.Account // good until the next advance
	more       bool
}

func (o *observed) advance() error {
	before := o.externalID
	if o.externalID, o.accounts, o.more = o.next(); o.more && o.externalID <= before {
		return fmt.Errorf("the observed accounts aren't sorted: %q stands after %q", o.externalID, before)
	}
	return nil
}

// groups puts accounts of one external ID together; those without one can't be known by it. The group is good until the
// next is asked for.
func groups(accounts iter.Seq2[string, account.Account]) iter.Seq2[string, []account.Account] {
	return func(yield func(string, []account.Account) bool) {
		var group []account.Account
		last := ""
		for externalID, a := range accounts {
			if len(group) > 0 && externalID != last {
				if !yield(last, group) {
					return
				}
				group = group[:0]
			}
			if last = externalID; externalID != "" {
				group = append(group, a)
			}
		}
		if len(group) > 0 {
			yield(last, group)
		}
	}
}

// observe takes in which accounts the run listed under the external ID, and reports whether that changed anything.
// Among several, only the one that was known counts, and so it is where it is to be kept: which of them is meant is never
// guessed. mine is what the source wants of the fields that are merged; nothing is set where that isn't to be remembered.
func (e *entry) observe(run int64, seen []account.Account, keep bool, mine plan.Mine) (changed bool) {
	if e.written == run {
		return false // the list is older than what the run wrote
	}
	if len(seen) == 0 {
		if e.account.ID == 0 || keep {
			return false
		}
		e.forget()
		return true
	}
	i := slices.IndexFunc(seen, func(a account.Account) bool { return a.ID == e.account.ID })
	if i < 0 && (keep || len(seen) > 1) {
		return false
	}
	now := seen[max(i, 0)]
	if !sameAccount(e.account, now) {
		e.show(now)
		changed = true
	}
	changed = e.unpark(now) || changed
	changed = e.stillLacks(now) || changed
	return e.remember(mine, &now) || changed
}
