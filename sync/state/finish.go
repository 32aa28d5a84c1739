package state

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/record"
)

// End is what an applied run leaves beyond its own record.
type End struct {
	Baseline plan.Baseline
	// Rows are the rows that the run had to decide about, each once: all that were open, and those whose record or account
	// isn't as they agreed. The others aren't looked at.
	Rows []int64
	// Observed are the accounts of these rows, and those of nobody so far, as the run listed them before it wrote, by the
	// external IDs under which they are known, and sorted by them, byte by byte; nil where it listed none, because it
	// carried out a plan that was saved before. Then Rows, Keep, Mine and Agreed say nothing.
	Observed iter.Seq2[string, account.Account]
	// Agreed are the agreements of those whose one record equals their one account, by external ID. Of Rows, whoever isn't
	// among them loses theirs; so does whom this run wrote or tried to write, and who is absent, kept another external ID
	// than ours, or gave something up in a swap.
	Agreed map[string]plan.Agreement
	// Absent are the external IDs of all leavers in this read, however their absence is judged. Whoever isn't
	// among them was present.
	Absent []string
	// Keep are external IDs that stay known although their account wasn't observed, whatever other one was: records whose
	// account vanished, or lost our tag, and was left so, and rejected ones.
	Keep []string
	// Mine is what the source wants of the fields that are merged, by external ID, for all records that match an
	// observed account. It is ours also where nothing had to be written. Where this run tried to write and it
	// wasn't applied, it is passed over.
	Mine     map[string]plan.Mine
	Counts   bool            // this read is new evidence of absence
	Evidence record.Evidence // of this read
	Listing  *Listing        // how the accounts were listed; nil: as before
	Cursor   *Cursor         // where the source is read from next; nil: as before
	// Partial: the source was read only as far as it changed, and so says nothing of anybody's absence. NotRead are the
	// external IDs of Rows and Observed of which it said nothing at all: of them, only the accounts are taken in.
	Partial bool
	NotRead map[string]bool
	// Approved is what a person agreed to see become of leavers, by external ID: they needn't be approved again when they
	// go that way.
	Approved map[string]plan.Leavers
	Now      time.Time // of this read
}

// Finish stores how the run ended, and drops the runs before the newest keep (0: none), except those that hold an
// operation in doubt. With an end, which only an applied run has, the same commit makes it the baseline, brings the
// mirror to what was observed (what this run wrote itself is newer, and stays), counts absences, and keeps the agreements.
// The plans of the dropped runs go too.
func (s *Store) Finish(ctx context.Context, run Run, end *End, keep int) error {
	if err := s.finish(ctx, run, end, keep); err != nil {
		return err
	}
	return s.prunePlans(ctx)
}

func (s *Store) finish(ctx context.Context, run Run, end *End, keep int) error {
	return s.write(ctx, "finishing a run", func(ctx context.Context, tx *sql.Tx) error {
		if err := s.endRun(ctx, tx, run); err != nil {
			return err
		}
		if err := prune(ctx, tx, s.steady(run.EndedAt), keep); err != nil {
			return err
		}
		if err := nextRead(ctx, tx, end); err != nil {
			return err
		}
		if end == nil || end.Listing == nil {
			if err := oneMoreSinceFull(ctx, tx); err != nil || end == nil {
				return err
			}
		}
		steady := *end
		steady.Now, end = s.steady(end.Now), &steady
		if err := s.takeIn(ctx, tx, run.ID, end); err != nil {
			return err
		}
		if err := writeFact(ctx, tx, factBaseline, end.Baseline); err != nil {
			return err
		}
		if end.Counts {
			if err := writeFact(ctx, tx, factEvidence, end.Evidence); err != nil {
				return err
			}
		}
		if end.Listing != nil {
			return writeFact(ctx, tx, factListing, end.Listing)
		}
		return nil
	})
}

// oneMoreSinceFull counts a run that leaves the mirror as it is, whatever it listed.
func oneMoreSinceFull(ctx context.Context, tx *sql.Tx) error {
	var listing Listing
	known, err := readFact(ctx, tx, factListing, &listing)
	if err != nil || !known {
		return err
	}
	listing.SinceFull++
	return writeFact(ctx, tx, factListing, listing)
}

// takeIn brings what is known of accounts and absences to what the run saw. What changed in the source shows nobody's absence.
func (s *Store) takeIn(ctx context.Context, tx *sql.Tx, run int64, end *End) error {
	switch {
	case end.Observed != nil:
		return s.syncMirror(ctx, tx, run, end)
	case end.Partial:
		return nil
	default:
		return s.countAbsences(ctx, tx, run, end)
	}
}

// nextRead stores where the source is read from next, or counts a run that leaves the cursor where it is.
func nextRead(ctx context.Context, tx *sql.Tx, end *End) error {
	if end != nil && end.Cursor != nil {
		return writeFact(ctx, tx, factCursor, end.Cursor)
	}
	var cursor Cursor
	known, err := readFact(ctx, tx, factCursor, &cursor)
	if err != nil || !known {
		return err
	}
	cursor.SinceAll++
	return writeFact(ctx, tx, factCursor, cursor)
}

func (s *Store) endRun(ctx context.Context, tx *sql.Tx, run Run) error {
	body, err := encode(run)
	if err != nil {
		return err
	}
	result, err := tx.ExecContext(ctx, "UPDATE run SET body = ? WHERE id = ?", body, run.ID)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return fmt.Errorf("run %d was never begun", run.ID)
	}
	if run.EndedAt.IsZero() {
		return nil
	}
	_, err = tx.ExecContext(ctx, "UPDATE departure SET at = ? WHERE run = ?", s.steady(run.EndedAt).UnixMilli(), run.ID)
	return err
}

func prune(ctx context.Context, tx *sql.Tx, now time.Time, keep int) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM departure WHERE at <= ?", now.Add(-week).UnixMilli())
	if err != nil || keep <= 0 {
		return err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM run WHERE id <= (SELECT id FROM run ORDER BY id DESC LIMIT 1 OFFSET ?)
		AND id NOT IN (SELECT run FROM journal WHERE ending IN ('', 'unknown')) AND id NOT IN (SELECT run FROM chunk)`, keep)
	return err
}
