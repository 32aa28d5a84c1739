package apply

import (
	"context"
	"errors"
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

func TestTenForbiddenInARow(t *testing.T) {
	accounts, deletes := persons(100)
	forbidden := func(but int) func(string, string, int) fault {
		writes := 0
		return func(call, _ string, _ int) fault {
			if call == "find" {
				return fault{}
			}
			if writes++; but > 0 && writes%but == 0 {
				return fault{}
			}
			return fault{err: kind(account.Forbidden)}
		}
	}
	for _, test := range []struct {
		name   string
		ops    []plan.Operation
		but    int // every so manieth succeeds
		failed int
		ends   bool
	}{
		{"sign-ups", signUps(100), 0, 10, true},
		{"deletes", deletes, 0, 10, true},
		{"sign-ups-with-a-success-in-between", signUps(100), 10, 90, false},
		{"deletes-with-a-success-in-between", deletes, 10, 90, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage()
				if test.ops[0].Kind == plan.Delete {
					s = newStage(accounts...)
				}
				s.workers, s.service.script = 1, forbidden(test.but)
				outcomes, err := s.apply(t, test.ops...)
				if ended := account.KindOf(err) == account.Forbidden; ended != test.ends {
					t.Errorf("ended: %v, %v", ended, err)
				}
				if n := count(outcomes); n[state.DoneFailed] != test.failed || test.ends && n[state.NotAttempted] != 100-test.failed {
					t.Errorf("%v", n)
				}
			})
		})
	}
}

// Ten operations in doubt, without a success in between, are as good as a service that is down.
func TestTenInDoubtInARow(t *testing.T) {
	accounts, deletes := persons(100)
	updates := make([]plan.Operation, len(accounts))
	for i, a := range accounts {
		updates[i] = change(a, user.FullName, "New")
	}
	unanswered := func(call, _ string, _ int) fault { return fault{never: call != "find"} }
	mixed := func(_, externalID string, _ int) fault {
		if externalID != "" && externalID[len(externalID)-1]%2 == 0 {
			return fault{err: kind(account.Forbidden)}
		}
		return fault{never: externalID != ""}
	}
	oneInTen := func(call, externalID string, _ int) fault {
		return fault{never: call != "find" && !strings.HasSuffix(externalID, "9")}
	}
	for _, test := range []struct {
		name    string
		ops     []plan.Operation
		script  func(string, string, int) fault
		tried   int // operations that were sent
		unknown int
	}{
		{"sign-ups", signUps(100), unanswered, 10, 10},
		{"updates", updates, unanswered, 10, 10},
		{"deletes", deletes, unanswered, 10, 10},
		{"updates-some-of-them-forbidden", updates, mixed, 10, 5},
		{"deletes-that-are-only-said-to-be-done", deletes, func(call, _ string, _ int) fault { return fault{lies: call == "delete"} }, 100, 100},
		{"updates-with-a-success-in-between", updates, oneInTen, 100, 90},
		{"deletes-with-a-success-in-between", deletes, oneInTen, 100, 90},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(accounts...)
				if test.ops[0].Kind == plan.Create {
					s = newStage()
				}
				s.workers, s.service.script = 1, test.script
				outcomes, err := s.apply(t, test.ops...)
				_, service := errors.AsType[*account.Error](err)
				if ends := !strings.Contains(test.name, "success"); service != ends {
					t.Errorf("%v", err)
				}
				sent := map[string]bool{}
				for _, call := range s.service.log {
					sent[call] = true
				}
				if n := count(outcomes); len(sent) != test.tried || n[state.DoneUnknown] != test.unknown || n[state.NotAttempted] != 100-test.tried {
					t.Errorf("%d sent: %v", len(sent), n)
				}
			})
		})
	}
}

func TestWhatWasBrokenOffIsNoTrouble(t *testing.T) {
	r := &run{stopped: make(chan struct{}), breaker: newBreaker(Breaker{})}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 * DefaultBreaker().InARow {
		r.useless(ctx, plan.Operation{Kind: plan.Update}, errLost)
	}
	if r.over(plan.Operation{Kind: plan.Update}) {
		t.Error(r.breaker.opened())
	}
}

// The share is taken of the last operations of any kind, definite refusals included, and only of a full window.
func TestShareOfFailures(t *testing.T) {
	refusedFrom := func(from int) func(string, string, int) fault {
		return func(call, externalID string, _ int) fault {
			if call != "find" && externalID >= fmt.Sprintf("E%04d", from) {
				return fault{err: invalid("is too short")}
			}
			return fault{}
		}
	}
	everyThird := func(_, externalID string, _ int) fault {
		if externalID != "" && externalID[len(externalID)-1]%3 == 0 {
			return fault{err: invalid("is too short")}
		}
		return fault{}
	}
	for _, test := range []struct {
		name    string
		n       int
		script  func(string, string, int) fault
		breaker Breaker
		tried   int // of n
		opened  bool
	}{
		{"all-are-refused", 1000, refusedFrom(0), Breaker{}, window, true},
		{"too-few-to-tell", window - 1, refusedFrom(0), Breaker{}, window - 1, false},
		{"from-the-middle-on", 1000, refusedFrom(400), Breaker{}, 400 + window/2 + 1, true},
		{"every-third", 1000, everyThird, Breaker{}, 1000, false},
		{"every-third-is-too-many", 1000, everyThird, Breaker{InARow: 10, Share: 0.25}, window, true},
		{"never", 1000, refusedFrom(0), Breaker{InARow: 10, Share: 1}, 1000, false},
		{"a-single-one", 1000, refusedFrom(700), Breaker{InARow: 10}, 701, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage()
				s.workers, s.service.script = 1, test.script
				s.set = func(a *Applier) { a.Breaker = test.breaker }
				outcomes, err := s.apply(t, signUps(test.n)...)
				opened, is := errors.AsType[*OpenedError](err)
				if is != test.opened || is && (opened.Rule != state.Share || !strings.Contains(err.Error(), "is too short")) {
					t.Errorf("opened: %v, %v", is, err)
				}
				n := count(outcomes)
				if tried := test.n - n[state.NotAttempted]; tried < test.tried || tried > test.tried+s.workers {
					t.Errorf("%d were tried, want %d: %v", tried, test.tried, n)
				}
			})
		})
	}
}

// Twenty-five users always end in doubt. They hold the others up for some nights, and then never again, and each of them has
// its turn again and again.
func TestTroubledUsersDontStandInTheWay(t *testing.T) {
	var accounts []account.Account
	var updates []plan.Operation
	for i := range 60 {
		a := person(int64(i+1), fmt.Sprintf("E%04d", i))
		accounts, updates = append(accounts, a), append(updates, change(a, user.FullName, "New"))
		updates[i].Wave = i / 30
	}
	const hopeless = 25 // the first ones
	troubled := map[user.Digest]int64{}
	tried := map[string]int{}
	done := map[string]bool{}
	for night := int64(1); night <= 20; night++ {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(accounts...)
			s.workers = 1
			s.service.script = func(call, externalID string, _ int) fault {
				return fault{never: call == "update" && externalID < fmt.Sprintf("E%04d", hopeless)}
			}
			s.set = func(a *Applier) { a.Troubled = troubled }
			left := slices.DeleteFunc(slices.Clone(updates), func(op plan.Operation) bool { return done[op.ExternalID] })
			outcomes, err := s.apply(t, left...)
			for id, o := range outcomes {
				switch o.Ending {
				case state.DoneApplied:
					done[id] = true
					delete(troubled, plan.KeyOf(id))
				case state.DoneUnknown:
					tried[id]++
					troubled[plan.KeyOf(id)] = night
				}
			}
			if n := count(outcomes); night > 5 && (err != nil || n[state.NotAttempted] > 0 || n[state.DoneUnknown] != 10 || n[state.DoneSkipped] != hopeless-10) {
				t.Errorf("night %d: %v, %v", night, err, n)
			}
		})
	}
	if len(done) != 60-hopeless {
		t.Errorf("%d were done", len(done))
	}
	for i := range hopeless {
		if id := fmt.Sprintf("E%04d", i); tried[id] < 5 {
			t.Errorf("%s had its turn %d times", id, tried[id])
		}
	}
}

// Who may not update may still sign up and delete.
func TestOneKindIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts, deletes := persons(40)
		var ops []plan.Operation
		for _, a := range accounts[:20] {
			ops = append(ops, change(a, user.FullName, "New"))
		}
		ops = append(ops, signUp("N1"), signUp("N2"))
		for _, op := range deletes[20:] {
			op.Wave = 1
			ops = append(ops, op)
		}
		s := newStage(accounts...)
		s.workers, s.service.script = 1, always("update", fault{err: kind(account.Forbidden)})
		outcomes, err := s.apply(t, ops...)
		opened, is := errors.AsType[*OpenedError](err)
		if !is || opened.Rule != state.InARow || account.KindOf(err) != account.Forbidden {
			t.Errorf("%v", err)
		}
		if n := count(outcomes); n[state.DoneApplied] != 22 || n[state.DoneFailed] != 10 || n[state.NotAttempted] != 10 {
			t.Errorf("%v", n)
		}
	})
}
