package apply_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"cubesync/sync/account"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// swaps are rings of all kinds, before and after.
func swaps() map[string][2]map[string]logon {
	return map[string][2]map[string]logon{
		"two-emails": {
			{"E1": {"ann", "ann@example.com"}, "E2": {"bob", "bob@example.com"}},
			{"E1": {"ann", "bob@example.com"}, "E2": {"bob", "ann@example.com"}},
		},
		"three-logins": {
			{"E1": {"ann", "ann@example.com"}, "E2": {"bob", "bob@example.com"}, "E3": {"cat", "cat@example.com"}},
			{"E1": {"bob", "ann@example.com"}, "E2": {"cat", "bob@example.com"}, "E3": {"ann", "cat@example.com"}},
		},
		"email-and-login": {
			{"E1": {"ann", "ann@example.com"}, "E2": {"bob", "bob@example.com"}},
			{"E1": {"bob", "ann@example.org"}, "E2": {"bea", "ann@example.com"}},
		},
		"both-ways": {
			{"E1": {"ann", "ann@example.com"}, "E2": {"bob", "bob@example.com"}, "E3": {"cat", "cat@example.com"}},
			{"E1": {"bob", "cat@example.com"}, "E2": {"cat", "ann@example.com"}, "E3": {"ann", "bob@example.com"}},
		},
		"two-rings-and-a-follower": {
			{"E1": {"ann", "ann@example.com"}, "E2": {"bob", "bob@example.com"}, "E3": {"cat", "cat@example.com"}, "E4": {"dan", "dan@example.com"}},
			{
				"E1": {"bob", "ann@example.org"}, "E2": {"ann", "bob@example.com"}, "E3": {"dan", "cat@example.com"}, "E4": {"cat", "dan@example.com"},
				"E5": {"eve", "ann@example.com"},
			},
		},
	}
}

func TestSwap(t *testing.T) {
	for name, swap := range swaps() {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, swap[0])
			w.source = swap[1]
			for ending, n := range w.night(t) {
				if n != 1 || !strings.HasSuffix(ending, string(state.DoneApplied)) {
					t.Errorf("%s: %d", ending, n)
				}
			}
			w.is(t)
		})
	}
}

// Whichever write of a ring fails, and however, nobody is locked out, and the next night finishes the ring without
// knowing anything of this one.
func TestSwapThatBreaksOff(t *testing.T) {
	refused := &account.Error{Kind: account.Invalid, Call: "update user", Words: "not today", Status: 422}
	lost := &account.Error{Kind: account.Ambiguous, Call: "update user", Words: "connection reset"}
	gone := &account.Error{Kind: account.Unavailable, Call: "update user", Words: "no route to host"}
	for name, swap := range swaps() {
		for how, fault := range map[string]faultyService{
			"refused": {before: refused}, "lost-before": {before: lost}, "lost-after": {after: lost},
			"service-gone": {before: gone},
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				t.Parallel()
				for step, struck := 1, true; struck; step++ {
					t.Run(fmt.Sprint(step), func(t *testing.T) {
						w := newTown(t, swap[0])
						w.source = swap[1]
						w.service.fail, w.service.before, w.service.after = step, fault.before, fault.after
						w.night(t)
						struck = w.service.fail == 0
						w.nobodyIsLockedOut(t, swap[0])
						w.night(t)
						w.is(t)
					})
				}
			})
		}
	}
}

// A ring that breaks after its parking is taken back as far as it can be.
func TestSwapIsTakenBack(t *testing.T) {
	swap := swaps()["two-emails"]
	w := newTown(t, swap[0])
	w.source = swap[1]
	w.service.fail, w.service.before = 2, &account.Error{Kind: account.Invalid, Call: "update user", Words: "not today", Status: 422}
	w.night(t)
	w.source = swap[0]
	w.is(t)
}

// A member whose user changed their own password keeps everybody as they are, and the ring isn't tried again.
func TestSwapWithAMemberWhoCantBeWritten(t *testing.T) {
	for _, stubborn := range []string{"E1", "E2", "E3"} {
		t.Run(stubborn, func(t *testing.T) {
			swap := swaps()["three-logins"]
			w := newTown(t, swap[0])
			w.service.Service = locked{w.service.Service, stubborn}
			w.source = swap[1]
			endings := w.night(t)
			if endings["E1park "+string(state.DoneFailed)] != 1 || endings["E1 "+string(state.DoneSkipped)] != 1 ||
				endings["E2 "+string(state.DoneSkipped)] != 1 || endings["E3 "+string(state.DoneSkipped)] != 1 {
				t.Errorf("they ended as %v", endings)
			}
			w.source = swap[0]
			w.is(t)
		})
	}
}

// locked refuses to open one account.
type locked struct {
	account.Service
	externalID string
}

func (s locked) Update(ctx context.Context, known account.Account, change func(account.Account) (account.Write, error)) (account.Account, error) {
	if known.ExternalID == s.externalID {
		return account.Account{}, &account.Error{Kind: account.PasswordNotOurs, Call: "sign in", Words: "no password that we can derive opens the account"}
	}
	return s.Service.Update(ctx, known, change)
}

// What a member wants may be held by somebody who never was in the plan.
func TestSwapThatMeetsAStranger(t *testing.T) {
	swap := swaps()["three-logins"]
	w := newTown(t, swap[0])
	_, err := w.service.Create(t.Context(), user.User{Values: user.Values{user.Login: user.Text("stranger"), user.Email: user.Text("bob@example.org")}}, password("S1"))
	if err != nil {
		t.Fatal(err)
	}
	w.source = maps.Clone(swap[1])
	w.source["E2"] = logon{"cat", "bob@example.org"}
	w.night(t)
	w.source = swap[0]
	w.is(t)
}
