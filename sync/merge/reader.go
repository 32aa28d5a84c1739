package merge

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"cubesync/sync/record"
	"cubesync/sync/spool"
)

// errClosed is what Next returns after a Close before the end.
var errClosed = errors.New("the sources were closed before their end")

// reader is one read of all sources.
type reader struct {
	Options
	parts   []*part
	columns *record.Columns
	aside   *spool.Records

	rows     *spool.Rows // nil until everything was read
	ahead    spool.Row   // that comes next
	aheadErr error
	doubts   []string // of each part
	group    group
	answers  []answer // of the group
	given    int      // of the answers
	broken   bool     // a source couldn't be read to its end
	ended    error
	verdict  record.Verdict
}

// answer is a record, or what is wrong with it.
type answer struct {
	record record.Record
	reject *record.RejectError
}

// name gives the columns their names: first those that are read. There are none where a source has none: why, its verdict
// says.
func (r *reader) name() (err error) {
	names := []string{KeyColumn}
	var others []string
	for _, p := range r.parts {
		p.first = len(names)
		all, kept := p.Reader.Columns().Names(), p.kept
		if len(all) == 0 {
			r.columns, err = record.NewColumns(nil)
			return err
		}
		for i, name := range all {
			if len(kept) > 0 && kept[0] == i {
				names, kept = append(names, p.Name+"."+name), kept[1:]
			} else {
				others = append(others, p.Name+"."+name)
			}
		}
	}
	r.columns, err = record.NewColumns(append(names, others...))
	return err
}

// Columns are the key's and those of all sources.
func (r *reader) Columns() *record.Columns { return r.columns }

// Verdict says how completely the sources were read: as completely as the least of them.
func (r *reader) Verdict() record.Verdict { return r.verdict }

// Close ends the read of all sources.
func (r *reader) Close() error {
	if r.ended == nil {
		r.ended = errClosed
	}
	r.aside.Close()
	var all error
	for _, p := range r.parts {
		all = errors.Join(all, p.Close())
	}
	return all
}

// Next returns the next record, or what is wrong with it. Before the first one it reads all sources.
func (r *reader) Next(ctx context.Context) (record.Record, error) {
	if r.ended != nil {
		return record.Record{}, r.ended
	}
	if err := ctx.Err(); err != nil {
		return record.Record{}, r.end(err)
	}
	if r.rows == nil {
		if err := r.gather(ctx); err != nil {
			return record.Record{}, r.end(err)
		}
	}
	if r.given == len(r.answers) {
		if r.aheadErr != nil {
			return record.Record{}, r.end(r.aheadErr)
		}
		r.answers, r.given = r.together(r.answers[:0]), 0
	}
	a := r.answers[r.given]
	r.given++
	if a.reject != nil {
		r.verdict.Rejects++
		return record.Record{}, a.reject
	}
	r.verdict.Records++
	return a.record, nil
}

// end settles the verdict: io.EOF is the end of all sources.
func (r *reader) end(err error) error {
	r.ended = err
	if r.broken || errors.Is(err, io.EOF) {
		v := r.judge()
		v.Records, v.Rejects = r.verdict.Records, r.verdict.Rejects
		r.verdict = v
	} else {
		r.verdict.Reason += ": " + err.Error()
	}
	return err
}

// gather reads all sources at the same time, and puts what they say aside. One that can't be read to its end interrupts the
// others: of nobody it could be told then what is missing.
func (r *reader) gather(ctx context.Context) error {
	all, interrupt := context.WithCancel(ctx)
	defer interrupt()
	var reading sync.WaitGroup
	var aside sync.Mutex
	var full error
	for _, p := range r.parts {
		reading.Go(func() {
			p.err = p.read(all, func(row *spool.Row) error {
				aside.Lock()
				defer aside.Unlock()
				if full == nil {
					full = r.aside.Add(row)
				}
				return full
			})
			if !p.ended() {
				interrupt()
			}
		})
	}
	reading.Wait()
	r.verdict.Evidence = r.evidence()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case full != nil:
		return full
	}
	for _, p := range r.parts {
		if !p.ended() {
			r.broken = true
			return errors.New(r.judge().Reason)
		}
		r.doubts = append(r.doubts, p.doubt())
	}
	if len(r.columns.Names()) == 0 {
		return io.EOF
	}
	var err error
	if r.rows, err = r.aside.Sorted(); err != nil {
		return err
	}
	r.step()
	return nil
}

// step goes to the next row.
func (r *reader) step() { r.ahead, r.aheadErr = r.rows.Next() }

// judge makes one verdict of those of all sources.
func (r *reader) judge() record.Verdict {
	v := record.Verdict{Completeness: record.Proven, Retryable: true, Evidence: r.evidence()}
	var reasons, failures, unknown, notes []string
	for _, p := range r.parts {
		one := p.Verdict()
		v.Completeness = min(v.Completeness, one.Completeness)
		v.SeveralMoments = v.SeveralMoments || one.SeveralMoments
		reason := p.Name + ": " + one.Reason
		reasons = append(reasons, reason)
		if one.Note != "" {
			notes = append(notes, p.Name+": "+one.Note)
		}
		if p.failed() {
			failures = append(failures, reason)
			v.Retryable = v.Retryable && one.Retryable
		}
		if why := p.absenceUnknown(); why != "" {
			unknown = append(unknown, why)
		}
		if p.ended() && !p.gave {
			v.Empty = append(v.Empty, p.Name)
		}
	}
	if len(failures) > 0 {
		reasons = failures
	} else {
		v.Retryable = false
	}
	if v.Completeness.Usable() {
		notes = append(notes, r.apart()...)
	}
	v.Note = strings.Join(notes, "; ")
	v.Reason, v.AbsenceUnknown = strings.Join(reasons, "; "), strings.Join(unknown, "; ")
	return v
}

// apart says which sources add nothing to what the others say, although they were read whole.
func (r *reader) apart() (notes []string) {
	var alone []string
	given := 0
	for _, p := range r.parts {
		switch {
		case !p.gave:
			notes = append(notes, p.Name+" has no usable record")
			continue
		case !p.met:
			alone = append(alone, p.Name)
		}
		given++
	}
	if given > 1 && len(alone) > 0 {
		notes = append(notes, "no key of "+strings.Join(alone, " and ")+" is in another source, too: check whether they are spelled alike")
	}
	return notes
}

// evidence is that of all sources.
func (r *reader) evidence() record.Evidence {
	var all record.Evidence
	names := make([]string, len(r.parts))
	for i, p := range r.parts {
		one := p.Verdict().Evidence
		names[i] = p.Name + ": " + one.Name
		all.Parts = append(all.Parts, one)
	}
	all.Name = strings.Join(names, " + ")
	return all
}
