package state

import (
	"context"
	"database/sql"

	"cubesync/sync/user"
)

// Reset is the e-mail for a new password that somebody who was signed up is to get.
type Reset struct {
	State ResetState `json:"state"`
	Run   int64      `json:"run,omitempty"` // that tried to send it
}

// ResetState is how far it is. It is sent at most once: once it is tried, it is due no more, unless it is certain that
// nothing was sent.
type ResetState string

// The states.
const (
	ResetDue     ResetState = "due"
	ResetTried   ResetState = "tried"    // the run waits for the answer, or was killed
	ResetInDoubt ResetState = "in-doubt" // it may have been sent, and somebody was told so; never sent again
	ResetSent    ResetState = "sent"
	ResetRefused ResetState = "refused"
)

// ResetFor is somebody who is to get an e-mail, and where.
type ResetFor struct {
	ExternalID string
	AccountID  int64
	Email      string // "" where the account has none
	Reset      Reset
}

// OweResets makes an e-mail due to everybody whose sign-up is recorded or settled from now on, in the same commit.
func (s *Store) OweResets() { s.owesResets = true }

// owe makes an e-mail due to somebody who was signed up.
func (s *Store) owe(ctx context.Context, known *book, externalID string) error {
	if !s.owesResets {
		return nil
	}
	return known.update(ctx, externalID, func(e *entry) { e.notes.Reset = &Reset{State: ResetDue} })
}

// Resets returns everybody whose e-mail is in the state, in the order of their sign-ups. Who is missing from the source
// isn't among them.
func (s *Store) Resets(ctx context.Context, in ResetState) ([]ResetFor, error) {
	var all []ResetFor
	err := s.read(ctx, "reading who is to get an e-mail", func(db *sql.DB) error {
		all = nil
		return visitRows(ctx, db, func(r *row) error {
			e, err := r.entry()
			if n := &e.notes; err == nil && e.account.ID != 0 && n.Reset != nil && n.Reset.State == in && n.Absence == nil {
				all = append(all, ResetFor{e.externalID, e.account.ID, e.account.Values[user.Email].Text, *n.Reset})
			}
			return err
		}, `known WHERE instr(notes, ?) > 0 ORDER BY row`, `"reset":{"state":"`+string(in)+`"`)
	})
	return all, err
}

// SetReset remembers how far somebody's e-mail is, in a durable commit. Whoever isn't known any more is passed over.
func (s *Store) SetReset(ctx context.Context, externalID string, reset Reset) error {
	return s.write(ctx, "remembering an e-mail", func(ctx context.Context, tx *sql.Tx) error {
		known, err := openBook(ctx, tx)
		if err != nil {
			return err
		}
		e, there, err := known.entry(ctx, externalID)
		if err != nil || !there {
			return err
		}
		e.notes.Reset = &reset
		return known.store(ctx, &e)
	})
}
