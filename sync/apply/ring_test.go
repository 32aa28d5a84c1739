package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// handRound is a ring of so many people who hand their logins round; the first one is parked.
func handRound(people int) (accounts []account.Account, ops []plan.Operation) {
	return handRoundAmong("R", 1000, people)
}

// handRoundAmong is handRound with other names and account ids.
func handRoundAmong(name string, id int64, people int) (accounts []account.Account, ops []plan.Operation) {
	for i := range people {
		accounts = append(accounts, person(id+int64(i), fmt.Sprintf("%s%d", name, i)))
	}
	first := accounts[0]
	parking := change(first, user.Login, plan.ParkedLogin(first.ExternalID))
	parking.Step, parking.Digest = plan.Park, "the ring"
	ops = append(ops, parking)
	last := people - 1
	for i := last; i >= 0; i-- { // each gets the login of the next, the last one that of the first
		next := accounts[(i+1)%people]
		op := change(accounts[i], user.Login, next.Values[user.Login].Text)
		op.Digest, op.WaitsFor = op.ExternalID, []string{next.ExternalID}
		ops = append(ops, op)
	}
	end := &ops[len(ops)-1]
	end.WaitsFor, end.Parked = append(end.WaitsFor, first.ExternalID), []plan.Given{{Field: user.Login, To: accounts[last].ExternalID}}
	for i := range ops {
		ops[i].Ring = first.ExternalID
	}
	return accounts, ops
}

// asBefore checks that nobody's values have changed.
func (s *stage) asBefore(t *testing.T, accounts []account.Account) {
	t.Helper()
	for _, was := range accounts {
		if now := s.service.accounts[was.ID]; now.Values != was.Values {
			t.Errorf("%s has %v, and had %v", was.ExternalID, now.Values, was.Values)
		}
	}
}

func endings(ops []plan.Operation, outcomes map[string]state.Outcome) string {
	var all []string
	for _, op := range ops {
		all = append(all, nameOf(op)+" "+string(outcomes[nameOf(op)].Ending))
	}
	return strings.Join(all, ", ")
}

// at scripts what happens to somebody from the n-th time on that they are read or written, m times. The first time is the
// look before the ring is begun.
func at(externalID string, n, m int, f fault) func(string, string, int) fault {
	return func(call, who string, i int) fault {
		if call == "update" && who == externalID && i >= n && i < n+m {
			return f
		}
		return fault{}
	}
}

func TestRing(t *testing.T) {
	for _, test := range []struct {
		name   string
		script func(string, string, int) fault
		whole  bool // everybody is as they are to be; otherwise as they were
		want   string
		words  map[string]string // contained in the outcomes'
	}{
		{"applied", nil, true, "R0park applied, R2 applied, R1 applied, R0 applied", nil},
		{
			"member-cannot-be-read", at("R1", 1, 1, fault{early: kind(account.PasswordNotOurs)}), false,
			"R0park failed, R2 skipped, R1 skipped, R0 skipped", map[string]string{"R2": "not begun, as R1 can't be written"},
		},
		{
			"parking-is-refused", at("R0", 2, 1, fault{err: invalid("no such login")}), false,
			"R0park failed, R2 skipped, R1 skipped, R0 skipped", map[string]string{"R1": "not sent, as R0 couldn't be written: call: invalid (HTTP 422): no such login"},
		},
		{
			"first-is-refused", at("R2", 2, 1, fault{err: invalid("no")}), false,
			"R0park skipped, R2 failed, R1 skipped, R0 skipped", map[string]string{"R0park": "undone, as R2", "R2": "everybody in its swap is as before"},
		},
		{
			"last-is-refused", at("R0", 3, 1, fault{err: invalid("no")}), false,
			"R0park skipped, R2 skipped, R1 skipped, R0 failed", map[string]string{"R1": "undone, as R0"},
		},
		{"answer-of-the-parking-is-lost", at("R0", 2, 1, fault{lost: true}), true, "R0park applied, R2 applied, R1 applied, R0 applied", nil},
		{"member-never-arrives-once", at("R1", 2, 1, fault{never: true}), true, "R0park applied, R2 applied, R1 applied, R0 applied", nil},
		{
			"service-is-gone", at("R1", 2, 1, fault{err: kind(account.Unavailable)}), false,
			"R0park skipped, R2 skipped, R1 not attempted, R0 not attempted", nil,
		},
		{
			"undoing-stumbles", both(at("R1", 2, 1, fault{err: invalid("no")}), at("R2", 3, 2, fault{never: true})), false,
			"R0park skipped, R2 skipped, R1 failed, R0 skipped", nil,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				accounts, ops := handRound(3)
				s := newStage(accounts...)
				s.service.script = test.script
				outcomes, _ := s.apply(t, ops...)
				if got := endings(ops, outcomes); got != test.want {
					t.Errorf("they ended as %s, want %s", got, test.want)
				}
				for who, words := range test.words {
					if got := outcomes[who].Words; !strings.Contains(got, words) {
						t.Errorf("%s ended with %q, want %q", who, got, words)
					}
				}
				if !test.whole {
					s.asBefore(t, accounts)
					return
				}
				for i, a := range accounts {
					if got, want := s.service.accounts[a.ID].Values[user.Login].Text, fmt.Sprintf("login-R%d", (i+1)%3); got != want {
						t.Errorf("%s has the login %s, want %s", a.ExternalID, got, want)
					}
				}
			})
		})
	}
}

// A parking that nothing proves written or not is undone like one that was.
func TestDoubtInARingIsUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts, ops := handRound(3)
		s := newStage(accounts...)
		s.service.script = both(at("R0", 2, 1, fault{lost: true}), at("R0", 3, maxTries-1, fault{early: errLost}))
		outcomes, _ := s.apply(t, ops...)
		if got, want := endings(ops, outcomes), "R0park failed, R2 skipped, R1 skipped, R0 skipped"; got != want {
			t.Errorf("they ended as %s, want %s", got, want)
		}
		if outcomes["R0park"].Refused {
			t.Error("it is taken for refused")
		}
		s.asBefore(t, accounts)
	})
}

// What can't be undone is said, and the others end as what they are.
func TestRingThatCannotBeUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts, ops := handRound(3)
		s := newStage(accounts...)
		s.service.script = both(at("R1", 2, 1, fault{err: invalid("no")}), at("R2", 3, 99, fault{err: kind(account.Unavailable)}))
		outcomes, _ := s.apply(t, ops...)
		if got, want := endings(ops, outcomes), "R0park applied, R2 applied, R1 failed, R0 skipped"; got != want {
			t.Errorf("they ended as %s, want %s", got, want)
		}
		for who, words := range map[string]string{"R2": "stays, although its swap was broken off", "R0": "parked until the next run", "R1": "the next run ends it"} {
			if got := outcomes[who].Words; !strings.Contains(got, words) {
				t.Errorf("%s ended with %q, want %q", who, got, words)
			}
		}
		if login := s.service.accounts[1000].Values[user.Login].Text; login != plan.ParkedLogin("R0") {
			t.Errorf("R0 has the login %s", login)
		}
	})
}

// Undoing ends in doubt, and then the service is gone: nobody knows whether what was written stays.
func TestUndoingInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts, ops := handRound(3)
		s := newStage(accounts...)
		s.service.script = both(at("R1", 2, 1, fault{err: invalid("no")}),
			both(at("R2", 3, 1, fault{lost: true}), at("R2", 4, 99, fault{early: kind(account.Unavailable)})))
		outcomes, _ := s.apply(t, ops...)
		if got, want := endings(ops, outcomes), "R0park applied, R2 unknown, R1 failed, R0 skipped"; got != want {
			t.Errorf("they ended as %s, want %s", got, want)
		}
	})
}

// Whose login another worker has changed since the plan was made isn't refused anything.
func TestRenamedSinceThePlan(t *testing.T) {
	for name, refused := range map[string]account.Kind{"password": account.PasswordNotOurs, "another-user": account.Forbidden} {
		for _, renamed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s-%v", name, renamed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					accounts, ring := handRound(2)
					single := person(1, "E1")
					s := newStage(append(accounts, single)...)
					s.service.script = both(at("R1", 1, 1, fault{early: kind(refused)}), at("E1", 1, 1, fault{early: kind(refused)}))
					if renamed {
						s.service.change(1001, user.Login, "another")
						s.service.change(1, user.Email, "another@example.com")
					}
					outcomes, _ := s.apply(t, append(ring, change(single, user.FullName, "New"))...)
					for _, who := range []string{"R0park", "E1"} {
						if o := outcomes[who]; o.Moved != renamed || o.Refused == renamed || (o.Ending == state.DoneSkipped) != renamed {
							t.Errorf("%s ended as %s, refused %v, moved %v: %s", who, o.Ending, o.Refused, o.Moved, o.Words)
						}
					}
				})
			})
		}
	}
}

// Of a login that a sign-up claims, and that was said to be taken, too.
func TestTakenFromASignUp(t *testing.T) {
	for name, test := range map[string]struct {
		holder account.Account
		open   bool
	}{
		"by-a-stranger":   {with(person(7, ""), user.Login, "login-E1"), false},
		"by-who-frees-it": {with(person(7, "E7"), user.Login, "login-E1"), true},
		"by-nobody":       {person(7, "E7"), true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				freer := person(8, "E7")
				s := newStage(freer, test.holder)
				s.service.script = func(call, _ string, _ int) fault {
					if call == "create" {
						return fault{err: kind(account.Conflict)}
					}
					return fault{}
				}
				op := signUp("E1")
				op.Wave, op.WaitsFor = 1, []string{"E7"}
				outcomes, _ := s.apply(t, change(freer, user.FullName, "New"), op)
				if o := outcomes["E1"]; !o.Refused || !o.Taken || o.Open != test.open {
					t.Errorf("refused %v, taken %v, open %v", o.Refused, o.Taken, o.Open)
				}
			})
		})
	}
}

// Of a login that was said to be taken it is found out who keeps it.
func TestTakenLogin(t *testing.T) {
	for name, test := range map[string]struct {
		holder      account.Account
		waitsFor    []string
		taken, open bool
	}{
		"by-a-stranger":            {person(7, ""), nil, true, false},
		"by-who-frees-it":          {person(7, "E7"), []string{"E7"}, false, true},
		"by-another-than-frees-it": {person(7, "E7"), []string{"E8"}, true, false},
		"by-nobody":                {with(person(7, ""), user.Login, "other"), nil, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				one := person(1, "E1")
				s := newStage(one, person(8, "E8"), test.holder)
				s.service.script = at("E1", 1, 1, fault{err: kind(account.Conflict)})
				ops := []plan.Operation{change(one, user.Login, "login-"+test.holder.ExternalID)}
				if test.waitsFor != nil {
					ops[0].Wave, ops[0].WaitsFor = 1, test.waitsFor
					ops = append([]plan.Operation{change(s.service.of(test.waitsFor[0])[0], user.FullName, "New")}, ops...)
				}
				outcomes, _ := s.apply(t, ops...)
				if o := outcomes["E1"]; !o.Refused || o.Taken != test.taken || o.Open != test.open {
					t.Errorf("refused %v, taken %v, open %v", o.Refused, o.Taken, o.Open)
				}
			})
		})
	}
}

// A ring of which a member is blocked, or waits in vain for somebody outside, isn't begun.
func TestRingThatIsHindered(t *testing.T) {
	for name, hinder := range map[string]func(op *plan.Operation){
		"blocked":       func(op *plan.Operation) { op.Blocked = plan.Moved },
		"waits-in-vain": func(op *plan.Operation) { op.WaitsFor = append(op.WaitsFor, "E1") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				accounts, ops := handRound(3)
				hinder(&ops[2])
				s := newStage(accounts...)
				outcomes, err := s.apply(t, ops...)
				if got, want := endings(ops, outcomes), "R0park skipped, R2 skipped, R1 skipped, R0 skipped"; got != want || err != nil {
					t.Errorf("they ended as %s, %v, want %s", got, err, want)
				}
				if len(s.service.log) > 0 || len(s.journal.intents) > 0 {
					t.Errorf("it was begun: %v", s.service.log)
				}
			})
		})
	}
}

// Whoever waits for a member comes only after a ring that came to its end.
func TestFollowerOfARing(t *testing.T) {
	for refused, want := range map[bool]state.Ending{false: state.DoneApplied, true: state.DoneSkipped} {
		synctest.Test(t, func(t *testing.T) {
			accounts, ops := handRound(2)
			s := newStage(accounts...)
			if refused {
				s.service.script = at("R1", 2, 1, fault{err: invalid("no")})
			}
			follower := signUp("E9")
			follower.Wave, follower.WaitsFor = 1, []string{"R0"}
			outcomes, _ := s.apply(t, append(ops, follower)...)
			if got := outcomes["E9"].Ending; got != want {
				t.Errorf("refused: %v: it ended as %s, want %s", refused, got, want)
			}
		})
	}
}

// A ring is opened in the journal by one commit, however long it is and wherever it stands.
func TestRingIsOpenedAsAWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts, ring := handRound(3)
		s := newStage(accounts...)
		s.workers = 50
		var ops []plan.Operation
		for i := range intentChunk - 1 {
			a := person(int64(i+1), fmt.Sprintf("E%03d", i))
			s.service.accounts[a.ID] = a
			ops = append(ops, change(a, user.Email, a.ExternalID+"@example.com")) // as important as the ring
		}
		outcomes, err := s.apply(t, append(ops, ring...)...)
		if err != nil || count(outcomes)[state.DoneApplied] != len(ops)+len(ring) {
			t.Errorf("%v, %v", count(outcomes), err)
		}
		if want := []int{intentChunk - 1, len(ring)}; !slices.Equal(s.journal.chunks, want) {
			t.Errorf("they were opened %v at a time, want %v", s.journal.chunks, want)
		}
	})
}

// The end of ctx breaks a ring off: what is left is said, and nothing is called applied that may not be.
func TestRingIsKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts, ops := handRound(3)
		s := newStage(accounts...)
		ctx, kill := context.WithCancel(t.Context())
		s.ctx = ctx
		s.service.script = at("R2", 2, 99, fault{during: kill, err: context.Canceled})
		outcomes, err := s.apply(t, ops...)
		if err == nil {
			t.Error("it isn't said that the run was broken off")
		}
		if got := outcomes["R2"].Ending; got != state.DoneUnknown && got != state.DoneFailed {
			t.Errorf("R2 ended as %s", got)
		}
		parked := s.service.accounts[1000].Values[user.Login].Text == plan.ParkedLogin("R0")
		if got := outcomes["R0park"].Ending; parked != (got == state.DoneApplied) {
			t.Errorf("R0 is parked: %v, and the parking ended as %s", parked, got)
		}
		if got := outcomes["R0"].Ending; got == state.DoneApplied {
			t.Errorf("R0 ended as %s", got)
		}
	})
}
