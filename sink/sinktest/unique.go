package sinktest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

func uniqueCases() []Case {
	return []Case{
		{"login-is-unique", "a second user with a taken login is a conflict about the login: on this rests that nobody is signed up twice", loginIsUnique},
		{"same-sign-up-again", "a sign-up that is repeated with the same login makes no second user", sameSignUpAgain},
		{"email-is-unique-or-not", "a taken e-mail is a conflict about the e-mail, or no conflict at all", emailIsUniqueOrNot},
		{"external-id-is-unique-or-not", "a taken external ID is a conflict, or both users are found by it", externalIDIsUniqueOrNot},
		{"racing-sign-ups", "of several sign-ups with one login at the same time one is done and the others are conflicts", racingSignUps},
	}
}

func loginIsUnique(ctx context.Context, s *scene) error {
	first, second := s.person("first"), s.person("second")
	second.Values[user.Login] = first.Values[user.Login]
	made, err := s.signUp(ctx, first)
	if err != nil {
		return err
	}
	_, err = s.create(ctx, second)
	return errors.Join(
		taken(err, "login"),
		s.shows(ctx, account.ByLogin, first.Values[user.Login].Text, accountOf(made.ID, first)),
		s.nobody(ctx, account.ByExternalID, second.ExternalID),
		s.nobody(ctx, account.ByEmail, second.Values[user.Email].Text),
	)
}

func sameSignUpAgain(ctx context.Context, s *scene) error {
	u := s.person("ann")
	made, err := s.signUp(ctx, u)
	if err != nil {
		return err
	}
	_, err = s.create(ctx, u)
	return errors.Join(refused(err, account.Conflict), s.foundByAll(ctx, accountOf(made.ID, u)))
}

func emailIsUniqueOrNot(ctx context.Context, s *scene) error {
	second := s.person("second")
	second.Values[user.Email] = s.person("first").Values[user.Email]
	return s.uniqueOrNot(ctx, second, account.ByEmail, second.Values[user.Email].Text, s.Facts.UniqueEmails)
}

func externalIDIsUniqueOrNot(ctx context.Context, s *scene) error {
	second := s.person("second")
	second.ExternalID = s.person("first").ExternalID
	return s.uniqueOrNot(ctx, second, account.ByExternalID, second.ExternalID, s.Facts.UniqueExternalIDs)
}

// uniqueOrNot signs a first and a second user up who share the value of a key.
func (s *scene) uniqueOrNot(ctx context.Context, second user.User, key account.Key, value string, unique Answer) error {
	first := s.person("first")
	one, err := s.signUp(ctx, first)
	if err != nil {
		return err
	}
	two, err := s.create(ctx, second)
	if err := unique.check("values of "+string(key)+" are unique", err != nil); err != nil {
		return err
	}
	if err != nil {
		return errors.Join(
			taken(err, string(key)),
			s.shows(ctx, key, value, accountOf(one.ID, first)),
			s.nobody(ctx, account.ByLogin, second.Values[user.Login].Text),
		)
	}
	found, err := s.find(ctx, key, value)
	if err == nil && (len(found) != 2 || one.ID == two.ID) {
		err = fmt.Errorf("%s %q was taken by accounts %d and %d, but found is %s", key, value, one.ID, two.ID, numbers(found))
	}
	return errors.Join(err, s.stands(ctx, accountOf(one.ID, first)), s.stands(ctx, accountOf(two.ID, second)))
}

func racingSignUps(ctx context.Context, s *scene) error {
	const racers = 4
	var made [racers]account.Account
	var failed [racers]error
	var group sync.WaitGroup
	for i := range racers {
		u := s.bare(fmt.Sprint("racer-", i))
		u.Values[user.Login] = user.Text(s.Tag + "-prize")
		group.Go(func() { made[i], failed[i] = s.create(ctx, u) })
	}
	group.Wait()
	var winner account.Account
	wins := 0
	for i := range racers {
		if failed[i] == nil {
			winner = made[i]
			wins++
		} else if err := taken(failed[i], "login"); err != nil {
			return err
		}
	}
	if wins != 1 {
		return fmt.Errorf("%d of %d sign-ups with one login were done", wins, racers)
	}
	return s.shows(ctx, account.ByLogin, s.Tag+"-prize", winner)
}
