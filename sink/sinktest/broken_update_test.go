package sinktest_test

import (
	"context"
	"fmt"
	"strings"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

func brokenUpdates() []breach {
	background := context.Background()
	return []breach{
		{"an update writes the other fields as they were known", "owner", "update-merges", updating(func(_ *memory, next account.Service, known account.Account, change changeFunc) (account.Account, error) {
			return next.Update(background, known, func(now account.Account) (account.Write, error) {
				w, err := change(known)
				return w, err
			})
		})},
		{"an update clears what change doesn't return", "owner", "update-changes-only-that-field", updating(func(_ *memory, next account.Service, known account.Account, change changeFunc) (account.Account, error) {
			return next.Update(background, known, func(now account.Account) (account.Write, error) {
				w, err := change(now)
				if !w.Values[user.Phone].Set {
					w.Values[user.Phone] = user.Text("")
				}
				return w, err
			})
		})},
		{"an update answers with the account before it", "owner", "update-changes-only-that-field", updating(func(m *memory, next account.Service, known account.Account, change changeFunc) (account.Account, error) {
			var before account.Account
			_, err := next.Update(background, known, func(now account.Account) (account.Write, error) {
				before = now
				return change(now)
			})
			return before, err
		})},
		{"an empty value is left out", "owner", "update-clears-a-field", updating(func(_ *memory, next account.Service, known account.Account, change changeFunc) (account.Account, error) {
			return next.Update(background, known, func(now account.Account) (account.Write, error) {
				w, err := change(now)
				for field, value := range w.Values {
					w.Values[field].Set = value.Set && value.Text != ""
				}
				return w, err
			})
		})},
		{"tags are added, never taken off", "owner", "update-changes-only-that-field", updating(func(_ *memory, next account.Service, known account.Account, change changeFunc) (account.Account, error) {
			return next.Update(background, known, func(now account.Account) (account.Write, error) {
				w, err := change(now)
				if w.Values[user.Tags].Set {
					both := append(user.SplitTags(w.Values[user.Tags].Text), user.SplitTags(now.Values[user.Tags].Text)...)
					w.Values[user.Tags].Text = user.JoinTags(both)
				}
				return w, err
			})
		})},
		{"an update of nothing writes what was known", "owner", "update-of-nothing", updating(func(_ *memory, next account.Service, known account.Account, change changeFunc) (account.Account, error) {
			return next.Update(background, known, func(now account.Account) (account.Write, error) {
				w, err := change(now)
				if err == nil && w == (account.Write{}) {
					return account.Write{Values: known.Values}, nil
				}
				return w, err
			})
		})},
		{"an external ID is said to be taken, and isn't", "owner", "update-external-id", updating(func(_ *memory, next account.Service, known account.Account, change changeFunc) (account.Account, error) {
			taken := ""
			now, err := next.Update(background, known, func(now account.Account) (account.Write, error) {
				w, err := change(now)
				taken, w.ExternalID = w.ExternalID, ""
				return w, err
			})
			if taken != "" {
				now.ExternalID = taken
			}
			return now, err
		})},
		{"change's error is wrapped", "owner", "update-returns-changes-error", updating(func(_ *memory, next account.Service, known account.Account, change changeFunc) (account.Account, error) {
			return next.Update(background, known, func(now account.Account) (account.Write, error) {
				w, err := change(now)
				if err != nil {
					err = fmt.Errorf("change: %w", err)
				}
				return w, err
			})
		})},
		{"change's error keeps nothing from being written", "owner", "update-returns-changes-error", updating(func(m *memory, next account.Service, known account.Account, change changeFunc) (account.Account, error) {
			now, err := next.Update(background, known, change)
			if err != nil {
				m.write(known.ID, func(a *account.Account) { a.Values[user.FullName] = known.Values[user.FullName] })
			}
			return now, err
		})},
		{"an update takes a login over", "owner", "update-conflict", updating(func(m *memory, next account.Service, known account.Account, change changeFunc) (account.Account, error) {
			now, err := next.Update(background, known, change)
			if account.KindOf(err) == account.Conflict {
				m.write(known.ID-1, func(a *account.Account) { a.Values[user.Login] = user.Text(a.ExternalID + "-moved") })
			}
			return now, err
		})},
		{"a refused update as shared is written", "shared", "update-as-shared", updating(func(m *memory, next account.Service, known account.Account, change changeFunc) (account.Account, error) {
			m.write(known.ID, func(a *account.Account) { a.Values[user.FullName] = user.Text("Zoë Lee") })
			return next.Update(background, known, change)
		})},
		{"an update as shared is said to be done, and isn't", "shared", "update-as-shared", updating(func(_ *memory, _ account.Service, known account.Account, change changeFunc) (account.Account, error) {
			w, err := change(known)
			known.Values[user.FullName] = w.Values[user.FullName]
			return known, err
		})},
		{"a refused update as shared ends the run", "shared", "update-as-shared", instead(account.Forbidden, account.Unauthenticated, "")},
		{"the password isn't asked for", "owner", "update-with-another-password", updating(func(m *memory, next account.Service, known account.Account, change changeFunc) (account.Account, error) {
			if password, there := m.password(known.ID); there {
				known.ExternalID = strings.TrimPrefix(password, "password-of-")
			}
			return next.Update(background, known, change)
		})},
		{"another password ends the run", "owner", "update-with-another-password", instead(account.PasswordNotOurs, account.Unauthenticated, "")},
		{"an update of a deleted user signs them up", "owner", "update-of-a-deleted-user", updating(func(_ *memory, next account.Service, known account.Account, change changeFunc) (account.Account, error) {
			now, err := next.Update(background, known, change)
			if account.KindOf(err) == account.NotFound {
				_, _ = next.Create(background, user.User{ExternalID: known.ExternalID, Values: known.Values}, passwordOf(known.ExternalID))
			}
			return now, err
		})},
		{"an update of a deleted user is done", "shared", "update-of-a-deleted-user", updating(func(*memory, account.Service, account.Account, changeFunc) (account.Account, error) {
			return account.Account{}, nil
		})},
	}
}

func (m *memory) password(id int64) (password string, there bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	password, there = m.passwords[id]
	return password, there
}
