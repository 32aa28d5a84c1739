package sinktest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// prompt is how soon a call must return when its context is over.
const prompt = 5 * time.Second

func callCases() []Case {
	return []Case{
		{"cancelled-calls", "a call whose context is over returns at once, with an error, and does nothing", cancelledCalls},
		{"concurrent-use", "many callers at the same time each get their own answer", concurrentUse},
	}
}

func cancelledCalls(ctx context.Context, s *scene) error {
	ann, bob := s.person("ann"), s.person("bob")
	made, err := s.signUp(ctx, ann)
	if err != nil {
		return err
	}
	known := accountOf(made.ID, ann)
	over, cancel := context.WithCancel(ctx)
	cancel()
	began := time.Now()
	_, created := s.create(over, bob)
	_, updated := s.Owner.Update(over, known, setting(user.FullName, "Zoë Lee"))
	_, found := s.Owner.Find(over, account.ByLogin, []string{ann.Values[user.Login].Text})
	listed := s.Owner.List(over, s.Tag, func(account.Account) error { return nil })
	_, changed := s.Owner.ListChanged(over, s.Tag, time.Unix(1, 0), func(account.Account) error { return nil })
	deleted := s.Owner.Delete(over, known)
	if took := time.Since(began); took > prompt {
		return fmt.Errorf("six calls whose context was over took %v", took)
	}
	for call, err := range map[string]error{"sign-up": created, "update": updated, "look-up": found, "list": listed, "list of changes": changed, "delete": deleted} {
		if err == nil {
			return fmt.Errorf("%s: the context was over, and yet it was done", call)
		}
		if _, ok := errors.AsType[*account.Error](err); !ok && !errors.Is(err, context.Canceled) {
			return fmt.Errorf("%s: this should be an *account.Error, or the context's: %w", call, err)
		}
	}
	return errors.Join(s.stands(ctx, known), s.unmade(ctx, bob))
}

func concurrentUse(ctx context.Context, s *scene) error {
	const callers = 8
	var failed [callers]error
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() { failed[i] = s.life(ctx, fmt.Sprint("caller-", i)) })
	}
	group.Wait()
	return errors.Join(failed[:]...)
}

// life is a user's, from sign-up to deletion.
func (s *scene) life(ctx context.Context, name string) error {
	u := s.person(name)
	made, err := s.signUp(ctx, u)
	if err != nil {
		return err
	}
	now := accountOf(made.ID, u)
	if err := differences(made, now); err != nil {
		return err
	}
	if now, err = s.updateField(ctx, now, user.FullName, "Zoë "+name); err != nil {
		return err
	}
	if err := s.shows(ctx, account.ByLogin, now.Values[user.Login].Text, now); err != nil {
		return err
	}
	if err := s.delete(ctx, s.Owner, now); err != nil {
		return fmt.Errorf("deleting account %d: %w", now.ID, err)
	}
	return s.nobody(ctx, account.ByID, idOf(now))
}
