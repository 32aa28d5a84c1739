package reconcile_test

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"cubesync/sync/record"
)

// directory is a source whose reads go wrong as a test says: one that is asked over a network, or exported by others.
// What it gives when nothing goes wrong is proven to be all, and new at every read.
type directory struct {
	persons []person
	begun   int

	refuses  error               // what Open answers, as a server does that doesn't let us in
	breaks   error               // what ends a read
	after    int                 // so many records
	times    int                 // how many of the next reads break; -1: all of them
	unread   map[int]error       // what is answered instead of a record, by its number
	verdict  record.Completeness // of a whole read; the zero value: proven
	form     string              // what the texts of records mean
	evidence string              // what tells this read from others; "": the number of the read
}

func (d *directory) Open(context.Context) (record.Reader, error) {
	d.begun++
	if d.refuses != nil {
		return nil, d.refuses
	}
	names, err := record.NewColumns(columns)
	if err != nil {
		return nil, err
	}
	r := &directoryReader{directory: d, columns: names}
	if d.breaks != nil && d.times != 0 {
		d.times--
		r.breaks = d.breaks
	}
	return r, nil
}

type directoryReader struct {
	*directory
	columns *record.Columns
	breaks  error
	left    []string
	next    int
	end     record.Verdict
}

func (r *directoryReader) Columns() *record.Columns { return r.columns }
func (r *directoryReader) Verdict() record.Verdict  { return r.end }
func (r *directoryReader) Close() error             { return nil }

func (r *directoryReader) Leave(columns []string) { r.left = columns }
func (r *directoryReader) Form() string           { return fmt.Sprintf("%s %q", r.form, r.left) }

func (r *directoryReader) Next(ctx context.Context) (record.Record, error) {
	rec, _, err := r.Skim(ctx, func([]byte) bool { return false })
	return rec, err
}

func (r *directoryReader) Skim(_ context.Context, known func([]byte) bool) (record.Record, bool, error) {
	ended := r.breaks != nil && r.next == r.after || r.next == len(r.persons)
	if !ended && r.unread[r.next] == nil && known(r.text()) {
		r.next++
		return record.Record{}, true, nil
	}
	rec, err := r.one()
	return rec, false, err
}

// text is what the next person's record says in the columns that aren't left.
func (r *directoryReader) text() []byte {
	cells := r.persons[r.next]
	for i, name := range columns {
		if slices.Contains(r.left, name) {
			cells[i] = ""
		}
	}
	return fmt.Appendf(nil, "%q", cells)
}

func (r *directoryReader) one() (record.Record, error) {
	switch {
	case r.breaks != nil && r.next == r.after:
		r.end = record.Verdict{Reason: r.breaks.Error(), Retryable: true}
		return record.Record{}, r.breaks
	case r.next == len(r.persons):
		r.end = record.Verdict{Completeness: record.Proven, Records: r.next, Evidence: record.Evidence{Name: r.evidence}}
		if r.verdict != record.Incomplete {
			r.end.Completeness = r.verdict
		}
		if r.evidence == "" {
			r.end.Evidence = record.Evidence{Name: "directory", SHA256: fmt.Sprint(r.begun), ModTime: time.Now()}
		}
		return record.Record{}, io.EOF
	}
	r.next++
	if err := r.unread[r.next-1]; err != nil {
		return record.Record{}, err
	}
	values := make([]record.Value, len(columns))
	for i, text := range r.persons[r.next-1] {
		values[i] = record.Text(text)
	}
	return record.New(record.Position(fmt.Sprintf("entry %d", r.next)), r.columns, values), nil
}
