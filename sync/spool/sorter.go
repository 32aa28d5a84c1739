package spool

import (
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
)

// sorter puts entries aside that begin with a key, and gives them back sorted by it, byte by byte; those with the same one
// as they came. It holds some of them at a time: when its room is full, what is in it is sorted and goes to the tape, as one
// stretch.
type sorter struct {
	tape      tape
	most      int // bytes in the room
	stretches []stretch
	room      []byte // entries
	starts    []uint32
	inOrder   bool // starts
	count     int
}

// stretch is a part of the tape whose entries are sorted.
type stretch struct{ from, to int64 }

func newSorter(folder string, most int) sorter {
	return sorter{tape: tape{folder: folder}, most: most}
}

// add puts an entry aside.
func (s *sorter) add(entry []byte) error {
	s.starts, s.inOrder = append(s.starts, uint32(len(s.room))), false //nolint:gosec // the room is small
	s.room = appendEntry(s.room, entry)
	s.count++
	if len(s.room) < s.most {
		return nil
	}
	from := s.tape.size()
	s.sort()
	for _, start := range s.starts {
		if err := s.tape.add(entryAt(s.room[start:])); err != nil {
			return err
		}
	}
	s.stretches = append(s.stretches, stretch{from, s.tape.size()})
	s.room, s.starts = s.room[:0], s.starts[:0]
	return nil
}

// close forgets the entries and frees what they take. Others may be added then.
func (s *sorter) close() {
	s.tape.close()
	*s = sorter{tape: s.tape, most: s.most}
}

// sort sorts what is in the room.
func (s *sorter) sort() {
	if s.inOrder {
		return
	}
	slices.SortStableFunc(s.starts, func(i, j uint32) int {
		return bytes.Compare(keyAt(s.room[i:]), keyAt(s.room[j:]))
	})
	s.inOrder = true
}

// entryAt is the entry that a text begins with.
func entryAt(text []byte) []byte {
	size, n := binary.Uvarint(text)
	return text[n:][:size]
}

// keyAt is the key of the entry that a text begins with.
func keyAt(text []byte) []byte { return entryAt(entryAt(text)) }

// walks begins to walk all stretches, and what is still in the room.
func (s *sorter) walks() (merge, error) {
	s.sort()
	starts := s.starts
	all := []*walk{{number: len(s.stretches), following: func() (string, error) {
		if len(starts) == 0 {
			return "", io.EOF
		}
		entry := entryAt(s.room[starts[0]:])
		starts = starts[1:]
		return string(entry), nil
	}}}
	for i, part := range s.stretches {
		all = append(all, &walk{number: i, following: newEntries(s.tape.part(part.from, part.to)).next})
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

// walk is on its way through a sorted part of the entries.
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

// merge is a heap: the walk with the lowest key comes first.
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
