package state

import (
	"context"
	"database/sql"

	"cubesync/sync/user"
)

// Troubled returns the users who were refused or ended in doubt when they were sent last, each with the number of that
// run, by the plan.KeyOf of their external ID.
func (s *Store) Troubled(ctx context.Context) (map[user.Digest]int64, error) {
	var troubled map[user.Digest]int64
	err := s.read(ctx, "reading who was in trouble", func(db *sql.DB) error {
		troubled = map[user.Digest]int64{}
		_, err := readFact(ctx, db, factTroubled, &troubled)
		return err
	})
	return troubled, err
}

// SetTroubled stores them instead of those before.
func (s *Store) SetTroubled(ctx context.Context, troubled map[user.Digest]int64) error {
	return s.write(ctx, "storing who is in trouble", func(ctx context.Context, tx *sql.Tx) error {
		return writeFact(ctx, tx, factTroubled, troubled)
	})
}
