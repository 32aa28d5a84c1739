package state

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"cubesync/sync/account"
	"cubesync/sync/plan"
)

// Remembered is what earlier runs left about one external ID.
type Remembered struct {
	Row int64
	plan.Known
	Account account.Account // as the service last told; ID 0 where there is none
}

// Remember returns what the rows hold, sorted by external ID, byte by byte. Rows that hold nothing of use to a plan are
// left out.
func (s *Store) Remember(ctx context.Context, rows []int64) ([]Remembered, error) {
	var all []Remembered
	err := s.read(ctx, "reading what is known", func(db *sql.DB) error {
		all = make([]Remembered, 0, len(rows))
		missing, err := eachOf(ctx, db, rows, func(r *row) error {
			return s.remember(&all, r)
		})
		if err == nil && missing > 0 && s.reader != nil { // beside a Peek, a run may have removed some
			err = fmt.Errorf("%d rows of what is known are missing: %w", missing, errBroken)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// RememberOf is Remember of the rows of these external IDs, as far as there are any.
func (s *Store) RememberOf(ctx context.Context, externalIDs []string) ([]Remembered, error) {
	list, err := json.Marshal(externalIDs)
	if err != nil {
		return nil, err
	}
	var all []Remembered
	err = s.read(ctx, "reading what is known", func(db *sql.DB) error {
		all = nil
		return visitRows(ctx, db, func(r *row) error { return s.remember(&all, r) },
			"known WHERE external_id IN (SELECT value FROM json_each(?)) ORDER BY external_id", string(list))
	})
	return all, err
}

// Accounted visits the external IDs of all who are known to have an account, in any order. It may visit some of them again.
func (s *Store) Accounted(ctx context.Context, visit func(externalID string)) error {
	return s.read(ctx, "reading who is known", func(db *sql.DB) error {
		return each(ctx, db, func(rows *sql.Rows) error {
			var externalID string
			err := scan(rows, &externalID)
			visit(externalID)
			return err
		}, "SELECT external_id FROM known WHERE account_id <> 0")
	})
}

// remember appends what the row holds, if that is of use to a plan.
func (s *Store) remember(all *[]Remembered, r *row) error {
	e, err := r.entry()
	if err == nil && (e.account.ID != 0 || e.notes.Refusal != nil) {
		*all = append(*all, Remembered{Row: r.number, Known: s.known(&e), Account: e.account})
	}
	return err
}

// known is the part of an entry that the planner needs.
func (s *Store) known(e *entry) plan.Known {
	n := &e.notes
	known := plan.Known{
		ExternalID: e.externalID, AccountID: e.account.ID, Mine: n.Mine.mine(), Learned: n.Learned, Refusal: n.Refusal,
		Absence: n.Absence, KeptID: n.KeptID, Parked: n.Parked,
	}
	if n.Avatar != nil {
		known.Avatar = *n.Avatar
	}
	if n.Absence != nil {
		known.Absence.Since = s.wall(n.Absence.Since)
	}
	return known
}

// eachRow visits all rows, sorted by external ID. The row is good until visit returns.
func eachRow(ctx context.Context, db querier, visit func(*row) error) error {
	last, first := "", true
	return visitRows(ctx, db, func(r *row) error {
		if !first && r.externalID <= last { // only in a damaged file
			return fmt.Errorf("%q stands after %q: %w", r.externalID, last, errBroken)
		}
		last, first = r.externalID, false
		return visit(r)
	}, "known ORDER BY external_id")
}

// eachOpen visits the rows without an agreement. The row is good until visit returns.
func eachOpen(ctx context.Context, db querier, visit func(*row) error) error {
	return visitRows(ctx, db, visit, "unagreed CROSS JOIN known USING (row)") // in this order
}

// eachOf visits the rows of these numbers once each, sorted by external ID, and returns of how many numbers there is no
// row. The row is good until visit returns.
func eachOf(ctx context.Context, db *sql.DB, numbers []int64, visit func(*row) error) (missing int, err error) {
	numbers = slices.Clone(numbers)
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	missing = len(numbers)
	found := func(r *row) error {
		missing--
		return visit(r)
	}
	var last sql.NullInt64
	if err := db.QueryRowContext(ctx, "SELECT max(row) FROM known").Scan(&last); err != nil {
		return 0, err
	}
	if int64(len(numbers)) > last.Int64/4 { // so many are found sooner by looking at all
		err := eachRow(ctx, db, func(r *row) error {
			if _, wanted := slices.BinarySearch(numbers, r.number); !wanted {
				return nil
			}
			return found(r)
		})
		return missing, err
	}
	rows, err := numbered(ctx, db, numbers)
	if err != nil {
		return 0, err
	}
	for i := range rows {
		if err := found(&rows[i]); err != nil {
			return 0, cmp.Or(ctx.Err(), err)
		}
	}
	return missing, nil
}

// numbered returns the rows of these numbers, sorted by external ID. Two processors are kept busy.
func numbered(ctx context.Context, db *sql.DB, numbers []int64) ([]row, error) {
	batches := slices.Collect(slices.Chunk(numbers, 1000))
	found := make([][]row, len(batches))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for i, batch := range batches {
		group.Go(func() error {
			list, err := json.Marshal(batch)
			if err != nil {
				return err
			}
			found[i] = make([]row, 0, len(batch))
			return visitRows(ctx, db, func(r *row) error {
				found[i] = append(found[i], *r)
				return nil
			}, "known WHERE row IN (SELECT value FROM json_each(?))", string(list))
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	rows := slices.Concat(found...)
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.externalID, b.externalID) })
	return rows, nil
}

// visitRows visits the rows that the rest of the query finds.
func visitRows(ctx context.Context, db querier, visit func(*row) error, from string, args ...any) error {
	var r row
	columns := r.columns()
	return each(ctx, db, func(rows *sql.Rows) error {
		if err := scan(rows, columns...); err != nil {
			return err
		}
		return visit(&r)
	}, "SELECT "+rowColumns+" FROM "+from, args...)
}
