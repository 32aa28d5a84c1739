package sinktest_test

import (
	"context"
	"errors"
	"slices"
	"strings"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

func brokenFinds() []breach {
	return []breach{
		{"look-ups by e-mail find nobody", "owner", "find-by-every-key", finding(func(key account.Key, values []string) []string {
			if key == account.ByEmail {
				return nil
			}
			return values
		})},
		{"look-ups find beginnings", "owner", "find-is-exact", found(func(m *memory, key account.Key, values []string, _ []account.Account) []account.Account {
			return slices.DeleteFunc(m.sorted(), func(a account.Account) bool {
				return !slices.ContainsFunc(values, func(v string) bool { return strings.HasPrefix(keyOf(a, key), v) })
			})
		})},
		{"no values are all values", "owner", "find-is-exact", found(func(m *memory, _ account.Key, values []string, found []account.Account) []account.Account {
			if len(values) == 0 {
				return m.sorted()
			}
			return found
		})},
		{"an unknown value is an empty account", "owner", "find-is-exact", found(func(_ *memory, _ account.Key, values []string, found []account.Account) []account.Account {
			for len(found) < len(values) {
				found = append(found, account.Account{})
			}
			return found
		})},
		{"a look-up drops what is beyond a hundred values", "owner", "find-takes-any-number", finding(func(_ account.Key, values []string) []string {
			return values[:min(100, len(values))]
		})},
		{"a look-up drops the hundred-and-first value", "owner", "find-takes-any-number", finding(func(_ account.Key, values []string) []string {
			if len(values) > 100 {
				return slices.Delete(values, 100, 101)
			}
			return values
		})},
		{"a value that is asked for twice is found twice", "owner", "find-takes-any-number", found(func(m *memory, key account.Key, values []string, _ []account.Account) []account.Account {
			var found []account.Account
			for _, value := range values {
				for _, a := range m.sorted() {
					if keyOf(a, key) == value {
						found = append(found, a)
					}
				}
			}
			return found
		})},
		{"a look-up is cut at an &", "owner", "odd-characters-survive", finding(func(_ account.Key, values []string) []string {
			for i, value := range values {
				values[i], _, _ = strings.Cut(value, "&")
			}
			return values
		})},
	}
}

func brokenLists() []breach {
	return []breach{
		{"a list holds foreign users", "owner", "list-holds-the-tag-only", listed(func(m *memory, _ string, _ []account.Account) []account.Account { return m.sorted() })},
		{"a list holds beginnings of tags", "owner", "list-holds-the-tag-only", listed(func(m *memory, tag string, _ []account.Account) []account.Account {
			return slices.DeleteFunc(m.sorted(), func(a account.Account) bool { return !strings.Contains(a.Values[user.Tags].Text, tag) })
		})},
		{"a list has the last of a page twice", "owner", "list-is-whole-and-rising", listed(func(_ *memory, _ string, all []account.Account) []account.Account {
			if len(all) > 100 {
				return slices.Insert(all, 100, all[99])
			}
			return all
		})},
		{"a list misses the first of the second page", "owner", "list-is-whole-and-rising", listed(func(_ *memory, _ string, all []account.Account) []account.Account {
			if len(all) > 100 {
				return slices.Delete(all, 100, 101)
			}
			return all
		})},
		{"a list ends after the first page", "owner", "list-is-whole-and-rising", listed(func(_ *memory, _ string, all []account.Account) []account.Account {
			return all[:min(100, len(all))]
		})},
		{"a list falls", "owner", "list-is-whole-and-rising", listed(func(_ *memory, _ string, all []account.Account) []account.Account {
			slices.Reverse(all)
			return all
		})},
		{"a list leaves e-mails out", "owner", "list-is-whole-and-rising", listed(func(_ *memory, _ string, all []account.Account) []account.Account {
			for i := range all {
				all[i].Values[user.Email] = user.Text("")
			}
			return all
		})},
		{"a list swallows its reader's error", "owner", "list-stops-with-yields-error", func(_ *memory, next account.Service) broken {
			return broken{list: func(ctx context.Context, tag string, yield func(account.Account) error) error {
				stopped := errors.New("stopped")
				err := next.List(ctx, tag, func(a account.Account) error {
					if yield(a) != nil {
						return stopped
					}
					return nil
				})
				if errors.Is(err, stopped) {
					return nil
				}
				return err
			}}
		}},
		{"a list goes on after its reader's error", "owner", "list-stops-with-yields-error", func(_ *memory, next account.Service) broken {
			return broken{list: func(ctx context.Context, tag string, yield func(account.Account) error) error {
				var first error
				err := next.List(ctx, tag, func(a account.Account) error {
					if err := yield(a); first == nil {
						first = err
					}
					return nil
				})
				return errors.Join(first, err)
			}}
		}},
		{"a list that is cut short ends well", "owner", "list-cut-short", func(_ *memory, next account.Service) broken {
			return broken{list: func(ctx context.Context, tag string, yield func(account.Account) error) error {
				err := next.List(ctx, tag, yield)
				if ctx.Err() != nil {
					return nil
				}
				return err
			}}
		}},
	}
}
