package merge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"cubesync/sync/record"
	"cubesync/sync/spool"
	"cubesync/sync/user"
)

// part is a read of one of the sources.
type part struct {
	*Part
	record.Reader
	number int
	key    int   // the place of its key
	kept   []int // the places of the columns that are read
	first  int   // where they begin in a merged record
	gave   bool  // a record with a key
	met    bool  // another source has one of its keys, too
	err    error // how it ended
}

// open begins to read one of the sources.
func (r *reader) open(ctx context.Context, number int) error {
	p := &part{Part: &r.Parts[number], number: number}
	var err error
	if p.Reader, err = p.Source.Open(ctx); err != nil {
		return err
	}
	r.parts = append(r.parts, p)
	names := p.Reader.Columns().Names()
	p.key = slices.Index(names, p.Key)
	if p.key < 0 && len(names) > 0 {
		return fmt.Errorf("it has no column %q, which is to be its key; its columns are %q", p.Key, names)
	}
	for i, name := range names {
		if slices.Contains(p.Part.Columns, name) {
			p.kept = append(p.kept, i)
		}
	}
	return nil
}

// read reads the source to its end, which is io.EOF where nothing went wrong.
func (p *part) read(ctx context.Context, add func(*spool.Row) error) error {
	values := make([]record.Value, len(p.kept))
	for {
		rec, err := p.Next(ctx)
		bad, rejected := errors.AsType[*record.RejectError](err)
		if err != nil && !rejected {
			return err
		}
		row := spool.Row{Source: p.number}
		if !rejected {
			if row.Key = user.Clean(rec.At(p.key).Text()); row.Key == "" {
				bad = &record.RejectError{
					Position: rec.Position, Field: p.Key,
					Problem: "it is empty, and the records of several sources are joined by it: fill it in, or leave such records out where they are read",
				}
			}
		}
		if bad != nil {
			row.Key, row.Position, row.Uncertain = user.Clean(bad.ExternalID), p.at(bad.Position), bad.Uncertain
			row.Reject = &spool.Reject{Field: bad.Field, Problem: bad.Problem}
		} else {
			for i, at := range p.kept {
				values[i] = rec.At(at)
			}
			row.Position, row.Uncertain, row.Values = p.at(rec.Position), rec.Uncertain, values
			p.gave = true
		}
		if err := add(&row); err != nil {
			return err
		}
	}
}

// at is a position that tells in which source it is.
func (p *part) at(position record.Position) record.Position {
	return record.Position(p.Name) + ": " + position
}

// ended reports whether the source was read to its end, whatever the verdict is.
func (p *part) ended() bool { return errors.Is(p.err, io.EOF) }

// failed reports whether it is this source that the read can't be used for. Where one fails, the others are interrupted.
func (p *part) failed() bool {
	return !errors.Is(p.err, context.Canceled) && !p.Verdict().Completeness.Usable()
}

// absenceUnknown says why it isn't known who is missing from the source, as far as its verdict tells; "" if it is.
func (p *part) absenceUnknown() string {
	switch v := p.Verdict(); {
	case v.Completeness < p.Accept:
		return fmt.Sprintf("%s: the read is %s, and that doesn't show who is missing", p.Name, v.Completeness)
	case v.AbsenceUnknown != "":
		return p.Name + ": " + v.AbsenceUnknown
	}
	return ""
}

// doubt says why any number of records that the source doesn't have may be missing from it all the same. That a row was rejected
// without a key is no such reason: it is one person's at most, and one bad row doesn't stop all others.
func (p *part) doubt() string {
	why := p.absenceUnknown()
	if why == "" {
		return ""
	}
	return fmt.Sprintf("nobody can tell whether %s knows them: %s", p.Name, why)
}
