package sinktest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

type changedFunc = func(ctx context.Context, tag string, since time.Time, yield func(account.Account) error) (int, error)

// changed breaks lists of changes.
func changed(breaks func(m *memory, next account.Service) changedFunc) func(*memory, account.Service) broken {
	return func(m *memory, next account.Service) broken { return broken{change: breaks(m, next)} }
}

// changesOf breaks lists of changes by what they hold.
func changesOf(spoil func(m *memory, since time.Time, listed []account.Account) []account.Account) func(*memory, account.Service) broken {
	return changed(func(m *memory, next account.Service) changedFunc {
		return func(ctx context.Context, tag string, since time.Time, yield func(account.Account) error) (int, error) {
			var all []account.Account
			total, err := next.ListChanged(ctx, tag, since, func(a account.Account) error { all = append(all, a); return nil })
			if err != nil {
				return 0, err
			}
			for _, a := range spoil(m, since, all) {
				if err := yield(a); err != nil {
					return 0, err
				}
			}
			return total, nil
		}
	})
}

// without leaves those out of changes.
func without(whom func(account.Account) bool) func(*memory, account.Service) broken {
	return changesOf(func(_ *memory, _ time.Time, all []account.Account) []account.Account {
		return slices.DeleteFunc(all, whom)
	})
}

// total breaks the total that comes with changes.
func total(wrong func(m *memory, listed, total int) int) func(*memory, account.Service) broken {
	return changed(func(m *memory, next account.Service) changedFunc {
		return func(ctx context.Context, tag string, since time.Time, yield func(account.Account) error) (int, error) {
			listed := 0
			total, err := next.ListChanged(ctx, tag, since, func(a account.Account) error { listed++; return yield(a) })
			return wrong(m, listed, total), err
		}
	})
}

func brokenChanges() []breach {
	return []breach{
		{"who got another tag isn't changed", "owner", "changes-hold-who-was-changed", without(func(a account.Account) bool {
			return strings.Contains(a.Values[user.Tags].Text, "staff")
		})},
		{"whose custom data changed isn't changed", "owner", "changes-hold-who-was-changed", without(func(a account.Account) bool {
			return a.Values[user.CustomData].Text != ""
		})},
		{"a write doesn't move the moment", "owner", "changes-hold-who-was-changed", updating(func(m *memory, next account.Service, known account.Account, change changeFunc) (account.Account, error) {
			updated, err := next.Update(context.Background(), known, change)
			m.write(known.ID, func(a *account.Account) { a.UpdatedAt = a.CreatedAt })
			return updated, err
		})},
		{"changes show what was before", "owner", "changes-hold-who-was-changed", changesOf(func(_ *memory, _ time.Time, all []account.Account) []account.Account {
			for i := range all {
				all[i].Values[user.FullName] = user.Text("")
			}
			return all
		})},
		{"changes hold foreign users", "owner", "changes-hold-who-was-changed", changesOf(func(m *memory, _ time.Time, _ []account.Account) []account.Account { return m.sorted() })},
		{"changes begin after the second", "owner", "changes-begin-with-the-second", changesOf(func(_ *memory, since time.Time, all []account.Account) []account.Account {
			return slices.DeleteFunc(all, func(a account.Account) bool { return a.UpdatedAt.Before(since) })
		})},
		{"changes end after the first page", "owner", "changes-begin-with-the-second", changesOf(func(_ *memory, _ time.Time, all []account.Account) []account.Account {
			return all[:min(100, len(all))]
		})},
		{"changes have the last of a page twice", "owner", "changes-begin-with-the-second", changesOf(func(_ *memory, _ time.Time, all []account.Account) []account.Account {
			if len(all) > 100 {
				return slices.Insert(all, 100, all[99])
			}
			return all
		})},
		{"changes fall", "owner", "changes-begin-with-the-second", changesOf(func(_ *memory, _ time.Time, all []account.Account) []account.Account {
			slices.Reverse(all)
			return all
		})},
		{"the total is of the changes", "owner", "changes-tell-the-total", total(func(_ *memory, listed, _ int) int { return listed })},
		{"the total counts everybody", "owner", "changes-tell-the-total", total(func(m *memory, _, _ int) int { return len(m.sorted()) })},
		{"the total counts who has gone", "owner", "changes-tell-the-total", total(func(m *memory, _, total int) int {
			if gone := m.lastID - int64(len(m.sorted())); gone > 0 {
				return total + 1
			}
			return total
		})},
		{"changes swallow their reader's error", "owner", "changes-stop-with-yields-error", changed(func(_ *memory, next account.Service) changedFunc {
			return func(ctx context.Context, tag string, since time.Time, yield func(account.Account) error) (int, error) {
				total, err := next.ListChanged(ctx, tag, since, yield)
				if _, ours := errors.AsType[*account.Error](err); ours {
					return total, err
				}
				return total, nil
			}
		})},
		{"changes that are cut short end well", "owner", "changes-cut-short", changed(func(_ *memory, next account.Service) changedFunc {
			return func(ctx context.Context, tag string, since time.Time, yield func(account.Account) error) (int, error) {
				total, err := next.ListChanged(ctx, tag, since, yield)
				if ctx.Err() != nil {
					return total, nil
				}
				return total, err
			}
		})},
	}
}
