package sinktest_test

import (
	"context"
	"maps"
	"slices"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// broken is a service with a rule broken: what is given stands in for the service's own.
type broken struct {
	account.Service
	list   func(ctx context.Context, tag string, yield func(account.Account) error) error
	change func(ctx context.Context, tag string, since time.Time, yield func(account.Account) error) (int, error)
	find   func(ctx context.Context, key account.Key, values []string) ([]account.Account, error)
	create func(ctx context.Context, u user.User, password string) (account.Account, error)
	update func(ctx context.Context, known account.Account, change changeFunc) (account.Account, error)
	delete func(ctx context.Context, known account.Account) error
}

type changeFunc = func(account.Account) (account.Write, error)

func (b broken) List(ctx context.Context, tag string, yield func(account.Account) error) error {
	if b.list == nil {
		return b.Service.List(ctx, tag, yield)
	}
	return b.list(ctx, tag, yield)
}

func (b broken) ListChanged(ctx context.Context, tag string, since time.Time, yield func(account.Account) error) (int, error) {
	if b.change == nil {
		return b.Service.ListChanged(ctx, tag, since, yield)
	}
	return b.change(ctx, tag, since, yield)
}

func (b broken) Find(ctx context.Context, key account.Key, values []string) ([]account.Account, error) {
	if b.find == nil {
		return b.Service.Find(ctx, key, values)
	}
	return b.find(ctx, key, values)
}

func (b broken) Create(ctx context.Context, u user.User, password string) (account.Account, error) {
	if b.create == nil {
		return b.Service.Create(ctx, u, password)
	}
	return b.create(ctx, u, password)
}

func (b broken) Update(ctx context.Context, known account.Account, change func(account.Account) (account.Write, error)) (account.Account, error) {
	if b.update == nil {
		return b.Service.Update(ctx, known, change)
	}
	return b.update(ctx, known, change)
}

func (b broken) Delete(ctx context.Context, known account.Account) error {
	if b.delete == nil {
		return b.Service.Delete(ctx, known)
	}
	return b.delete(ctx, known)
}

// breach is one rule, broken by the service of one authority, and the case that has to notice.
type breach struct {
	rule   string
	who    string // whose service is broken
	caught string // the name of the case
	breaks func(m *memory, next account.Service) broken
}

// rewriting breaks errors: writes end with what rewrite makes of theirs.
func rewriting(rewrite func(error) error) func(*memory, account.Service) broken {
	return func(_ *memory, next account.Service) broken {
		return broken{
			create: func(ctx context.Context, u user.User, password string) (account.Account, error) {
				made, err := next.Create(ctx, u, password)
				return made, rewrite(err)
			},
			update: func(ctx context.Context, known account.Account, change changeFunc) (account.Account, error) {
				now, err := next.Update(ctx, known, change)
				return now, rewrite(err)
			},
			delete: func(ctx context.Context, known account.Account) error { return rewrite(next.Delete(ctx, known)) },
		}
	}
}

// instead breaks errors of one kind: they are of another, about the field.
func instead(of, kind account.Kind, field string) func(*memory, account.Service) broken {
	return rewriting(func(err error) error {
		if err == nil || account.KindOf(err) != of {
			return err
		}
		return failure(kind, field)
	})
}

// sending breaks sign-ups by what is sent.
func sending(spoil func(u *user.User)) func(*memory, account.Service) broken {
	return func(_ *memory, next account.Service) broken {
		return broken{create: func(ctx context.Context, u user.User, password string) (account.Account, error) {
			spoil(&u)
			return next.Create(ctx, u, password)
		}}
	}
}

// finding breaks look-ups by what is asked.
func finding(spoil func(key account.Key, values []string) []string) func(*memory, account.Service) broken {
	return func(_ *memory, next account.Service) broken {
		return broken{find: func(ctx context.Context, key account.Key, values []string) ([]account.Account, error) {
			return next.Find(ctx, key, spoil(key, slices.Clone(values)))
		}}
	}
}

// found breaks look-ups by what comes back.
func found(spoil func(m *memory, key account.Key, values []string, found []account.Account) []account.Account) func(*memory, account.Service) broken {
	return func(m *memory, next account.Service) broken {
		return broken{find: func(ctx context.Context, key account.Key, values []string) ([]account.Account, error) {
			accounts, err := next.Find(ctx, key, values)
			return spoil(m, key, values, accounts), err
		}}
	}
}

// listed breaks lists by what they hold.
func listed(spoil func(m *memory, tag string, listed []account.Account) []account.Account) func(*memory, account.Service) broken {
	return func(m *memory, next account.Service) broken {
		return broken{list: func(ctx context.Context, tag string, yield func(account.Account) error) error {
			var all []account.Account
			if err := next.List(ctx, tag, func(a account.Account) error { all = append(all, a); return nil }); err != nil {
				return err
			}
			for _, a := range spoil(m, tag, all) {
				if err := yield(a); err != nil {
					return err
				}
			}
			return nil
		}}
	}
}

// updating breaks updates.
func updating(update func(m *memory, next account.Service, known account.Account, change changeFunc) (account.Account, error)) func(*memory, account.Service) broken {
	return func(m *memory, next account.Service) broken {
		return broken{update: func(ctx context.Context, known account.Account, change changeFunc) (account.Account, error) {
			if err := over(ctx); err != nil {
				return account.Account{}, err
			}
			return update(m, next, known, change)
		}}
	}
}

// deleting breaks deletions.
func deleting(remove func(m *memory, next account.Service, known account.Account) error) func(*memory, account.Service) broken {
	return func(m *memory, next account.Service) broken {
		return broken{delete: func(ctx context.Context, known account.Account) error {
			if err := over(ctx); err != nil {
				return err
			}
			return remove(m, next, known)
		}}
	}
}

// write changes an account behind everybody's back.
func (m *memory) write(id int64, change func(*account.Account)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a, there := m.accounts[id]; there {
		change(&a)
		m.accounts[id] = a
	}
}

// drop deletes an account behind everybody's back.
func (m *memory) drop(which func(account.Account) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.accounts, func(_ int64, a account.Account) bool { return which(a) })
}

func breaches() []breach {
	return slices.Concat(brokenSignUps(), brokenFinds(), brokenLists(), brokenChanges(), brokenUpdates(), brokenDeletes(), brokenCalls())
}
