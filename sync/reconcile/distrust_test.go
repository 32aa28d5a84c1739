package reconcile_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// clockAhead leaves what a run leaves on a machine whose clock is ten days ahead.
func (w *world) clockAhead(t *testing.T) {
	t.Helper()
	store, err := state.Open(t.Context(), w.StateDir, w.Identity)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(store.Tick(t.Context(), time.Now().Add(10*day), time.Time{}), store.Close()); err != nil {
		t.Fatal(err)
	}
}

// Absences and departures of a saved plan are kept by the state's clock as those of any other run.
func TestSavedPlanSetsTheClock(t *testing.T) {
	t.Run("grace", func(t *testing.T) {
		w := newWorld(t, t.TempDir())
		w.Policy.GraceReads, w.Policy.GraceSpan = 2, 3*day
		w.source.persons = staff(40)
		w.sync(t)
		w.clockAhead(t)
		w.source.persons = staff(25)
		held := w.sync(t)
		wantStatus(t, held, state.Held)
		w.approve(t, held.Run.ID)
		w.source.persons[0][3] = "New Name" // new data
		if n := w.sync(t).Run.Tally.LeaversApplied; n > 0 {
			t.Errorf("%d deleted a moment after they were missed for the first time", n)
		}
	})
	t.Run("week", func(t *testing.T) {
		w := newWorld(t, t.TempDir())
		w.source.persons = staff(100)
		w.sync(t)
		w.clockAhead(t)
		w.source.persons = staff(85)
		held := w.sync(t)
		wantStatus(t, held, state.Held)
		w.approve(t, held.Run.ID) // 15 deletes, more than the week's 10
		w.source.persons = staff(82)
		if got := w.sync(t); guards(got) != "week_deletes" {
			t.Errorf("ended as %s, held by %q", got.Run.Status, guards(got))
		}
	})
}

// planFile is where the state keeps the plan of a run.
func (w *world) planFile(t *testing.T, run int64) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(w.StateDir, "plans", "*", strconv.FormatInt(run, 10)+".jsonl"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the plan of run %d: %q, %v", run, found, err)
	}
	return found[0]
}

func (w *world) refusesToApprove(t *testing.T, run int64, want string) {
	t.Helper()
	before := w.writes()
	_, err := w.Approve(t.Context(), run, reconcile.Order{})
	if _, refused := errors.AsType[*reconcile.NotApplicableError](err); !refused || !strings.Contains(err.Error(), want) || w.writes() != before {
		t.Errorf("got %v after %d writes, want %s", err, w.writes()-before, want)
	}
}

func TestApprovedIsWhatWasShown(t *testing.T) {
	heldTwice := func(t *testing.T) (w *world, first, second int64) {
		w = newWorld(t, t.TempDir())
		w.source.persons = staff(40)
		w.sync(t)
		w.source.persons = staff(40)[:30]
		first = w.sync(t).Run.ID
		w.source.persons = staff(40)[10:]
		held := w.sync(t)
		wantStatus(t, held, state.Held)
		return w, first, held.Run.ID
	}
	replace := func(t *testing.T, w *world, run int64, file *plan.File) {
		t.Helper()
		store, err := state.Open(t.Context(), w.StateDir, w.Identity)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(store.SavePlan(run, file), store.Close()); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("the-plan-of-another-run", func(t *testing.T) {
		w, first, second := heldTwice(t)
		text, err := os.ReadFile(w.planFile(t, first))
		if err == nil {
			err = os.WriteFile(w.planFile(t, second), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		w.refusesToApprove(t, second, "isn't kept any more")
	})
	for name, change := range map[string]func(*plan.Header){
		"another-number":      func(h *plan.Header) { h.Run-- },
		"redacted":            func(h *plan.Header) { h.Redacted = true },
		"another-application": func(h *plan.Header) { h.ApplicationID = "2" },
		"another-pipeline":    func(h *plan.Header) { h.Pipeline = "guests" },
		"another-owner-tag":   func(h *plan.Header) { h.OwnerTag = "guests" },
	} {
		t.Run(name, func(t *testing.T) {
			w, _, second := heldTwice(t)
			file := w.stored(t, second)
			change(&file.Header)
			replace(t, w, second, file)
			w.refusesToApprove(t, second, "the plan that is kept under its number")
		})
	}
}

func TestApprovingDeletesExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, t.TempDir())
		defer func() { _ = w.server.Close() }()
		defer func() { _ = w.client.Close(context.Background()) }()
		w.PlanExpires = time.Hour
		w.source.persons = staff(20)
		w.sync(t)
		w.source.persons = staff(12)
		held := w.sync(t)
		wantStatus(t, held, state.Held)
		time.Sleep(time.Hour + time.Second)
		w.refusesToApprove(t, held.Run.ID, "releases or deletes, and it expired at")
	})
}

// What a file says of its guards is written by whoever wrote the file.
func TestGuardsAreJudgedAgain(t *testing.T) {
	for _, test := range []struct {
		name string
		left int
		want string
	}{{"empty", 0, "empty deletes week_deletes"}, {"deletes", 10, "shrink deletes week_deletes"}} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, t.TempDir())
			w.source.persons = staff(20)
			w.sync(t)
			w.source.persons = staff(test.left)
			file := w.save(t)
			file.Header.Guards = nil
			before := w.writes()
			held := w.apply(t, reread(t, file))
			wantStatus(t, held, state.Held)
			if guards(held) != test.want || w.writes() != before || reconcile.Approvable(held.Run) {
				t.Errorf("held by %q after %d writes, approvable: %v", guards(held), w.writes()-before, reconcile.Approvable(held.Run))
			}
			w.refusesToApprove(t, held.Run.ID, "")
		})
	}
	t.Run("the-week-since", func(t *testing.T) {
		w := newWorld(t, t.TempDir())
		w.source.persons = staff(100)
		w.sync(t)
		for left := 96; left >= 92; left -= 4 {
			w.source.persons = staff(left)
			wantStatus(t, w.sync(t), state.Applied)
		}
		w.source.persons = staff(90)
		file := w.save(t)
		file.Header.Guards = nil
		if held := w.apply(t, reread(t, file)); guards(held) != "week_deletes" {
			t.Errorf("ended as %s, held by %q", held.Run.Status, guards(held))
		}
	})
}

// Numbers begin again when a state is lost; what is left of the plans isn't taken for the new runs'.
func TestPlansOfALostState(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(3)
	result := w.sync(t)
	store := w.peek(t)
	run := result.Run
	if _, err := reconcile.StoredPlan(store, run, nil); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*state.Run){
		"later":           func(r *state.Run) { r.StartedAt, r.Reviewed = r.StartedAt.Add(2*time.Second), "" },
		"another-review":  func(r *state.Run) { r.Reviewed = "another" },
		"of-another-plan": func(r *state.Run) { r.PlannedAt = r.StartedAt.Add(2 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			run := run
			change(&run)
			if _, err := reconcile.StoredPlan(store, run, nil); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("its plan: %v", err)
			}
		})
	}
}

// Of columns that nobody mapped, nothing is kept: a password may have any name.
func TestCellsOfUnmappedColumns(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.SecretColumns = nil
	mapper, err := mapping.New(mapping.Spec{ExternalID: mapping.Rule{Column: "id"}, Fields: map[user.Field]mapping.Rule{
		user.Login: {Column: "login"}, user.Email: {Column: "email"}, user.FullName: {Column: "name"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.Mapper = mapper
	w.source.persons = []person{{"e0001", "e1", "no-address", "Ann", "", "my pin"}}
	file := w.stored(t, w.sync(t).Run.ID)
	if got := strings.Join(file.Header.LeftEmpty, " "); got != "phone website tags data" {
		t.Errorf("left empty: %q", got)
	}
	if cells := file.Plan.Rejects[0].Cells; cells[5].Text() != "" || cells[3].Text() != "Ann" {
		t.Errorf("the cells are %v", cells)
	}
}
