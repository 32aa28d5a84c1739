package reconcile_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// has checks what somebody is found by.
func (w *world) has(t *testing.T, externalID, login, email string) {
	t.Helper()
	a := w.find(t, account.ByExternalID, externalID)
	if gotLogin, gotEmail := a.Values[user.Login].Text, a.Values[user.Email].Text; gotLogin != login || gotEmail != email {
		t.Errorf("%s has the login %q and the e-mail %q, want %q and %q", externalID, gotLogin, gotEmail, login, email)
	}
}

// edit is what somebody does to an account by hand.
func (w *world) edit(t *testing.T, externalID string, change account.Write) {
	t.Helper()
	a := w.find(t, account.ByExternalID, externalID)
	if _, err := w.Service.Update(t.Context(), a, func(account.Account) (account.Write, error) { return change, nil }); err != nil {
		t.Fatal(err)
	}
}

func only(field user.Field, text string) (w account.Write) {
	w.Values[field] = user.Text(text)
	return w
}

// stranger takes a login and an e-mail.
func (w *world) stranger(t *testing.T, login, email string) {
	t.Helper()
	u := user.User{Values: user.Values{user.Login: user.Text(login), user.Email: user.Text(email)}}
	if _, err := w.Service.Create(t.Context(), u, "a-password-of-theirs"); err != nil {
		t.Fatal(err)
	}
}

// leftHalfway is a pipeline in which e0001 gave up its login and its e-mail in a swap, the run was killed, and everybody in
// the swap has left the source, which keeps them.
func leftHalfway(t *testing.T) *world {
	t.Helper()
	w := swapping(t, 1, 2)
	w.Policy.Leavers = plan.KeepLeavers
	w.Guards.Shrink = 1
	if !w.killedAt(t, 1, "after") {
		t.Fatal("nothing was written")
	}
	if a := w.find(t, account.ByExternalID, "e0001"); !isParkedLogin(a.Values[user.Login].Text) {
		t.Fatalf("e0001 has the login %s", a.Values[user.Login].Text)
	}
	w.source.persons = append(w.source.persons[:1:1], w.source.persons[4])
	return w
}

func lockedOut(p *plan.Plan) (externalIDs []string) {
	for _, remark := range p.Remarks {
		if remark.Reason == plan.LockedOut {
			externalIDs = append(externalIDs, remark.ExternalID)
		}
	}
	return externalIDs
}

// A member's account carries another external ID than its record, of one's own doing or because the service keeps them.
func TestSwapWithAMemberOfAnotherExternalID(t *testing.T) {
	for _, i := range []int{1, 2, 3} {
		t.Run("changed-by-hand-"+staff(5)[i][0], func(t *testing.T) {
			w := adopting(t, emulator.Options{})
			w.source.persons = staff(5)
			w.sync(t)
			handRound(w.source.persons, 1)
			w.edit(t, w.source.persons[i][0], account.Write{ExternalID: "by-hand"})
			w.sync(t)
			w.matches(t)
			w.quiet(t)
		})
		t.Run("kept-"+staff(5)[i][0], func(t *testing.T) {
			w := adopting(t, emulator.Options{FixedExternalIDs: true})
			w.source.persons = staff(5)
			w.stranger(t, w.source.persons[i][1], "before@example.com")
			w.sync(t)
			w.sync(t)
			handRound(w.source.persons, 1)
			w.sync(t)
			for _, p := range w.source.persons[1:4] {
				if !w.holds(t, account.ByLogin, p[1]) {
					t.Errorf("nobody has %s", p[1])
				}
				if a := w.find(t, account.ByLogin, p[1]); a.Values[user.Email].Text != p[2] {
					t.Errorf("%s has the e-mail %s, want %s", p[1], a.Values[user.Email].Text, p[2])
				}
			}
			w.quiet(t)
		})
	}
}

// What can't be given back as a whole is given back in part, and nothing is forgotten or sent every night.
func TestWhatIsGivenBackIsRefused(t *testing.T) {
	const login, email = "login-e0001", "e0001@example.com"
	computed := user.ComputedLogin("e0001")
	for _, test := range []struct {
		name         string
		refuse       func(w account.Write) error
		login, email string // after some nights
		remarked     bool
	}{
		{"nothing", func(account.Write) error { return nil }, login, email, false},
		{
			"the-e-mail", func(w account.Write) error {
				if w.Values[user.Email].Set {
					return notPermitted("e-mail not permitted")
				}
				return nil
			}, login, "", true,
		},
		{
			"the-login", func(w account.Write) error {
				if w.Values[user.Login].Text == login {
					return notPermitted("login not permitted")
				}
				return nil
			}, computed, email, false,
		},
		{
			"logins", func(w account.Write) error {
				if w.Values[user.Login].Set {
					return notPermitted("login not permitted")
				}
				return nil
			}, plan.ParkedLogin("e0001"), email, true,
		},
		{
			"everything", func(account.Write) error { return notPermitted("no") }, plan.ParkedLogin("e0001"), "", true,
		},
		{
			"permission", func(account.Write) error {
				return &account.Error{Kind: account.Forbidden, Call: "update user", Words: "no", Status: 403}
			}, plan.ParkedLogin("e0001"), "", true,
		},
		{
			"password", func(account.Write) error {
				return &account.Error{Kind: account.PasswordNotOurs, Call: "sign in", Words: "no password opens the account"}
			}, plan.ParkedLogin("e0001"), "", true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := leftHalfway(t)
			inner := w.Service
			tries := 0
			w.Service = faultyWrites{Service: inner, before: func(_ string, wr account.Write) error {
				tries++
				return test.refuse(wr)
			}}
			for range 7 { // each night another way, and those of the login again once the e-mail is there
				w.sync(t)
			}
			w.has(t, "e0001", test.login, test.email)
			tries = 0
			result := w.sync(t)
			if tries != 0 {
				t.Errorf("it is tried every night: %v", result.Plan.Operations)
			}
			if got := len(lockedOut(result.Plan)) == 1; got != test.remarked {
				t.Errorf("remarked is %t: %v", got, result.Plan.Remarks)
			}
			if test.name == "permission" || test.name == "password" {
				w.Service = inner
				w.order(t, reconcile.Order{RetryRefused: true})
				w.has(t, "e0001", login, email)
			}
		})
	}
}

// Nobody's permission is granted night by night; who wasn't permitted to give the login back mustn't end with another one.
func TestPermissionToGiveBackComesLate(t *testing.T) {
	w := leftHalfway(t)
	inner := w.Service
	w.Service = faultyWrites{Service: inner, before: func(string, account.Write) error {
		return &account.Error{Kind: account.Forbidden, Call: "update user", Words: "no", Status: 403}
	}}
	for range 3 {
		w.sync(t)
	}
	w.Service = inner
	w.sync(t)
	w.has(t, "e0001", plan.ParkedLogin("e0001"), "")
	if result := w.order(t, reconcile.Order{RetryRefused: true}); len(lockedOut(result.Plan)) != 0 {
		t.Errorf("%v", result.Plan.Remarks)
	}
	w.has(t, "e0001", "login-e0001", "e0001@example.com")
	w.quiet(t)
}

// What the saved plan gives back was taken meanwhile: the rest is given back the night after.
func TestGivenBackWhatWasTakenMeanwhile(t *testing.T) {
	w := leftHalfway(t)
	file := w.save(t)
	w.stranger(t, "stranger", "e0001@example.com")
	w.apply(t, file)
	w.sync(t)
	w.has(t, "e0001", "login-e0001", "")
}

// A parking whose answer is lost, and that can't be undone, was carried out after all.
func TestParkingInDoubtIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := swapping(t, 2)
		defer func() { _ = w.server.Close() }()
		defer func() { _ = w.client.Close(context.Background()) }()
		w.Policy.Leavers = plan.KeepLeavers
		w.Guards.Shrink = 1
		inner := w.Service
		w.Service = &deaf{Service: inner}
		w.sync(t)
		w.Service = inner
		w.has(t, "e0001", "login-e0001", "")
		w.source.persons = append(w.source.persons[:1:1], w.source.persons[4])
		w.sync(t)
		w.has(t, "e0001", "login-e0001", "e0001@example.com")
		w.quiet(t)
	})
}

// deaf carries out the first write, and from then on answers nothing about its account.
type deaf struct {
	account.Service
	id int64
}

func (s *deaf) Update(ctx context.Context, known account.Account, change func(account.Account) (account.Write, error)) (account.Account, error) {
	if s.id == known.ID {
		return account.Account{}, lostAnswer()
	}
	wrote := false
	a, err := s.Service.Update(ctx, known, func(now account.Account) (account.Write, error) {
		w, err := change(now)
		wrote = err == nil && w != (account.Write{})
		return w, err
	})
	if err == nil && wrote && s.id == 0 {
		s.id = known.ID
		return account.Account{}, lostAnswer()
	}
	return a, err
}

// Who lost our tag isn't parked: after a kill nobody would find them again once their record is gone.
func TestSwapWithAMemberWhoLostTheTag(t *testing.T) {
	for step, struck := 1, true; struck; step++ {
		w := swapping(t, 1, 2)
		w.Policy.Leavers = plan.KeepLeavers
		w.Guards.Shrink = 1
		w.edit(t, "e0001", only(user.Tags, "a,b"))
		struck = w.killedAt(t, step, "after")
		if step == 1 {
			w.source.persons = append(w.source.persons[:1:1], w.source.persons[4])
		}
		for range 3 {
			w.sync(t)
		}
		w.everybodyHas(t)
	}
}

// The service answers well and keeps the e-mail empty: that is no success, and isn't tried every night.
func TestWhatIsGivenBackIsIgnored(t *testing.T) {
	w := leftHalfway(t)
	sent := 0
	w.Service = dropping{w.Service, func(wr *account.Write) {
		if wr.Values[user.Email].Set {
			sent++
			wr.Values[user.Email] = user.Value{}
		}
	}}
	for range 4 {
		w.sync(t)
	}
	w.has(t, "e0001", "login-e0001", "")
	sent = 0
	if result := w.sync(t); sent != 0 || len(lockedOut(result.Plan)) != 1 || result.Run.Tally.LockedOut != 1 {
		t.Errorf("it was sent %d times, %v, %+v", sent, result.Plan.Remarks, result.Run.Tally)
	}
}

// dropping drops fields of the writes.
type dropping struct {
	account.Service
	drop func(w *account.Write)
}

func (s dropping) Update(ctx context.Context, known account.Account, change func(account.Account) (account.Write, error)) (account.Account, error) {
	return s.Service.Update(ctx, known, func(now account.Account) (account.Write, error) {
		w, err := change(now)
		if err == nil {
			s.drop(&w)
		}
		return w, err
	})
}

// A stop that comes while a ring is only looked at keeps it from being begun.
func TestStopWhileASwapIsLookedAt(t *testing.T) {
	for _, look := range []int{1, 2, 3} {
		synctest.Test(t, func(t *testing.T) {
			w := swapping(t, 1, 2)
			defer func() { _ = w.server.Close() }()
			defer func() { _ = w.client.Close(context.Background()) }()
			stop := make(chan struct{})
			w.Service = &stopping{Service: w.Service, at: look, stop: stop}
			before := w.writes()
			result := w.order(t, reconcile.Order{Stop: stop})
			if w.writes() != before || result.Run.Status != state.Interrupted || result.Run.Tally.NotAttempted != 3 {
				t.Errorf("at look %d: %d writes, %s, %+v", look, w.writes()-before, result.Run.Status, result.Run.Tally)
			}
		})
	}
}

// stopping stops the run at its n-th look at an account.
type stopping struct {
	account.Service
	at, looks int
	stop      chan struct{}
}

func (s *stopping) Update(ctx context.Context, known account.Account, change func(account.Account) (account.Write, error)) (account.Account, error) {
	if s.looks++; s.looks == s.at {
		close(s.stop)
		synctest.Wait() // the stop is noticed by another goroutine
	}
	return s.Service.Update(ctx, known, change)
}

// Whoever waits, halfway through a swap, for somebody whose update is in doubt every night doesn't wait for long.
func TestParkedBehindSomebodyInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := swapping(t, 1)
		defer func() { _ = w.server.Close() }()
		defer func() { _ = w.client.Close(context.Background()) }()
		w.killedAt(t, 1, "after")
		inner := w.Service
		w.Service = faultyWrites{Service: inner, before: func(id string, _ account.Write) error {
			if id == "e0002" {
				return lostAnswer()
			}
			return nil
		}}
		w.sync(t)
		w.sync(t)
		w.everybodyHas(t)
		w.Service = inner
		w.sync(t)
		w.matches(t)
		w.quiet(t)
	})
}

// Whoever is halfway through a swap and isn't written for another reason isn't passed over in silence, and counts as a trouble.
func TestHalfwayAndLeftAlone(t *testing.T) {
	for name, change := range map[string]func(*testing.T, *world){
		"updates-off": func(_ *testing.T, w *world) { w.Policy.UpdatesOff = true },
		"protected": func(t *testing.T, w *world) {
			w.Policy.Protected.IDs = []int64{w.find(t, account.ByExternalID, "e0001").ID}
		},
		"second-owner-tag": func(t *testing.T, w *world) {
			w.Policy.OtherOwnerTags = []string{"another"}
			w.edit(t, "e0001", only(user.Tags, ownerTag+",another"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := leftHalfway(t)
			change(t, w)
			before := w.writes()
			result := w.sync(t)
			if got := lockedOut(result.Plan); !slices.Equal(got, []string{"e0001"}) || result.Run.Tally.LockedOut != 1 {
				t.Errorf("locked out are %v, and counted %d", got, result.Run.Tally.LockedOut)
			}
			if w.writes() != before {
				t.Errorf("%d writes", w.writes()-before)
			}
		})
	}
}

// A put-back that isn't applied is no record's end, and counts all the same.
func TestFailedPutBackCounts(t *testing.T) {
	w := leftHalfway(t)
	w.Service = faultyWrites{Service: w.Service, before: func(string, account.Write) error { return notPermitted("no") }}
	for range 6 { // each night another way, and then none
		if result := w.sync(t); result.Run.Tally.LockedOut != 1 {
			t.Errorf("%+v", result.Run.Tally)
		}
	}
}

// Undoing a swap, the e-mail turns out to be taken: the login is given back all the same.
func TestUndoingGivesTheLoginBackAtLeast(t *testing.T) {
	w := swapping(t, 1, 2)
	inner := w.Service
	refused := false
	w.Service = faultyWrites{Service: inner, before: func(id string, _ account.Write) error {
		if id == "e0001" || refused {
			return nil
		}
		refused = true
		w.stranger(t, "stranger", "e0001@example.com")
		return notPermitted("no")
	}}
	w.sync(t)
	w.has(t, "e0001", "login-e0001", "")
	w.Service = inner
	w.sync(t)
	w.everybodyHas(t)
}

// A service may spell logins otherwise, those of a swap too.
func TestSwapWhereLoginsAreSpeltInCapitals(t *testing.T) {
	w := adopting(t, emulator.Options{})
	w.Service = dropping{w.Service, func(wr *account.Write) {
		if login := wr.Values[user.Login]; login.Set {
			wr.Values[user.Login] = user.Text(strings.ToUpper(login.Text))
		}
	}}
	w.source.persons = staff(5)
	w.sync(t)
	w.sync(t)
	handRound(w.source.persons, 1)
	w.sync(t)
	for _, p := range w.source.persons[1:4] {
		w.has(t, p[0], strings.ToUpper(p[1]), p[2])
	}
	w.quiet(t)
}
