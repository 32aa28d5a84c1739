package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"cubesync/sync/record"
)

// readThrough is a read from its beginning to its end.
type readThrough struct {
	columns *record.Columns
	records []record.Record
	rejects []*record.RejectError
	verdict record.Verdict
}

// readAll reads these rows.
func readAll(ctx context.Context, k Kind, rows []Row) (*readThrough, error) {
	source, err := k.Hold(ctx, rows)
	if err != nil {
		return nil, err
	}
	return read(ctx, source)
}

// read reads all that there is. With an error it returns what it has read up to it.
func read(ctx context.Context, source record.Source) (*readThrough, error) {
	got := &readThrough{}
	reader, err := source.Open(ctx)
	if err != nil {
		return got, err
	}
	got.columns = reader.Columns()
	for err == nil {
		var next record.Record
		next, err = reader.Next(ctx)
		if reject, is := errors.AsType[*record.RejectError](err); is {
			got.rejects = append(got.rejects, reject)
			err = nil
		} else if err == nil {
			got.records = append(got.records, next)
		}
	}
	got.verdict = reader.Verdict()
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return got, errors.Join(err, reader.Close())
}

// are reports rows that weren't read as they are, once each.
func (got *readThrough) are(k Kind, rows []Row) error {
	if k.NoEmpty {
		rows = slices.Clone(rows)
		for i := range rows {
			for j, v := range rows[i].Values {
				if v == record.Text("") {
					rows[i].Values[j] = record.Null()
				}
			}
		}
	}
	var all error
	left := map[[3]record.Value]bool{}
	for _, row := range rows {
		left[row.Values] = true
	}
	positions := map[record.Position]bool{}
	for _, r := range got.records {
		var values [3]record.Value
		for i, column := range Columns() {
			values[i] = r.Value(column)
		}
		if !left[values] {
			all = errors.Join(all, fmt.Errorf("%s: read %+v, which isn't there or was read before", r.Position, values))
		}
		delete(left, values)
		if r.Position == "" || positions[r.Position] {
			all = errors.Join(all, fmt.Errorf("the position %q says nothing, or stands twice", r.Position))
		}
		positions[r.Position] = true
	}
	for values := range left {
		all = errors.Join(all, fmt.Errorf("%+v wasn't read", values))
	}
	return all
}

// whole reports where the verdict isn't the one of a whole read.
func (got *readThrough) whole(k Kind, records, rejects int) error {
	v := got.verdict
	if v.Completeness != k.Best || v.Records != records || v.Rejects != rejects || v.Reason == "" || v.Evidence.Name == "" {
		return fmt.Errorf("the verdict is %+v, want %v with its reason and its evidence's name, %d records and %d rejects", v, k.Best, records, rejects)
	}
	return nil
}

func number(n int) string { return fmt.Sprintf("%07d", n) }
