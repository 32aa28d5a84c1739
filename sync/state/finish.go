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
		if end == nil || end.Listing == nil {
			if err := oneMoreSinceFull(ctx, tx); err != nil || end == nil {
				return err
			}
		}
		steady := *end
		steady.Now, end = s.steady(end.Now), &steady
		remember := s.syncMirror
		if end.Observed == nil {
			remember = s.countAbsences
		}
		if err := remember(ctx, tx, run.ID, end); err != nil {
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
