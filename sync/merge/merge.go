// Package merge reads several sources as one: it joins their records by a key, and gives one wide record for each. It knows
// neither what kinds of sources they are nor what becomes of a record.
//
// Of one key there are
//
//	one record in each source that has it     one record; what a source without it would say is absent
//	several records in a source               each combination, for the planner to see whether they differ
//	a reject in any source                    that reject, with the key: nobody is known by half
//
// A record without a key is a reject. Whether a source lacks a key is known as far as that source's read shows for certain who
// is missing: otherwise the record of such a key is in doubt.
//
// All records are read, and put aside, before the first is given: the sources are in orders of their own.
package merge

import (
	"context"
	"errors"
	"fmt"

	"cubesync/sync/record"
	"cubesync/sync/spool"
)

// KeyColumn is the column that holds what the records were joined by. All others are called NAME.COLUMN.
const KeyColumn = "key"

// Part is one of the sources.
type Part struct {
	Name    string // without a dot
	Source  record.Source
	Key     string   // its column that the records are joined by
	Columns []string // those that are read; of the others only the names are known

	// Accept is the least verdict by which who isn't in it is believed to be missing.
	Accept record.Completeness
}

// Options say what is read, and how.
type Options struct {
	Parts []Part
	// Identifies says that the key is the external ID, so that a reject with a key is known to be that user's.
	Identifies bool
	Folder     string // where records are put aside, if there are too many for memory
}

// Source is several sources that can be read any number of times.
type Source struct{ Options }

var _ record.Source = (*Source)(nil)

// New makes a source of several; it reads none of them.
func New(options Options) *Source { return &Source{options} }

// Open begins a read of all sources.
func (s *Source) Open(ctx context.Context) (record.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := &reader{Options: s.Options, aside: spool.NewRecords(s.Folder)}
	for i := range s.Parts {
		if err := r.open(ctx, i); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", s.Parts[i].Name, err), r.Close())
		}
	}
	if err := r.name(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	r.verdict = record.Verdict{Reason: "the sources weren't read to their end", Evidence: r.evidence()}
	return r, nil
}
