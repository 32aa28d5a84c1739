package sinktest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

func changedCases() []Case {
	return []Case{
		{"changes-hold-who-was-changed", "who was changed is among the changes, whatever was changed, and nobody without the tag: who is missed is taken for unchanged", changesHoldWhoWasChanged},
		{"changes-begin-with-the-second", "changes hold everybody who was changed in the second that is asked for, once, by rising id, over several pages", changesBeginWithTheSecond},
		{"changes-tell-the-total", "with the changes comes how many carry the tag, changed or not: only that tells of who has gone", changesTellTheTotal},
		{"changes-stop-with-yields-error", "changes stop with the error that their reader returns", changesStopWithYieldsError},
		{"changes-cut-short", "changes that are cut short are an error, not fewer changes", changesCutShort},
	}
}

// changed lists changes, after everything that was written must be visible.
func (s *scene) changed(ctx context.Context, since time.Time) (listed []account.Account, total int, err error) {
	if err := s.settle(ctx); err != nil {
		return nil, 0, err
	}
	total, err = s.Owner.ListChanged(ctx, s.Tag, since, func(a account.Account) error {
		listed = append(listed, a)
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("listing who was changed since %v: %w", since, err)
	}
	s.saw(listed)
	for i, a := range listed {
		if !a.HasTag(s.Tag) {
			return nil, 0, fmt.Errorf("account %d is listed as changed, and doesn't carry the tag %s", a.ID, s.Tag)
		}
		if i > 0 && a.ID <= listed[i-1].ID {
			return nil, 0, fmt.Errorf("account %d comes after account %d: accounts are listed once each, by rising id", a.ID, listed[i-1].ID)
		}
	}
	if len(listed) > total {
		return nil, 0, fmt.Errorf("listed are %d accounts, of a total of %d", len(listed), total)
	}
	return listed, total, nil
}

// latest is when the last of the accounts was changed.
func latest(accounts ...account.Account) (moment time.Time) {
	for _, a := range accounts {
		if a.UpdatedAt.After(moment) {
			moment = a.UpdatedAt
		}
	}
	return moment
}

// among proves that the account is listed as it should be.
func among(listed []account.Account, want account.Account) error {
	at, there := slices.BinarySearchFunc(listed, want, byID)
	if !there {
		return fmt.Errorf("account %d was changed, and isn't among the %d that are listed", want.ID, len(listed))
	}
	return differences(listed[at], want)
}

func changesHoldWhoWasChanged(ctx context.Context, s *scene) error {
	changes := []struct {
		field user.Field
		text  string
	}{
		{user.FullName, "Ann Lee"}, {user.CustomData, `{"team":"sales"}`}, {user.Tags, user.JoinTags([]string{s.Tag, "staff"})},
		{user.Login, s.Tag + "-new"}, {user.Tags, s.Tag + "-other"},
	}
	people, err := s.crowd(ctx, len(changes))
	if err != nil {
		return err
	}
	since := latest(people...)
	if !since.IsZero() { // where the service tells it
		since = since.Add(s.Tick)
	}
	if err := s.pass(ctx, s.Tick); err != nil {
		return err
	}
	for i, change := range changes {
		if _, err := s.update(ctx, s.Owner, people[i], setting(change.field, change.text)); err != nil {
			return fmt.Errorf("setting %s to %q: %w", change.field, change.text, err)
		}
		people[i] = with(people[i], change.field, change.text)
	}
	listed, _, err := s.changed(ctx, since)
	if err != nil {
		return err
	}
	for _, person := range people {
		if !person.HasTag(s.Tag) {
			continue
		}
		if err := among(listed, person); err != nil {
			return err
		}
	}
	return nil
}

func changesBeginWithTheSecond(ctx context.Context, s *scene) error {
	crowd, err := s.crowd(ctx, s.Crowd)
	if err != nil {
		return err
	}
	last := latest(crowd...)
	listed, total, err := s.changed(ctx, last.Truncate(time.Second).Add(time.Second-1))
	if err != nil {
		return err
	}
	if total != len(crowd) {
		return fmt.Errorf("%d accounts carry the tag, the changes come with a total of %d", len(crowd), total)
	}
	for _, a := range crowd {
		if a.UpdatedAt.Equal(last) {
			if err := among(listed, a); err != nil {
				return err
			}
		}
	}
	return nil
}

func changesTellTheTotal(ctx context.Context, s *scene) error {
	crowd, err := s.crowd(ctx, 4)
	if err != nil {
		return err
	}
	tells := func(want int) error {
		_, total, err := s.changed(ctx, time.Now().AddDate(0, 0, 2)) // since when nobody was changed
		if err == nil && total != want {
			err = fmt.Errorf("%d accounts carry the tag, the changes come with a total of %d", want, total)
		}
		return err
	}
	if err := tells(4); err != nil {
		return err
	}
	if err := s.delete(ctx, s.Owner, crowd[0]); err != nil {
		return fmt.Errorf("deleting account %d: %w", crowd[0].ID, err)
	}
	if err := tells(3); err != nil {
		return fmt.Errorf("after a deletion: %w", err)
	}
	if _, err := s.update(ctx, s.Owner, crowd[1], setting(user.Tags, s.Tag+"-other")); err != nil {
		return fmt.Errorf("taking the tag off: %w", err)
	}
	if err := tells(2); err != nil {
		return fmt.Errorf("after the tag was taken off: %w", err)
	}
	return nil
}

func changesStopWithYieldsError(ctx context.Context, s *scene) error {
	return s.stopsWithYieldsError(ctx, func(yield func(account.Account) error) error {
		_, err := s.Owner.ListChanged(ctx, s.Tag, time.Time{}, yield)
		return err
	})
}

func changesCutShort(ctx context.Context, s *scene) error {
	return s.cutShort(ctx, func(ctx context.Context, yield func(account.Account) error) error {
		_, err := s.Owner.ListChanged(ctx, s.Tag, time.Unix(1, 0), yield)
		return err
	})
}
