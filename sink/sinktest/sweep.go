package sinktest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// sweepTime is how long the removal of a case's accounts may take, at a live service's pace.
const sweepTime = 2 * time.Minute

// sweep removes all accounts of the scene: those with its tag, and those that it made or may have made, by id and by
// login. It proves that they are gone.
func (s *scene) sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sweepTime)
	defer cancel()
	left, err := s.leftovers(ctx)
	var failed []error
	for _, a := range left {
		failed = append(failed, s.remove(ctx, a))
	}
	s.written(0)
	if len(left) > 0 {
		var again error
		left, again = s.leftovers(ctx)
		err = errors.Join(err, again)
	}
	if len(left) > 0 {
		err = errors.Join(err, fmt.Errorf("%s can't be removed", numbers(left)), errors.Join(failed...))
	}
	if err != nil {
		return fmt.Errorf("cleaning up what has the tag %s: %w", s.Tag, err)
	}
	return nil
}

// remove deletes the account as admin, or as its own user.
func (s *scene) remove(ctx context.Context, a account.Account) error {
	var refused error
	if s.Admin != nil {
		if refused = s.Admin.Delete(ctx, a); refused == nil {
			return nil
		}
	}
	if err := s.Owner.Delete(ctx, a); err != nil {
		return errors.Join(refused, err)
	}
	return nil
}

func (s *scene) leftovers(ctx context.Context) ([]account.Account, error) {
	listed, noList := s.list(ctx, s.Tag)
	byLogin, noLogins := s.find(ctx, account.ByLogin, s.logins...)
	ids := make([]string, len(s.ids))
	for i, id := range s.ids {
		ids[i] = strconv.FormatInt(id, 10)
	}
	byID, noIDs := s.find(ctx, account.ByID, ids...)
	var left []account.Account
	seen := map[int64]bool{}
	for _, group := range [][]account.Account{listed, byLogin, byID} {
		for _, a := range group {
			if !seen[a.ID] && s.owns(a) {
				seen[a.ID] = true
				left = append(left, a)
			}
		}
	}
	return left, errors.Join(noList, noLogins, noIDs)
}

// owns reports whether the account is the scene's, whatever a broken implementation says that it found.
func (s *scene) owns(a account.Account) bool {
	return a.HasTag(s.Tag) || strings.HasPrefix(a.ExternalID, s.Tag) || strings.HasPrefix(a.Values[user.Login].Text, s.Tag)
}
