package ldapdir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"cubesync/sync/record"
)

// errClosed is what Next returns after a Close before the end.
var errClosed = errors.New("the LDAP directory was closed before its end")

// reader is one read of the directory. The search goes on in another goroutine, one page ahead.
type reader struct {
	source  *Source
	link    *link
	search  *search
	pages   chan []answer
	stop    context.CancelFunc
	done    sync.WaitGroup // the goroutine that searches
	err     error          // how the search ended; to be asked after pages is closed
	page    []answer       // what Next gives
	ended   error          // what every further Next returns; nil while reading
	closed  bool
	verdict record.Verdict
}

func newReader(s *Source, l *link, d *decoder, evidence record.Evidence) *reader {
	ctx, stop := context.WithCancel(context.Background()) // it ends with Close, or when a Next's context does
	r := &reader{
		source: s, link: l, stop: stop, pages: make(chan []answer),
		search:  &search{source: s, link: l, decoder: d, size: s.options.PageSize},
		verdict: record.Verdict{Reason: l.server.shown + " wasn't read to its end", Evidence: evidence},
	}
	r.done.Go(func() {
		defer close(r.pages)
		r.err = r.search.run(ctx, func(page []answer) error {
			select {
			case r.pages <- page:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	return r
}

// Columns are the names that the source was asked for.
func (r *reader) Columns() *record.Columns { return r.search.decoder.columns }

// Verdict says how completely the directory was read.
func (r *reader) Verdict() record.Verdict { return r.verdict }

// Close ends the read and the connection.
func (r *reader) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	if r.ended == nil {
		r.ended, r.page = errClosed, nil
	}
	r.stop()
	r.link.close()
	r.done.Wait()
	return nil
}

// Next returns the next record, or what is wrong with it.
func (r *reader) Next(ctx context.Context) (record.Record, error) {
	if r.ended != nil {
		return record.Record{}, r.ended
	}
	if err := ctx.Err(); err != nil {
		return record.Record{}, r.end(err)
	}
	for len(r.page) == 0 {
		select {
		case page, more := <-r.pages:
			if !more {
				return record.Record{}, r.end(r.err)
			}
			r.page = page
		case <-ctx.Done():
			return record.Record{}, r.end(ctx.Err())
		}
	}
	a := r.page[0]
	r.page = r.page[1:]
	if a.reject != nil {
		r.verdict.Rejects++
		return record.Record{}, a.reject
	}
	r.verdict.Records++
	return a.record, nil
}

// end settles the verdict: nil is the end that the server attested. Nothing else tells anybody that a preferred server doesn't answer.
func (r *reader) end(err error) error {
	r.ended, r.page = err, nil
	say := func(parts ...string) string { return strings.Join(parts, "; ") }
	if err == nil {
		r.ended = io.EOF
		noted := r.search.noted()
		r.verdict.Completeness = record.Proven
		r.verdict.Reason = say(slices.Concat(r.link.passed, []string{r.search.whole()}, noted)...)
		r.verdict.Note = say(slices.Concat(r.link.passed, noted)...)
		return r.ended
	}
	r.stop()
	r.verdict.Reason = fmt.Sprintf("%s wasn't read to its end: %s", r.link.server.shown, err)
	if known := (*readError)(nil); errors.As(err, &known) {
		r.verdict.Reason, r.verdict.Retryable = known.reason, known.retry
	}
	r.verdict.Reason = say(append(r.link.passed, r.verdict.Reason)...)
	return r.ended
}

// whole says what proves the read.
func (s *search) whole() string {
	return fmt.Sprintf("%s attests the end of %s with %s", s.link.server.shown, count(s.pages, "page"), count(s.entries, "entry"))
}

// noted says what isn't in the read.
func (s *search) noted() (parts []string) {
	if s.leftOut > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s disabled and left out", s.leftOut, count(s.entries, "entry")))
	}
	if s.referrals > 0 {
		parts = append(parts, count(s.referrals, "referral")+" to other servers ignored")
	}
	if unseen := s.decoder.unseen(); len(unseen) > 0 && s.entries > 0 {
		parts = append(parts, "no entry shows "+strings.Join(unseen, ", ")+": check the spelling, and whether the account that we sign in as may read it")
	}
	return parts
}
