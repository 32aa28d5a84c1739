package state

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// Agreements are kept packed, because there are as many as users: the slot of a row is found by the row's number, and
// some slots together are a part, which fills a page of the file. What a row is recognised by is kept in one table; what
// it claims, which most runs don't ask for, in another.
//
// Whatever is written of a row makes it open in the same commit: it stands in the table unagreed, and what its slots say
// is void. So a write touches no part; only a sign-up and the end of an applied run do, and a row's end, so that the next row of the
// same number doesn't inherit anything.
const (
	partSize    = 4032 // slots of both sizes fill it
	digestsSize = 24
	claimsSize  = 16
)

func digestsAt(slot []byte) plan.Digests {
	return plan.Digests{Key: digestAt(slot, 0), Record: digestAt(slot, 1), Account: digestAt(slot, 2)}
}

func digestAt(slot []byte, i int) user.Digest {
	return user.Digest(binary.LittleEndian.Uint64(slot[8*i:]))
}

// packing is one of the tables of parts.
type packing struct {
	table    string
	slotSize int64
	digests  func(*plan.Agreement) []user.Digest // that its slots hold
}

// packings are both tables.
func packings() []packing { return []packing{digestsPacking(), claimsPacking()} }

func digestsPacking() packing {
	return packing{table: "agreement", slotSize: digestsSize, digests: func(a *plan.Agreement) []user.Digest {
		return []user.Digest{a.Key, a.Record, a.Account}
	}}
}

func claimsPacking() packing {
	return packing{table: "claim", slotSize: claimsSize, digests: func(a *plan.Agreement) []user.Digest {
		return []user.Digest{a.Login, a.Email}
	}}
}

// slot appends the slot of an agreement.
func (k *packing) slot(to []byte, a *plan.Agreement) []byte {
	for _, digest := range k.digests(a) {
		to = binary.LittleEndian.AppendUint64(to, uint64(digest))
	}
	return to
}

// part is some slots together, as the file holds them.
type part struct {
	number int64
	slots  []byte
	sum    int64
}

func (p *part) checksum() int64 {
	table := crc32.MakeTable(crc32.Castagnoli)
	number := binary.LittleEndian.AppendUint64(nil, uint64(p.number))
	return int64(crc32.Update(crc32.Checksum(number, table), table, p.slots))
}

func (p *part) check() error {
	if p.number < 0 || len(p.slots) != partSize || p.sum != p.checksum() {
		return fmt.Errorf("agreements, part %d: %w", p.number, errBroken)
	}
	return nil
}

// read visits the parts from one number to before another, the last one first. The part is good until visit returns.
func (k *packing) read(ctx context.Context, db querier, from, to int64, visit func(*part)) error {
	var p part
	return each(ctx, db, func(rows *sql.Rows) error {
		if err := scan(rows, &p.number, (*sql.RawBytes)(&p.slots), &p.sum); err != nil {
			return err
		}
		if err := p.check(); err != nil {
			return err
		}
		visit(&p)
		return nil
	}, "SELECT number, slots, sum FROM "+k.table+" WHERE number >= ? AND number < ? ORDER BY number DESC", from, to)
}

// agreed is what becomes of the slots of a row: the zero agreement empties them.
type agreed struct {
	row       int64
	agreement plan.Agreement
}

// parts writes slots of one table within one transaction.
type parts struct {
	packing
	load, put, drop statement
}

func openParts(ctx context.Context, tx *sql.Tx, k packing) (*parts, error) {
	load, errLoad := prepare(ctx, tx, "SELECT slots, sum FROM "+k.table+" WHERE number = ?")
	put, errPut := prepare(ctx, tx, "INSERT OR REPLACE INTO "+k.table+" (number, slots, sum) VALUES (?, ?, ?)")
	drop, errDrop := prepare(ctx, tx, "DELETE FROM "+k.table+" WHERE number = ?")
	return &parts{packing: k, load: load, put: put, drop: drop}, errors.Join(errLoad, errPut, errDrop)
}

// set writes the slots of rows, which it sorts by row, and reports whether that changed anything. Only the parts concerned
// are read and written.
func (all *parts) set(ctx context.Context, rows []agreed) (changed bool, err error) {
	slices.SortFunc(rows, func(a, b agreed) int { return cmp.Compare(a.row, b.row) })
	perPart := partSize / all.slotSize
	for len(rows) > 0 {
		number := rows[0].row / perPart
		n := slices.IndexFunc(rows, func(a agreed) bool { return a.row/perPart != number })
		if n < 0 {
			n = len(rows)
		}
		one, err := all.setOne(ctx, number, rows[:n])
		if err != nil {
			return changed, err
		}
		changed = changed || one
		rows = rows[n:]
	}
	return changed, nil
}

// setOne writes slots of one part. An empty part isn't kept.
func (all *parts) setOne(ctx context.Context, number int64, rows []agreed) (changed bool, err error) {
	p, err := all.part(ctx, number)
	if err != nil {
		return false, err
	}
	var now []byte
	for i := range rows {
		slot := p.slots[rows[i].row*all.slotSize-number*partSize:][:all.slotSize]
		now = all.slot(now[:0], &rows[i].agreement)
		changed = changed || !bytes.Equal(slot, now)
		copy(slot, now)
	}
	switch {
	case !changed:
		return false, nil
	case slices.Max(p.slots) == 0:
		_, err = all.drop.ExecContext(ctx, number)
	default:
		_, err = all.put.ExecContext(ctx, number, p.slots, p.checksum())
	}
	return true, err
}

// part reads one part; one that isn't there is empty.
func (all *parts) part(ctx context.Context, number int64) (*part, error) {
	p := &part{number: number}
	err := all.load.QueryRowContext(ctx, number).Scan(&p.slots, &p.sum)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		p.slots = make([]byte, partSize)
		return p, nil
	case err != nil:
		return nil, err
	}
	err = p.check()
	return p, err
}

// generation names the content of all parts: it is another one after each commit that changed any of them.
func generation(ctx context.Context, db querier) (name string, err error) {
	_, err = readFact(ctx, db, factAgreements, &name)
	return name, err
}

func newGeneration(ctx context.Context, tx *sql.Tx) error {
	return writeFact(ctx, tx, factAgreements, rand.Text())
}
