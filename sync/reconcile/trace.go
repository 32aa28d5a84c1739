package reconcile

import (
	"context"
	"errors"
	"io"

	"cubesync/sync/mapping"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// Traced is a record of the source, and how it becomes a user.
type Traced struct {
	Position record.Position
	Steps    []mapping.Step // none where the source itself rejected it
	Problem  string         // why it was rejected
	Filtered bool           // it is left out
}

// Trace reads the source and returns the records whose external ID, login or e-mail is text, each with its way through
// the mapping. Nothing else is touched.
func (p *Pipeline) Trace(ctx context.Context, text string) ([]Traced, error) {
	reader, err := p.Source.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = reader.Close() }() // it was only read
	if err := p.Mapper.Check(reader.Columns()); err != nil {
		return nil, err
	}
	var found []Traced
	for {
		rec, err := reader.Next(ctx)
		if bad, rejected := errors.AsType[*record.RejectError](err); rejected {
			if bad.ExternalID == text {
				found = append(found, Traced{Position: bad.Position, Problem: bad.Error()})
			}
			continue
		}
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return found, err
		}
		if t, ok := p.trace(rec, text); ok {
			found = append(found, t)
		}
	}
}

func (p *Pipeline) trace(rec record.Record, text string) (Traced, bool) {
	out, err := p.Mapper.Filtered(rec)
	u := user.User{}
	if err == nil {
		u, err = p.Mapper.User(rec)
	}
	names := u.ExternalID == text && text != ""
	for _, field := range []user.Field{user.Login, user.Email} {
		value := u.Values[field].Text
		names = names || value != "" && field.Equal(value, text)
	}
	bad, rejected := errors.AsType[*record.RejectError](err)
	if !names && (!rejected || bad.ExternalID != text) {
		return Traced{}, false
	}
	t := Traced{Position: rec.Position, Steps: p.Mapper.Explain(rec)}
	switch {
	case out:
		t.Filtered = true
	case rejected:
		t.Problem = bad.Error()
	}
	return t, true
}
