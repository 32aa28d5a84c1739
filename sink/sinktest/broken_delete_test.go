package sinktest_test

import (
	"context"
	"errors"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

func brokenDeletes() []breach {
	background := context.Background()
	others := func(m *memory, next account.Service, known account.Account) error {
		err := next.Delete(background, known)
		m.drop(func(a account.Account) bool { return a.ID == known.ID+1 })
		return err
	}
	nothing := func(*memory, account.Service, account.Account) error { return nil }
	refused := func(m *memory, _ account.Service, known account.Account) error {
		m.drop(func(a account.Account) bool { return a.ID == known.ID })
		return failure(account.Forbidden, "")
	}
	return []breach{
		{"an owner's deletion takes the neighbour along", "owner", "delete-as-owner", deleting(others)},
		{"an owner's deletion is said to be done, and isn't", "owner", "delete-as-owner", deleting(nothing)},
		{"an owner may not delete their own account", "owner", "delete-as-owner", deleting(func(*memory, account.Service, account.Account) error {
			return failure(account.Forbidden, "")
		})},
		{"an admin's deletion takes the neighbour along", "admin", "delete-as-admin", deleting(others)},
		{"an admin's deletion is said to be done, and isn't", "admin", "delete-as-admin", deleting(nothing)},
		{"an admin's deletion is refused, and done", "admin", "delete-as-admin", deleting(refused)},
		{"a deletion as shared is said to be done, and isn't", "shared", "delete-as-shared", deleting(nothing)},
		{"a deletion as shared is refused, and done", "shared", "delete-as-shared", deleting(refused)},
		{"a deleted user is still listed", "owner", "delete-as-owner", func(_ *memory, next account.Service) broken {
			var ghosts []account.Account
			return broken{
				delete: func(ctx context.Context, known account.Account) error {
					ghosts = append(ghosts, known)
					return next.Delete(ctx, known)
				},
				list: func(ctx context.Context, tag string, yield func(account.Account) error) error {
					for _, ghost := range ghosts {
						if err := yield(ghost); err != nil {
							return err
						}
					}
					return next.List(ctx, tag, yield)
				},
			}
		}},
		{"a deletion of a deleted user takes another", "admin", "delete-of-a-deleted-user", deleting(func(m *memory, next account.Service, known account.Account) error {
			err := next.Delete(background, known)
			if account.KindOf(err) == account.NotFound {
				m.drop(func(a account.Account) bool { return a.ID == known.ID-1 })
			}
			return err
		})},
		{"a deletion of a deleted user ends the run", "owner", "delete-of-a-deleted-user", instead(account.NotFound, account.Unavailable, "")},
	}
}

func brokenCalls() []breach {
	background := context.Background()
	return []breach{
		{"a cancelled sign-up goes through", "owner", "cancelled-calls", func(_ *memory, next account.Service) broken {
			return broken{create: func(ctx context.Context, u user.User, password string) (account.Account, error) {
				_, err := next.Create(background, u, password)
				return account.Account{}, errors.Join(err, over(ctx))
			}}
		}},
		{"a cancelled deletion goes through", "owner", "cancelled-calls", func(_ *memory, next account.Service) broken {
			return broken{delete: func(ctx context.Context, known account.Account) error {
				return errors.Join(next.Delete(background, known), over(ctx))
			}}
		}},
		{"a cancelled update is said to be done", "owner", "cancelled-calls", func(_ *memory, next account.Service) broken {
			return broken{update: func(ctx context.Context, known account.Account, change changeFunc) (account.Account, error) {
				now, err := next.Update(ctx, known, change)
				if ctx.Err() != nil {
					return now, nil
				}
				return now, err
			}}
		}},
		{"a cancelled look-up waits for its answer", "owner", "cancelled-calls", func(_ *memory, next account.Service) broken {
			return broken{find: func(ctx context.Context, key account.Key, values []string) ([]account.Account, error) {
				if ctx.Err() != nil {
					time.Sleep(time.Minute)
				}
				return next.Find(ctx, key, values)
			}}
		}},
		{"callers get each other's answers", "owner", "concurrent-use", func(m *memory, next account.Service) broken {
			return broken{create: func(ctx context.Context, u user.User, password string) (account.Account, error) {
				if _, err := next.Create(ctx, u, password); err != nil {
					return account.Account{}, err
				}
				time.Sleep(time.Millisecond) // while others sign up
				all := m.sorted()
				return all[len(all)-1], nil
			}}
		}},
	}
}
