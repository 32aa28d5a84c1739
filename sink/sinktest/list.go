package sinktest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

func listCases() []Case {
	return []Case{
		{"list-holds-the-tag-only", "a list has every account with the tag and none without: what isn't ours isn't touched", listHoldsTheTagOnly},
		{"list-is-whole-and-rising", "a list has every account once, by rising id, over several pages: one that is missed would be signed up again", listIsWholeAndRising},
		{"list-stops-with-yields-error", "a list stops with the error that its reader returns", listStopsWithYieldsError},
		{"list-cut-short", "a list that is cut short is an error, not a shorter list: nothing is deleted on partial knowledge", listCutShort},
	}
}

func listHoldsTheTagOnly(ctx context.Context, s *scene) error {
	wanted := map[string][]int64{}
	for i, tags := range [][]string{{"-a"}, {"-b"}, {"-a", "-b"}, {}} {
		u := s.bare(fmt.Sprint(i))
		for _, tag := range tags {
			u.Values[user.Tags].Text += "," + s.Tag + tag
		}
		made, err := s.signUp(ctx, u)
		if err != nil {
			return err
		}
		for _, tag := range append(tags, "") {
			wanted[s.Tag+tag] = append(wanted[s.Tag+tag], made.ID)
		}
	}
	for _, tag := range []string{s.Tag, s.Tag + "-a", s.Tag + "-b", s.Tag + "-", s.Tag + "-nobody"} {
		listed, err := s.list(ctx, tag)
		if err != nil {
			return err
		}
		if got, want := idsOf(listed), wanted[tag]; !slices.Equal(got, want) {
			return fmt.Errorf("the tag %s lists the accounts %d, want %d", tag, got, want)
		}
	}
	return nil
}

func listIsWholeAndRising(ctx context.Context, s *scene) error {
	crowd, err := s.crowd(ctx, s.Crowd)
	if err != nil {
		return err
	}
	listed, err := s.list(ctx, s.Tag)
	if err != nil {
		return err
	}
	if got, want := idsOf(listed), idsOf(crowd); !slices.Equal(got, want) {
		return fmt.Errorf("listed are %d accounts, want %d, once each by rising id: got %d, want %d", len(got), len(want), got, want)
	}
	for i := range listed {
		if err := differences(listed[i], crowd[i]); err != nil {
			return err
		}
	}
	return nil
}

func listStopsWithYieldsError(ctx context.Context, s *scene) error {
	return s.stopsWithYieldsError(ctx, func(yield func(account.Account) error) error { return s.Owner.List(ctx, s.Tag, yield) })
}

func (s *scene) stopsWithYieldsError(ctx context.Context, list func(yield func(account.Account) error) error) error {
	if _, err := s.crowd(ctx, 3); err != nil {
		return err
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	enough := errors.New("enough")
	yielded := 0
	err := list(func(account.Account) error {
		yielded++
		if yielded == 2 {
			return enough
		}
		return nil
	})
	switch {
	case err == nil:
		return fmt.Errorf("the list ended well after %d accounts, its reader's error on the second lost", yielded)
	case !errors.Is(err, enough):
		return fmt.Errorf("this should be the reader's error: %w", err)
	case yielded != 2:
		return fmt.Errorf("the reader stopped the list after 2 accounts, and got %d", yielded)
	}
	return nil
}

func listCutShort(ctx context.Context, s *scene) error {
	return s.cutShort(ctx, func(ctx context.Context, yield func(account.Account) error) error {
		return s.Owner.List(ctx, s.Tag, yield)
	})
}

func (s *scene) cutShort(ctx context.Context, list func(ctx context.Context, yield func(account.Account) error) error) error {
	crowd, err := s.crowd(ctx, s.Crowd)
	if err != nil {
		return err
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	short, cut := context.WithCancel(ctx)
	defer cut()
	yielded := 0
	err = list(short, func(account.Account) error {
		yielded++
		cut()
		return nil
	})
	if err == nil && yielded != len(crowd) {
		return fmt.Errorf("cut short, the list ended without an error after %d of %d accounts", yielded, len(crowd))
	}
	return nil
}
