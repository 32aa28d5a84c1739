package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// Forget removes a person from everything that is kept: what is known of them, their operations in the journal, changes of
// their external ID, their lines of the kept plans; and their names from what is kept of others. Then the database is
// written anew without what it had freed, and its log is emptied, so that no byte of theirs stays there. It needs the lock,
// since no run may write at the same time. A plan that can't be read and holds a text of theirs is removed. Once it has
// begun, doing it again brings it to its end.
//
// What runs decide rests on none of it: the next one lists everybody, and takes the person up again where the source or the
// service still has them.
func (s *Store) Forget(ctx context.Context, t *Traces) error {
	if err := s.prunePlans(ctx); err != nil { // what a killed run left half-written
		return err
	}
	for path, err := range s.planFiles() {
		if err == nil {
			err = s.forgetIn(path, t)
		}
		if err != nil {
			return fmt.Errorf("forgetting somebody in the kept plans: %w; do it again", err)
		}
	}
	if s.writer == nil {
		return fmt.Errorf("state file %s: forgetting somebody: it was opened for reading only", s.file)
	}
	if _, err := s.writer.ExecContext(ctx, "PRAGMA secure_delete = 1"); err != nil {
		return s.explain("forgetting somebody", err)
	}
	err := s.spreading(ctx, "forgetting somebody", func(ctx context.Context, tx *sql.Tx) error {
		for _, forget := range []func(context.Context, *sql.Tx, *plan.Person) error{forgetKnown, forgetJournal, forgetLate, forgetRekeying, forgetTroubled, clearRuns, listAll} {
			if err := forget(ctx, tx, &t.Person); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.purge(ctx)
}

// forgetIn takes the person out of one plan.
func (s *Store) forgetIn(path string, t *Traces) error {
	holds, err := holdsFolded(path, slices.Concat(t.texts, accountWords(&t.Person)))
	if err != nil || !holds {
		return err
	}
	opened, err := os.Open(path)
	if err != nil {
		return err
	}
	file, err := plan.ReadFile(opened, nil)
	if err := errors.Join(ignoreBadPlan(err), opened.Close()); err != nil {
		return err
	}
	if err != nil {
		return os.Remove(path)
	}
	if lines, err := file.Forget(&t.Person); err != nil || lines == 0 {
		return err
	}
	return WriteNew(path, file)
}

// ignoreBadPlan makes nothing of a plan that isn't as it was written.
func ignoreBadPlan(err error) error {
	if _, broken := errors.AsType[*plan.FileError](err); broken {
		return nil
	}
	return err
}

// forgetKnown removes what is known of them, and their names from what the service said of others.
func forgetKnown(ctx context.Context, tx *sql.Tx, who *plan.Person) error {
	known, err := openBook(ctx, tx)
	if err != nil {
		return err
	}
	for _, externalID := range who.ExternalIDs {
		e, there, err := known.entry(ctx, externalID)
		if err != nil {
			return err
		}
		if there {
			if err := known.remove(ctx, &e); err != nil {
				return err
			}
		}
	}
	var cleared []entry
	err = eachRow(ctx, tx, func(r *row) error {
		if !strings.Contains(r.notes, `"Words"`) { // most rows needn't be decoded
			return nil
		}
		e, err := r.entry()
		if err == nil && e.clear(who) {
			cleared = append(cleared, e)
		}
		return err
	})
	for i := range cleared {
		if err == nil {
			err = known.store(ctx, &cleared[i])
		}
	}
	return err
}

// clear takes their names out of the service's words, and reports whether there were any.
func (e *entry) clear(who *plan.Person) (changed bool) {
	takeOut := func(r *plan.Refusal) {
		if who.Named(r.Words) {
			r.Words, changed = plan.TakenOut, true
		}
	}
	if e.notes.Refusal != nil {
		takeOut(e.notes.Refusal)
	}
	if e.notes.Parked != nil {
		for i := range e.notes.Parked.Refused {
			takeOut(&e.notes.Parked.Refused[i])
		}
	}
	return changed
}

func forgetJournal(ctx context.Context, tx *sql.Tx, who *plan.Person) error {
	for _, externalID := range who.ExternalIDs {
		if _, err := tx.ExecContext(ctx, "DELETE FROM journal WHERE external_id = ?", externalID); err != nil {
			return err
		}
	}
	said := map[string]bool{}
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var words string
		if err := scan(rows, &words); err != nil {
			return err
		}
		if who.Named(words) {
			said[words] = true
		}
		return nil
	}, "SELECT DISTINCT words FROM journal WHERE words <> ''")
	for words := range said {
		if err == nil {
			_, err = tx.ExecContext(ctx, "UPDATE journal SET words = ? WHERE words = ?", plan.TakenOut, words)
		}
	}
	return err
}

func forgetLate(ctx context.Context, tx *sql.Tx, who *plan.Person) error {
	for _, externalID := range who.ExternalIDs {
		if _, err := tx.ExecContext(ctx, "DELETE FROM late WHERE external_id = ?", externalID); err != nil {
			return err
		}
	}
	return nil
}

func forgetRekeying(ctx context.Context, tx *sql.Tx, who *plan.Person) error {
	var pairs map[string]string
	known, err := readFact(ctx, tx, factRekeying, &pairs)
	if err != nil || !known {
		return err
	}
	before := len(pairs)
	for now, old := range pairs {
		if who.Is(now, 0) || who.Is(old, 0) {
			delete(pairs, now)
		}
	}
	if len(pairs) == before {
		return nil
	}
	return writeFact(ctx, tx, factRekeying, pairs)
}

func forgetTroubled(ctx context.Context, tx *sql.Tx, who *plan.Person) error {
	var troubled map[user.Digest]int64
	known, err := readFact(ctx, tx, factTroubled, &troubled)
	if err != nil || !known {
		return err
	}
	for _, externalID := range who.ExternalIDs {
		delete(troubled, plan.KeyOf(externalID))
	}
	return writeFact(ctx, tx, factTroubled, troubled)
}

// clearRuns takes their names out of what is kept of runs.
func clearRuns(ctx context.Context, tx *sql.Tx, who *plan.Person) error {
	var cleared []Run
	err := each(ctx, tx, func(rows *sql.Rows) error {
		run, err := scanRun(rows)
		if err != nil {
			return err
		}
		trips, changed := who.ClearTrips(run.Trips)
		run.Trips = trips
		for _, prose := range []*string{&run.Problem, &run.Verdict.Reason, &run.Verdict.Note} {
			if who.Named(*prose) {
				*prose, changed = plan.TakenOut, true
			}
		}
		if changed {
			cleared = append(cleared, run)
		}
		return nil
	}, "SELECT id, body FROM run")
	if err != nil {
		return err
	}
	for _, run := range cleared {
		body, err := encode(run)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE run SET body = ? WHERE id = ?", body, run.ID); err != nil {
			return err
		}
	}
	return nil
}

// listAll makes the next run list everybody: a row that is missing must not hide somebody who left.
func listAll(ctx context.Context, tx *sql.Tx, _ *plan.Person) error {
	var before Listing
	known, err := readFact(ctx, tx, factListing, &before)
	if err != nil || !known {
		return err
	}
	return writeFact(ctx, tx, factListing, Listing{SinceFull: before.SinceFull})
}

// purge writes the database anew, so that it holds nothing but what is kept, and empties its log.
func (s *Store) purge(ctx context.Context) error {
	const doing = "writing the state anew without what was removed"
	ctx = context.WithoutCancel(ctx) // what was deleted must go from the file too
	if _, err := s.writer.ExecContext(ctx, "VACUUM"); err != nil {
		return s.explain(doing, err)
	}
	var busy, pages, moved int
	if err := s.writer.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved); err != nil {
		return s.explain(doing, err)
	}
	if busy != 0 {
		return fmt.Errorf("state file %s: %s: somebody reads it, so that its log can't be emptied: do it again when they have ended", s.file, doing)
	}
	return nil
}
