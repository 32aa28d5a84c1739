package state

import (
	"context"
	"database/sql"

	"cubesync/sync/plan"
)

// Rekeying returns the changes of external IDs of which it isn't known how they ended, the old ones by the new: the
// password of such an account may be that of either.
func (s *Store) Rekeying(ctx context.Context) (map[string]string, error) {
	var pairs map[string]string
	err := s.read(ctx, "reading which external IDs are being changed", func(db *sql.DB) error {
		var err error
		pairs, err = readRekeying(ctx, db)
		return err
	})
	return pairs, err
}

func readRekeying(ctx context.Context, db querier) (pairs map[string]string, err error) {
	_, err = readFact(ctx, db, factRekeying, &pairs)
	return pairs, err
}

// SetRekeying stores them, in one durable commit: before any of them is sent, and again when they ended.
func (s *Store) SetRekeying(ctx context.Context, pairs map[string]string) error {
	return s.write(ctx, "remembering which external IDs are being changed", func(ctx context.Context, tx *sql.Tx) error {
		return writeFact(ctx, tx, factRekeying, pairs)
	})
}

// settleRename takes in that a change of external ID turns out to have happened.
func (b *book) settleRename(ctx context.Context, found *Settled, rekeying map[string]string) error {
	old, renamed := rekeying[found.Intent.ExternalID]
	if !renamed || found.Intent.Kind != plan.Update || found.Account == nil {
		return nil
	}
	before, known, err := b.entry(ctx, old)
	if err != nil || !known || before.account.ID != found.Account.ID {
		return err
	}
	found.Applied = true
	return b.rename(ctx, old, found.Intent.ExternalID)
}
