package merge_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"cubesync/sync/merge"
	"cubesync/sync/record"
)

// table is a source in memory. Its rows are the cells of its columns, id first, parted by spaces: "-" is null; "!" at the
// beginning makes a reject of the row, "?" one that is uncertain, and "~" a record that is.
type table struct {
	columns string
	rows    []string
	verdict record.Verdict
	breaks  error         // in place of the end
	waits   bool          // for its context, in place of the end
	closed  chan struct{} // by the last reader
	opens   error
}

func (s *table) Open(context.Context) (record.Reader, error) {
	if s.opens != nil {
		return nil, s.opens
	}
	columns, err := record.NewColumns(strings.Fields(s.columns))
	s.closed = make(chan struct{})
	return &tableReader{table: s, columns: columns}, err
}

type tableReader struct {
	*table
	columns *record.Columns
	at      int
	ended   bool
}

func (r *tableReader) Columns() *record.Columns { return r.columns }

func (r *tableReader) Verdict() record.Verdict {
	v := r.verdict
	if !r.ended {
		v.Completeness, v.Reason = record.Incomplete, "wasn't read to its end"
	}
	return v
}

func (r *tableReader) Close() error {
	select {
	case <-r.closed:
	default:
		close(r.closed)
	}
	return nil
}

func (r *tableReader) Next(ctx context.Context) (record.Record, error) {
	switch {
	case r.at < len(r.rows):
	case r.waits:
		<-ctx.Done()
		return record.Record{}, ctx.Err()
	case r.breaks != nil:
		r.ended = true
		return record.Record{}, r.breaks
	default:
		r.ended = true
		return record.Record{}, io.EOF
	}
	row := r.rows[r.at]
	r.at++
	at := record.Position(fmt.Sprintf("row %d", r.at))
	mark, cells := "", strings.Fields(row)
	if strings.ContainsAny(row[:1], "!?~") {
		mark, cells = row[:1], strings.Fields(row[1:])
	}
	values := make([]record.Value, len(cells))
	for i, cell := range cells {
		if values[i] = record.Text(cell); cell == "-" {
			values[i] = record.Null()
		}
	}
	if mark == "!" || mark == "?" {
		bad := &record.RejectError{Position: at, Field: "phone", Problem: "is bad", Uncertain: mark == "?"}
		if len(cells) > 0 {
			bad.ExternalID = values[0].Text()
		}
		return record.Record{}, bad
	}
	rec := record.New(at, r.columns, values)
	rec.Uncertain = mark == "~"
	return rec, nil
}

// proven is a table that was read whole.
func proven(columns string, rows ...string) *table {
	return &table{columns: columns, rows: rows, verdict: record.Verdict{Completeness: record.Proven, Reason: "all of it"}}
}

// merged merges hr and ad by id.
func merged(hr, ad *table) *merge.Source {
	return merge.New(merge.Options{Identifies: true, Parts: []merge.Part{
		{Name: "hr", Source: hr, Key: "id", Columns: []string{"id", "mail", "name"}, Accept: record.Proven},
		{Name: "ad", Source: ad, Key: "id", Columns: []string{"mail", "office"}, Accept: record.Proven},
	}})
}

// shown are the lines of a read: its records as their positions and values by column (absent ones aren't shown), its
// rejects, how it ended where that wasn't its end, and the verdict.
func shown(t *testing.T, source *merge.Source) (lines []string, verdict record.Verdict) {
	t.Helper()
	reader, err := source.Open(t.Context())
	if err != nil {
		return []string{"open: " + err.Error()}, record.Verdict{}
	}
	for {
		rec, err := reader.Next(t.Context())
		if bad, rejected := errors.AsType[*record.RejectError](err); rejected {
			line := fmt.Sprintf("rejected %q, %s", bad.ExternalID, bad.Error())
			if bad.Uncertain {
				line += " (uncertain)"
			}
			lines = append(lines, line)
			continue
		}
		if err != nil {
			if again, same := reader.Next(t.Context()); !errors.Is(same, err) {
				t.Errorf("then it goes on with %+v, %v", again, same)
			}
			if !errors.Is(err, io.EOF) {
				lines = append(lines, "ended: "+err.Error())
			}
			verdict = reader.Verdict()
			if err := errors.Join(reader.Close(), reader.Close()); err != nil {
				t.Error(err)
			}
			return lines, verdict
		}
		line := string(rec.Position)
		for _, name := range rec.Columns().Names() {
			if v := rec.Value(name); v.IsNull() {
				line += " " + name + "=null"
			} else if !v.IsAbsent() {
				line += " " + name + "=" + v.Text()
			}
		}
		if rec.Uncertain {
			line += " uncertain"
		}
		if rec.Doubt != "" {
			line += " doubt: " + rec.Doubt
		}
		lines = append(lines, line)
	}
}
