package sinktest

import (
	"context"
	"errors"
	"fmt"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

func updateRefusalCases() []Case {
	return []Case{
		{"update-as-shared", "the shared session's user updates another user, or is refused and changes nothing", updateAsShared},
		{"update-with-another-password", "a user who has another password than the derived one is left alone, and that is said", updateWithAnotherPassword},
		{"update-of-a-deleted-user", "an update of an account that is gone is refused, and signs nobody up", updateOfADeletedUser},
	}
}

// forbidden are the kinds of error of an authority that isn't enough; the service answers 403 or 404, and refuses a key.
func forbidden() []account.Kind {
	return []account.Kind{account.Forbidden, account.NotFound, account.Unauthenticated}
}

func updateAsShared(ctx context.Context, s *scene) error {
	if s.Shared == nil {
		return ErrNotHere
	}
	u := s.person("ann")
	made, err := s.signUp(ctx, u)
	if err != nil {
		return err
	}
	want := accountOf(made.ID, u)
	updated, err := s.update(ctx, s.Shared, want, setting(user.FullName, "Zoë Lee"))
	if known := s.Facts.SharedWrites.check("the shared session's user may write others", err == nil); known != nil {
		return errors.Join(known, err)
	}
	if err != nil {
		return errors.Join(refused(err, account.Forbidden, account.NotFound), s.stands(ctx, want))
	}
	want = with(want, user.FullName, "Zoë Lee")
	return errors.Join(differences(updated, want), s.stands(ctx, want))
}

func updateWithAnotherPassword(ctx context.Context, s *scene) error {
	u := s.person("ann")
	made, err := s.signUp(ctx, u)
	if err != nil {
		return err
	}
	known := accountOf(made.ID, u)
	known.ExternalID += "-other" // whose password is another
	_, err = s.update(ctx, s.Owner, known, setting(user.FullName, "Zoë Lee"))
	return errors.Join(refused(err, account.PasswordNotOurs), s.stands(ctx, accountOf(made.ID, u)))
}

// gone are the kinds of error about a user who isn't there; as owner, nobody can sign in as them.
func gone() []account.Kind {
	return []account.Kind{account.NotFound, account.Forbidden, account.PasswordNotOurs}
}

func updateOfADeletedUser(ctx context.Context, s *scene) error {
	u := s.person("ann")
	known, err := s.deleted(ctx, u)
	if err != nil {
		return err
	}
	services := []account.Service{s.Owner}
	if s.Shared != nil {
		services = append(services, s.Shared)
	}
	for _, service := range services {
		_, err := s.update(ctx, service, known, setting(user.FullName, "Zoë Lee"))
		err = errors.Join(refused(err, gone()...), s.nobody(ctx, account.ByID, idOf(known)), s.unmade(ctx, u))
		if err != nil {
			return err
		}
	}
	return nil
}

// deleted signs a user up and deletes them again, as their own user.
func (s *scene) deleted(ctx context.Context, u user.User) (account.Account, error) {
	made, err := s.signUp(ctx, u)
	if err != nil {
		return account.Account{}, err
	}
	known := accountOf(made.ID, u)
	if err := s.delete(ctx, s.Owner, known); err != nil {
		return known, fmt.Errorf("deleting account %d: %w", known.ID, err)
	}
	return known, s.nobody(ctx, account.ByID, idOf(known))
}
