package reconcile_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// faultyWrites lets a test meddle with the writes of a service.
type faultyWrites struct {
	account.Service
	before func(externalID string, w account.Write) error // an error is answered instead of writing
	after  func(externalID string, w account.Write) error // an error is answered although it was written
	// meanwhile is what somebody else has made of the account; nil: nothing.
	meanwhile func(account.Account) account.Account
}

func (s faultyWrites) Update(ctx context.Context, known account.Account, change func(account.Account) (account.Write, error)) (account.Account, error) {
	var sent account.Write
	a, err := s.Service.Update(ctx, known, func(now account.Account) (account.Write, error) {
		if s.meanwhile != nil {
			now = s.meanwhile(now)
		}
		w, err := change(now)
		if err != nil || w == (account.Write{}) {
			return w, err
		}
		sent = w
		if s.before != nil {
			err = s.before(known.ExternalID, w)
		}
		return w, err
	})
	if err == nil && sent != (account.Write{}) && s.after != nil {
		err = s.after(known.ExternalID, sent)
	}
	return a, err
}

func isParkedLogin(login string) bool { return strings.HasPrefix(login, "cubesync-swap-") }

func notPermitted(words string) error {
	return &account.Error{Kind: account.Invalid, Call: "update user", Words: words, Status: 422}
}

// lostAnswer is an answer that never came.
func lostAnswer() error {
	return &account.Error{Kind: account.Ambiguous, Call: "update user", Words: "connection reset"}
}

// swapping is a pipeline in whose source three people hand round what stands in the columns.
func swapping(t *testing.T, columns ...int) *world {
	t.Helper()
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(5)
	w.sync(t)
	handRound(w.source.persons, columns...)
	return w
}

func handRound(p []person, columns ...int) {
	for _, i := range columns {
		p[1][i], p[2][i], p[3][i] = p[2][i], p[3][i], p[1][i]
	}
}

// everybodyHas checks that everybody has a login of their own, and an e-mail unless somebody else has the one that they had.
func (w *world) everybodyHas(t *testing.T) {
	t.Helper()
	for _, p := range staff(5) {
		a := w.find(t, account.ByExternalID, p[0])
		login, email := a.Values[user.Login].Text, a.Values[user.Email].Text
		if login == "" || isParkedLogin(login) || email == "" && !w.holds(t, account.ByEmail, p[2]) {
			t.Errorf("%s has the login %q and the e-mail %q", p[0], login, email)
		}
	}
}

func (w *world) holds(t *testing.T, key account.Key, value string) bool {
	t.Helper()
	found, err := w.Service.Find(t.Context(), key, []string{value})
	if err != nil {
		t.Fatal(err)
	}
	return len(found) > 0
}

// matches checks that everybody has what the source says.
func (w *world) matches(t *testing.T) {
	t.Helper()
	for _, p := range w.source.persons {
		a := w.find(t, account.ByExternalID, p[0])
		if login, email := a.Values[user.Login].Text, a.Values[user.Email].Text; login != p[1] || email != p[2] {
			t.Errorf("%s has %q and %q, wants %q and %q", p[0], login, email, p[1], p[2])
		}
	}
}

// quiet checks that another run writes nothing.
func (w *world) quiet(t *testing.T) {
	t.Helper()
	before := w.writes()
	if result := w.sync(t); w.writes() != before {
		t.Errorf("a run after it writes %d times: %v", w.writes()-before, result.Plan.Operations)
	}
}

// losesState removes everything that is known.
func (w *world) losesState(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(w.StateDir); err != nil {
		t.Fatal(err)
	}
}

// A member whom the service refuses for good leaves everybody as they were, in the same run, and isn't sent again.
func TestSwapWithARefusedMember(t *testing.T) {
	for _, refused := range []string{"e0001", "e0002", "e0003"} {
		for column, field := range map[int]user.Field{1: user.Login, 2: user.Email} {
			t.Run(refused+"-"+field.String(), func(t *testing.T) {
				w := swapping(t, column)
				handRound(w.source.persons, 3) // names, which aren't in the way
				want := slices.Clone(w.source.persons)
				before := staff(5)
				w.Service = faultyWrites{Service: w.Service, before: func(id string, wr account.Write) error {
					v := wr.Values[field].Text
					if i := slices.IndexFunc(want, func(p person) bool { return p[0] == id }); id == refused && v == want[i][column] {
						return notPermitted("that value isn't permitted")
					}
					return nil
				}}
				result := w.sync(t)
				for _, p := range before[1:4] {
					a := w.find(t, account.ByExternalID, p[0])
					if got := a.Values[field].Text; got != p[column] || a.Values[user.FullName].Text != p[3] {
						t.Errorf("%s has the %s %q, and is called %q", p[0], field, got, a.Values[user.FullName].Text)
					}
				}
				if tally := result.Run.Tally; tally.Failed != 1 || tally.Skipped != 2 {
					t.Errorf("they ended as %+v", tally)
				}
				if len(result.Troubles) != 3 {
					t.Errorf("%d troubles are told of three people: %v", len(result.Troubles), result.Troubles)
				}
				w.quiet(t)
				w.everybodyHas(t)
			})
		}
	}
}

// Undoing a swap meets a moment in which the service stumbles.
func TestUndoingASwapIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := swapping(t, 1)
		defer func() { _ = w.server.Close() }()
		defer func() { _ = w.client.Close(context.Background()) }()
		writes := 0
		w.Service = faultyWrites{Service: w.Service, before: func(id string, _ account.Write) error {
			if id == "e0003" {
				return notPermitted("login not permitted")
			}
			if writes++; writes == 2 {
				return lostAnswer()
			}
			return nil
		}}
		w.sync(t)
		w.source.persons = staff(5)
		w.matches(t)
	})
}

// A stop in good order lets a swap that was begun come to its end, and one that wasn't isn't begun.
func TestStopInTheMiddleOfASwap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := swapping(t, 1, 2)
		defer func() { _ = w.server.Close() }()
		defer func() { _ = w.client.Close(context.Background()) }()
		stop := make(chan struct{})
		writes := 0
		w.Service = faultyWrites{Service: w.Service, after: func(string, account.Write) error {
			if writes++; writes == 1 {
				close(stop)
				synctest.Wait() // the stop is noticed by another goroutine
			}
			return nil
		}}
		w.order(t, reconcile.Order{Stop: stop})
		w.matches(t)

		handRound(w.source.persons, 1)
		stop = make(chan struct{})
		close(stop)
		if result := w.order(t, reconcile.Order{Stop: stop}); result.Run.Status != state.Interrupted {
			t.Errorf("it ended as %s", result.Run.Status)
		}
		w.everybodyHas(t)
	})
}

// Ten updates in a row that are forbidden end all updates, but not a swap that was begun.
func TestSwapOutlivesUpdatesThatAreGivenUp(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.Workers = 2
	w.source.persons = staff(20)
	w.sync(t)
	p := w.source.persons
	p[1][1], p[2][1] = p[2][1], p[1][1]
	for i := 5; i < 20; i++ {
		p[i][3] = "Other Name"
	}
	begun, over := make(chan struct{}), make(chan struct{})
	forbidden := 0
	w.Service = faultyWrites{Service: w.Service,
		before: func(id string, _ account.Write) error {
			if id < "e0005" {
				return nil
			}
			<-begun
			if forbidden++; forbidden == 12 {
				close(over)
			}
			return &account.Error{Kind: account.Forbidden, Call: "update user", Words: "no", Status: 403}
		},
		after: func(_ string, wr account.Write) error {
			if isParkedLogin(wr.Values[user.Login].Text) {
				close(begun)
				select {
				case <-over:
				case <-time.After(300 * time.Millisecond): // no more of them are sent
				}
			}
			return nil
		},
	}
	result := w.sync(t)
	if result.Run.Status != state.Unusable {
		t.Fatalf("it ended as %s", result.Run.Status)
	}
	for _, want := range p[1:3] {
		if login := w.find(t, account.ByExternalID, want[0]).Values[user.Login].Text; login != want[1] {
			t.Errorf("%s has the login %q", want[0], login)
		}
	}
}

// A run that is killed at any write of a swap leaves nobody without login or e-mail for longer than to the next one, which
// ends the swap, with a state and without.
func TestKilledInTheMiddleOfASwap(t *testing.T) {
	for name, columns := range map[string][]int{"logins": {1}, "emails": {2}, "both": {1, 2}} {
		for _, when := range []string{"before", "after"} {
			for _, stateless := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s-%s-%v", name, when, stateless), func(t *testing.T) {
					for step, struck := 1, true; struck; step++ {
						w := swapping(t, columns...)
						struck = w.killedAt(t, step, when)
						if stateless {
							w.losesState(t)
						}
						w.sync(t)
						w.matches(t)
						w.quiet(t)
					}
				})
			}
		}
	}
}

// killedAt ends a run hard at its n-th write, before it arrives or after it was carried out.
func (w *world) killedAt(t *testing.T, n int, when string) (struck bool) {
	t.Helper()
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	inner := w.Service
	defer func() { w.Service = inner }()
	strike := func(at string) func(string, account.Write) error {
		return func(string, account.Write) error {
			if when != at {
				return nil
			}
			if n--; n == 0 {
				struck = true
				kill()
			}
			if struck {
				return context.Canceled
			}
			return nil
		}
	}
	w.Service = faultyWrites{Service: inner, before: strike("before"), after: strike("after")}
	result, err := w.Sync(ctx, reconcile.Order{})
	if err != nil {
		t.Fatal(err)
	}
	w.adds(t, result.Run.Tally)
	return struck
}

// After a kill the swap can't come to its end: a record is gone, or rejected, or its update is refused. Whoever had given
// something up gets it back.
func TestKilledSwapThatCantBeEnded(t *testing.T) {
	for name, change := range map[string]func(*world){
		"one-left": func(w *world) {
			w.source.persons = slices.Delete(w.source.persons, 2, 3)
		},
		"all-left": func(w *world) {
			w.source.persons = slices.Delete(w.source.persons, 1, 4)
		},
		"rejected": func(w *world) {
			for i := 1; i < 4; i++ {
				w.source.persons[i][2] = "no address"
			}
		},
		"refused": func(w *world) {
			want := slices.Clone(w.source.persons)
			w.Service = faultyWrites{Service: w.Service, before: func(id string, wr account.Write) error {
				i := slices.IndexFunc(want, func(p person) bool { return p[0] == id })
				if login, email := wr.Values[user.Login].Text, wr.Values[user.Email].Text; login == want[i][1] || email == want[i][2] {
					return notPermitted("not permitted")
				}
				return nil
			}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for step, struck := 1, true; struck; step++ {
				w := swapping(t, 1, 2)
				w.Policy.GraceReads, w.Policy.GraceSpan = 3, 72*time.Hour
				w.Guards.Shrink, w.Guards.Updates.Floor = 1, 100
				struck = w.killedAt(t, step, "after")
				change(w)
				for range 4 {
					w.sync(t)
				}
				w.everybodyHas(t)
				w.quiet(t)
			}
		})
	}
}

// Whichever answer of a swap is lost, it comes to its end in the same run.
func TestLostAnswersInASwap(t *testing.T) {
	for _, when := range []string{"before", "after"} {
		t.Run(when, func(t *testing.T) {
			for step, struck := 1, true; struck; step++ {
				struck = false
				synctest.Test(t, func(t *testing.T) {
					w := swapping(t, 1, 2)
					defer func() { _ = w.server.Close() }()
					defer func() { _ = w.client.Close(context.Background()) }()
					n := step
					lose := func(string, account.Write) error {
						if n--; n == 0 {
							struck = true
							return lostAnswer()
						}
						return nil
					}
					inner := w.Service
					if when == "before" {
						w.Service = faultyWrites{Service: inner, before: lose}
					} else {
						w.Service = faultyWrites{Service: inner, after: lose}
					}
					if result := w.sync(t); result.Run.Tally.Applied != 3 {
						t.Errorf("step %d: they ended as %+v", step, result.Run.Tally)
					}
					w.matches(t)
					w.Service = inner
					w.quiet(t)
				})
			}
		})
	}
}

// What the plan says of a swap's calls is what carrying it out sends.
func TestCallsOfASwapAreCounted(t *testing.T) {
	w := swapping(t, 1, 2)
	w.Costs.OwnerUpdates = true
	preview, err := w.Preview(t.Context(), reconcile.Order{})
	if err != nil {
		t.Fatal(err)
	}
	calls := preview.Header.Calls
	const writes, members = 4 + 1, 3 // as many are parked as it takes
	if parkings := calls.Write - members; calls.Session != 1+2*(calls.Write+members) || calls.LookUp != 2 || parkings < 1 || calls.Write > writes+1 {
		t.Errorf("%+v", calls)
	}
	if n := preview.Plan.Count(plan.Update); n != members {
		t.Errorf("%d updates", n)
	}
}
