package state

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"
	"time"

	"cubesync/sync/plan"
)

// count takes in whether the read missed the person, and reports whether that changed anything. A read that is no new
// evidence begins and counts nothing, but whoever is present in it isn't absent.
func (e *entry) count(absent, counts bool, approved plan.Leavers, now time.Time) (changed bool) {
	before := e.notes.Absence
	if absent && approved != "" {
		defer func() {
			if a := e.notes.Absence; a != nil && a.Approved != approved {
				e.notes.Absence = &plan.Absence{Reads: a.Reads, Since: a.Since, Approved: approved}
				changed = true
			}
		}()
	}
	switch {
	case !absent || e.account.ID == 0:
		e.notes.Absence = nil
		return before != nil
	case !counts:
		return false
	case before == nil:
		e.notes.Absence = &plan.Absence{Reads: 1, Since: now.UTC().Round(0)}
	default:
		e.notes.Absence = &plan.Absence{Reads: before.Reads + 1, Since: before.Since, Approved: before.Approved}
	}
	return true
}

// Seen takes in a complete read whose run doesn't end as applied: whoever was present in it isn't absent, so that their
// next absence is counted from the start. What such a read misses isn't counted. Whoever is absent has no agreement.
func (s *Store) Seen(ctx context.Context, present func(externalID string) bool) error {
	return s.write(ctx, "remembering who was present", func(ctx context.Context, tx *sql.Tx) error {
		changes, err := openBook(ctx, tx)
		if err != nil {
			return err
		}
		return eachOpen(ctx, s.reader, func(r *row) error {
			if !strings.Contains(r.notes, `"absence"`) || !present(r.externalID) { // most rows needn't be decoded
				return nil
			}
			e, err := r.entry()
			if err != nil || e.notes.Absence == nil {
				return err
			}
			e.notes.Absence = nil
			return changes.store(ctx, &e)
		})
	})
}

// countAbsences takes in whom the read of a saved plan missed. Nothing was listed, so that the mirror stays as it is.
func (s *Store) countAbsences(ctx context.Context, tx *sql.Tx, _ int64, end *End) error {
	changes, err := openBook(ctx, tx)
	if err != nil {
		return err
	}
	missed := make(map[string]bool, len(end.Absent))
	for _, externalID := range end.Absent {
		missed[externalID] = true
	}
	count := func(e *entry, absent bool) error {
		switch {
		case e.account.ID == 0 && e.notes.Refusal == nil:
			return changes.remove(ctx, e)
		case e.count(absent, end.Counts, end.Approved[e.externalID], end.Now):
			return changes.store(ctx, e)
		default:
			return nil
		}
	}
	err = eachOpen(ctx, s.reader, func(r *row) error {
		absent := missed[r.externalID]
		delete(missed, r.externalID)
		if !absent && r.accountID != 0 && !strings.Contains(r.notes, `"absence"`) { // most rows needn't be decoded
			return nil
		}
		e, err := r.entry()
		if err != nil {
			return err
		}
		return count(&e, absent)
	})
	if err != nil {
		return err
	}
	for _, externalID := range slices.Sorted(maps.Keys(missed)) { // who agreed so far
		e, _, err := changes.entry(ctx, externalID)
		if err != nil {
			return err
		}
		if err := count(&e, true); err != nil {
			return err
		}
	}
	return nil
}
