package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func signUps(n int) []plan.Operation {
	ops := make([]plan.Operation, n)
	for i := range ops {
		ops[i] = signUp(fmt.Sprintf("E%04d", i))
	}
	return ops
}

func persons(n int) (accounts []account.Account, deletes []plan.Operation) {
	for i := range n {
		a := person(int64(i+1), fmt.Sprintf("E%04d", i))
		accounts, deletes = append(accounts, a), append(deletes, remove(a))
	}
	return accounts, deletes
}

func count(outcomes map[string]state.Outcome) map[state.Ending]int {
	n := map[state.Ending]int{}
	for _, o := range outcomes {
		n[o.Ending]++
	}
	return n
}

func TestManyWorkers(t *testing.T) {
	for _, workers := range []int{0, 1, 7, 100} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage()
				s.workers = workers
				outcomes, err := s.apply(t, signUps(1203)...)
				if n := count(outcomes)[state.DoneApplied]; err != nil || n != 1203 {
					t.Errorf("%d applied, %v", n, err)
				}
				if s.service.top != max(1, workers) {
					t.Errorf("%d calls were under way at once, with %d workers", s.service.top, workers)
				}
				if got, want := fmt.Sprint(s.journal.chunks), "[500 500 203]"; got != want {
					t.Errorf("chunks %s, want %s", got, want)
				}
			})
		})
	}
}

func TestDeletesShareLookUps(t *testing.T) {
	for _, workers := range []int{0, 1, 4} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				accounts, deletes := persons(250)
				s := newStage(accounts...)
				s.workers = workers
				outcomes, err := s.apply(t, deletes...)
				if n := count(outcomes)[state.DoneApplied]; err != nil || n != 250 || len(s.service.accounts) != 0 {
					t.Errorf("%d applied, %d accounts left, %v", n, len(s.service.accounts), err)
				}
				if n := s.service.count["find "]; n > 12 { // six, and in each group two for those whose turn came after a second
					t.Errorf("%d look-ups for 250 deletes", n)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // a single one, without workers
		accounts, deletes := persons(1)
		s := newStage(accounts...)
		s.workers = 0
		if outcomes, err := s.apply(t, deletes...); err != nil || count(outcomes)[state.DoneApplied] != 1 {
			t.Errorf("%v, %v", outcomes, err)
		}
	})
}

func TestNothingToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if _, err := newStage().apply(t); err != nil {
			t.Error(err)
		}
	})
}

func TestBlockedIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		op := signUp("E1")
		op.Blocked, op.Detail = plan.RefusedBefore, "login: is too short"
		outcomes, err := s.apply(t, op)
		if got := outcomes["E1"]; err != nil || got.Ending != state.DoneSkipped || got.Words != "refused-before: login: is too short" {
			t.Errorf("%v: %s %q", err, got.Ending, got.Words)
		}
		if len(s.service.log) > 0 || len(s.journal.intents) > 0 {
			t.Errorf("sent %v, opened %v", s.service.log, s.journal.intents)
		}
	})
}

func TestWaves(t *testing.T) {
	ann := person(1, "E1")
	frees := change(ann, user.Login, "other")
	claims := signUp("E2", plan.Change{Field: user.Login, After: "login-E1"})
	claims.Wave, claims.WaitsFor = 1, []string{"E1"}
	for _, test := range []struct {
		name   string
		script func(string, string, int) fault
		ending state.Ending
		words  string
	}{
		{"claim-follows-what-frees-it", nil, state.DoneApplied, ""},
		{"claim-isn't-sent-when-that-failed", once("update", 1, fault{err: invalid("no")}), state.DoneSkipped, "waits for E1, which wasn't applied"},
		{"claim-isn't-sent-while-that-is-in-doubt", always("update", fault{never: true}), state.DoneSkipped, "waits for E1"},
		{"claim-isn't-attempted-when-the-run-ended", once("update", 1, fault{err: kind(account.Unauthenticated)}), state.NotAttempted, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(ann)
				s.service.script = test.script
				outcomes, _ := s.apply(t, frees, claims)
				if got := outcomes["E2"]; got.Ending != test.ending || !strings.Contains(got.Words, test.words) {
					t.Errorf("%s %q", got.Ending, got.Words)
				}
			})
		})
	}
}

// TestOutcomesGather has outcomes made durable together, but none of them waits long: not for others that may follow, and not
// at all where no other will.
func TestOutcomesGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		if _, err := s.apply(t, signUps(100)...); err != nil { // four every ten milliseconds
			t.Fatal(err)
		}
		if slices.Max(s.journal.records) > 12 || len(s.journal.records) > 14 { // of those that end as the time is up some are left for the next
			t.Errorf("recorded %v", s.journal.records)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ann := person(1, "E1")
		claims := signUp("E2", plan.Change{Field: user.Login, After: "login-E1"})
		claims.Wave, claims.WaitsFor = 1, []string{"E1"}
		began := time.Now()
		if _, err := newStage(ann).apply(t, change(ann, user.Login, "other"), claims); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 2*(time.Millisecond+10*time.Millisecond+time.Millisecond) { // opened, sent, recorded
			t.Errorf("it took %v", took)
		}
	})
}

func TestUnusableServiceEndsTheRun(t *testing.T) {
	for _, k := range []account.Kind{account.Unauthenticated, account.Throttled, account.Unavailable} {
		t.Run(strings.ReplaceAll(k.String(), " ", "-"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage()
				s.service.script = func(call, externalID string, _ int) fault {
					if externalID >= "E0100" {
						return fault{err: kind(k)}
					}
					return fault{}
				}
				outcomes, err := s.apply(t, signUps(1200)...)
				n := count(outcomes)
				if account.KindOf(err) != k {
					t.Errorf("%v", err)
				}
				if n[state.DoneApplied] != 100 || n[state.NotAttempted] != 1100 {
					t.Errorf("%v", n)
				}
				if sent := len(s.service.log); sent > 100+2*s.workers {
					t.Errorf("%d were sent", sent)
				}
				if len(s.journal.chunks) > 2 { // the one that is sent and the one after it
					t.Errorf("chunks %v: another one was opened", s.journal.chunks)
				}
			})
		})
	}
}

func TestUnusableServiceEndsDeletes(t *testing.T) {
	for _, test := range []struct {
		name    string
		script  func(string, string, int) fault
		applied int
		sent    int // at most
	}{
		{"in-the-middle", func(call, externalID string, _ int) fault {
			if call == "delete" && externalID >= "E0010" {
				return fault{err: kind(account.Unavailable)}
			}
			return fault{}
		}, 10, 11},
		{"before", always("find", fault{err: kind(account.Unauthenticated)}), 0, 0},
		{"from-then-on", func(call, externalID string, n int) fault {
			if call == "find" && n > 1 || call == "delete" && externalID >= "E0000" {
				return fault{err: kind(account.Unavailable)}
			}
			return fault{}
		}, 0, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				accounts, deletes := persons(300)
				s := newStage(accounts...)
				s.workers, s.service.script = 1, test.script
				outcomes, err := s.apply(t, deletes...)
				n := count(outcomes)
				if !account.KindOf(err).Unusable() || n[state.DoneApplied] != test.applied || n[state.NotAttempted] != 300-test.applied {
					t.Errorf("%v: %v", err, n)
				}
				if len(s.service.log) > test.sent {
					t.Errorf("%d were sent", len(s.service.log))
				}
			})
		})
	}
}

func TestStopDrains(t *testing.T) {
	accounts, deletes := persons(300)
	for _, test := range []struct {
		name string
		ops  []plan.Operation
	}{
		{"sign-ups", signUps(1200)},
		{"deletes", deletes},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage()
				if test.ops[0].Kind == plan.Delete {
					s = newStage(accounts...)
				}
				began := time.Now()
				time.AfterFunc(500*time.Millisecond, func() { close(s.stop) })
				outcomes, err := s.apply(t, test.ops...)
				if !errors.Is(err, context.Canceled) {
					t.Errorf("%v", err)
				}
				n := count(outcomes)
				if n[state.DoneApplied] != len(s.service.log) || n[state.DoneApplied] == 0 || n[state.NotAttempted] == 0 || len(n) != 2 {
					t.Errorf("%d were sent: %v", len(s.service.log), n)
				}
				if took := time.Since(began); took > 600*time.Millisecond {
					t.Errorf("it took %s to drain", took-500*time.Millisecond)
				}
			})
		})
	}
}

func TestStopDuringTheLastIsNoInterruption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.service.script = func(string, string, int) fault {
			close(s.stop)
			return fault{}
		}
		outcomes, err := s.apply(t, signUps(1)...)
		if err != nil || count(outcomes)[state.DoneApplied] != 1 {
			t.Errorf("%v: %v", err, count(outcomes))
		}
	})
}

// What was opened while the stop came is closed again: nobody has to find out what became of it.
func TestStopWhileAChunkIsOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		time.AfterFunc(time.Millisecond/2, func() { close(s.stop) }) // opening takes a millisecond
		outcomes, err := s.apply(t, signUps(3)...)
		if !errors.Is(err, context.Canceled) || count(outcomes)[state.NotAttempted] != 3 || len(s.journal.intents) != 3 || len(s.journal.outcomes) != 3 {
			t.Errorf("%v: %v; opened %v, closed %d", err, count(outcomes), s.journal.intents, len(s.journal.outcomes))
		}
	})
}

func TestStopBeforeTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		close(s.stop)
		outcomes, err := s.apply(t, signUps(3)...)
		if !errors.Is(err, context.Canceled) || count(outcomes)[state.NotAttempted] != 3 || len(s.service.log)+len(s.journal.intents) > 0 {
			t.Errorf("%v: %v, sent %v", err, count(outcomes), s.service.log)
		}
	})
}

func TestContextBreaksOff(t *testing.T) {
	for _, workers := range []int{4, 40} { // so many that break off at once are no sign of trouble
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage()
				ctx, cancel := context.WithCancel(t.Context())
				s.ctx, s.workers = ctx, workers
				s.service.script = always("create", fault{never: true}) // so that every worker pauses before it tries again
				time.AfterFunc(50*time.Millisecond, cancel)
				began := time.Now()
				outcomes, err := s.apply(t, signUps(100)...)
				if n := count(outcomes); !errors.Is(err, context.Canceled) || n[state.DoneUnknown] != workers || n[state.NotAttempted] != 100-workers {
					t.Errorf("%v: %v", err, n)
				}
				if took := time.Since(began); took > 100*time.Millisecond {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

var errDisk = errors.New("disk full")

func TestJournalThatCantOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.journal.intendErr = errDisk
		outcomes, err := s.apply(t, signUps(600)...)
		if !errors.Is(err, errDisk) || count(outcomes)[state.NotAttempted] != 600 || len(s.service.log) > 0 {
			t.Errorf("%v: %v, %d sent", err, count(outcomes), len(s.service.log))
		}
	})
}

func TestJournalThatCantRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.journal.recordErr = errDisk
		outcomes, err := s.apply(t, signUps(600)...)
		n := count(outcomes)
		if !errors.Is(err, errDisk) || n[state.DoneApplied] != len(s.service.log) || len(s.service.log) > 5*s.workers { // as many as while outcomes gather
			t.Errorf("%v: %v, %d sent", err, n, len(s.service.log))
		}
	})
}
