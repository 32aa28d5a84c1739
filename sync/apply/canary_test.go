package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// mixed is a plan of several sorts: 200 sign-ups, 100 updates of names, one of a phone, 50 releases and 20 deletes. The last
// sign-up waits for the update of the phone.
func mixed() ([]account.Account, []plan.Operation) {
	var accounts []account.Account
	var ops []plan.Operation
	of := func(id string) account.Account {
		a := person(int64(len(accounts)+1), id)
		accounts = append(accounts, a)
		return a
	}
	for i := range 199 {
		ops = append(ops, signUp(fmt.Sprintf("N%03d", i)))
	}
	for i := range 100 {
		ops = append(ops, change(of(fmt.Sprintf("U%03d", i)), user.FullName, "New Name"))
	}
	for i := range 50 {
		ops = append(ops, release(of(fmt.Sprintf("R%03d", i))))
	}
	frees := change(of("P1"), user.Phone, "1")
	claims := signUp("Q1", plan.Change{Field: user.Website, After: "q.example.com"})
	claims.Wave, claims.WaitsFor = 1, []string{"P1"}
	ops = append(ops, frees, claims)
	for i := range 20 {
		op := remove(of(fmt.Sprintf("D%03d", i)))
		op.Wave = 2
		ops = append(ops, op)
	}
	return accounts, ops
}

func chosenBy(t *testing.T, c Canary, ops []plan.Operation) map[string]bool {
	t.Helper()
	chosen, err := c.choose(plan.Held(ops))
	if err != nil {
		t.Fatal(err)
	}
	return chosen
}

func TestSample(t *testing.T) {
	_, ops := mixed()
	kinds := func(chosen map[string]bool) map[string]int {
		n := map[string]int{}
		for id := range chosen {
			n[id[:1]]++
		}
		return n
	}
	for _, test := range []struct {
		name   string
		canary Canary
		want   map[string]int
	}{
		{"one-of-each-sort", Canary{Count: 1}, map[string]int{"N": 1, "U": 1, "R": 1, "P": 1, "Q": 1, "D": 1}},
		{"a-share-of-each", Canary{Share: 0.1}, map[string]int{"N": 20, "U": 10, "R": 5, "P": 1, "Q": 1, "D": 2}},
		{"all", Canary{Share: 1}, map[string]int{"N": 199, "U": 100, "R": 50, "P": 1, "Q": 1, "D": 20}},
		{"more-than-there-are", Canary{Count: 5000}, map[string]int{"N": 199, "U": 100, "R": 50, "P": 1, "Q": 1, "D": 20}},
		{"none-asked-for", Canary{}, map[string]int{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			chosen := chosenBy(t, test.canary, ops)
			if diff := cmp.Diff(kinds(chosen), test.want); diff != "" {
				t.Errorf("(-got +want)\n%s", diff)
			}
			backwards := slices.Clone(ops)
			slices.Reverse(backwards)
			if !maps.Equal(chosen, chosenBy(t, test.canary, backwards)) {
				t.Error("the sample depends on the order of the operations")
			}
		})
	}
	t.Run("never-blocked", func(t *testing.T) {
		op := signUp("B1")
		op.Blocked = plan.RefusedBefore
		if chosen := chosenBy(t, Canary{Share: 1}, []plan.Operation{op}); len(chosen) > 0 {
			t.Errorf("%v", chosen)
		}
	})
	t.Run("with-what-they-wait-for", func(t *testing.T) {
		var ops []plan.Operation
		for i := range 50 {
			ops = append(ops, change(person(int64(i+1), fmt.Sprintf("U%03d", i)), user.FullName, "New"))
		}
		chosen := chosenBy(t, Canary{Count: 1}, ops)
		other := slices.IndexFunc(ops, func(op plan.Operation) bool { return !chosen[op.ExternalID] })
		claims := signUp("Q1")
		claims.Wave, claims.WaitsFor = 1, []string{ops[other].ExternalID}
		if chosen = chosenBy(t, Canary{Count: 1}, append(ops, claims)); len(chosen) != 3 || !chosen[ops[other].ExternalID] {
			t.Errorf("%s isn't in the sample: %v", ops[other].ExternalID, chosen)
		}
	})
	t.Run("rings-as-a-whole", func(t *testing.T) {
		_, ring := handRound(3)
		for i := range ring {
			ring[i].WaitsFor = nil // that they come along with each other isn't what holds a ring together
		}
		others := signUps(20)
		chosen := chosenBy(t, Canary{Count: 1}, append(others, ring...))
		for _, op := range ring {
			if !chosen[op.ExternalID] {
				t.Errorf("%s isn't in the sample: %v", op.ExternalID, chosen)
			}
		}
	})
}

// To choose a sample of many sign-ups takes some bytes for each.
func TestSampleInLittleMemory(t *testing.T) {
	live := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	const many = 50_000
	before, walked := live(), int64(0)
	chosen, err := Canary{Share: 0.01}.choose(func(yield func(*plan.Operation, error) bool) {
		for i := range many {
			if op := signUp(fmt.Sprintf("E%06d", i)); !yield(&op, nil) {
				return
			}
		}
		walked = max(walked, live()-before)
	})
	if err != nil || len(chosen) != many/100 {
		t.Errorf("%d are chosen, %v", len(chosen), err)
	}
	if each := walked / many; each > 30 {
		t.Errorf("%d bytes for each, want at most 30", each)
	}
}

// checked applies with a canary and returns what was sent after the sample was read back, and what was told of it.
func (s *stage) checked(t *testing.T, c Canary, set func(*Applier), ops ...plan.Operation) (report state.Canary, different []state.Difference, rest int, err error) {
	t.Helper()
	calls := 0
	s.set = func(a *Applier) {
		a.Canary = c
		a.Checked = func(r state.Canary, d []state.Difference) { report, different, calls = r, d, len(s.service.log) }
		if set != nil {
			set(a)
		}
	}
	_, err = s.apply(t, ops...)
	return report, different, len(s.service.log) - calls, err
}

func TestCanaryThenTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		accounts, ops := mixed()
		s := newStage(accounts...)
		report, different, rest, err := s.checked(t, Canary{Share: 0.1}, nil, ops...)
		if err != nil || len(different) > 0 {
			t.Errorf("%v, %v", err, different)
		}
		if want := (state.Canary{Operations: 39, ReadBack: 37}); !cmp.Equal(report, want) {
			t.Errorf("got %+v, want %+v", report, want)
		}
		if rest != len(ops)-39 {
			t.Errorf("%d of %d were sent after the sample", rest, len(ops))
		}
	})
}

func TestCanaryStops(t *testing.T) {
	loud := func(f user.Field, _, sent string) string {
		if f == user.FullName {
			return strings.ToUpper(sent)
		}
		return sent
	}
	for _, test := range []struct {
		name       string
		keeps      func(user.Field, string, string) string
		known      map[string]bool
		afterwards func(*scriptedService) // when the sample was written
		want       *state.Difference      // nil: the rest follows
	}{
		{"as-planned", nil, nil, nil, nil},
		{
			"something-else-and-said-so", loud, nil, nil, &state.Difference{Field: "full_name", Sent: "New Name", Got: "NEW NAME", Normalised: true},
		},
		{
			"something-else-as-known", loud, map[string]bool{"full_name": true}, nil, nil,
		},
		{
			"ignored", func(f user.Field, before, sent string) string {
				if f == user.FullName {
					return before
				}
				return sent
			}, nil, nil, nil,
		},
		{
			"said-to-be-done-and-isnt", nil, map[string]bool{"full_name": true},
			func(s *scriptedService) {
				for id, a := range s.accounts {
					a.Values[user.FullName] = user.Text("Name")
					s.accounts[id] = a
				}
			}, &state.Difference{Field: "full_name", Sent: "New Name", Got: "Name"},
		},
		{
			"account-is-gone", nil, nil, func(s *scriptedService) { clear(s.accounts) },
			&state.Difference{Field: "account", Sent: "account 1", Got: "none with this id"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var accounts []account.Account
				var ops []plan.Operation
				for i := range 50 {
					a := person(int64(i+1), fmt.Sprintf("U%03d", i))
					accounts, ops = append(accounts, a), append(ops, change(a, user.FullName, "New Name"))
				}
				s := newStage(accounts...)
				s.service.keeps = test.keeps
				s.service.script = func(call, _ string, _ int) fault {
					if call != "find" || test.afterwards == nil {
						return fault{}
					}
					return fault{during: func() {
						s.service.mu.Lock()
						defer s.service.mu.Unlock()
						test.afterwards(s.service)
					}}
				}
				report, different, rest, err := s.checked(t, Canary{Count: 5}, func(a *Applier) { a.Normalised = test.known }, ops...)
				if test.want == nil {
					if err != nil || rest != 45 || len(different) > 0 {
						t.Errorf("%v: %d were sent after the sample, %v", err, rest, different)
					}
					return
				}
				opened, is := errors.AsType[*OpenedError](err)
				if !is || opened.Rule != state.CanaryFailed || rest != 0 || report.Different != 5 || len(different) != 5 {
					t.Fatalf("%v: %d were sent after the sample, %+v, %v", err, rest, report, different)
				}
				got := different[0]
				got.ExternalID, got.AccountID, got.Position = "", 0, ""
				if got.Field == "account" {
					got.Sent = test.want.Sent
				}
				if got != *test.want {
					t.Errorf("got %+v, want %+v", got, *test.want)
				}
			})
		})
	}
}

// What a look-up shows late is waited for.
func TestCanaryToleratesLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		began := time.Now()
		s.service.script = func(call, _ string, _ int) fault {
			return fault{hidden: call == "find" && time.Since(began) < 2*time.Second}
		}
		_, different, rest, err := s.checked(t, Canary{Count: 1}, nil, signUps(30)...)
		if err != nil || len(different) > 0 || rest != 29 {
			t.Errorf("%v, %v: %d were sent after the sample", err, different, rest)
		}
	})
}

// theFirst scripts one fault, at the first call of a kind about anybody.
func theFirst(call string, f fault) func(string, string, int) fault {
	var struck atomic.Bool
	return func(c, _ string, _ int) fault {
		if c == call && struck.CompareAndSwap(false, true) {
			return f
		}
		return fault{}
	}
}

func TestSampleThatFails(t *testing.T) {
	for _, test := range []struct {
		name   string
		script func(string, string, int) fault
		rule   state.Rule // "": the rest follows
	}{
		{"all-sign-ups-are-refused", always("create", fault{err: invalid("is too short")}), state.CanaryFailed},
		{"only-the-deletes-are", always("delete", fault{err: invalid("no")}), state.CanaryFailed},
		{"one-of-many", theFirst("create", fault{err: invalid("is too short")}), ""},
		{"the-service-is-gone", always("update", fault{err: kind(account.Unavailable)}), state.ServiceUnusable},
		{"it-cant-be-read-back", always("find", fault{err: kind(account.Ambiguous)}), state.CanaryFailed},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				accounts, ops := mixed()
				s := newStage(accounts...)
				s.service.script = test.script
				_, _, rest, err := s.checked(t, Canary{Count: 30}, nil, ops...)
				opened, is := errors.AsType[*OpenedError](err)
				if is != (test.rule != "") || is && (opened.Rule != test.rule || rest != 0) {
					t.Errorf("%v: %d were sent after the sample", err, rest)
				}
			})
		})
	}
}

// A sample of which nothing was sent shows nothing, and nothing follows it; if there is nothing to follow, nothing is amiss.
func TestSampleThatIsSkipped(t *testing.T) {
	for _, test := range []struct {
		name    string
		count   int
		skipped int // of those in the sample
		follow  int
		stops   bool
	}{
		{"all-of-it", 5, 5, 0, true},
		{"most-of-it", 5, 4, 25, false},
		{"it-is-all-there-is", 30, 30, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, prepared := newStage(), false
				prepare := func(_ context.Context, signUps []*plan.Operation) (map[string]string, error) {
					why := map[string]string{}
					for i := 0; !prepared && i < test.skipped; i++ {
						why[signUps[i].ExternalID] = "its record changed in the source since the plan was made"
					}
					prepared = true
					return why, nil
				}
				report, _, rest, err := s.checked(t, Canary{Count: test.count}, func(a *Applier) { a.Prepare = prepare }, signUps(30)...)
				opened, is := errors.AsType[*OpenedError](err)
				if is != test.stops || is && opened.Rule != state.CanaryFailed || rest != test.follow || report.Operations != test.count-test.skipped {
					t.Errorf("%v: %d were sent after the sample: %+v", err, rest, report)
				}
			})
		})
	}
}

// Nothing follows a canary that was stopped.
func TestStopInTheCanary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.workers = 1
		time.AfterFunc(25*time.Millisecond, func() { close(s.stop) })
		report, _, rest, err := s.checked(t, Canary{Count: 10}, nil, signUps(30)...)
		if !errors.Is(err, context.Canceled) || rest != 0 || report.ReadBack != 0 || report.Operations == 0 {
			t.Errorf("%v: %d were sent after the sample: %+v", err, rest, report)
		}
	})
}
