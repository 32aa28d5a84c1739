package reconcile_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/record"
	"cubesync/sync/state"
)

// believer takes what it could use of a source for all there is, as a tool without verdicts does.
type believer struct {
	record.Source
	mapper *mapping.Mapper
	seen   map[string]bool // the external IDs that the last read showed
}

func (b *believer) Open(ctx context.Context) (record.Reader, error) {
	b.seen = map[string]bool{}
	reader, err := b.Source.Open(ctx)
	switch {
	case err != nil:
		return &credulous{believer: b}, nil
	case b.mapper.Check(reader.Columns()) != nil:
		return &credulous{believer: b}, reader.Close()
	}
	return &credulous{Reader: reader, believer: b}, nil
}

// credulous is one read of a believer; without a reader of something that can't be opened, or hasn't the columns, and so shows nobody.
type credulous struct {
	record.Reader
	believer *believer
}

func (c *credulous) Columns() *record.Columns {
	if c.Reader == nil {
		none, _ := record.NewColumns(nil) // no name stands twice
		return none
	}
	return c.Reader.Columns()
}

func (c *credulous) Next(ctx context.Context) (record.Record, error) {
	if c.Reader == nil {
		return record.Record{}, io.EOF
	}
	for {
		rec, err := c.Reader.Next(ctx)
		if _, rejected := errors.AsType[*record.RejectError](err); rejected {
			continue
		}
		if err != nil {
			return record.Record{}, io.EOF
		}
		id, _ := c.believer.mapper.Key(rec)
		c.believer.seen[id] = true
		return rec, nil
	}
}

func (c *credulous) Verdict() record.Verdict { return record.Verdict{Completeness: record.Proven} }

func (c *credulous) Close() error {
	if c.Reader == nil {
		return nil
	}
	return c.Reader.Close()
}

// harmless checks that what goes wrong with the source costs nobody anything, and that nothing but the verdict is why: where it is
// believed to be all, everybody whom it doesn't show would be deleted. Guards that can't be turned off may hold that plan: a read
// that shows nobody, or not half of the people, is held by them.
func (s *scene) harmless(t *testing.T, source record.Source) {
	t.Helper()
	s.Source, s.Accept = source, record.Proven
	s.untouched(t, state.Incomplete, 1)
	s.costly(t, source)
}

// costly checks that everybody whom a source doesn't show would be deleted if it were believed.
func (s *scene) costly(t *testing.T, source record.Source) {
	t.Helper()
	b := &believer{Source: source, mapper: s.Mapper}
	s.Source, s.Accept = b, record.Proven
	preview, err := s.Preview(t.Context(), reconcile.Order{})
	if err != nil {
		t.Fatal(err)
	}
	defer preview.Close()
	missing := 0
	for id := range s.ids {
		if !b.seen[id] {
			missing++
		}
	}
	deletes := 0
	if preview.Plan != nil {
		deletes = preview.Plan.Count(plan.Delete)
	}
	if deletes != missing || missing == 0 {
		t.Errorf("believed, it would delete %d of %d, and doesn't show %d", deletes, len(s.ids), missing)
	}
	if held := preview.Run.Status == state.Held; held != (missing > len(s.ids)/2) {
		t.Errorf("believed, it is %s (%s), and doesn't show %d of %d", preview.Run.Status, guards(preview), missing, len(s.ids))
	}
}
