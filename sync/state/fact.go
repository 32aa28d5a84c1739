package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// The facts that are kept.
const (
	factIdentity   = "identity"
	factBaseline   = "baseline"
	factEvidence   = "evidence"
	factConfirmed  = "confirmed"
	factClock      = "clock"
	factRekeying   = "rekeying"
	factListing    = "listing"
	factAgreements = "agreements"
	factTroubled   = "troubled"
	factSchema     = "schema"
	factCursor     = "cursor"
)

// facts are the names of all of them.
func facts() []string {
	return []string{factIdentity, factBaseline, factEvidence, factConfirmed, factClock, factRekeying, factListing, factAgreements, factTroubled, factSchema, factCursor}
}

// week is how far back releases and deletes are counted.
const week = 7 * 24 * time.Hour

// Baseline returns what the last applied run saw; nil before the first.
func (s *Store) Baseline(ctx context.Context) (*plan.Baseline, error) {
	baseline, known, err := lookFact[plan.Baseline](ctx, s, "reading the baseline", factBaseline)
	if err != nil || !known {
		return nil, err
	}
	return &baseline, nil
}

// LastEvidence returns what identifies the data of the last counted read; false where none was counted yet.
func (s *Store) LastEvidence(ctx context.Context) (evidence record.Evidence, known bool, err error) {
	return lookFact[record.Evidence](ctx, s, "reading the last evidence", factEvidence)
}

// Listing is how the accounts were listed last.
type Listing struct {
	// Watermark is when the last list began, by the service's clock; zero where that isn't known.
	Watermark time.Time `json:"watermark,omitzero"`
	Ours      time.Time `json:"ours,omitzero"`      // the same moment by our clock
	SinceFull int       `json:"since_full"`         // how many runs there were since all was listed and the mirror brought to it
	Outdated  bool      `json:"outdated,omitempty"` // an account turned out not to be as it was listed
}

// Listing returns how the accounts were listed last; the zero Listing before the first time.
func (s *Store) Listing(ctx context.Context) (Listing, error) {
	listing, _, err := lookFact[Listing](ctx, s, "reading how accounts were listed", factListing)
	return listing, err
}

// Cursor is where the source is read from, where only what changed is read.
type Cursor struct {
	// Source is the source's own cursor; "" where the next read has to be of all records.
	Source string `json:"source,omitempty"`
	// Digest is of all that decided about the records before it: by other rules, they have to be read again.
	Digest user.Digest `json:"digest,omitempty"`
	// SinceAll is how many runs there were since all records were read.
	SinceAll int `json:"since_all"`
}

// Cursor returns where the source is read from; the zero Cursor before the first time.
func (s *Store) Cursor(ctx context.Context) (Cursor, error) {
	cursor, _, err := lookFact[Cursor](ctx, s, "reading where the source is read from", factCursor)
	return cursor, err
}

// Rule forgets where the source is read from if other rules decided about the records before it. It has to be called before
// anything is written by these: should they be gone again in the next run, nothing else tells of whom they wrote.
func (s *Store) Rule(ctx context.Context, digest user.Digest) error {
	cursor, err := s.Cursor(ctx)
	if err != nil || cursor.Source == "" || cursor.Digest == digest {
		return err
	}
	return s.write(ctx, "storing by which rules is written", func(ctx context.Context, tx *sql.Tx) error {
		return writeFact(ctx, tx, factCursor, Cursor{Digest: digest})
	})
}

// Confirmed reports whether a person has agreed to writing to this application.
func (s *Store) Confirmed(ctx context.Context) (bool, error) {
	confirmed, _, err := lookFact[bool](ctx, s, "reading whether writing was confirmed", factConfirmed)
	return confirmed, err
}

// Confirm remembers that a person has agreed to writing to this application.
func (s *Store) Confirm(ctx context.Context) error {
	return s.write(ctx, "remembering that writing was confirmed", func(ctx context.Context, tx *sql.Tx) error {
		return writeFact(ctx, tx, factConfirmed, true)
	})
}

// WeekDeletes returns how many releases and deletes were applied in the seven days before now, by the ends of their
// runs; by its start for a run that hasn't ended.
func (s *Store) WeekDeletes(ctx context.Context, now time.Time) (int, error) {
	n := 0
	err := s.read(ctx, "counting the week's deletes", func(db *sql.DB) error {
		return db.QueryRowContext(ctx, "SELECT coalesce(sum(count), 0) FROM departure WHERE at > ?",
			s.steady(now).Add(-week).UnixMilli()).Scan(&n)
	})
	return n, err
}

// lookFact looks a fact up by itself; where it isn't known, the value is zero.
func lookFact[T any](ctx context.Context, s *Store, doing, name string) (value T, known bool, err error) {
	err = s.read(ctx, doing, func(db *sql.DB) (err error) {
		var fresh T // a look may be repeated
		known, err = readFact(ctx, db, name, &fresh)
		value = fresh
		return err
	})
	return value, known, err
}

func readFact(ctx context.Context, db querier, name string, value any) (known bool, err error) {
	var text string
	var sum int64
	err = db.QueryRowContext(ctx, "SELECT value, sum FROM fact WHERE name = ?", name).Scan(&text, &sum)
	if errors.Is(err, sql.ErrNoRows) {
		return false, noneUnknown(ctx, db)
	}
	if err != nil {
		return false, err
	}
	if sum != checksum(name, text) {
		return false, fmt.Errorf("the %s: %w", name, errBroken)
	}
	if err := json.Unmarshal([]byte(text), value); err != nil {
		return false, fmt.Errorf("the %s: %w: %w", name, errBroken, err)
	}
	return true, nil
}

// noneUnknown refuses facts of other names: one of them would be the one that is missed.
func noneUnknown(ctx context.Context, db querier) error {
	unknown := 0
	err := db.QueryRowContext(ctx, "SELECT count(*) FROM fact WHERE name NOT IN ("+quoted(facts())+")").Scan(&unknown)
	if err == nil && unknown > 0 {
		err = fmt.Errorf("%d facts of unknown names: %w", unknown, errBroken)
	}
	return err
}

func writeFact(ctx context.Context, tx *sql.Tx, name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO fact (name, value, sum) VALUES (?, ?, ?)",
		name, string(text), checksum(name, string(text)))
	return err
}
