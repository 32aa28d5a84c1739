package state

import (
	"context"
	"database/sql"
	"errors"
)

// book changes entries within one transaction. Whatever it writes of a row takes the row's agreement away: the file
// itself sees to that.
type book struct {
	tx                         *sql.Tx
	load, add, put, drop, open statement
	newcomers                  []newcomer // who were signed up and aren't welcomed yet
	rows                       *addition  // of newcomers; nil before the first is welcomed
	next                       int64      // the row of the next newcomer; 0: it has to be asked for
	signedUp                   []agreed   // the agreements to give to those who were
	parts                      []*parts   // of each table; nil before the first is needed
	renewed                    bool       // the parts have a new generation already
}

func openBook(ctx context.Context, tx *sql.Tx) (*book, error) {
	load, errLoad := prepare(ctx, tx, "SELECT "+rowColumns+" FROM known WHERE external_id = ?")
	add, errAdd := prepare(ctx, tx, "INSERT INTO known (external_id, account_id, account, notes, written, sum) VALUES (?, ?, ?, ?, ?, ?)")
	put, errPut := prepare(ctx, tx, "UPDATE known SET account_id = ?, account = ?, notes = ?, written = ?, sum = ? WHERE row = ?")
	drop, errDrop := prepare(ctx, tx, "DELETE FROM known WHERE row = ?")
	open, errOpen := prepare(ctx, tx, "INSERT OR IGNORE INTO unagreed VALUES (?1, -?1)")
	return &book{tx: tx, load: load, add: add, put: put, drop: drop, open: open}, errors.Join(errLoad, errAdd, errPut, errDrop, errOpen)
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
	if err := b.welcome(ctx); err != nil {
		return entry{}, false, err
	}
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

// store writes an entry; one without a row gets a new one.
func (b *book) store(ctx context.Context, e *entry) error {
	r, err := e.row()
	if err != nil {
		return err
	}
	if e.number != 0 {
		_, err = b.put.ExecContext(ctx, r.accountID, r.account, r.notes, r.written, r.sum, r.number)
		return err
	}
	added, err := b.add.ExecContext(ctx, r.externalID, r.accountID, r.account, r.notes, r.written, r.sum)
	if err != nil {
		return err
	}
	e.number, err = added.LastInsertId()
	b.next = 0 // it may be this one
	return err
}

// remove ends an entry. Its number may be given again, so its slot is emptied.
func (b *book) remove(ctx context.Context, e *entry) error {
	if e.number == 0 {
		return nil
	}
	if _, err := b.drop.ExecContext(ctx, e.number); err != nil {
		return err
	}
	return b.set(ctx, []agreed{{row: e.number}})
}

// rename carries all that is known under an external ID over to another.
func (b *book) rename(ctx context.Context, old, now string) error {
	e, known, err := b.entry(ctx, old)
	if err != nil || !known {
		return err
	}
	replaced, _, err := b.entry(ctx, now)
	if err != nil {
		return err
	}
	if err := b.remove(ctx, &replaced); err != nil {
		return err
	}
	if _, err := b.tx.ExecContext(ctx, "UPDATE known SET external_id = ? WHERE row = ?", now, e.number); err != nil {
		return err
	}
	e.externalID = now
	return b.store(ctx, &e)
}

// disagree takes the agreement of a row away.
func (b *book) disagree(ctx context.Context, row int64) error {
	_, err := b.open.ExecContext(ctx, row)
	return err
}

// agree gives agreements to rows.
func (b *book) agree(ctx context.Context, rows []agreed) error {
	if len(rows) == 0 {
		return nil
	}
	if err := b.set(ctx, rows); err != nil {
		return err
	}
	closed, err := prepare(ctx, b.tx, "DELETE FROM unagreed WHERE row BETWEEN ? AND ?")
	if err != nil {
		return err
	}
	for len(rows) > 0 { // neighbours at once: after a first list, that is everybody
		n := 1
		for n < len(rows) && rows[n].row == rows[0].row+int64(n) {
			n++
		}
		if _, err := closed.ExecContext(ctx, rows[0].row, rows[n-1].row); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// set writes the slots of rows, and sorts them by row.
func (b *book) set(ctx context.Context, rows []agreed) error {
	if b.parts == nil {
		for _, k := range packings() {
			opened, err := openParts(ctx, b.tx, k)
			if err != nil {
				return err
			}
			b.parts = append(b.parts, opened)
		}
	}
	for _, table := range b.parts {
		changed, err := table.set(ctx, rows)
		if err != nil {
			return err
		}
		if changed && !b.renewed {
			b.renewed = true
			if err := newGeneration(ctx, b.tx); err != nil {
				return err
			}
		}
	}
	return nil
}
