package reconcile_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// While somebody else holds what a member wants, for a moment or as far as ConnectyCube says, the swap is sent again; after a
// quarter of an hour it no longer is.
func TestSwapThatIsRefusedForAMoment(t *testing.T) {
	for name, nights := range map[string]int{"one-night": 1, "for-ever": 9} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := swapping(t, 1)
				defer func() { _ = w.server.Close() }()
				defer func() { _ = w.client.Close(context.Background()) }()
				wanted := w.source.persons[2][1]
				w.Service = faultyWrites{Service: w.Service, before: func(id string, wr account.Write) error {
					if id == "e0002" && wr.Values[user.Login].Text == wanted && nights > 0 {
						return &account.Error{Kind: account.Conflict, Call: "update user", Words: "login has already been taken", Status: 422}
					}
					return nil
				}}
				begun := 0
				for range 4 {
					before := w.writes()
					w.sync(t)
					if w.writes() > before {
						begun++
					}
					w.everybodyHas(t)
					nights--
					time.Sleep(day)
				}
				if begun != 2 {
					t.Errorf("it was sent in %d nights, want 2", begun)
				}
				if name == "one-night" {
					w.matches(t)
				}
			})
		})
	}
}

// Somebody wants a login that another one keeps, and later hands over: then it isn't refused any more.
func TestTakenLoginIsHandedOver(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(5)
	w.sync(t)
	p := w.source.persons
	login := p[1][1]
	p[1][1], p[2][2] = p[2][1], "no address" // which rejects the record: its account stays as it is
	w.sync(t)
	w.quiet(t)
	p[2][1], p[2][2] = login, staff(5)[2][2]
	w.sync(t)
	w.matches(t)
}

// Somebody wants a login that is freed for them, and an e-mail that another one keeps, and later hands over.
func TestTakenEmailIsHandedOverAfterALogin(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(5)
	w.sync(t)
	p := w.source.persons
	p[1][1], p[3][1] = p[3][1], "another-login"
	p[1][2], p[2][2] = p[2][2], "no address" // which rejects the record: its account stays as it is
	w.sync(t)
	w.quiet(t)
	p[2][2] = "another@example.com"
	w.sync(t)
	w.matches(t)
}

// What one who stands in a swap wants is kept by somebody outside it, and later handed over.
func TestTakenEmailIsHandedOverToASwap(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(5)
	w.sync(t)
	p := w.source.persons
	handRound(p, 1)
	p[2][2], p[4][2] = p[4][2], "no address"
	w.sync(t)
	if n := w.sync(t).Plan.Sent(); n > 0 {
		t.Errorf("%d operations are sent again while somebody keeps what one of them claims", n)
	}
	p[4][2] = "another@example.com"
	w.sync(t)
	w.matches(t)
}

// doubtfulSignUps asks before each sign-up; an error is answered instead.
type doubtfulSignUps struct {
	account.Service
	before func(user.User) error
}

func (s doubtfulSignUps) Create(ctx context.Context, u user.User, password string) (account.Account, error) {
	if err := s.before(u); err != nil {
		return account.Account{}, err
	}
	return s.Service.Create(ctx, u, password)
}

// A sign-up whose login is said to be taken, and nobody has it, is sent again; after a quarter of an hour it no longer is.
func TestSignUpThatIsRefusedForAMoment(t *testing.T) {
	for name, nights := range map[string]int{"one-night": 1, "for-ever": 9} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, t.TempDir())
				defer func() { _ = w.server.Close() }()
				defer func() { _ = w.client.Close(context.Background()) }()
				w.source.persons = staff(5)
				sent := 0
				w.Service = doubtfulSignUps{w.Service, func(u user.User) error {
					if u.ExternalID != "e0002" {
						return nil
					}
					if sent++; sent > nights {
						return nil
					}
					return &account.Error{Kind: account.Conflict, Call: "sign up", Words: "login has already been taken", Status: 422}
				}}
				for range 4 {
					w.sync(t)
					time.Sleep(day)
				}
				if sent != 2 {
					t.Errorf("it was sent in %d nights, want 2", sent)
				}
				if name == "one-night" {
					w.matches(t)
				}
			})
		})
	}
}

// Somebody of ours takes a login for themselves just before the sign-up that claims it; the next run gives it back.
func TestSignUpWhoseLoginIsGivenBack(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(5)
	w.sync(t)
	w.source.persons = staff(6)
	inner := w.Service
	w.Service = doubtfulSignUps{inner, func(u user.User) error {
		_, err := inner.Update(t.Context(), w.find(t, account.ByExternalID, "e0002"), func(account.Account) (w account.Write, err error) {
			w.Values[user.Login] = u.Values[user.Login]
			return w, nil
		})
		return err
	}}
	w.sync(t)
	w.Service = inner
	w.sync(t)
	w.matches(t)
}

// An account that isn't what the plan was made from was listed too early or not at all: the next run lists everybody.
func TestOutdatedListIsntTrusted(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(5)
	w.sync(t)
	w.sync(t)
	w.source.persons[1][3] = "Other Name"
	inner := w.Service
	w.Service = faultyWrites{Service: inner, meanwhile: func(a account.Account) account.Account {
		a.Values[user.FullName] = user.Text("Name of Another Worker")
		return a
	}}
	if result := w.sync(t); result.Run.Tally.Skipped != 1 {
		t.Fatalf("%+v", result.Run.Tally)
	}
	w.Service = inner
	if result := w.sync(t); result.Run.Listed.All != state.ListOutdated {
		t.Errorf("it lists all for the reason %q", result.Run.Listed.All)
	}
	if result := w.sync(t); result.Run.Listed.All != "" {
		t.Errorf("then it lists all for the reason %q", result.Run.Listed.All)
	}
}
