package reconcile_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/apply"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// changedPlan is a world of 40 in which everybody has another name, five came and two left, and the plan of it.
func changedPlan(t *testing.T, options emulator.Options) (*world, *plan.File) {
	t.Helper()
	w := newWorldOf(t, t.TempDir(), options)
	w.Guards = unguarded()
	w.source.persons = staff(40)
	wantStatus(t, w.sync(t), state.Applied)
	time.Sleep(time.Hour) // so that the list has everybody, however late it is
	w.source.persons = staff(45)[2:]
	for i := range w.source.persons {
		w.source.persons[i][3] = "Another Name"
	}
	file := w.save(t)
	return w, file
}

func (w *world) canary(t *testing.T, file *plan.File) *reconcile.Result {
	t.Helper()
	result, err := w.Apply(t.Context(), reread(t, file), reconcile.Order{Canary: apply.Canary{Count: 6}})
	if err != nil {
		t.Fatalf("applying: %v", err)
	}
	w.adds(t, result.Run.Tally)
	return result
}

func TestCanary(t *testing.T) {
	inBubble := func(options emulator.Options, story func(t *testing.T, w *world, file *plan.File)) func(*testing.T) {
		return func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, file := changedPlan(t, options)
				defer func() { _ = w.server.Close() }()
				defer func() { _ = w.client.Close(t.Context()) }()
				story(t, w, file)
			})
		}
	}
	followed := func(t *testing.T, w *world, result *reconcile.Result) {
		t.Helper()
		wantStatus(t, result, state.Applied)
		c := result.Run.Canary
		if c == nil || c.Operations < 6 || c.Operations > 10 || c.ReadBack == 0 || c.Different != 0 || len(result.Differences) > 0 {
			t.Errorf("%+v, %v", c, result.Differences)
		}
		before := w.writes()
		wantStatus(t, w.sync(t), state.Applied)
		if n := w.writes() - before; n != 0 {
			t.Errorf("the next run has %d writes left", n)
		}
	}
	t.Run("as-planned", inBubble(emulator.Options{}, func(t *testing.T, w *world, file *plan.File) {
		followed(t, w, w.canary(t, file))
	}))
	t.Run("lists-lag", inBubble(emulator.Options{ListLag: 3 * time.Second}, func(t *testing.T, w *world, file *plan.File) {
		result := w.canary(t, file)
		if c := result.Run.Canary; c == nil || c.Different != 0 {
			t.Errorf("%+v, %v", c, result.Differences)
		}
	}))
	t.Run("names-are-cut", inBubble(emulator.Options{}, func(t *testing.T, w *world, file *plan.File) {
		before := w.writes()
		w.Service = cutsNames{w.Service}
		stopped := w.canary(t, file)
		wantStatus(t, stopped, state.Unusable)
		if stopped.Run.Breaker != state.CanaryFailed || w.writes()-before > 10 || stopped.Run.Tally.NotAttempted < 30 {
			t.Errorf("%q, %d writes: %+v", stopped.Run.Problem, w.writes()-before, stopped.Run.Tally)
		}
		for _, d := range stopped.Differences {
			if d.Field != "full_name" || d.Sent != "Another Name" || d.Got != "Another" || !d.Normalised || d.ExternalID == "" {
				t.Errorf("%+v", d)
			}
		}
		if len(stopped.Differences) == 0 {
			t.Error("nothing is said to be different")
		}
		// Whoever agrees applies the plan again.
		wantStatus(t, w.canary(t, file), state.Applied)
	}))
	t.Run("killed", inBubble(emulator.Options{}, func(t *testing.T, w *world, file *plan.File) {
		w.killedOver(t, file.Header.Reviewed, file.Plan.Operations[:3]...)
		followed(t, w, w.canary(t, file))
	}))
}

// cutsNames keeps only the first word of a name, and says so.
type cutsNames struct{ account.Service }

func (s cutsNames) Update(ctx context.Context, known account.Account, change func(account.Account) (account.Write, error)) (account.Account, error) {
	return s.Service.Update(ctx, known, func(now account.Account) (account.Write, error) {
		w, err := change(now)
		if name := w.Values[user.FullName]; name.Set {
			first, _, _ := strings.Cut(name.Text, " ")
			w.Values[user.FullName] = user.Text(first)
		}
		return w, err
	})
}

func (s cutsNames) Create(ctx context.Context, u user.User, password string) (account.Account, error) {
	first, _, _ := strings.Cut(u.Values[user.FullName].Text, " ")
	u.Values[user.FullName] = user.Text(first)
	return s.Service.Create(ctx, u, password)
}
