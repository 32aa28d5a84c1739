package state

import (
	"context"
	"database/sql"

	"cubesync/sync/account"
	"cubesync/sync/plan"
)

// SetAvatar remembers what became of an account's avatar in the run. Until it has returned nil, nothing says that the avatar
// was set, and the next run sets it again.
func (s *Store) SetAvatar(ctx context.Context, run int64, externalID string, of account.Account, avatar plan.Uploaded) error {
	return s.write(ctx, "remembering an avatar", func(ctx context.Context, tx *sql.Tx) error {
		known, err := openBook(ctx, tx)
		if err != nil {
			return err
		}
		return known.update(ctx, externalID, func(e *entry) {
			if e.account.ID != of.ID {
				e.show(of)
			}
			e.notes.Avatar, e.written = &avatar, run
		})
	})
}

// Avatar returns what is remembered of an account's avatar; nothing where the external ID is known with another account.
func (s *Store) Avatar(ctx context.Context, externalID string, accountID int64) (plan.Uploaded, error) {
	var given plan.Uploaded
	err := s.read(ctx, "reading an avatar", func(db *sql.DB) error {
		return visitRows(ctx, db, func(r *row) error {
			e, err := r.entry()
			if err == nil && e.account.ID == accountID && e.notes.Avatar != nil {
				given = *e.notes.Avatar
			}
			return err
		}, "known WHERE external_id = ?", externalID)
	})
	return given, err
}

// Accounts returns the accounts of the mirror that are known under the external IDs, by them; those without one are left out.
func (s *Store) Accounts(ctx context.Context, externalIDs []string) (map[string]account.Account, error) {
	all := make(map[string]account.Account, len(externalIDs))
	err := s.read(ctx, "reading accounts", func(db *sql.DB) error {
		for _, externalID := range externalIDs {
			err := visitRows(ctx, db, func(r *row) error {
				e, err := r.entry()
				if err == nil && e.account.ID != 0 {
					all[externalID] = e.account
				}
				return err
			}, "known WHERE external_id = ?", externalID)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}
