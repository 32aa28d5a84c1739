package reconcile

import (
	"context"
	"errors"
	"io"
	"slices"

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

// trace is what becomes of the record, if it has the text as external ID, login or e-mail.
func (p *Pipeline) trace(rec record.Record, text string) (Traced, bool) {
	m := p.mapped(rec)
	names := m.user.ExternalID == text && text != ""
	for _, field := range []user.Field{user.Login, user.Email} {
		value := m.user.Values[field].Text
		names = names || value != "" && field.Equal(value, text)
	}
	if !names && (m.bad == nil || m.bad.ExternalID != text) {
		return Traced{}, false
	}
	return p.traced(rec, &m), true
}

// mapped is what the mapping makes of a record.
type mapped struct {
	user user.User
	out  bool                // the filter leaves it out
	bad  *record.RejectError // nil where it makes a user
}

func (p *Pipeline) mapped(rec record.Record) (m mapped) {
	var err error
	if m.out, err = p.Mapper.Filtered(rec); err == nil {
		m.user, err = p.Mapper.User(rec)
	}
	m.bad, _ = errors.AsType[*record.RejectError](err)
	return m
}

func (p *Pipeline) traced(rec record.Record, m *mapped) Traced {
	t := Traced{Position: rec.Position, Steps: p.Mapper.Explain(rec), Filtered: m.out}
	for i := range t.Steps {
		p.hide(&t.Steps[i])
	}
	if m.bad != nil && !m.out {
		t.Problem = m.bad.Error()
	}
	return t
}

// hide takes out of a step what nobody may see.
func (p *Pipeline) hide(step *mapping.Step) {
	const hidden = "(hidden)"
	for i, cell := range step.From {
		if slices.Contains(p.SecretColumns, cell.Column) {
			step.From[i].Value, step.Value = record.Text(hidden), hidden
		}
	}
}
