// Package spool puts aside what a run reads and plans, where that is too much for memory: the users of a source, to be
// given back sorted, and the sign-ups that a plan doesn't hold. What is little stays in memory; the rest lies in a file
// without a name, for its owner only, so that nothing of it is left whatever becomes of the process. It holds what plans
// hold, and no password.
package spool

import (
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"

	"cubesync/sync/plan"
)

// room is how many bytes of users are sorted at once, in memory.
const room = 16 << 20

// Users puts users aside and gives them back sorted by external ID, byte by byte; those with the same one as they came. It
// holds some of them at a time: when its room is full, what is in it is sorted and goes to the tape, as one stretch.
type Users struct {
	tape      tape
	stretches []stretch
	room      []byte // entries
	starts    []uint32
	inOrder   bool // starts
	one       []byte
	count     int
}

// stretch is a part of the tape whose users are sorted.
type stretch struct{ from, to int64 }

// NewUsers makes room for users. Its file lies in the folder, or among the system's temporary ones where none can be made
// there.
func NewUsers(folder string) *Users { return &Users{tape: tape{folder: folder}} }

// Add puts a user aside.
func (u *Users) Add(d *plan.Desired) error {
	u.one = appendDesired(u.one[:0], d)
	u.starts, u.inOrder = append(u.starts, uint32(len(u.room))), false //nolint:gosec // the room is small
	u.room = appendEntry(u.room, u.one)
	u.count++
	if len(u.room) < room {
		return nil
	}
	from := u.tape.size()
	u.sort()
	for _, start := range u.starts {
		if err := u.tape.add(entryAt(u.room[start:])); err != nil {
			return err
		}
	}
	u.stretches = append(u.stretches, stretch{from, u.tape.size()})
	u.room, u.starts = u.room[:0], u.starts[:0]
	return nil
}

// Len returns how many users were added.
func (u *Users) Len() int { return u.count }

// Sorted yields the users, as often as it is asked; an error is the last. Nothing may be added meanwhile. After the first time
// it may be asked by several goroutines.
func (u *Users) Sorted() iter.Seq2[plan.Desired, error] {
	return func(yield func(plan.Desired, error) bool) {
		live, err := u.walks()
		if err != nil {
			yield(plan.Desired{}, err)
			return
		}
		for len(live) > 0 {
			d, err := readDesired(live[0].entry)
			if err == nil {
				err = live.next()
			}
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}

// Close forgets the users and frees what they take. Others may be added then.
func (u *Users) Close() {
	u.tape.close()
	*u = Users{tape: u.tape}
}

// sort sorts what is in the room.
func (u *Users) sort() {
	if u.inOrder {
		return
	}
	slices.SortStableFunc(u.starts, func(i, j uint32) int {
		return bytes.Compare(keyAt(u.room[i:]), keyAt(u.room[j:]))
	})
	u.inOrder = true
}

// entryAt is the entry that a text begins with.
func entryAt(text []byte) []byte {
	size, n := binary.Uvarint(text)
	return text[n:][:size]
}

// keyAt is the external ID of the entry that a text begins with.
func keyAt(text []byte) []byte { return entryAt(entryAt(text)) }

// walks begins to walk all stretches, and what is still in the room.
func (u *Users) walks() (merge, error) {
	u.sort()
	starts := u.starts
	all := []*walk{{number: len(u.stretches), following: func() (string, error) {
		if len(starts) == 0 {
			return "", io.EOF
		}
		entry := entryAt(u.room[starts[0]:])
		starts = starts[1:]
		return string(entry), nil
	}}}
	for i, part := range u.stretches {
		all = append(all, &walk{number: i, following: newEntries(u.tape.part(part.from, part.to)).next})
	}
	var live merge
	for _, one := range all {
		switch err := one.advance(); {
		case err == nil:
			live = append(live, one)
		case !errors.Is(err, io.EOF):
			return nil, err
		}
	}
	heap.Init(&live)
	return live, nil
}

// walk is on its way through a sorted part of the users.
type walk struct {
	number     int
	following  func() (string, error)
	entry, key string
}

func (w *walk) advance() (err error) {
	w.entry, err = w.following()
	in := cursor{rest: w.entry}
	w.key = in.text()
	return err
}

// merge is a heap: the walk with the lowest external ID comes first.
type merge []*walk

// next lets the first go on.
func (m *merge) next() error {
	err := (*m)[0].advance()
	switch {
	case err == nil:
		heap.Fix(m, 0)
	case errors.Is(err, io.EOF):
		heap.Pop(m)
		return nil
	}
	return err
}

func (m merge) Len() int      { return len(m) }
func (m merge) Swap(i, j int) { m[i], m[j] = m[j], m[i] }

func (m merge) Less(i, j int) bool {
	if c := strings.Compare(m[i].key, m[j].key); c != 0 {
		return c < 0
	}
	return m[i].number < m[j].number
}

// Push is never called: walks only end.
func (m *merge) Push(any) {}

func (m *merge) Pop() any {
	last := len(*m) - 1
	one := (*m)[last]
	*m = (*m)[:last]
	return one
}
