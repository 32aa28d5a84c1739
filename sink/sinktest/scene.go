package sinktest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// scene is an application while one case plays on it. It remembers what was made, to remove it, and when something was
// written last, to read only what must be visible by then.
type scene struct {
	*Application

	mu     sync.Mutex
	traces map[int64]*trace     // of who was signed up, or was seen
	doubts map[string]user.User // by login: who may have been signed up
	wrote  time.Time
}

// person is a user with a value in every field. All that must be unique begins with the tag.
func (s *scene) person(name string) user.User {
	u := s.bare(name)
	u.Values[user.Email] = user.Text(strings.ToLower(u.ExternalID) + "@example.com")
	u.Values[user.FullName] = user.Text("Ann Lee " + name)
	u.Values[user.Phone] = user.Text("+49 30 1234567")
	u.Values[user.Website] = user.Text("https://example.org/ann")
	u.Values[user.CustomData] = user.Text(`{"team":"sales","floor":3}`)
	u.Values[user.Tags] = user.Text(user.JoinTags([]string{s.Tag, "staff"}))
	return u
}

// bare is a user with nothing but an external ID, a login and the tag.
func (s *scene) bare(name string) user.User {
	u := user.User{ExternalID: s.Tag + "-" + name}
	u.Values[user.Login] = user.Text(u.ExternalID)
	u.Values[user.Tags] = user.Text(s.Tag)
	return u
}

// create asks Owner to sign the user up and returns its answer as it is.
func (s *scene) create(ctx context.Context, u user.User) (account.Account, error) {
	made, err := s.Owner.Create(ctx, u, s.Password(u.ExternalID))
	s.written()
	s.signedUp(u, made, err)
	return made, err
}

// signUp signs a user up who must be welcome.
func (s *scene) signUp(ctx context.Context, u user.User) (account.Account, error) {
	made, err := s.create(ctx, u)
	if err != nil {
		return account.Account{}, fmt.Errorf("signing %s up: %w", u.ExternalID, err)
	}
	return made, nil
}

// crowd signs many bare users up and returns them by rising id.
func (s *scene) crowd(ctx context.Context, size int) ([]account.Account, error) {
	const hands = 8
	made, failed := make([]account.Account, size), make([]error, size)
	var group sync.WaitGroup
	for hand := range min(hands, size) {
		group.Go(func() {
			for i := hand; i < size; i += hands {
				u := s.bare(strconv.Itoa(i))
				u.Values[user.Email] = user.Text(strings.ToLower(u.ExternalID) + "@example.com")
				made[i], failed[i] = s.signUp(ctx, u)
			}
		})
	}
	group.Wait()
	slices.SortFunc(made, byID)
	return made, errors.Join(failed...)
}

// update updates under the service's authority; the answer is as it is.
func (s *scene) update(ctx context.Context, as account.Service, known account.Account, change changeFunc) (account.Account, error) {
	if err := s.settle(ctx); err != nil {
		return account.Account{}, err
	}
	updated, err := as.Update(ctx, known, change)
	s.written()
	if err == nil {
		s.met(updated)
	}
	return updated, err
}

// delete asks for a deletion under the service's authority; the answer is as it is.
func (s *scene) delete(ctx context.Context, as account.Service, known account.Account) error {
	if err := s.settle(ctx); err != nil {
		return err
	}
	err := as.Delete(ctx, known)
	s.written()
	if err == nil {
		s.accepted(known.ID)
	}
	return err
}

func (s *scene) written() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrote = time.Now()
}

// settle waits until all that was written must be visible.
func (s *scene) settle(ctx context.Context) error {
	s.mu.Lock()
	wait := s.Lag - time.Since(s.wrote)
	s.mu.Unlock()
	return s.pass(ctx, wait)
}

// pass lets so much time pass.
func (s *scene) pass(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// find looks up, after everything that was written must be visible.
func (s *scene) find(ctx context.Context, key account.Key, values ...string) ([]account.Account, error) {
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	found, err := s.Owner.Find(ctx, key, values)
	if err != nil {
		return nil, fmt.Errorf("looking %d values up by %s: %w", len(values), key, err)
	}
	s.saw(found)
	return found, nil
}

// list lists, after everything that was written must be visible.
func (s *scene) list(ctx context.Context, tag string) ([]account.Account, error) {
	if err := s.settle(ctx); err != nil {
		return nil, err
	}
	var listed []account.Account
	err := s.Owner.List(ctx, tag, func(a account.Account) error {
		listed = append(listed, a)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing %q: %w", tag, err)
	}
	s.saw(listed)
	return listed, nil
}

// shows proves that exactly the account, as it should be, is found by the value.
func (s *scene) shows(ctx context.Context, key account.Key, value string, want account.Account) error {
	found, err := s.find(ctx, key, value)
	if err != nil {
		return err
	}
	if len(found) != 1 || found[0].ID != want.ID {
		return fmt.Errorf("by %s %q: found %s; it is that of account %d", key, value, numbers(found), want.ID)
	}
	if err := differences(found[0], want); err != nil {
		return fmt.Errorf("by %s %q: %w", key, value, err)
	}
	return nil
}

// stands proves that the account is there, as it should be.
func (s *scene) stands(ctx context.Context, want account.Account) error {
	return s.shows(ctx, account.ByID, idOf(want), want)
}

// nobody proves that nobody holds the value.
func (s *scene) nobody(ctx context.Context, key account.Key, value string) error {
	found, err := s.find(ctx, key, value)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("by %s %q: found %s, where nobody is due", key, value, numbers(found))
	}
	return err
}

// unmade proves that nobody was signed up for the user.
func (s *scene) unmade(ctx context.Context, u user.User) error {
	return errors.Join(
		s.nobody(ctx, account.ByExternalID, u.ExternalID),
		s.nobody(ctx, account.ByLogin, u.Values[user.Login].Text),
	)
}
