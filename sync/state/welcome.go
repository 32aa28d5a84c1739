package state

import (
	"context"
	"time"
)

// newcomer is somebody who was signed up.
type newcomer struct {
	run     int64
	outcome *Outcome
}

// welcome writes what is known from now on of those who were signed up. Of millions hardly anybody is known already, so nobody
// is looked for first: whose row isn't added has one.
func (b *book) welcome(ctx context.Context) error {
	if len(b.newcomers) == 0 {
		return nil
	}
	if b.next == 0 {
		if err := b.tx.QueryRowContext(ctx, "SELECT coalesce(max(row), 0) + 1 FROM known").Scan(&b.next); err != nil {
			return err
		}
	}
	newcomers := b.newcomers
	b.newcomers = nil
	if b.rows == nil {
		b.rows = newAddition(b.tx, "INSERT INTO known (row, external_id, account_id, account, notes, written, sum) VALUES ",
			" ON CONFLICT (external_id) DO NOTHING", 7)
	}
	entries := make([]entry, len(newcomers))
	for i, n := range newcomers {
		e := &entries[i]
		*e = entry{number: b.next + int64(i), externalID: n.outcome.Operation.ExternalID}
		e.end(n.run, n.outcome, time.Time{})
		r, err := e.row()
		if err != nil {
			return err
		}
		b.rows.args = append(b.rows.args, r.number, r.externalID, r.accountID, r.account, r.notes, r.written, r.sum)
	}
	added, err := b.rows.flush(ctx)
	if err != nil {
		return err
	}
	b.next += int64(len(entries))
	if int(added) < len(entries) {
		if err := b.meetAgain(ctx, newcomers, entries); err != nil {
			return err
		}
	}
	for i, n := range newcomers {
		if entries[i].agreesFromStart(n.outcome) {
			b.signedUp = append(b.signedUp, agreed{entries[i].number, n.outcome.Agreement})
		}
	}
	b.newcomers = newcomers[:0]
	return nil
}

// meetAgain writes those whose rows weren't added.
func (b *book) meetAgain(ctx context.Context, newcomers []newcomer, entries []entry) error {
	for i, n := range newcomers {
		e, _, err := b.entry(ctx, n.outcome.Operation.ExternalID)
		if err != nil {
			return err
		}
		if e.number == entries[i].number {
			continue
		}
		e.end(n.run, n.outcome, time.Time{})
		if err := b.store(ctx, &e); err != nil {
			return err
		}
		entries[i] = e
	}
	return nil
}
