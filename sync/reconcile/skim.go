package reconcile

import (
	"context"
	"errors"
	"slices"

	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// answer is what came of asking a reader once.
type answer struct {
	record record.Record
	err    error
	text   []byte      // the record's, where that says all of it
	digest user.Digest // of the text, and of everything else that decides about the record; 0: it isn't known
	rows   rows        // instead of all that: those whose records were passed over
}

// ends reports whether nothing comes after the answer.
func (a *answer) ends() bool {
	if a.err == nil {
		return false
	}
	_, rejected := errors.AsType[*record.RejectError](a.err)
	return !rejected
}

// continuedBy reports whether the other passes over the rows that follow.
func (a *answer) continuedBy(other *answer) bool {
	return a.rows != (rows{}) && a.rows.to == other.rows.from
}

// records is how many records it stands for.
func (a *answer) records() int { return max(1, int(a.rows.to-a.rows.from)) }

// rows are those from one to before another.
type rows struct{ from, to int64 }

// skimmer asks a reader for records, and passes over those that agree with their accounts. Records are known by their
// text, without the columns that nobody needs: one of those may say something else every night.
type skimmer struct {
	record.Skimmer
	mapper *mapping.Mapper
	skim   *plan.Skim
	salt   user.Digest
	digest user.Digester
	last   user.Digest // of the text that was asked about last; 0: none was since
	row    int64       // that agrees with it
	known  func(text []byte) bool
}

// skimmer returns how the reader is skimmed; nil where it can't be. A record's text doesn't say whether its photo's file
// changed.
func (r *run) skimmer(reader record.Reader, sieve *plan.Sieve, salt user.Digest) *skimmer {
	skims, can := reader.(record.Skimmer)
	if !can || r.Avatars.files() {
		return nil
	}
	s := &skimmer{Skimmer: skims, mapper: r.Mapper, skim: sieve.Skim(), salt: saltOf(salt, skims.Form())}
	s.known = s.isKnown // made once, and not for each record
	return s
}

// unneeded are the columns that decide about nobody, be pictures at hand in this run or not.
func (r *run) unneeded(columns *record.Columns) []string {
	needed := r.Mapper.Columns()
	if r.Avatars != nil {
		needed = append(needed, r.Avatars.Column)
	}
	return slices.DeleteFunc(slices.Clone(columns.Names()), func(name string) bool { return slices.Contains(needed, name) })
}

func saltOf(salt user.Digest, form string) user.Digest {
	var d user.Digester
	d.AddNumber(int64(salt)) //nolint:gosec // any number will do
	d.Add(form)
	return d.Digest()
}

// next asks for a record, or passes one over.
func (s *skimmer) next(ctx context.Context) answer {
	s.last = 0
	rec, passed, err := s.Skim(ctx, s.known)
	if passed {
		return answer{rows: rows{s.row, s.row + 1}}
	}
	a := answer{record: rec, err: err, digest: s.last}
	s.miss(&a)
	return a
}

func (s *skimmer) isKnown(text []byte) (known bool) {
	s.last = s.digestOf(text)
	s.row, known = s.skim.Known(s.last)
	return known
}

// resume digests the first record of a read, which was asked for before anything was known of anybody.
func (s *skimmer) resume(a *answer) {
	if a.text != nil {
		a.digest = s.digestOf(a.text)
	}
	s.miss(a)
}

func (s *skimmer) miss(a *answer) {
	if a.err != nil {
		return
	}
	if externalID, readable := s.mapper.Key(a.record); readable {
		s.skim.Miss(externalID)
	}
}

func (s *skimmer) digestOf(text []byte) user.Digest {
	s.digest.AddNumber(int64(s.salt)) //nolint:gosec // any number will do
	s.digest.AddBytes(text)
	return s.digest.Digest()
}

// first asks for the first record, whose text is kept.
func first(ctx context.Context, reader record.Reader) (a answer) {
	if s, can := reader.(record.Skimmer); can {
		a.record, _, a.err = s.Skim(ctx, func(text []byte) bool {
			a.text = slices.Clone(text)
			return false
		})
		return a
	}
	a.record, a.err = reader.Next(ctx)
	return a
}
