package state

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// mostNamed is how many of the same kind of damage are named: one is reason enough to do something.
const mostNamed = 5

// lookAtDatabase checks the file and returns the numbers of the kept runs, nil where they can't be read.
func (c *Checkup) lookAtDatabase(ctx context.Context, s *Store) (kept map[int64]bool, err error) {
	const tries = 3 // a run may come between
	for try := 1; ; try++ {
		before := *c
		before.Problems, before.Notes = append([]Problem{}, c.Problems...), append([]string{}, c.Notes...)
		kept, err = c.lookOnce(ctx, s)
		if !errors.Is(err, errOvertaken) || try == tries {
			break
		}
		*c = before
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	c.trouble(s, err)
	return kept, nil
}

// trouble takes in what kept the look from going on.
func (c *Checkup) trouble(s *Store, err error) {
	if err == nil {
		return
	}
	err = s.explain("checking it", err)
	var damaged *DamagedError
	var newer *VersionError
	switch {
	case errors.As(err, &damaged):
		c.problem(damaged.remedy(), "%s", damaged.Problem)
	case errors.As(err, &newer):
		c.problem("use the cubesync that wrote it", "%v", err)
	default:
		c.problem("see to that, and check again", "%v", err)
	}
}

func (c *Checkup) lookOnce(ctx context.Context, s *Store) (kept map[int64]bool, err error) {
	before, err := s.stamp()
	if err != nil || !before.there {
		return nil, err
	}
	c.There, c.Size = true, before.size
	if info, err := os.Stat(s.file + "-wal"); err == nil {
		c.LogSize = info.Size()
	}
	if err := checkSize(s.file, before.size); err != nil {
		return nil, err
	}
	db := s.openStamped(before)
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	kept, err = c.lookInside(ctx, tx, s)
	if !before.log {
		if after, statErr := s.stamp(); statErr != nil || after != before {
			return nil, errOvertaken
		}
	}
	return kept, err
}

// lookInside checks what a moment of the database holds.
func (c *Checkup) lookInside(ctx context.Context, tx *sql.Tx, s *Store) (kept map[int64]bool, err error) {
	if c.Version, err = versionOf(ctx, tx, s.file); err != nil {
		return nil, err
	}
	if err := c.integrity(ctx, tx, s); err != nil {
		return nil, err
	}
	if c.Version < c.Newest {
		c.note("an older cubesync wrote it (version %d of %d): the next run brings it up to date, and then more of it can be checked", c.Version, c.Newest)
		return nil, nil
	}
	if err := checkSchema(ctx, tx); err != nil {
		return nil, err
	}
	var stored Identity
	if known, err := readFact(ctx, tx, factIdentity, &stored); err != nil {
		return nil, err
	} else if known {
		if err := s.identity.check(s.file, stored); err != nil {
			return nil, err
		}
	}
	for _, look := range []func(context.Context, *sql.Tx, *Store) error{c.facts, c.rows, c.journal} {
		if err := look(ctx, tx, s); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			c.trouble(s, err)
		}
	}
	return c.runs(ctx, tx)
}

// integrity asks the database about its own structure.
func (c *Checkup) integrity(ctx context.Context, tx *sql.Tx, s *Store) error {
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var words string
		if err := scan(rows, &words); err != nil {
			return err
		}
		if words != "ok" {
			c.trouble(s, &DamagedError{File: s.file, Problem: words})
		}
		return nil
	}, "PRAGMA integrity_check("+strconv.Itoa(mostNamed)+")")
	if err != nil {
		return err
	}
	orphans := 0
	err = each(ctx, tx, func(*sql.Rows) error {
		orphans++
		return nil
	}, "PRAGMA foreign_key_check")
	if orphans > 0 {
		c.trouble(s, &DamagedError{File: s.file, Problem: fmt.Sprintf("%d operations belong to runs that aren't kept", orphans)})
	}
	return err
}

func (c *Checkup) facts(ctx context.Context, tx *sql.Tx, _ *Store) error {
	for _, name := range facts() {
		var value json.RawMessage
		if _, err := readFact(ctx, tx, name, &value); err != nil {
			return err
		}
	}
	return nil
}

// rows checks the sum of every row, that each can be read, and that each either has an agreement or is said to have none:
// otherwise no run would look at it again.
func (c *Checkup) rows(ctx context.Context, tx *sql.Tx, s *Store) error {
	agreements, err := s.readAgreements(ctx, tx)
	if err != nil {
		return err
	}
	claims := claimsPacking()
	if err := claims.read(ctx, tx, math.MinInt64, math.MaxInt64, func(*part) {}); err != nil {
		return err
	}
	open := make(map[int64]bool, len(agreements.open))
	for _, row := range agreements.open {
		open[row] = true
	}
	broken, unseen := 0, 0
	err = visitRows(ctx, tx, func(r *row) error {
		c.Known++
		if _, err := r.entry(); err != nil {
			if broken++; broken <= mostNamed {
				c.trouble(s, err)
			}
		}
		switch {
		case agreements.At(r.number) != plan.Digests{}:
			c.Agreeing++
		case !open[r.number]:
			unseen++
		}
		delete(open, r.number)
		return nil
	}, "known ORDER BY row")
	if err != nil {
		return err
	}
	keys := 0
	for range agreements.keys() {
		keys++
	}
	if broken > mostNamed {
		c.trouble(s, &DamagedError{File: s.file, Problem: fmt.Sprintf("%d more rows of what is known are broken", broken-mostNamed)})
	}
	if unseen > 0 || len(open) > 0 || keys != c.Agreeing {
		return fmt.Errorf("%d rows of what is known are neither with nor without an agreement, %d of those without one and %d of those with one aren't there: %w",
			unseen, len(open), keys-c.Agreeing, errBroken)
	}
	return nil
}

// journal checks that every operation is one that there can be.
func (c *Checkup) journal(ctx context.Context, tx *sql.Tx, _ *Store) error {
	endings := []Ending{"", DoneApplied, DoneFailed, DoneSkipped, NotAttempted, DoneUnknown}
	odd := 0
	query := "SELECT count(*) FROM " + journalled + " WHERE kind NOT IN (" + quoted(plan.Kinds()) + ") OR ending NOT IN (" + quoted(endings) + ")"
	if err := tx.QueryRowContext(ctx, query).Scan(&odd); err != nil {
		return err
	}
	if odd > 0 {
		return fmt.Errorf("%d operations of the journal are of no kind or ending that there is: %w", odd, errBroken)
	}
	return each(ctx, tx, func(rows *sql.Rows) error {
		var externalID, text string
		if err := scan(rows, &externalID, &text); err != nil {
			return err
		}
		c.Pending++
		var mine map[user.Field]string
		if err := decode(text, &mine); err != nil {
			return fmt.Errorf("the operation in doubt of %q: %w", externalID, err)
		}
		return nil
	}, "SELECT external_id, mine FROM journal WHERE ending IN ('', 'unknown') UNION ALL SELECT external_id, mine FROM "+intents)
}

func quoted[T ~string](words []T) string {
	all := make([]string, len(words))
	for i, word := range words {
		all[i] = "'" + string(word) + "'"
	}
	return strings.Join(all, ", ")
}

// runs checks what is kept of the runs.
func (c *Checkup) runs(ctx context.Context, tx *sql.Tx) (kept map[int64]bool, err error) {
	kept = map[int64]bool{}
	err = each(ctx, tx, func(rows *sql.Rows) error {
		run, err := scanRun(rows)
		if err != nil {
			return cmp.Or(ctx.Err(), err)
		}
		kept[run.ID] = true
		if run.Status == Running && c.Holder == nil {
			c.note("run %d was killed; the next run finds out what became of it", run.ID)
		}
		return nil
	}, "SELECT id, body FROM run ORDER BY id")
	c.Runs = len(kept)
	if err != nil {
		return nil, err
	}
	if c.Pending > 0 && c.Holder == nil {
		c.note("in doubt: %s; the next run finds out what became of them", plan.Counted(c.Pending, "operation"))
	}
	return kept, nil
}
