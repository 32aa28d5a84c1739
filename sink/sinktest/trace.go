package sinktest

import (
	"strings"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// trace is what is known of an account of the scene. One is gone only when it was seen, or its deletion was accepted, and
// it isn't shown any more: a list that shows nothing may only lag.
type trace struct {
	account  account.Account // as it was shown or answered last
	id       string          // the external ID that it was signed up with, which its password is that of
	seen     bool            // by a list or a look-up
	shown    bool            // by the last ones of them
	accepted bool            // its deletion
}

func (t *trace) gone() bool { return !t.shown && (t.seen || t.accepted) }

// signedUp notes who was, or may have been, signed up.
func (s *scene) signedUp(u user.User, made account.Account, err error) {
	login := u.Values[user.Login].Text
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		if !s.owns(made) {
			made = account.Account{ID: made.ID, ExternalID: u.ExternalID, Values: u.Values} // by the word of the one who answered
		}
		s.trace(made).id = u.ExternalID
		delete(s.doubts, login)
	case refused(err, account.Invalid, account.Conflict, account.Forbidden, account.NotFound) != nil:
		if s.doubts == nil {
			s.doubts = map[string]user.User{}
		}
		s.doubts[login] = u
	}
}

// trace returns the account's, with the account as it is now; the caller holds the lock.
func (s *scene) trace(a account.Account) *trace {
	if s.traces == nil {
		s.traces = map[int64]*trace{}
	}
	t := s.traces[a.ID]
	if t == nil {
		t = &trace{id: a.ExternalID}
		s.traces[a.ID] = t
	}
	t.account = a
	return t
}

func (s *scene) met(a account.Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owns(a) {
		s.trace(a)
	}
}

func (s *scene) accepted(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.traces[id]; t != nil {
		t.accepted = true
	}
}

func (s *scene) saw(found []account.Account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range found {
		if s.owns(a) {
			t := s.trace(a)
			t.seen, t.shown = true, true
			delete(s.doubts, a.Values[user.Login].Text)
		}
	}
}

// owns reports whether the account is the scene's, whatever a broken implementation says that it found.
func (s *scene) owns(a account.Account) bool {
	return a.HasTag(s.Tag) || strings.HasPrefix(a.ExternalID, s.Tag) || strings.HasPrefix(a.Values[user.Login].Text, s.Tag)
}
