package sqlquery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"cubesync/sync/record"
	"cubesync/sync/user"
)

// errClosed is what Next returns after a Close before the end.
var errClosed = errors.New("the query was closed before its end")

// reader is one run of the query.
type reader struct {
	source  *Source
	session session // nil once it was closed
	columns *record.Columns
	key     int // the columns of the external ID and of the mark of deleted rows; -1 without one
	deleted int

	own     context.Context // of the query, which outlives each call of Next
	cancel  context.CancelFunc
	caller  context.Context // of the last Next
	unwatch func() bool

	cursor *tracker // nil without one

	line    line
	rows    int   // of the query
	gone    int   // of them, those that were deleted
	unseen  []int // columns that are looked at, and had no value in any of the others so far
	ended   error
	verdict record.Verdict
}

func newReader(own context.Context, cancel context.CancelFunc, s *Source, running session, began time.Time, last mark) (*reader, error) {
	columns, err := record.NewColumns(running.columns())
	if err != nil {
		return nil, err
	}
	r := &reader{
		source: s, session: running, columns: columns, key: columns.Index(s.options.KeyColumn), deleted: columns.Index(s.options.DeletedColumn),
		own: own, cancel: cancel, caller: own, unwatch: func() bool { return true },
		verdict: record.Verdict{
			Reason:   s.Place() + ": the query wasn't read to its end",
			Evidence: record.Evidence{Name: s.Place(), ReadAt: began},
			Since:    s.options.Cursor.since(last).text(),
		},
	}
	for _, name := range s.options.Columns {
		if at := columns.Index(name); at >= 0 && at != r.deleted {
			r.unseen = append(r.unseen, at)
		}
	}
	if s.options.DeletedColumn != "" && r.deleted < 0 {
		return nil, fmt.Errorf("the query has no column %q, which is to mark deleted rows; it has %q", s.options.DeletedColumn, columns.Names())
	}
	if s.options.Cursor != nil {
		r.cursor, err = s.track(running, columns, last, began)
	}
	return r, err
}

// Columns are those of the query, exactly as they are spelled.
func (r *reader) Columns() *record.Columns { return r.columns }

// Verdict says how completely the query was read.
func (r *reader) Verdict() record.Verdict { return r.verdict }

// Close ends the read.
func (r *reader) Close() error {
	if r.ended == nil {
		r.end(errClosed)
	}
	return nil
}

// Next returns the next row that isn't deleted, or what is wrong with it.
func (r *reader) Next(ctx context.Context) (record.Record, error) {
	if r.ended != nil {
		return record.Record{}, r.ended
	}
	r.watch(ctx)
	for {
		err := ctx.Err()
		if err == nil {
			r.line.reset()
			err = r.session.next(&r.line)
		}
		if err != nil {
			r.finish(ctx, err)
			return record.Record{}, r.ended
		}
		r.rows++
		r.cursor.see(&r.line)
		if r.line.fault != nil {
			r.see()
			r.verdict.Rejects++
			return record.Record{}, r.reject()
		}
		if r.isDeleted() {
			r.gone++
			continue
		}
		r.see()
		r.verdict.Records++
		return r.line.record(r.rows, r.columns), nil
	}
}

// watch has the query end with the caller's context.
func (r *reader) watch(ctx context.Context) {
	if ctx == r.caller {
		return
	}
	r.unwatch()
	r.caller = ctx
	r.unwatch = context.AfterFunc(ctx, r.cancel)
}

// see notes which columns have a value in the row.
func (r *reader) see() {
	r.unseen = slices.DeleteFunc(r.unseen, func(at int) bool {
		if r.line.faulty(at) {
			return true
		}
		text, _ := r.line.value(at) // "" of NULL
		return text != ""
	})
}

// reject says what is wrong with the row.
func (r *reader) reject() *record.RejectError {
	bad := &record.RejectError{
		Position: position(r.rows),
		Field:    r.columns.Names()[r.line.fault.column], Problem: r.line.fault.problem,
	}
	if r.key >= 0 && !r.line.faulty(r.key) {
		text, _ := r.line.value(r.key)
		bad.ExternalID = user.Clean(text)
	}
	return bad
}

// isDeleted reports whether the row is marked as deleted.
func (r *reader) isDeleted() bool {
	if r.deleted < 0 {
		return false
	}
	text, null := r.line.value(r.deleted)
	switch strings.ToLower(user.Clean(text)) { // CHAR(1) has a blank for empty text
	case "", "0", "false":
		return false
	}
	return !null
}

// finish ends the read: with io.EOF, once the rows were counted, or with what went wrong.
func (r *reader) finish(ctx context.Context, err error) {
	counted := int64(0)
	if errors.Is(err, io.EOF) {
		var failed error
		if counted, failed = r.session.count(r.own); failed != nil {
			err = failed
		}
	}
	v, place := &r.verdict, r.source.Place()
	doubt := ""
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
		v.Reason = fmt.Sprintf("%s: the query wasn't read to its end: %s", place, err.Error())
	case !errors.Is(err, io.EOF):
		v.Reason, v.Retryable = r.source.explain(r.own, err)
		err = errors.New(v.Reason)
	case counted != int64(r.rows):
		v.Reason = fmt.Sprintf("%s: the query gave %d rows, and the same snapshot counts %d: a query must give the same rows each time; "+
			"take out what is random, or depends on the clock", place, r.rows, counted)
	case r.cursor.alien() != "":
		v.Reason = fmt.Sprintf("%s: %s", place, r.cursor.alien())
		err = errors.New(v.Reason)
	default:
		v.Cursor, v.Receded = r.cursor.text(), r.cursor.receded()
		if doubt = r.session.doubt(); doubt != "" {
			v.Completeness, v.SeveralMoments = record.Plausible, true
		} else {
			v.Completeness = record.Proven
		}
		v.Note = r.noted(doubt)
		v.Reason = r.whole(doubt)
	}
	r.end(err)
}

// noted is what people should hear of a read that came to its end. What changed doesn't show what is in all rows.
func (r *reader) noted(doubt string) string {
	var notes []string
	if doubt != "" {
		notes = append(notes, doubt)
	}
	if r.gone > 0 {
		notes = append(notes, fmt.Sprintf("left out as deleted (%s): %d", r.source.options.DeletedColumn, r.gone))
	}
	if r.verdict.Since == "" && r.rows > r.gone && len(r.unseen) > 0 {
		names := make([]string, len(r.unseen))
		for i, at := range r.unseen {
			names[i] = r.columns.Names()[at]
		}
		notes = append(notes, "no row has a value in "+strings.Join(names, ", ")+": check the query, such as what it joins")
	}
	return strings.Join(notes, "; ")
}

// whole is the reason of a read that came to its end.
func (r *reader) whole(doubt string) string {
	text := fmt.Sprintf("%s: %d rows were read to the end of the query", r.source.Place(), r.rows)
	if since := r.verdict.Since; since != "" {
		text = fmt.Sprintf("%s: %d rows with a %s from %s on, or without one, were read to the end of the query",
			r.source.Place(), r.rows, r.source.options.Cursor.Column, since)
	}
	if doubt == "" {
		text += " in one snapshot, in which the server counts as many"
	} else {
		text += ", and the server counts as many, but " + doubt + "; the guards are halved"
	}
	if r.gone > 0 {
		text += fmt.Sprintf("; left out as deleted (%s): %d", r.source.options.DeletedColumn, r.gone)
	}
	return text
}

// end frees what the read holds: an ended query keeps no transaction open while the run goes on.
func (r *reader) end(err error) {
	r.ended = err
	r.unwatch()
	r.cancel()
	r.session.close()
}
