package spool

import (
	"encoding/binary"
	"io"

	"cubesync/sync/record"
)

// roomOfRecords is how many bytes of records are sorted at once, in memory.
const roomOfRecords = 8 << 20

// Row is what one of several sources said: a record, or a reject.
type Row struct {
	Key       string
	Source    int // which of them
	Position  record.Position
	Uncertain bool
	Values    []record.Value
	Reject    *Reject // nil: it is a record
}

// Reject is what is wrong with a row that is none.
type Reject struct{ Field, Problem string }

// Records puts rows aside and gives them back so that those with the same key follow each other, by their sources, those of
// one source as they came; first the rows whose key is empty.
type Records struct {
	sorter
	one, by []byte
}

// NewRecords makes room for rows, as NewUsers does for users.
func NewRecords(folder string) *Records {
	return &Records{sorter: newSorter(folder, roomOfRecords)}
}

// Add puts a row aside. It keeps nothing of it.
func (r *Records) Add(row *Row) error {
	r.by = binary.AppendUvarint(appendText(r.by[:0], row.Key), uint64(row.Source)) //nolint:gosec // it counts from 0
	r.one = appendRow(appendText(r.one[:0], string(r.by)), row)
	return r.add(r.one)
}

// Close forgets the rows and frees what they take.
func (r *Records) Close() { r.close() }

// Sorted begins to give the rows back. Nothing may be added any more.
func (r *Records) Sorted() (*Rows, error) {
	live, err := r.walks()
	return &Rows{live}, err
}

// Rows are on their way back.
type Rows struct{ live merge }

// Next returns the next row; io.EOF is the end.
func (r *Rows) Next() (Row, error) {
	if len(r.live) == 0 {
		return Row{}, io.EOF
	}
	row, err := readRow(r.live[0].entry)
	if err != nil {
		return Row{}, err
	}
	return row, r.live.next()
}

const (
	absent = iota
	null
	text // as many more as it has bytes
)

func appendRow(to []byte, row *Row) []byte {
	to = appendText(to, string(row.Position))
	flags := byte(0)
	if row.Uncertain {
		flags |= 1
	}
	if row.Reject != nil {
		return appendText(appendText(append(to, flags|2), row.Reject.Field), row.Reject.Problem)
	}
	to = binary.AppendUvarint(append(to, flags), uint64(len(row.Values)))
	for _, v := range row.Values {
		switch {
		case v.IsAbsent():
			to = append(to, absent)
		case v.IsNull():
			to = append(to, null)
		default:
			to = append(binary.AppendUvarint(to, uint64(len(v.Text()))+text), v.Text()...)
		}
	}
	return to
}

func readRow(entry string) (Row, error) {
	in := cursor{rest: entry}
	by := cursor{rest: in.text()}
	row := Row{Key: by.text(), Source: int(by.number()), Position: record.Position(in.text())} //nolint:gosec // it was one
	flags := in.letter()
	row.Uncertain = flags&1 != 0
	if flags&2 != 0 {
		row.Reject = &Reject{in.text(), in.text()}
		return row, in.end()
	}
	count := in.number()
	if count > uint64(len(in.rest)) { // each takes some of it
		return row, errDamaged
	}
	row.Values = make([]record.Value, 0, count)
	for range count {
		switch size := in.number(); size {
		case absent:
			row.Values = append(row.Values, record.Value{})
		case null:
			row.Values = append(row.Values, record.Null())
		default:
			row.Values = append(row.Values, record.Text(in.take(size-text)))
		}
	}
	return row, in.end()
}
