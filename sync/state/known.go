package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"cubesync/sync/plan"
)

// Known returns what earlier runs left about every external ID, one entry each, sorted by external ID byte by byte.
func (s *Store) Known(ctx context.Context) ([]plan.Known, error) {
	var all []plan.Known
	err := s.read(ctx, "reading what is known", func(db *sql.DB) error {
		all = nil
		return eachRow(ctx, db, func(r *row) error {
			known, err := r.known()
			if err != nil {
				return err
			}
			if known.Absence != nil {
				known.Absence.Since = s.wall(known.Absence.Since)
			}
			if known.AccountID != 0 || known.Refusal != nil {
				all = append(all, known)
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// known is the part of a row that the planner needs; the mirror's account isn't decoded for it.
func (r *row) known() (plan.Known, error) {
	known := plan.Known{ExternalID: r.externalID, AccountID: r.accountID}
	if err := r.check(); err != nil {
		return known, err
	}
	var n notes
	if err := decode(r.notes, &n); err != nil {
		return known, fmt.Errorf("what was learned of %q: %w", r.externalID, err)
	}
	known.Learned, known.Refusal, known.Absence, known.KeptID = n.Learned, n.Refusal, n.Absence, n.KeptID
	known.Mine = values(n.Mine)
	return known, nil
}

// eachRow visits all rows, sorted by external ID. The row is good until visit returns.
func eachRow(ctx context.Context, db *sql.DB, visit func(*row) error) error {
	var r row
	columns := r.columns()
	last, first := "", true
	return each(ctx, db, func(rows *sql.Rows) error {
		if err := scan(rows, columns...); err != nil {
			return err
		}
		if !first && r.externalID <= last { // only in a damaged file
			return fmt.Errorf("%q stands after %q: %w", r.externalID, last, errBroken)
		}
		last, first = r.externalID, false
		return visit(&r)
	}, "SELECT "+rowColumns+" FROM known ORDER BY external_id")
}

// book changes entries within one transaction.
type book struct {
	load, put, drop statement
}

func openBook(ctx context.Context, tx *sql.Tx) (*book, error) {
	load, errLoad := prepare(ctx, tx, "SELECT "+rowColumns+" FROM known WHERE external_id = ?")
	put, errPut := prepare(ctx, tx, "INSERT OR REPLACE INTO known ("+rowColumns+") VALUES (?, ?, ?, ?, ?, ?)")
	drop, errDrop := prepare(ctx, tx, "DELETE FROM known WHERE external_id = ?")
	return &book{load: load, put: put, drop: drop}, errors.Join(errLoad, errPut, errDrop)
}

// update changes the entry of the external ID; an unknown one starts empty.
func (b *book) update(ctx context.Context, externalID string, change func(*entry)) error {
	e, _, err := b.entry(ctx, externalID)
	if err != nil {
		return err
	}
	change(&e)
	return b.store(ctx, &e)
}

// entry returns what is known under the external ID; nothing of an unknown one.
func (b *book) entry(ctx context.Context, externalID string) (e entry, known bool, err error) {
	var r row
	err = b.load.QueryRowContext(ctx, externalID).Scan(r.columns()...)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return entry{externalID: externalID}, false, nil
	case err != nil:
		return entry{}, false, err
	}
	e, err = r.entry()
	return e, true, err
}

func (b *book) store(ctx context.Context, e *entry) error {
	r, err := e.row()
	if err != nil {
		return err
	}
	_, err = b.put.ExecContext(ctx, r.values()...)
	return err
}

func (b *book) remove(ctx context.Context, externalID string) error {
	_, err := b.drop.ExecContext(ctx, externalID)
	return err
}
