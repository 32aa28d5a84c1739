package sinktest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// How long the removal of a case's accounts may take, at a live service's pace, and for how long it is begun anew while
// somebody may still be there.
const (
	sweepTime = 2 * time.Minute
	patience  = 90 * time.Second
	longPause = 4 * time.Second
)

// sweep removes all accounts of the scene: those with its tag, and those that it made or may have made. It looks until
// they are gone, and names those that may not be.
func (s *scene) sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sweepTime)
	defer cancel()
	began := time.Now()
	err := s.look(ctx)
	for pause := time.Second / 4; err != nil || s.left() != ""; pause = min(2*pause, longPause) {
		refused := s.removeAll(ctx)
		err = s.look(ctx)
		left := s.left()
		if err == nil && left == "" {
			return nil
		}
		if time.Since(began) > patience {
			if left != "" {
				err = errors.Join(err, fmt.Errorf("%s can't be removed", left), refused)
			}
			return fmt.Errorf("cleaning up what has the tag %s: %w", s.Tag, err)
		}
		time.Sleep(pause)
	}
	return nil
}

// left names who may still be there, "" for nobody.
func (s *scene) left() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []account.Account
	for _, t := range s.traces {
		if !t.gone() {
			all = append(all, t.account)
		}
	}
	var names []string
	if len(all) > 0 {
		slices.SortFunc(all, byID)
		names = append(names, numbers(all))
	}
	for _, login := range slices.Sorted(maps.Keys(s.doubts)) {
		names = append(names, "an account of the login "+login)
	}
	return strings.Join(names, " and ")
}

// look finds out who is shown now.
func (s *scene) look(ctx context.Context) error {
	s.mu.Lock()
	var ids []string
	logins := slices.Sorted(maps.Keys(s.doubts))
	for id, t := range s.traces {
		t.shown = false
		ids = append(ids, strconv.FormatInt(id, 10))
		logins = append(logins, t.account.Values[user.Login].Text)
	}
	s.mu.Unlock()
	_, noList := s.list(ctx, s.Tag)
	_, noLogins := s.find(ctx, account.ByLogin, logins...)
	_, noIDs := s.find(ctx, account.ByID, ids...)
	return errors.Join(noList, noLogins, noIDs)
}

// removeAll deletes everybody who may be there, seen or not. Who is in doubt is signed up again, with the same login: then
// it is known who that is.
func (s *scene) removeAll(ctx context.Context) error {
	s.mu.Lock()
	doubts := slices.Collect(maps.Values(s.doubts))
	s.mu.Unlock()
	var failed []error
	for _, u := range doubts {
		if _, err := s.create(ctx, u); err != nil {
			failed = append(failed, err)
		}
	}
	s.mu.Lock()
	var there []trace
	for _, t := range s.traces {
		if t.shown || !t.accepted && !t.gone() {
			there = append(there, *t)
		}
	}
	s.mu.Unlock()
	for _, t := range there {
		err := s.remove(ctx, t)
		if err == nil {
			s.accepted(t.account.ID)
		}
		failed = append(failed, err)
	}
	s.written()
	return errors.Join(failed...)
}

// remove deletes the account as admin, or as its own user. Who was never shown is deleted as the user only: that proves
// whose the id is.
func (s *scene) remove(ctx context.Context, t trace) error {
	var failed []error
	if s.Admin != nil && t.shown {
		err := s.Admin.Delete(ctx, t.account)
		if err == nil {
			return nil
		}
		failed = append(failed, err)
	}
	for _, id := range slices.Compact([]string{t.account.ExternalID, t.id}) {
		known := t.account
		known.ExternalID = id
		err := s.Owner.Delete(ctx, known)
		if err == nil {
			return nil
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}
