package reconcile_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// late is how long after it was sent a call is carried out in these tests.
const late = 9 * time.Minute

// latecomers is a pipeline with ten users, and one more in the source whose sign-up is under way. The service lets accounts
// share an external ID.
func latecomers(t *testing.T) *world {
	t.Helper()
	w := newWorldOf(t, t.TempDir(), emulator.Options{SharedExternalIDs: true})
	w.source.persons = staff(10)
	wantStatus(t, w.sync(t), state.Applied)
	w.source.persons = staff(11)
	return w
}

// newcomer is the record of whom a sign-up is under way for.
func (w *world) newcomer() *person { return &w.source.persons[10] }

// delays lets the next calls of a kind be carried out late.
func (w *world) delays(t *testing.T, call emulator.Kind, times int) {
	t.Helper()
	if err := w.server.SetFaults(1, emulator.Fault{Do: emulator.Late, Call: call, Times: times, Delay: late}); err != nil {
		t.Fatal(err)
	}
}

// isKilled leaves what a process leaves that is killed while a sign-up is under way.
func (w *world) isKilled(t *testing.T) {
	t.Helper()
	w.delays(t, emulator.SignUp, 1)
	u := user.User{ExternalID: w.newcomer()[0]}
	u.Values[user.Login], u.Values[user.Email], u.Values[user.Tags] = user.Text(w.newcomer()[1]), user.Text(w.newcomer()[2]), user.Text(ownerTag)
	password, err := w.Password(u.ExternalID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Service.Create(t.Context(), u, password); account.KindOf(err) != account.Ambiguous {
		t.Fatal(err)
	}
	op := plan.Operation{Kind: plan.Create, ExternalID: u.ExternalID}
	for _, field := range []user.Field{user.Login, user.Email, user.Tags} {
		op.Changes = append(op.Changes, plan.Change{Field: field, After: u.Values[field].Text})
	}
	w.killedWhile(t, op)
}

// A sign-up is carried out long after its answer was lost, and meanwhile the source gives the person another login. Nobody has
// two accounts, and in the end everybody's is as the source says.
func TestLateSignUpAndAnotherLogin(t *testing.T) {
	rename := func(w *world) { w.newcomer()[1], w.newcomer()[2] = "renamed", "renamed@example.com" }
	for name, nights := range map[string]func(t *testing.T, w *world){
		"killed": func(t *testing.T, w *world) {
			w.isKilled(t)
			rename(w)
			w.sync(t)
		},
		"killed-and-two-starts": func(t *testing.T, w *world) {
			w.isKilled(t)
			rename(w)
			w.sync(t)
			w.sync(t)
		},
		"killed-and-signed-up-again": func(t *testing.T, w *world) {
			w.isKilled(t)
			if result := w.sync(t); result.Run.Tally.Done[plan.Create] != 1 {
				t.Errorf("with the same login nothing has to wait: %+v", result.Run.Tally)
			}
			rename(w)
			w.sync(t)
		},
		"no-answer": func(t *testing.T, w *world) {
			w.delays(t, emulator.SignUp, 4)
			if result := w.sync(t); result.Run.Tally.Unknown != 1 {
				t.Fatalf("want it in doubt: %+v", result.Run.Tally)
			}
			rename(w)
			w.sync(t)
		},
		"no-answer-and-repeated": func(t *testing.T, w *world) {
			w.delays(t, emulator.SignUp, 1)
			if result := w.sync(t); result.Run.Tally.Done[plan.Create] != 1 {
				t.Fatalf("want it repeated: %+v", result.Run.Tally)
			}
			rename(w)
			w.sync(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := latecomers(t)
				defer func() { _ = w.server.Close() }()
				nights(t, w)
				for range 2 {
					time.Sleep(2 * late)
					wantStatus(t, w.sync(t), state.Applied)
				}
				w.hasOneEach(t)
				w.has(t, w.newcomer()[0], "renamed", "renamed@example.com")
				if again := w.sync(t); len(again.Plan.Operations) > 0 {
					t.Errorf("there is more to do: %v", again.Plan.Operations)
				}
			})
		})
	}
}

// hasOneEach checks that everybody in the source has one account.
func (w *world) hasOneEach(t *testing.T) {
	t.Helper()
	var got, want []string
	err := w.Service.List(t.Context(), ownerTag, func(a account.Account) error {
		got = append(got, a.ExternalID)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range w.source.persons {
		want = append(want, p[0])
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("there are accounts of\n%s, want\n%s", fmt.Sprint(got), fmt.Sprint(want))
	}
}

// A change that gives an account an external ID is carried out late, and meanwhile nothing else of the record fits the account.
func TestLateChangeOfAnExternalID(t *testing.T) {
	for name, begin := range map[string]func(t *testing.T, w *world) *reconcile.Result{
		"adoption": func(t *testing.T, w *world) *reconcile.Result {
			w.source.persons = staff(11)
			w.stranger(t, w.newcomer()[1], "stranger@example.com")
			w.delays(t, emulator.Update, 4)
			return w.sync(t)
		},
		"rekey": func(t *testing.T, w *world) *reconcile.Result {
			w.delays(t, emulator.Update, 4)
			w.Rekeying = reconcile.Rekeying{Service: w.Service}
			result, err := w.Rekey(t.Context(), "map.csv", []plan.Rename{{Old: "e0009", New: "k0010", Position: "map.csv:2"}}, reconcile.Order{})
			if err != nil {
				t.Fatal(err)
			}
			w.source.persons = append(staff(9), person{"k0010"})
			return result
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := adopting(t, emulator.Options{SharedExternalIDs: true})
				defer func() { _ = w.server.Close() }()
				w.Policy.Leavers = plan.KeepLeavers
				w.source.persons = staff(10)
				wantStatus(t, w.sync(t), state.Applied)
				if result := begin(t, w); result.Run.Tally.Unknown != 1 {
					t.Fatalf("want it in doubt: %+v", result.Run.Tally)
				}
				last := &w.source.persons[len(w.source.persons)-1]
				last[1], last[2] = "renamed", "renamed@example.com"
				w.sync(t)
				for range 2 {
					time.Sleep(2 * late)
					wantStatus(t, w.sync(t), state.Applied)
				}
				w.hasOneEach(t)
				w.has(t, last[0], "renamed", "renamed@example.com")
			})
		})
	}
}
