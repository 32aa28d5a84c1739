package state

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"math/bits"
	"slices"

	"golang.org/x/sync/errgroup"

	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// Agreements are the agreements of all rows of what is known, by the rows' numbers, as they were when they were asked
// for. They aren't changed any more, so they are safe for concurrent use.
type Agreements struct {
	store      *Store
	generation string   // of the parts that were read
	slots      []byte   // by row; one without a key is empty
	index      []uint32 // rows by their keys, in open addressing; 0: none
	bits       int      // of an entry of the index, that hold the row; the others hold as many of the key
	count      int
	open       []int64
}

// Agreements reads the agreements, but for what their records claim.
func (s *Store) Agreements(ctx context.Context) (*Agreements, error) {
	var a *Agreements
	err := s.moment(ctx, "reading the agreements", func(tx *sql.Tx) (err error) {
		a, err = s.readAgreements(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	a.build()
	return a, nil
}

// readAgreements reads them without their index.
func (s *Store) readAgreements(ctx context.Context, tx *sql.Tx) (a *Agreements, err error) {
	a = &Agreements{store: s}
	if a.generation, err = generation(ctx, tx); err != nil {
		return nil, err
	}
	k := digestsPacking()
	err = k.read(ctx, tx, math.MinInt64, math.MaxInt64, func(p *part) {
		if a.slots == nil { // the number of the last part, which its checksum covers, says how much they all take
			a.slots = make([]byte, (p.number+1)*partSize)
		}
		copy(a.slots[p.number*partSize:], p.slots)
	})
	if err != nil {
		return nil, err
	}
	err = a.readOpen(ctx, tx)
	return a, err
}

// Disagree takes the agreements of these rows away. A run does it with those concerned before it signs anybody up: whoever
// agrees from then on, it has found to agree itself, and whom it signs up may be given theirs at once.
func (s *Store) Disagree(ctx context.Context, rows []int64) error {
	if len(rows) == 0 {
		return nil
	}
	return s.write(ctx, "taking agreements away", func(ctx context.Context, tx *sql.Tx) error {
		known, err := openBook(ctx, tx)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := known.disagree(ctx, row); err != nil {
				return err
			}
		}
		return nil
	})
}

// Claiming returns the rows with an agreement whose records claim one of these logins and e-mails. It reads them from the
// file; where a run has written agreements there since, that is an error.
func (a *Agreements) Claiming(ctx context.Context, claims map[user.Digest]bool) ([]int64, error) {
	sought := sieveOf(claims)
	half := a.Span() * claimsSize / partSize / 2
	var first, second []int64
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		first, err = a.claiming(ctx, claims, sought, math.MinInt64, half)
		return err
	})
	group.Go(func() (err error) {
		second, err = a.claiming(ctx, claims, sought, half, math.MaxInt64)
		return err
	})
	err := group.Wait()
	found := slices.Concat(first, second)
	slices.Sort(found)
	return found, err
}

// claiming is Claiming in the parts from one number to before another.
func (a *Agreements) claiming(ctx context.Context, claims map[user.Digest]bool, sought *mostly, from, to int64) (found []int64, err error) {
	err = a.store.moment(ctx, "reading who claims which login", func(tx *sql.Tx) error {
		found = nil
		now, err := generation(ctx, tx)
		if err == nil && now != a.generation {
			err = errOvertaken
		}
		if err != nil {
			return err
		}
		k := claimsPacking()
		return k.read(ctx, tx, from, to, func(p *part) {
			for at := 0; at < partSize; at += claimsSize {
				login, email := digestAt(p.slots[at:], 0), digestAt(p.slots[at:], 1)
				if !sought.may(login) && !sought.may(email) || !claims[login] && !claims[email] {
					continue
				}
				if row := (p.number*partSize + int64(at)) / claimsSize; a.At(row).Key != 0 {
					found = append(found, row)
				}
			}
		})
	})
	return found, err
}

// mostly passes over what isn't in a set, so that most needn't be looked up there.
type mostly [1 << 10]uint64

func sieveOf(digests map[user.Digest]bool) *mostly {
	m := new(mostly)
	for d := range digests {
		m[d>>6%user.Digest(len(m))] |= 1 << (d % 64)
	}
	return m
}

func (m *mostly) may(d user.Digest) bool { return m[d>>6%user.Digest(len(m))]&(1<<(d%64)) != 0 }

// readOpen reads which rows have no agreement, whatever their slots say.
func (a *Agreements) readOpen(ctx context.Context, tx *sql.Tx) error {
	return each(ctx, tx, func(rows *sql.Rows) error {
		var row, twin int64
		if err := scan(rows, &row, &twin); err != nil {
			return err
		}
		if twin != -row {
			return fmt.Errorf("which rows have no agreement: %w", errBroken)
		}
		a.empty(row)
		a.open = append(a.open, row)
		return nil
	}, "SELECT row, twin FROM unagreed ORDER BY row")
}

func (a *Agreements) empty(row int64) {
	if row < a.Span() {
		clear(a.slots[row*digestsSize:][:digestsSize])
	}
}

// build makes the index. Rows that share a key are taken for open: which of them is meant is never guessed.
func (a *Agreements) build() {
	for range a.keys() {
		a.count++
	}
	a.index, a.bits = make([]uint32, 2*a.count+1), bits.Len64(uint64(a.Span()))
	var shared []int64
	for row, key := range a.keys() {
		at, found := a.seek(key)
		if found != 0 {
			shared = append(shared, found, row)
			continue
		}
		a.index[at] = uint32(key)<<a.bits | uint32(row)
	}
	if len(shared) == 0 {
		return
	}
	slices.Sort(shared)
	shared = slices.Compact(shared)
	for _, row := range shared {
		a.empty(row)
	}
	a.count -= len(shared)
	a.open = slices.Concat(a.open, shared)
	slices.Sort(a.open)
}

func (a *Agreements) key(row int64) user.Digest { return digestAt(a.slots[row*digestsSize:], 0) }

func (a *Agreements) keys() iter.Seq2[int64, user.Digest] {
	return func(yield func(int64, user.Digest) bool) {
		for row := range a.Span() {
			if key := a.key(row); key != 0 && !yield(row, key) {
				return
			}
		}
	}
}

// seek returns the row of a key, 0 where there is none, and where in the index it stands or would stand. Most entries of
// other keys are passed over by the part of the key that they hold, so that their slots needn't be looked at.
func (a *Agreements) seek(key user.Digest) (at int, row int64) {
	home, _ := bits.Mul64(uint64(key), uint64(len(a.index))) // digests are spread evenly
	for at = int(home); ; at++ {
		if at == len(a.index) {
			at = 0
		}
		entry := a.index[at]
		if entry == 0 {
			return at, 0
		}
		if entry>>a.bits != uint32(key)<<a.bits>>a.bits {
			continue
		}
		row := int64(entry & (1<<a.bits - 1))
		if a.key(row) == key {
			return at, row
		}
	}
}

// Len returns how many rows have an agreement.
func (a *Agreements) Len() int { return a.count }

// Span is more than the highest row that has an agreement.
func (a *Agreements) Span() int64 { return int64(len(a.slots)) / digestsSize }

// Find returns the row whose agreement has the key; false also where two rows share it: then both are open.
func (a *Agreements) Find(key user.Digest) (row int64, ok bool) {
	if key == 0 {
		return 0, false
	}
	_, row = a.seek(key)
	return row, row != 0
}

// At returns what the user of a row is recognised by; nothing where the row has no agreement.
func (a *Agreements) At(row int64) plan.Digests {
	if row < 0 || row >= a.Span() {
		return plan.Digests{}
	}
	return digestsAt(a.slots[row*digestsSize:])
}

// Rows yields what all who agree are recognised by, by rising row.
func (a *Agreements) Rows() iter.Seq2[int64, plan.Digests] {
	return func(yield func(int64, plan.Digests) bool) {
		for row := range a.keys() {
			if !yield(row, a.At(row)) {
				return
			}
		}
	}
}

// Open returns the rows of what is known that have no agreement, rising. It is only to be read.
func (a *Agreements) Open() []int64 { return a.open }
