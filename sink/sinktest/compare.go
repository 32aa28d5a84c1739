package sinktest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// differences says in what an account isn't as it should be, in words that mean the same.
func differences(got, want account.Account) error {
	var found []error
	if got.ExternalID != want.ExternalID {
		found = append(found, fmt.Errorf("external_id is %q, want %q", got.ExternalID, want.ExternalID))
	}
	for _, field := range user.Fields() {
		switch value := got.Values[field]; {
		case !value.Set:
			found = append(found, fmt.Errorf("%s isn't set: an account knows all its values", field))
		case !field.Equal(value.Text, want.Values[field].Text):
			found = append(found, fmt.Errorf("%s is %q, want %q", field, value.Text, want.Values[field].Text))
		}
	}
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("account %d isn't as it should be: %w", got.ID, errors.Join(found...))
}

// accountOf is the account that the user gets.
func accountOf(id int64, u user.User) account.Account {
	return account.Account{ID: id, ExternalID: u.ExternalID, Values: u.Values}
}

// with returns the account with a field changed.
func with(a account.Account, field user.Field, text string) account.Account {
	a.Values[field] = user.Text(text)
	return a
}

// refused proves that an error is the service's, of one of the kinds.
func refused(err error, kinds ...account.Kind) error {
	failed, ok := errors.AsType[*account.Error](err)
	switch {
	case err == nil:
		return errors.New("it was done, where a refusal is due")
	case !ok:
		return fmt.Errorf("this should be an *account.Error: %w", err)
	case failed.Call == "":
		return fmt.Errorf("this should say which call failed: %w", err)
	case !slices.Contains(kinds, failed.Kind):
		return fmt.Errorf("this is %s, want one of %v: %w", failed.Kind, kinds, err)
	}
	return nil
}

// taken proves that the field's value was refused because somebody has it.
func taken(err error, field string) error {
	if wrong := refused(err, account.Conflict); wrong != nil {
		return wrong
	}
	if failed, _ := errors.AsType[*account.Error](err); failed.Field != field {
		return fmt.Errorf("this is about the field %q, want %q: %w", failed.Field, field, err)
	}
	return nil
}

func byID(a, b account.Account) int { return cmp.Compare(a.ID, b.ID) }

func idOf(a account.Account) string { return strconv.FormatInt(a.ID, 10) }

func idsOf(accounts []account.Account) []int64 {
	ids := make([]int64, len(accounts))
	for i, a := range accounts {
		ids[i] = a.ID
	}
	return ids
}

// numbers says which accounts these are, the first of them if they are many.
func numbers(accounts []account.Account) string {
	const shown = 5
	if len(accounts) == 0 {
		return "nobody"
	}
	var text []string
	for _, a := range accounts[:min(shown, len(accounts))] {
		text = append(text, idOf(a))
	}
	if more := len(accounts) - shown; more > 0 {
		text = append(text, fmt.Sprintf("%d more", more))
	}
	return "account " + strings.Join(text, ", ")
}
