package reconcile

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

// spoolRoom is how many bytes of users are sorted at once, in memory.
const spoolRoom = 16 << 20

// spool puts the users of a read aside and gives them back sorted by external ID, byte by byte; those with the same one
// as they came. It holds some of them at a time: when its room is full, what is in it is sorted and goes to the tape, as
// one stretch.
type spool struct {
	tape      tape
	stretches []stretch
	room      []byte // entries
	starts    []uint32
	one       []byte
	count     int
}

// stretch is a part of the tape whose users are sorted.
type stretch struct{ from, to int64 }

func (s *spool) add(d *plan.Desired) error {
	s.one = appendDesired(s.one[:0], d)
	s.starts = append(s.starts, uint32(len(s.room))) //nolint:gosec // the room is small
	s.room = appendEntry(s.room, s.one)
	s.count++
	if len(s.room) < spoolRoom {
		return nil
	}
	from := s.tape.size()
	for _, start := range s.inOrder() {
		if err := s.tape.add(entryAt(s.room[start:])); err != nil {
			return err
		}
	}
	s.stretches = append(s.stretches, stretch{from, s.tape.size()})
	s.room, s.starts = s.room[:0], s.starts[:0]
	return nil
}

// inOrder sorts what is in the room.
func (s *spool) inOrder() []uint32 {
	slices.SortStableFunc(s.starts, func(i, j uint32) int {
		return bytes.Compare(keyAt(s.room[i:]), keyAt(s.room[j:]))
	})
	return s.starts
}

// entryAt is the entry that a text begins with, with its length.
func entryAt(text []byte) []byte {
	size, n := binary.Uvarint(text)
	return text[:uint64(n)+size] //nolint:gosec // it was written a moment ago
}

// keyAt is the external ID of the entry that a text begins with.
func keyAt(text []byte) []byte {
	_, n := binary.Uvarint(text)
	size, m := binary.Uvarint(text[n:])
	return text[n+m:][:size]
}

// sorted yields the users, as often as it is asked. Nothing may be added meanwhile.
func (s *spool) sorted() iter.Seq2[plan.Desired, error] {
	return func(yield func(plan.Desired, error) bool) {
		var all merge
		for i, part := range s.stretches {
			all = append(all, &walk{of: newEntries(s.tape.part(part.from, part.to)), number: i})
		}
		last := &walk{room: s.room, starts: s.inOrder(), number: len(all)}
		all = append(all, last)
		live := all[:0]
		for _, one := range all {
			switch err := one.advance(); {
			case err == nil:
				live = append(live, one)
			case !errors.Is(err, io.EOF):
				yield(plan.Desired{}, err)
				return
			}
		}
		heap.Init(&live)
		for len(live) > 0 {
			d, err := readDesired(live[0].entry)
			if !yield(d, err) || err != nil {
				return
			}
			switch err := live[0].advance(); {
			case err == nil:
				heap.Fix(&live, 0)
			case errors.Is(err, io.EOF):
				heap.Pop(&live)
			default:
				yield(plan.Desired{}, err)
				return
			}
		}
	}
}

func (s *spool) close() {
	s.tape.close()
	*s = spool{tape: s.tape}
}

// walk is a stretch on its way, or what is still in the room.
type walk struct {
	of         *entries
	room       []byte
	starts     []uint32
	number     int
	entry, key string
}

func (s *walk) advance() (err error) {
	switch {
	case s.of != nil:
		s.entry, err = s.of.next()
	case len(s.starts) == 0:
		return io.EOF
	default:
		one := entryAt(s.room[s.starts[0]:])
		_, n := binary.Uvarint(one)
		s.entry, s.starts = string(one[n:]), s.starts[1:]
	}
	in := cursor{rest: s.entry}
	s.key = in.text()
	return err
}

// merge has the stretch with the lowest external ID first.
type merge []*walk

func (m merge) Len() int      { return len(m) }
func (m merge) Swap(i, j int) { m[i], m[j] = m[j], m[i] }

func (m merge) Less(i, j int) bool {
	if c := strings.Compare(m[i].key, m[j].key); c != 0 {
		return c < 0
	}
	return m[i].number < m[j].number
}

// Push is never called: stretches only end.
func (m *merge) Push(any) {}

func (m *merge) Pop() any {
	last := len(*m) - 1
	one := (*m)[last]
	*m = (*m)[:last]
	return one
}
