package sinktest

import (
	"context"
	"errors"
	"fmt"

	"cubesync/sync/account"
)

func deleteCases() []Case {
	return []Case{
		{"delete-as-owner", "users may delete their own account: that one is gone, and no other", deleteAsOwner},
		{"delete-as-admin", "the admin key deletes any user, that one only; where there is no Admin API, nobody", deleteAsAdmin},
		{"delete-as-shared", "the shared session's user deletes another user, or is refused and deletes nobody", deleteAsShared},
		{"delete-of-a-deleted-user", "asking again for a deletion harms nobody, makes nobody, and is no reason to end a run", deleteOfADeletedUser},
	}
}

func deleteAsOwner(ctx context.Context, s *scene) error {
	return s.deletes(ctx, s.Owner, "users may delete their own account", Yes)
}

func deleteAsAdmin(ctx context.Context, s *scene) error {
	return s.deletes(ctx, s.Admin, "the Admin API takes the key", s.Facts.AdminDeletes)
}

func deleteAsShared(ctx context.Context, s *scene) error {
	return s.deletes(ctx, s.Shared, "the shared session's user may write others", s.Facts.SharedWrites)
}

// deletes proves that what the service says of a deletion is what can be seen: only a look-up shows who is gone.
func (s *scene) deletes(ctx context.Context, as account.Service, question string, may Answer) error {
	if as == nil {
		return ErrNotHere
	}
	ann, bob := s.person("ann"), s.person("bob")
	one, err := s.signUp(ctx, ann)
	if err != nil {
		return err
	}
	two, err := s.signUp(ctx, bob)
	if err != nil {
		return err
	}
	err = s.delete(ctx, as, accountOf(one.ID, ann))
	if known := may.check(question, err == nil); known != nil {
		return errors.Join(known, err)
	}
	if err != nil {
		err = errors.Join(refused(err, forbidden()...), s.stands(ctx, accountOf(one.ID, ann)))
	} else {
		err = errors.Join(s.nobody(ctx, account.ByID, idOf(one)), s.unmade(ctx, ann), s.unlisted(ctx, one))
	}
	return errors.Join(err, s.stands(ctx, accountOf(two.ID, bob)))
}

func (s *scene) unlisted(ctx context.Context, gone account.Account) error {
	listed, err := s.list(ctx, s.Tag)
	for _, a := range listed {
		if a.ID == gone.ID {
			err = fmt.Errorf("the deleted account %d is still listed", gone.ID)
		}
	}
	return err
}

func deleteOfADeletedUser(ctx context.Context, s *scene) error {
	ann, bob := s.person("ann"), s.person("bob")
	other, err := s.signUp(ctx, bob)
	if err != nil {
		return err
	}
	known, err := s.deleted(ctx, ann)
	if err != nil {
		return err
	}
	adminRefuses := gone()
	if s.Facts.AdminDeletes != Yes {
		adminRefuses = forbidden() // the key, not the deletion
	}
	for _, by := range []struct {
		service account.Service
		refuses []account.Kind
	}{{s.Owner, gone()}, {s.Shared, gone()}, {s.Admin, adminRefuses}} {
		if by.service == nil {
			continue
		}
		err := s.delete(ctx, by.service, known)
		if err != nil {
			err = refused(err, by.refuses...)
		}
		err = errors.Join(err, s.nobody(ctx, account.ByID, idOf(known)), s.unmade(ctx, ann), s.stands(ctx, accountOf(other.ID, bob)))
		if err != nil {
			return err
		}
	}
	return nil
}
