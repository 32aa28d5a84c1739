package reconcile

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// Compare shows what the pipeline and another configuration of it would do with the same data: both plans are made from
// one read of this pipeline's source, one list and one state, and nothing is written. old's own source and state aren't
// used. The records are held in memory meanwhile.
func (p *Pipeline) Compare(ctx context.Context, old *Pipeline, order Order) (now, before *Result, err error) {
	data := &replay{source: p.Source}
	here, there := *p, *old
	here.HoldMost, there.HoldMost = math.MaxInt, math.MaxInt
	here.Source, there.Source = data, data
	here.Service = remember(p.Service)
	there.Service, there.StateDir = here.Service, here.StateDir
	if now, err = here.Preview(ctx, order); err != nil {
		return nil, nil, err
	}
	before, err = there.Preview(ctx, order)
	return now, before, err
}

// replay reads a source once and then says the same again.
type replay struct {
	source record.Source
	whole  *reading
}

type reading struct {
	columns *record.Columns
	left    []string
	form    string
	answers []answer
	verdict record.Verdict
}

func (r *replay) Open(ctx context.Context) (record.Reader, error) {
	if r.whole != nil {
		return &replayReader{reading: r.whole, next: 0, whole: r.whole.verdict}, nil
	}
	reader, err := r.source.Open(ctx)
	if err != nil {
		return nil, err
	}
	return &recorder{Reader: reader, to: r, reading: &reading{columns: reader.Columns()}}, nil
}

// recorder remembers a read that comes to its end.
type recorder struct {
	record.Reader
	to      *replay
	reading *reading
}

func (r *recorder) Leave(columns []string) {
	if s, can := r.Reader.(record.Skimmer); can {
		s.Leave(columns)
		r.reading.left, r.reading.form = columns, s.Form()
	}
}

func (r *recorder) Form() string { return r.reading.form }

func (r *recorder) Next(ctx context.Context) (record.Record, error) {
	rec, _, err := r.Skim(ctx, nobody)
	return rec, err
}

func (r *recorder) Skim(ctx context.Context, known func([]byte) bool) (record.Record, bool, error) {
	a := first(ctx, r.Reader)
	r.reading.answers = append(r.reading.answers, a)
	if errors.Is(a.err, io.EOF) {
		r.reading.verdict = r.Verdict()
		r.to.whole = r.reading
	}
	return a.record, a.text != nil && known(a.text), a.err
}

// nobody is known.
func nobody([]byte) bool { return false }

type replayReader struct {
	*reading
	next    int
	whole   record.Verdict
	unasked bool // the texts are of other columns
}

func (r *replayReader) Columns() *record.Columns { return r.columns }
func (r *replayReader) Form() string             { return r.form }
func (r *replayReader) Leave(columns []string)   { r.unasked = !slices.Equal(columns, r.left) }
func (r *replayReader) Close() error             { return nil }

func (r *replayReader) Next(ctx context.Context) (record.Record, error) {
	rec, _, err := r.Skim(ctx, nobody)
	return rec, err
}

func (r *replayReader) Skim(ctx context.Context, known func([]byte) bool) (record.Record, bool, error) {
	if err := ctx.Err(); err != nil {
		return record.Record{}, false, err
	}
	a := r.answers[min(r.next, len(r.answers)-1)]
	r.next++
	return a.record, a.text != nil && !r.unasked && known(a.text), a.err
}

func (r *replayReader) Verdict() record.Verdict {
	if r.next < len(r.answers) {
		return record.Verdict{Reason: "the records weren't read to their end", Evidence: r.whole.Evidence}
	}
	return r.whole
}

// remembered asks a service for nothing twice, and writes nothing.
type remembered struct {
	account.Service
	mu    sync.Mutex
	lists map[listing]*listed
	found map[account.Key]map[string][]account.Account // by the value asked for
}

func remember(service account.Service) *remembered {
	return &remembered{Service: service, lists: map[listing]*listed{}, found: map[account.Key]map[string][]account.Account{}}
}

// listing is what was listed: all that carry the tag, or those that were changed.
type listing struct {
	tag     string
	changed bool
	since   int64 // in Unix nanoseconds
}

type listed struct {
	accounts []account.Account
	total    int
}

func (r *remembered) List(ctx context.Context, tag string, yield func(account.Account) error) error {
	_, err := r.list(listing{tag: tag}, yield, func(keep func(account.Account) error) (int, error) {
		return 0, r.Service.List(ctx, tag, keep)
	})
	return err
}

func (r *remembered) ListChanged(ctx context.Context, tag string, since time.Time, yield func(account.Account) error) (int, error) {
	return r.list(listing{tag, true, since.UnixNano()}, yield, func(keep func(account.Account) error) (int, error) {
		return r.Service.ListChanged(ctx, tag, since, keep)
	})
}

func (r *remembered) list(what listing, yield func(account.Account) error, ask func(keep func(account.Account) error) (int, error)) (int, error) {
	r.mu.Lock()
	all, known := r.lists[what]
	r.mu.Unlock()
	if !known {
		all = &listed{}
		var err error
		all.total, err = ask(func(a account.Account) error {
			all.accounts = append(all.accounts, a)
			return nil
		})
		if err != nil {
			return 0, err
		}
		r.mu.Lock()
		r.lists[what] = all
		r.mu.Unlock()
	}
	for _, a := range all.accounts {
		if err := yield(a); err != nil {
			return 0, err
		}
	}
	return all.total, nil
}

func (r *remembered) Find(ctx context.Context, key account.Key, values []string) ([]account.Account, error) {
	var all []account.Account
	var unknown []string
	r.mu.Lock()
	for _, value := range values {
		if found, known := r.found[key][value]; known {
			all = append(all, found...)
		} else {
			unknown = append(unknown, value)
		}
	}
	r.mu.Unlock()
	if len(unknown) == 0 {
		return all, nil
	}
	found, err := r.Service.Find(ctx, key, unknown)
	if err != nil {
		return nil, err
	}
	r.remember(key, unknown, found)
	return append(all, found...), nil
}

func (r *remembered) remember(key account.Key, values []string, found []account.Account) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.found[key] == nil {
		r.found[key] = map[string][]account.Account{}
	}
	for _, value := range values {
		r.found[key][value] = nil
		for _, a := range found {
			if holds(a, key, value) {
				r.found[key][value] = append(r.found[key][value], a)
			}
		}
	}
}

// holds reports whether the account has the value under the key.
func holds(a account.Account, key account.Key, value string) bool {
	switch key {
	case account.ByID:
		return strconv.FormatInt(a.ID, 10) == value
	case account.ByExternalID:
		return a.ExternalID == value
	case account.ByLogin:
		return user.Login.Equal(a.Values[user.Login].Text, value)
	default:
		return user.Email.Equal(a.Values[user.Email].Text, value)
	}
}
