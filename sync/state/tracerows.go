package state

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// known looks through what is known of everybody.
func (t *tracer) known(ctx context.Context, tx *sql.Tx, who *plan.Person, found map[string]bool) error {
	return eachRow(ctx, tx, func(r *row) error {
		mayHold := func(name string) bool {
			return strings.Contains(strings.ToLower(r.account+r.notes), strings.ToLower(name))
		}
		if !who.Is(r.externalID, r.accountID) && !slices.ContainsFunc(who.Names, mayHold) { // most needn't be decoded
			return nil
		}
		e, err := r.entry()
		if err != nil {
			return err
		}
		held := who.HasName(e.account.Values[user.Login].Text) || who.HasName(e.account.Values[user.Email].Text) ||
			e.notes.Parked != nil && (who.HasName(e.notes.Parked.Login) || who.HasName(e.notes.Parked.Email))
		if !who.Is(e.externalID, e.account.ID) && !held {
			return nil
		}
		found[e.externalID] = true
		t.sameAccount(e.externalID, e.account.ID)
		if t.ids[e.externalID] {
			t.entry(&e)
		}
		return nil
	})
}

// entry gathers what is known under an external ID of theirs.
func (t *tracer) entry(e *entry) {
	t.Known++
	t.account(e.account)
	for field, text := range e.notes.Mine.fields() {
		if user.Field(field) != user.Tags {
			t.text(*text)
		}
	}
	for _, learned := range e.notes.Learned {
		if learned.Field != user.Tags {
			t.text(learned.Sent)
			t.text(learned.Got)
		}
	}
	if e.notes.KeptID != nil {
		t.text(*e.notes.KeptID)
	}
	if parked := e.notes.Parked; parked != nil {
		t.Parked = true
		t.name(parked.Login, parked.Email)
	}
	t.Absent = t.Absent || e.notes.Absence != nil
}

// journal looks through the operations of the kept runs.
func (t *tracer) journal(ctx context.Context, tx *sql.Tx, who *plan.Person, found map[string]bool) error {
	return each(ctx, tx, func(rows *sql.Rows) error {
		var externalID, text, ending, login, email string
		var accountID int64
		if err := scan(rows, &externalID, &accountID, &text, &ending, &login, &email); err != nil {
			return err
		}
		if !who.Is(externalID, accountID) && !who.HasName(login) && !who.HasName(email) {
			return nil
		}
		found[externalID] = true
		t.sameAccount(externalID, accountID)
		if !t.ids[externalID] {
			return nil
		}
		t.Operations++
		t.name(login, email)
		if ending == "" || Ending(ending) == DoneUnknown {
			t.InDoubt++
		}
		if accountID != 0 {
			t.accounts[accountID] = true
		}
		var mine map[user.Field]string
		if err := decode(text, &mine); err != nil {
			return err
		}
		for field, value := range mine {
			if field != user.Tags {
				t.text(value)
			}
		}
		return nil
	}, "SELECT external_id, account_id, mine, ending, login, email FROM "+journalled)
}

// late counts what may still be carried out among the operations in doubt.
func (t *tracer) late(ctx context.Context, tx *sql.Tx, who *plan.Person, found map[string]bool) error {
	return each(ctx, tx, func(rows *sql.Rows) error {
		var externalID, login string
		var accountID int64
		if err := scan(rows, &externalID, &login, &accountID); err != nil {
			return err
		}
		if !who.Is(externalID, accountID) && !who.HasName(login) {
			return nil
		}
		found[externalID] = true
		t.sameAccount(externalID, accountID)
		if t.ids[externalID] {
			t.Operations++
			t.InDoubt++
			t.name(login)
		}
		return nil
	}, "SELECT external_id, login, account_id FROM late")
}
