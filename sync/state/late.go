package state

import (
	"context"
	"database/sql"
	"time"

	"cubesync/sync/plan"
)

// Late returns the calls that were never answered and may still be carried out, by external ID: those that are in doubt, and
// those of which something was found out, or that were repeated, not long ago. It is asked after Tick.
func (s *Store) Late(ctx context.Context) (map[string]plan.Late, error) {
	pending, err := s.Pending(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]plan.Late{}
	err = s.read(ctx, "reading what may still be carried out", func(db *sql.DB) error {
		clear(all)
		rekeying, err := readRekeying(ctx, db)
		if err != nil {
			return err
		}
		err = each(ctx, db, func(rows *sql.Rows) error {
			var externalID string
			var late plan.Late
			var since int64
			err := scan(rows, &externalID, &late.Login, &late.AccountID, &since)
			late.Until = s.wall(time.UnixMilli(since)).Add(plan.LateAtMost)
			all[externalID] = late
			return err
		}, "SELECT external_id, login, account_id, since FROM late WHERE since > ?", s.latest.Add(-plan.LateAtMost).UnixMilli())
		for i := range pending {
			if late := pending[i].late(rekeying); late != (plan.Late{}) {
				late.Until = s.wall(s.latest).Add(plan.LateAtMost)
				all[pending[i].ExternalID] = late
			}
		}
		return err
	})
	return all, err
}

// late is what may come of the intent if it is carried out late; the zero one where that makes no second account.
func (i *Intent) late(rekeying map[string]string) plan.Late {
	switch {
	case i.Kind == plan.Create:
		return plan.Late{Login: i.Login}
	case i.Kind == plan.Adopt, i.Kind == plan.Update && rekeying[i.ExternalID] != "":
		return plan.Late{AccountID: i.AccountID}
	default:
		return plan.Late{}
	}
}

// expect remembers from now on what may be carried out late.
func (s *Store) expect(ctx context.Context, tx *sql.Tx, externalID string, late plan.Late) error {
	if late == (plan.Late{}) {
		return nil
	}
	since := s.axisNow().UnixMilli()
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO late (external_id, login, account_id, since) VALUES (?, ?, ?, ?)",
		externalID, late.Login, late.AccountID, since)
	return err
}

// expectNoMore forgets what isn't expected any more.
func expectNoMore(ctx context.Context, tx *sql.Tx, steady time.Time) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM late WHERE since <= ?", steady.Add(-plan.LateAtMost).UnixMilli())
	return err
}
