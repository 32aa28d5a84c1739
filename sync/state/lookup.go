package state

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// NoRunError is a run that the state doesn't have, or not any more.
type NoRunError struct{ Run int64 }

func (e *NoRunError) Error() string {
	return "run " + strconv.FormatInt(e.Run, 10) + " isn't kept: `cubesync runs` lists those that are"
}

// Lookup returns the accounts of the mirror that text names: by external ID, account id, login or e-mail, as the last
// run that was carried out left them, each with the external ID under which it is known.
func (s *Store) Lookup(ctx context.Context, text string) ([]account.Account, error) {
	id, _ := strconv.ParseInt(text, 10, 64) // 0 is no account's
	var found []account.Account
	err := s.read(ctx, "looking somebody up", func(db *sql.DB) error {
		found = nil
		return eachRow(ctx, db, func(r *row) error {
			if r.accountID == 0 {
				return nil
			}
			byKey := r.externalID == text || id != 0 && r.accountID == id
			if !byKey && !strings.Contains(r.account, `"login"`) && !strings.Contains(r.account, `"email"`) {
				return nil
			}
			e, err := r.entry()
			if err != nil {
				return err
			}
			if byKey || holds(e.account, user.Login, text) || holds(e.account, user.Email, text) {
				e.account.ExternalID = e.externalID
				found = append(found, e.account)
			}
			return nil
		})
	})
	return found, err
}

func holds(a account.Account, field user.Field, text string) bool {
	have := a.Values[field].Text
	return have != "" && field.Equal(have, text)
}
