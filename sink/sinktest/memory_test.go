package sinktest_test

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// memory is an application that keeps all promises, and nothing else. Where the documentation is silent its switches
// give either answer.
type memory struct {
	sharedWrites      bool
	noAdmin           bool
	plainLogins       bool // with ASCII characters only
	repeatEmails      bool
	repeatExternalIDs bool
	repeatLogins      bool // which no application may

	mu        sync.Mutex
	accounts  map[int64]account.Account
	passwords map[int64]string
	lastID    int64
}

func newMemory() *memory {
	return &memory{accounts: map[int64]account.Account{}, passwords: map[int64]string{}}
}

func passwordOf(externalID string) string { return "password-of-" + externalID }

// as is the application under one authority: "owner", "shared" or "admin".
type as struct {
	*memory
	who string
}

func failure(kind account.Kind, field string) error {
	return &account.Error{Kind: kind, Call: "call", Field: field, Words: kind.String()}
}

func over(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return &account.Error{Kind: account.Unavailable, Call: "call", Words: ctx.Err().Error()}
}

func (m *memory) sorted() []account.Account {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []account.Account
	for _, id := range slices.Sorted(maps.Keys(m.accounts)) {
		all = append(all, m.accounts[id])
	}
	return all
}

func (a as) List(ctx context.Context, tag string, yield func(account.Account) error) error {
	for _, one := range a.sorted() {
		if err := over(ctx); err != nil {
			return err
		}
		if one.HasTag(tag) {
			if err := yield(one); err != nil {
				return err
			}
		}
	}
	return over(ctx)
}

func (a as) ListChanged(ctx context.Context, tag string, since time.Time, yield func(account.Account) error) (int, error) {
	total := 0
	for _, one := range a.sorted() {
		if one.HasTag(tag) {
			total++
		}
	}
	return total, a.List(ctx, tag, func(one account.Account) error {
		if one.UpdatedAt.Before(since.Truncate(time.Second)) {
			return nil
		}
		return yield(one)
	})
}

func keyOf(a account.Account, key account.Key) string {
	switch key {
	case account.ByID:
		return strconv.FormatInt(a.ID, 10)
	case account.ByExternalID:
		return a.ExternalID
	case account.ByLogin:
		return a.Values[user.Login].Text
	default:
		return a.Values[user.Email].Text
	}
}

func (a as) Find(ctx context.Context, key account.Key, values []string) ([]account.Account, error) {
	if err := over(ctx); err != nil {
		return nil, err
	}
	asked := map[string]bool{}
	for _, value := range values {
		asked[value] = value != ""
	}
	return slices.DeleteFunc(a.sorted(), func(one account.Account) bool { return !asked[keyOf(one, key)] }), nil
}

func (a as) Create(ctx context.Context, u user.User, password string) (account.Account, error) {
	if err := over(ctx); err != nil {
		return account.Account{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	made := account.Account{ID: a.lastID + 1, ExternalID: u.ExternalID, CreatedAt: second(), UpdatedAt: second()}
	for field := range made.Values {
		made.Values[field] = user.Text(u.Values[field].Text)
	}
	if err := a.check(made); err != nil {
		return account.Account{}, err
	}
	a.lastID++
	a.accounts[made.ID], a.passwords[made.ID] = made, password
	return made, nil
}

// check refuses an account that breaks the rules; the caller holds the lock.
func (m *memory) check(a account.Account) error {
	if n := utf8.RuneCountInString(a.Values[user.Login].Text); n < 3 || n > 70 {
		return failure(account.Invalid, "login")
	}
	if m.plainLogins && strings.ContainsFunc(a.Values[user.Login].Text, func(r rune) bool { return r > unicode.MaxASCII }) {
		return failure(account.Invalid, "login")
	}
	if len(user.SplitTags(a.Values[user.Tags].Text)) > account.MaxTags {
		return failure(account.Invalid, "tag_list")
	}
	for key, repeats := range map[account.Key]bool{
		account.ByLogin: m.repeatLogins, account.ByEmail: m.repeatEmails, account.ByExternalID: m.repeatExternalIDs,
	} {
		if repeats || keyOf(a, key) == "" {
			continue
		}
		for id, other := range m.accounts {
			if id != a.ID && keyOf(other, key) == keyOf(a, key) {
				if key != account.ByLogin && keyOf(other, account.ByLogin) == keyOf(a, account.ByLogin) {
					key = account.ByLogin // where all is taken, that is what is said
				}
				return failure(account.Conflict, string(key))
			}
		}
	}
	return nil
}

// open returns the account if the authority may write it; the caller holds the lock.
func (a as) open(known account.Account) (account.Account, error) {
	now, there := a.accounts[known.ID]
	switch {
	case !there:
		return now, failure(account.NotFound, "")
	case a.who == "owner" && a.passwords[known.ID] != passwordOf(known.ExternalID):
		return now, failure(account.PasswordNotOurs, "")
	case a.who == "shared" && !a.sharedWrites, a.who == "admin" && a.noAdmin:
		return now, failure(account.Forbidden, "")
	}
	return now, nil
}

func (a as) Update(ctx context.Context, known account.Account, change func(account.Account) (account.Write, error)) (account.Account, error) {
	if err := over(ctx); err != nil {
		return account.Account{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now, err := a.open(known)
	if err != nil {
		return account.Account{}, err
	}
	w, err := change(now)
	if err != nil {
		return account.Account{}, err
	}
	for field, value := range w.Values {
		if value.Set {
			now.Values[field] = value
		}
	}
	if w.ExternalID != "" {
		now.ExternalID = w.ExternalID
	}
	if err := a.check(now); err != nil {
		return account.Account{}, err
	}
	now.UpdatedAt = second()
	a.accounts[now.ID] = now
	return now, nil
}

// second is what time it is, as the service tells it.
func second() time.Time { return time.Now().UTC().Truncate(time.Second) }

func (a as) Clock() time.Time { return time.Time{} }

func (a as) Delete(ctx context.Context, known account.Account) error {
	if err := over(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := a.open(known); err != nil {
		return err
	}
	delete(a.accounts, known.ID)
	return nil
}
