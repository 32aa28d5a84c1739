package sourcetest

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"testing"

	"cubesync/sync/record"
)

// table is a source in memory, as it should be or broken in one way.
type table struct {
	rows   []Row
	cutAt  int // records before it is cut off, -1: it isn't
	broken string
	kept   [][]byte
	reads  int
}

func (s *table) Open(ctx context.Context) (record.Reader, error) {
	if err := ctx.Err(); err != nil && s.broken != "opens-whatever-ended" {
		return nil, err
	}
	columns, err := record.NewColumns(Columns())
	if err != nil {
		return nil, err
	}
	if s.broken == "names-in-any-case" {
		columns, err = record.NewColumns(append(Columns(), "ID"))
	}
	s.reads++
	r := &reader{table: s, columns: columns, end: make(chan struct{})}
	go func() {
		if s.broken != "goroutine-stays" {
			<-r.end
			return
		}
		select {}
	}()
	return r, err
}

type reader struct {
	*table
	columns *record.Columns
	at      int
	verdict record.Verdict
	err     error
	end     chan struct{}
	closed  bool
}

func (r *reader) Columns() *record.Columns { return r.columns }
func (r *reader) Verdict() record.Verdict {
	r.verdict.Evidence.Name = "table"
	if r.broken == "no-reason" {
		r.verdict.Reason = ""
	}
	return r.verdict
}

func (r *reader) Close() error {
	if r.closed {
		if r.broken == "closed-once" {
			return errors.New("closed twice")
		}
		return nil
	}
	r.closed = true
	close(r.end)
	if r.broken == "plausible-when-closed" && r.err == nil {
		r.verdict.Completeness = record.Plausible
	}
	return nil
}

func (r *reader) Next(ctx context.Context) (record.Record, error) {
	switch {
	case r.closed && r.broken != "goes-on-when-closed":
		return record.Record{}, errors.New("closed")
	case ctx.Err() != nil && r.err == nil && r.broken != "never-cancelled":
		r.err = ctx.Err()
		if r.broken == "proven-when-cancelled" {
			r.verdict.Completeness = record.Proven
		}
	}
	if r.err != nil {
		return record.Record{}, r.err
	}
	if r.at == r.cutAt || r.at == len(r.rows) {
		r.finish()
		return record.Record{}, r.err
	}
	i := r.at
	if r.broken == "second-row-first" && i < 2 && len(r.rows) == len(awkward()) && r.rows[0].Values[0].Text() == "E6" {
		i = 1
	}
	if r.broken == "second-read-repeats" && r.reads > 1 {
		i = 0
	}
	r.at++
	return r.give(i)
}

func (r *reader) finish() {
	r.err = io.EOF
	r.verdict.Completeness, r.verdict.Reason = record.Proven, "its rows are counted"
	if r.cutAt >= 0 && r.at == r.cutAt && r.broken != "proven-when-cut" {
		r.verdict.Completeness, r.err = record.Incomplete, io.ErrUnexpectedEOF
	}
	if r.broken == "plausible-when-cut" {
		r.verdict.Completeness, r.err = record.Plausible, io.EOF
	}
	if r.broken == "stale" {
		r.verdict.Completeness = record.Stale
	}
}

func (r *reader) give(i int) (record.Record, error) {
	row := r.rows[i]
	at := record.Position("row " + strconv.Itoa(i+1))
	reject := &record.RejectError{Position: at, ExternalID: row.Values[0].Text(), Field: Note, Problem: "can't be used: mend it"}
	if r.broken == "rejects-nowhere" {
		reject.Position = ""
	}
	switch {
	case r.broken == "drops-every-seventh" && i == 6:
		r.verdict.Records++
		return r.Next(context.Background())
	case row.Fault == BadKey && r.broken == "bad-keys-are-guessed":
		r.verdict.Rejects++
		return record.Record{}, reject
	case row.Fault == BadKey:
		r.verdict.Rejects++
		reject.ExternalID = ""
		return record.Record{}, reject
	case row.Fault == BadNote && r.broken == "takes-what-is-bad":
	case row.Fault == BadNote && r.broken == "gives-up-at-what-is-bad":
		r.err = errors.New("bad")
		return record.Record{}, r.err
	case row.Fault == BadNote:
		r.verdict.Rejects++
		return record.Record{}, reject
	}
	r.verdict.Records++
	values := slices.Clone(row.Values[:])
	for j, v := range values {
		switch {
		case r.broken == "null-is-empty" && v.IsNull():
			values[j] = record.Text("")
		case r.broken == "empty-is-null" && v == record.Text(""):
			values[j] = record.Null()
		}
	}
	if r.broken == "keeps-everything" {
		r.kept = append(r.kept, make([]byte, 10_000))
	}
	if r.broken == "one-position-for-all" {
		at = "row"
	}
	return record.New(at, r.columns, values), nil
}

func kind(broken string) Kind {
	const many = 20_000
	return Kind{
		Best: record.Proven, Size: many,
		Hold: func(_ context.Context, rows []Row) (record.Source, error) {
			return &table{rows: rows, cutAt: -1, broken: broken}, nil
		},
		Many: func(context.Context) (record.Source, error) {
			rows := make([]Row, many)
			for i := range rows {
				rows[i] = Crowd(i)
			}
			return &table{rows: rows, cutAt: -1, broken: broken}, nil
		},
		Cut: func(_ context.Context, rows []Row, place int) (record.Source, bool, error) {
			if place >= len(rows) || broken == "nowhere-to-cut" {
				return nil, false, nil
			}
			return &table{rows: rows, cutAt: place, broken: broken}, broken == "plausible-when-cut", nil
		},
	}
}

func TestSoundSource(t *testing.T) { Run(t, kind("")) }

// TestBrokenSources shows each case failing over a source that breaks its promise.
func TestBrokenSources(t *testing.T) {
	for broken, want := range map[string]string{
		"drops-every-seventh":     "every-row-once",
		"one-position-for-all":    "every-row-once",
		"null-is-empty":           "every-row-once",
		"empty-is-null":           "every-row-once",
		"stale":                   "nothing-to-read",
		"no-reason":               "nothing-to-read",
		"names-in-any-case":       "unknown-columns-are-absent",
		"takes-what-is-bad":       "bad-record-rejects-itself",
		"gives-up-at-what-is-bad": "bad-record-rejects-itself",
		"rejects-nowhere":         "bad-record-rejects-itself",
		"bad-keys-are-guessed":    "bad-key-is-said",
		"second-row-first":        "order-does-not-matter",
		"second-read-repeats":     "second-read-is-equal",
		"never-cancelled":         "cancelled",
		"opens-whatever-ended":    "cancelled",
		"proven-when-cancelled":   "cancelled",
		"closed-once":             "closed-early",
		"plausible-when-closed":   "closed-early",
		"goes-on-when-closed":     "closed-early",
		"keeps-everything":        "flat-memory",
		"goroutine-stays":         "no-goroutine-is-left",
		"proven-when-cut":         "cut-anywhere",
		"plausible-when-cut":      "cut-anywhere",
		"nowhere-to-cut":          "cut-anywhere",
	} {
		t.Run(broken, func(t *testing.T) {
			i := slices.IndexFunc(Cases(), func(c Case) bool { return c.Name == want })
			if err := Cases()[i].Prove(t.Context(), kind(broken)); err == nil {
				t.Errorf("%s passes", want)
			}
		})
	}
}
