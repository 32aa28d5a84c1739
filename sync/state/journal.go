package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// names are what an operation is looked up by where its answer is lost: what a sign-up sends, or what the account has.
func names(op *plan.Operation) (login, email string) {
	if op.Kind != plan.Create {
		was := op.Was()
		return was.Values[user.Login].Text, was.Values[user.Email].Text
	}
	for _, c := range op.Changes {
		switch c.Field {
		case user.Login:
			login = c.After
		case user.Email:
			email = c.After
		}
	}
	return login, email
}

// Record takes in how operations of the run ended, in one durable commit: their endings, the accounts that were
// written, and what the answers taught. An operation that was never sent needn't have been opened.
func (s *Store) Record(ctx context.Context, run int64, outcomes []Outcome) error {
	return s.close(ctx, run, outcomes, func(ctx context.Context, tx *sql.Tx) error {
		if err := journal(ctx, tx, run, outcomes); err != nil {
			return err
		}
		known, err := openBook(ctx, tx)
		if err != nil {
			return err
		}
		departed := 0
		for i := range outcomes {
			o := &outcomes[i]
			op := &o.Operation
			err := s.end(ctx, known, run, o)
			if err == nil && o.Late {
				login, _ := names(op)
				err = s.expect(ctx, tx, op.ExternalID, plan.Late{Login: login})
			}
			if err != nil {
				return err
			}
			if o.Ending == DoneApplied && leaves(op.Kind) {
				departed++
			}
		}
		if err := known.welcome(ctx); err != nil {
			return err
		}
		if err := known.agree(ctx, known.signedUp); err != nil {
			return err
		}
		return s.depart(ctx, tx, run, departed)
	})
}

// journal writes how operations ended. Of one in doubt stays what it was sent with.
func journal(ctx context.Context, tx *sql.Tx, run int64, outcomes []Outcome) error {
	ended := newAddition(tx, "INSERT INTO journal (run, external_id, kind, step, account_id, position, mine, ending, words) VALUES ",
		` ON CONFLICT DO UPDATE SET account_id = excluded.account_id, ending = excluded.ending,
			words = excluded.words, mine = CASE excluded.ending WHEN 'unknown' THEN mine ELSE '' END,
			login = CASE excluded.ending WHEN 'unknown' THEN login ELSE '' END, email = CASE excluded.ending WHEN 'unknown' THEN email ELSE '' END`, 9)
	for i := range outcomes {
		o := &outcomes[i]
		op := &o.Operation
		if o.Ending == DoneUnknown {
			if err := spread(ctx, tx, " WHERE run = ? AND external_id = ? AND kind = ? AND step = ?", run, op.ExternalID, op.Kind, op.Step); err != nil {
				return err
			}
		}
		id := op.AccountID
		if o.Account != nil {
			id = o.Account.ID
		}
		ended.args = append(ended.args, run, op.ExternalID, string(op.Kind), string(op.Step), id, string(op.Position), "", string(o.Ending), o.Words)
		if !ended.isFull() {
			continue
		}
		if _, err := ended.flush(ctx); err != nil {
			return err
		}
	}
	_, err := ended.flush(ctx)
	return err
}

// end takes in how an operation ended, and what is owed to whoever was signed up.
func (s *Store) end(ctx context.Context, known *book, run int64, o *Outcome) error {
	err := known.end(ctx, run, o, s.axisNow())
	if err != nil || o.Ending != DoneApplied || o.Operation.Kind != plan.Create {
		return err
	}
	return s.owe(ctx, known, o.Operation.ExternalID)
}

// end takes in how an operation ended, under the external ID that the account has after it. Whoever was signed up waits to be
// welcomed.
func (b *book) end(ctx context.Context, run int64, o *Outcome, at time.Time) error {
	op := &o.Operation
	if o.Ending != DoneApplied && !o.Refused {
		return nil
	}
	if o.Ending == DoneApplied && op.Kind == plan.Create {
		b.newcomers = append(b.newcomers, newcomer{run, o})
		if len(b.newcomers) < rowsAtOnce {
			return nil
		}
		return b.welcome(ctx)
	}
	if o.Ending == DoneApplied && op.Reason == plan.Rekeyed {
		if err := b.rename(ctx, *op.ExternalIDBefore, op.ExternalID); err != nil {
			return err
		}
	}
	return b.update(ctx, op.ExternalID, func(e *entry) { e.end(run, o, at) })
}

// agreesFromStart reports whether an entry may get its agreement with the outcome of the sign-up that made it: there is nothing
// else that a later run has to think of.
func (e *entry) agreesFromStart(o *Outcome) bool {
	n := &e.notes
	return o.Agreement.Key != 0 && o.Ending == DoneApplied && o.Operation.Kind == plan.Create && e.account.ID != 0 &&
		len(n.Learned) == 0 && n.Absence == nil && n.KeptID == nil && n.Parked == nil
}

// depart counts applied releases and deletes of the run.
func (s *Store) depart(ctx context.Context, tx *sql.Tx, run int64, count int) error {
	if count == 0 {
		return nil
	}
	latest := int64(math.MaxInt64) // the run may be one that was killed, before the clock was set
	if !s.latest.IsZero() {
		latest = s.latest.UnixMilli()
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO departure (run, at, count) SELECT id, min(at - ?, ?), ? FROM run WHERE id = ?
		ON CONFLICT DO UPDATE SET count = count + excluded.count`, s.ahead.Milliseconds(), latest, count, run)
	return err
}

// Pending returns the intents whose outcome isn't known, because their run was killed or ended in doubt about them,
// the oldest run's first, then by external ID. Asked for before a run opens its first chunk, they are all of earlier
// runs.
func (s *Store) Pending(ctx context.Context) ([]Intent, error) {
	var all []Intent
	err := s.read(ctx, "reading what is in doubt", func(db *sql.DB) error {
		return each(ctx, db, func(rows *sql.Rows) error {
			var i Intent
			var opened int64
			err := scan(rows, &i.Run, &i.Kind, &i.Step, &i.ExternalID, &i.AccountID, &i.Login, &i.Email, &opened)
			if opened != 0 {
				i.Opened = time.UnixMilli(opened).UTC()
			}
			all = append(all, i)
			return err
		}, `SELECT run, kind, step, external_id, account_id, login, email, opened FROM journal WHERE ending IN ('', 'unknown')
			UNION ALL SELECT run, kind, step, external_id, account_id, login, email, opened FROM `+intents+`
			ORDER BY run, external_id, kind, step`)
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Settled is what was found out about a pending intent.
type Settled struct {
	Intent  Intent
	Applied bool
	Account *account.Account // of an applied create or adoption, and of any update: as it was found
	Note    string           // what else was found out and done; "" for nothing
}

// Settle resolves pending intents, in one durable commit. One that isn't pending any more is left as it is.
func (s *Store) Settle(ctx context.Context, settled []Settled) error {
	return s.spreading(ctx, "settling what was in doubt", func(ctx context.Context, tx *sql.Tx) error {
		known, err := openBook(ctx, tx)
		if err != nil {
			return err
		}
		rekeying, err := readRekeying(ctx, tx)
		if err != nil {
			return err
		}
		for i := range settled {
			if err := s.expect(ctx, tx, settled[i].Intent.ExternalID, settled[i].Intent.late(rekeying)); err != nil {
				return err
			}
			if err := known.settleRename(ctx, &settled[i], rekeying); err != nil {
				return err
			}
			if err := s.settle(ctx, tx, known, &settled[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) settle(ctx context.Context, tx *sql.Tx, known *book, found *Settled) error {
	intent := found.Intent
	const which = " WHERE run = ? AND external_id = ? AND kind = ? AND step = ? AND ending IN ('', 'unknown')"
	var text string
	err := tx.QueryRowContext(ctx, "SELECT mine FROM journal"+which, intent.Run, intent.ExternalID, intent.Kind, intent.Step).Scan(&text)
	if err != nil {
		return ignoreNoRows(err)
	}
	var mine map[user.Field]string
	if err := decode(text, &mine); err != nil {
		return fmt.Errorf("the intent to %s %q: %w", intent.Kind, intent.ExternalID, err)
	}
	ending, words, id := NotAttempted, "the run ended in doubt; not found applied afterwards", intent.AccountID
	if found.Applied {
		ending, words = DoneApplied, "the run ended in doubt; found applied afterwards"
	}
	if found.Note != "" {
		words += "; " + found.Note
	}
	if found.Account != nil {
		id = found.Account.ID
	}
	_, err = tx.ExecContext(ctx, "UPDATE journal SET ending = ?, words = ?, account_id = ?, mine = '', login = '', email = ''"+which,
		ending, words, id, intent.Run, intent.ExternalID, intent.Kind, intent.Step)
	if err != nil {
		return err
	}
	if !found.Applied {
		if intent.Kind != plan.Update {
			return nil
		}
		return known.update(ctx, intent.ExternalID, func(e *entry) { e.mayCarry(intent.AccountID, found.Account, intended(mine)) })
	}
	if leaves(intent.Kind) {
		if err := s.depart(ctx, tx, intent.Run, 1); err != nil {
			return err
		}
	}
	err = known.update(ctx, intent.ExternalID, func(e *entry) { e.applied(intent.Run, intent.Kind, found.Account, intended(mine)) })
	if err == nil && intent.Kind == plan.Create {
		err = s.owe(ctx, known, intent.ExternalID)
	}
	return err
}

// StoredOutcome is how an operation of an earlier run ended.
type StoredOutcome struct {
	Kind       plan.Kind
	Step       plan.Step
	ExternalID string
	AccountID  int64           // 0 where there is none
	Position   record.Position // "" where there was no record
	Ending     Ending
	Words      string
}

// Outcomes yields how the operations of a run ended, by external ID; one that was opened and has no outcome is
// unknown. It stops with the error that yield returns, as it is.
func (s *Store) Outcomes(ctx context.Context, run int64, yield func(StoredOutcome) error) error {
	var stopped error
	err := s.read(ctx, fmt.Sprintf("reading the outcomes of run %d", run), func(db *sql.DB) error {
		return each(ctx, db, func(rows *sql.Rows) error {
			var o StoredOutcome
			if err := scan(rows, &o.Kind, &o.Step, &o.ExternalID, &o.AccountID, &o.Position, &o.Ending, &o.Words); err != nil {
				return err
			}
			if o.Ending == "" {
				o.Ending = DoneUnknown
			}
			stopped = yield(o)
			return stopped
		}, `SELECT kind, step, external_id, account_id, position, ending, words FROM journal WHERE run = ?1
			UNION ALL SELECT kind, step, external_id, account_id, position, ending, words FROM `+intents+` WHERE run = ?1
			ORDER BY external_id, kind, step DESC`, run)
	})
	if stopped != nil {
		return stopped
	}
	return err
}

// ignoreNoRows makes nothing of an intent that isn't pending any more.
func ignoreNoRows(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}
