package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/source/csvfile"
	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

func TestIncompleteReadWritesNothing(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(50)
	wantStatus(t, w.sync(t), state.Applied)

	w.source.persons = staff(60)[20:] // people came, and people left
	w.source.completeness = record.Incomplete
	before := w.writes()
	result := w.sync(t)
	wantStatus(t, result, state.Incomplete)
	if n := w.writes() - before; n != 0 {
		t.Errorf("%d writes after an incomplete read", n)
	}
	if result.Plan == nil || result.Plan.Count(plan.Create) != 10 || result.Plan.Count(plan.Delete) != 0 {
		t.Errorf("the plan is to be looked at and deletes nobody: %+v", result.Plan)
	}
}

func TestCutOffReadBeginsAgain(t *testing.T) {
	for _, c := range []struct {
		name   string
		cutOff int
		status state.Status
		reads  int
	}{
		{"twice", 2, state.Applied, 3},
		{"for-good", 9, state.Incomplete, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, t.TempDir())
			w.source.persons, w.source.cutOff = staff(10), c.cutOff
			wantStatus(t, w.sync(t), c.status)
			if w.source.reads != c.reads {
				t.Errorf("%d reads, want %d", w.source.reads, c.reads)
			}
		})
	}
}

func TestLeavers(t *testing.T) {
	t.Run("nobody-goes-without-a-baseline", func(t *testing.T) {
		w := newWorld(t, t.TempDir())
		w.source.persons = staff(50)
		w.sync(t)
		w.StateDir = t.TempDir() // the state is lost
		w.source.persons = staff(49)
		result := w.sync(t)
		wantStatus(t, result, state.Applied)
		if n := result.Run.Tally.LeaversApplied; n != 0 {
			t.Errorf("%d users deleted by a run without a baseline", n)
		}
		if result := w.sync(t); result.Run.Tally.LeaversApplied != 1 {
			t.Errorf("the run after it deleted %d, want 1", result.Run.Tally.LeaversApplied)
		}
	})
	t.Run("a-plausible-read-proves-nothing-unless-accepted", func(t *testing.T) {
		w := newWorld(t, t.TempDir())
		w.source.completeness = record.Plausible
		w.source.persons = staff(50)
		w.sync(t)
		w.source.persons = staff(49)
		if n := w.sync(t).Run.Tally.LeaversApplied; n != 0 {
			t.Errorf("%d users deleted on a plausible read", n)
		}
		w.Accept = record.Plausible
		if n := w.sync(t).Run.Tally.LeaversApplied; n != 1 {
			t.Errorf("%d users deleted on an accepted read, want 1", n)
		}
	})
	t.Run("grace-counts-reads-of-new-data", func(t *testing.T) {
		w := newWorld(t, t.TempDir())
		w.Policy.GraceReads = 3
		w.source.persons = staff(50)
		w.sync(t)
		for read := range 3 {
			w.source.persons = staff(49)
			w.source.persons[0][3] = time.Duration(read).String() // new data each time
			gone := w.sync(t).Run.Tally.LeaversApplied
			if want := read / 2; gone != want {
				t.Errorf("read %d deleted %d, want %d", read+1, gone, want)
			}
			if gone = w.sync(t).Run.Tally.LeaversApplied; gone != 0 {
				t.Errorf("the same data again, after read %d, deleted %d", read+1, gone)
			}
		}
	})
	t.Run("a-returning-person-stays", func(t *testing.T) {
		w := newWorld(t, t.TempDir())
		w.Policy.GraceReads = 2
		w.source.persons = staff(50)
		w.sync(t)
		for range 3 {
			w.source.persons = staff(49)
			if n := w.sync(t).Run.Tally.LeaversApplied; n != 0 {
				t.Errorf("%d deleted although they were there the read before", n)
			}
			w.source.persons = staff(50)
			w.sync(t)
		}
	})
	t.Run("presence-in-a-held-run-counts", func(t *testing.T) {
		w := newWorld(t, t.TempDir())
		w.Policy.GraceReads = 2
		w.source.persons = staff(50)
		w.sync(t)
		w.source.persons = staff(49)
		w.sync(t)
		w.source.persons = append(staff(20), staff(50)[49]) // so few that it is held, but the one is back
		wantStatus(t, w.sync(t), state.Held)
		w.source.persons = staff(49)
		w.source.persons[0][3] = "new data"
		if n := w.sync(t).Run.Tally.LeaversApplied; n != 0 {
			t.Errorf("%d deleted, who was there the read before", n)
		}
	})
	t.Run("a-reject-without-key-keeps-everybody", func(t *testing.T) {
		w := newWorld(t, t.TempDir())
		w.source.persons = staff(50)
		w.sync(t)
		w.source.persons = staff(49)
		w.source.persons[10][0] = ""
		result := w.sync(t)
		if n := result.Run.Tally.LeaversApplied; n != 0 || result.Run.Tally.Rejected != 1 {
			t.Errorf("%d deleted, %d rejected; want 0 and 1", n, result.Run.Tally.Rejected)
		}
	})
}

// A row that lost its line break has two people in it: both stay.
func TestARowThatMayHideAnother(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(50)
	w.sync(t)
	path := filepath.Join(t.TempDir(), "users.csv")
	var rows strings.Builder
	rows.WriteString(strings.Join(columns, ",") + "\n")
	for i, p := range staff(50) {
		end := "\n"
		if i == 20 {
			end = ""
		}
		rows.WriteString(strings.Join(p[:7], ",") + "," + end)
	}
	if err := os.WriteFile(path, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := csvfile.New(csvfile.Options{Path: path, KeyColumn: "id"})
	if err != nil {
		t.Fatal(err)
	}
	w.Source, w.Accept = source, record.Plausible
	w.Guards.Shrink = 1
	result := w.sync(t)
	if n := result.Run.Tally.LeaversApplied; n != 0 || result.Run.Tally.Rejected != 1 || result.Run.Status != state.Applied {
		t.Errorf("%d deleted, %d rejected, %s; want none, 1 and applied", n, result.Run.Tally.Rejected, result.Run.Status)
	}
}

func TestHeldRun(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(100)
	w.sync(t)
	w.source.persons = staff(60)
	before := w.writes()
	held := w.sync(t)
	wantStatus(t, held, state.Held)
	if got := guards(held); got != "shrink deletes week_deletes" {
		t.Errorf("held by %q", got)
	}
	if n := w.writes() - before; n != 0 {
		t.Errorf("a held run made %d writes", n)
	}

	w.source.persons = staff(59)
	changed := w.sync(t)
	wantStatus(t, changed, state.Held)
	if _, err := w.Approve(t.Context(), held.Run.ID, reconcile.Order{}); err == nil {
		t.Error("a run that a newer one superseded was approved")
	}
	w.source.persons = staff(10) // what was reviewed is what happens
	done := w.approve(t, changed.Run.ID)
	wantStatus(t, done, state.Applied)
	w.source.persons = staff(59)
	if n := done.Run.Tally.LeaversApplied; n != 41 {
		t.Errorf("the approved run deleted %d, want 41", n)
	}
	quiet := w.sync(t)
	wantStatus(t, quiet, state.Applied)
	if quiet.Run.Tally.Unchanged != 59 {
		t.Errorf("after it %d are unchanged, want 59", quiet.Run.Tally.Unchanged)
	}
}

// A held run is approved over the same plan only, made from the same data under the same configuration.
func TestApproval(t *testing.T) {
	held := func(t *testing.T, before func(*world)) (*world, int64) {
		w := newWorld(t, t.TempDir())
		w.source.persons = staff(100)
		before(w)
		w.sync(t)
		w.source.persons = staff(60)
		run := w.sync(t)
		wantStatus(t, run, state.Held)
		return w, run.Run.ID
	}
	nothing := func(*world) {}
	t.Run("of-a-plan-without-operations-moves-the-baseline", func(t *testing.T) {
		w, number := held(t, func(w *world) { w.Policy.Leavers = plan.KeepLeavers })
		wantStatus(t, w.approve(t, number), state.Applied)
		wantStatus(t, w.sync(t), state.Applied)
	})
	t.Run("holds-although-a-later-run-was-held-over-the-same-plan", func(t *testing.T) {
		w, number := held(t, nothing)
		wantStatus(t, w.sync(t), state.Held)
		done := w.approve(t, number)
		wantStatus(t, done, state.Applied)
		if done.Run.Approves != number {
			t.Errorf("the run approves %d, want %d", done.Run.Approves, number)
		}
		if _, err := w.Approve(t.Context(), number, reconcile.Order{}); err == nil {
			t.Error("it was approved again")
		}
	})
	t.Run("ends-with-a-run-held-over-another-plan", func(t *testing.T) {
		w, number := held(t, nothing)
		w.source.persons = staff(50)
		wantStatus(t, w.sync(t), state.Held)
		if _, err := w.Approve(t.Context(), number, reconcile.Order{}); err == nil {
			t.Error("it can be approved")
		}
	})
	t.Run("needs-the-same-configuration", func(t *testing.T) {
		w, number := held(t, nothing)
		w.Digest = "another"
		if _, err := w.Approve(t.Context(), number, reconcile.Order{}); err == nil {
			t.Error("it can be approved")
		}
	})
	t.Run("retries-what-the-held-run-would-have-retried", func(t *testing.T) {
		w, _ := held(t, nothing)
		run := w.order(t, reconcile.Order{RetryRefused: true})
		if done := w.approve(t, run.Run.ID); !done.Run.RetryRefused {
			t.Errorf("%+v", done.Run)
		}
	})
}

// Tags of ours that a user had before the state was lost can still be taken off.
func TestLostStateStillKnowsWhatIsOurs(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(3)
	w.sync(t)
	w.StateDir = t.TempDir()
	w.sync(t)
	w.source.persons[1][6] = "a"
	w.sync(t)
	if tags := w.find(t, account.ByExternalID, "e0001").Values[user.Tags].Text; tags != "a,"+ownerTag {
		t.Errorf("the tags are %q", tags)
	}
}

func TestAnEmptySourceCantBeApproved(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(10)
	w.sync(t)
	w.source.persons = nil
	held := w.sync(t)
	wantStatus(t, held, state.Held)
	if _, err := w.Approve(t.Context(), held.Run.ID, reconcile.Order{}); err == nil || w.writes() != 10 {
		t.Errorf("approving it: %v after %d writes, want an error after 10", err, w.writes())
	}
}

func TestFirstRunIsConfirmed(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(5)
	asked := 0
	answer := false
	order := reconcile.Order{Confirm: func(*plan.Plan) bool { asked++; return answer }}
	held := w.order(t, order)
	wantStatus(t, held, state.Held)
	if got := guards(held); got != "first_run" || w.writes() != 0 {
		t.Errorf("held by %q after %d writes", got, w.writes())
	}
	answer = true
	wantStatus(t, w.order(t, order), state.Applied)
	w.source.persons = staff(6)
	wantStatus(t, w.order(t, order), state.Applied)
	if asked != 2 {
		t.Errorf("asked %d times, want twice: before the first writing run only", asked)
	}
}

func TestFirstRunThatWrites(t *testing.T) {
	asked := 0
	order := reconcile.Order{Confirm: func(*plan.Plan) bool { asked++; return asked > 1 }}
	t.Run("is-not-one-that-wrote-nothing", func(t *testing.T) {
		w := newWorld(t, t.TempDir())
		w.source.persons = staff(5)
		for i := range w.source.persons {
			w.source.persons[i][2] = "no e-mail address"
		}
		wantStatus(t, w.order(t, order), state.Applied)
		w.source.persons = staff(5)
		wantStatus(t, w.order(t, order), state.Held)
		if asked != 1 || w.writes() != 0 {
			t.Errorf("asked %d times, %d writes; want once and none", asked, w.writes())
		}
	})
	t.Run("is-confirmed-once-even-if-it-is-interrupted", func(t *testing.T) {
		w := newWorld(t, t.TempDir())
		w.source.persons = staff(5)
		ctx, cancel := context.WithCancel(t.Context())
		asked = 1
		order := order
		order.Progress = cancelAtApply{cancel}
		if _, err := w.Sync(ctx, order); err != nil {
			t.Fatal(err)
		}
		order.Progress = nil
		wantStatus(t, w.order(t, order), state.Applied)
		if asked != 2 {
			t.Errorf("asked %d times, want once", asked-1)
		}
	})
}

func TestPreviewWritesNothing(t *testing.T) {
	dir := t.TempDir()
	w := newWorld(t, dir)
	w.source.persons = staff(5)
	result, err := w.Preview(t.Context(), reconcile.Order{})
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, result, state.Planned)
	if result.Plan.Count(plan.Create) != 5 || w.writes() != 0 {
		t.Errorf("%d to create, %d written", result.Plan.Count(plan.Create), w.writes())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("a look left %v in the state's folder (%v)", left, err)
	}
}

func TestSampleNeverGoesLive(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.SamplePrefix = "sample-"
	w.source.persons = staff(2)
	w.source.persons[1][0] = "sample-000001"
	if _, err := w.Sync(t.Context(), reconcile.Order{}); err == nil || w.writes() != 0 {
		t.Errorf("%d writes, error %v; want none and an error", w.writes(), err)
	}
}

func TestStopEndsInGoodOrder(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(40)
	stop := make(chan struct{})
	close(stop)
	result, err := w.Sync(t.Context(), reconcile.Order{Stop: stop})
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, result, state.Interrupted)
	w.adds(t, result.Run.Tally)
	wantStatus(t, w.sync(t), state.Applied)
	if n := w.writes(); n != 40 {
		t.Errorf("%d writes in both runs, want 40", n)
	}
}

func TestCancelledRunIsInterrupted(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(5)
	ctx, cancel := context.WithCancel(t.Context())
	progress := cancelAtApply{cancel}
	result, err := w.Sync(ctx, reconcile.Order{Progress: progress})
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, result, state.Interrupted)
}

type cancelAtApply struct{ cancel func() }

func (c cancelAtApply) Phase(name string, _ int) {
	if name == "apply" {
		c.cancel()
	}
}
func (c cancelAtApply) Step(int) {}

func TestVanishedAccounts(t *testing.T) {
	for _, leave := range []bool{false, true} {
		t.Run(fmt.Sprintf("leave-%v", leave), func(t *testing.T) {
			w := newWorld(t, t.TempDir())
			w.Policy.LeaveVanished = leave
			w.source.persons = staff(5)
			w.sync(t)
			victim := w.find(t, account.ByExternalID, "e0002")
			if err := w.Service.Delete(t.Context(), victim); err != nil {
				t.Fatal(err)
			}
			for night := range 3 {
				before := w.writes()
				result := w.sync(t)
				wantStatus(t, result, state.Applied)
				want := int64(0)
				if !leave && night == 0 {
					want = 1
				}
				if n := result.Run.Tally.Recreated; int64(n) != want {
					t.Errorf("night %d: %d were signed up again, want %d", night, n, want)
				}
				if n := w.writes() - before; n != want {
					t.Errorf("night %d: %d writes, want %d", night, n, want)
				}
			}
		})
	}
}

// A killed run may leave an intent to sign somebody up whose external ID a stranger holds: the stranger stays one.
func TestSettlingAdoptsNobody(t *testing.T) {
	w := newWorld(t, t.TempDir())
	stranger, err := w.Service.Create(t.Context(), user.User{
		ExternalID: "e0000", Values: user.Values{user.Login: user.Text("stranger")},
	}, "a password of theirs")
	if err != nil {
		t.Fatal(err)
	}
	w.killedWhile(t, plan.Operation{Kind: plan.Create, ExternalID: "e0000"})
	w.source.persons = staff(1)
	before := w.writes()
	result := w.sync(t)
	wantStatus(t, result, state.Applied)
	if result.Run.Tally.Rejected != 1 || w.writes() != before {
		t.Errorf("%d rejected and %d writes, want 1 and none", result.Run.Tally.Rejected, w.writes()-before)
	}
	if w.sync(t); w.writes() != before || w.find(t, account.ByID, fmt.Sprint(stranger.ID)).HasTag(ownerTag) {
		t.Error("the stranger was taken over")
	}
}

func TestSettlingFindsWhatWasDone(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(3)
	w.sync(t)
	known := w.find(t, account.ByExternalID, "e0001")
	w.killedWhile(t,
		plan.Operation{Kind: plan.Create, ExternalID: "e0000"},
		plan.Operation{Kind: plan.Update, ExternalID: "e0001", AccountID: known.ID},
		plan.Operation{Kind: plan.Delete, ExternalID: "e0009", AccountID: 987},
	)
	wantStatus(t, w.sync(t), state.Applied)
	store := w.peek(t)
	endings := map[string]state.Ending{}
	err := store.Outcomes(t.Context(), 2, func(o state.StoredOutcome) error {
		endings[o.ExternalID] = o.Ending
		return nil
	})
	want := map[string]state.Ending{"e0000": state.DoneApplied, "e0001": state.NotAttempted, "e0009": state.DoneApplied}
	if diff := cmp.Diff(want, endings); diff != "" || err != nil {
		t.Errorf("endings (-want +got):\n%s%v", diff, err)
	}
	if pending, err := store.Pending(t.Context()); len(pending) > 0 || err != nil {
		t.Errorf("still pending: %v, %v", pending, err)
	}
}

func TestPreviewLeavesTheApplicationToARunningSync(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(5)
	w.sync(t)
	lock, err := state.Lock(w.StateDir, w.Identity.Endpoint, w.Identity.ApplicationID, "another sync")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Preview(t.Context(), reconcile.Order{})
	if locked, ok := errors.AsType[*state.LockedError](err); !ok || locked.Work != "another sync" {
		t.Errorf("beside a running sync: %v", err)
	}
	lock.Unlock()
	if _, err := w.Preview(t.Context(), reconcile.Order{}); err != nil {
		t.Errorf("after it: %v", err)
	}
	wantStatus(t, w.sync(t), state.Applied) // the look left no lock behind
}
