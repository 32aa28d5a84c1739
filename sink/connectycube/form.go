package connectycube

import (
	"errors"
	"strconv"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// form says how a list's items are read: as accounts, for keeping them equal, or as whole records.
type form[T any] struct {
	page    func(into *page[T]) func(body []byte) error // of v2
	oldPage func(into *page[T]) func(body []byte) error // of v1, where each item is wrapped
	id      func(T) int64
	holds   func(item T, field string) []string // the values that the item holds in the field
}

// wrapped is an item of a v1 list.
type wrapped[W any] struct {
	User *W `json:"user"`
}

func unwrap[W, T any](convert func(*W) (T, error)) func(*wrapped[W]) (T, error) {
	return func(item *wrapped[W]) (T, error) {
		if item.User == nil {
			var none T
			return none, errors.New("it holds an item without a user")
		}
		return convert(item.User)
	}
}

func accountForm() form[account.Account] {
	convert := (*wireUser).account
	return form[account.Account]{
		page: func(into *page[account.Account]) func([]byte) error { return readPage(into, convert) },
		oldPage: func(into *page[account.Account]) func([]byte) error {
			return readPage(into, unwrap(convert))
		},
		id:    func(a account.Account) int64 { return a.ID },
		holds: accountHolds,
	}
}

func accountHolds(a account.Account, field string) []string {
	switch field {
	case string(account.ByID):
		return []string{strconv.FormatInt(a.ID, 10)}
	case string(account.ByExternalID):
		return []string{a.ExternalID}
	case string(account.ByLogin):
		return []string{a.Values[user.Login].Text}
	case string(account.ByEmail):
		return []string{a.Values[user.Email].Text}
	default: // the tags: accounts are asked for by nothing else
		return user.SplitTags(a.Values[user.Tags].Text)
	}
}

func userForm() form[User] {
	convert := func(u *User) (User, error) { return *u, nil }
	return form[User]{
		page:    func(into *page[User]) func([]byte) error { return readPage(into, convert) },
		oldPage: func(into *page[User]) func([]byte) error { return readPage(into, unwrap(convert)) },
		id:      func(u User) int64 { return u.ID },
		holds:   userHolds,
	}
}

func userHolds(u User, field string) []string {
	switch field {
	case FieldID.name():
		return []string{strconv.FormatInt(u.ID, 10)}
	case FieldTags.name():
		return u.Tags
	}
	texts := map[string]Text{
		FieldLogin.name(): u.Login, FieldEmail.name(): u.Email, FieldFullName.name(): u.FullName, FieldPhone.name(): u.Phone,
		FieldExternalID.name(): u.ExternalID, FieldFacebookID.name(): u.FacebookID, FieldTwitterID.name(): u.TwitterID,
	}
	return []string{texts[field].Text}
}
