package reconcile_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/record"
	"cubesync/sync/spool"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// approve carries out the plan of a held run.
func (w *world) approve(t *testing.T, number int64) *reconcile.Result {
	t.Helper()
	result, err := w.Approve(t.Context(), number, reconcile.Order{})
	if err != nil {
		t.Fatalf("approving run %d: %v", number, err)
	}
	w.adds(t, result.Run.Tally)
	return result
}

// save is `plan -o`: the file that was written, read back.
func (w *world) save(t *testing.T) *plan.File {
	t.Helper()
	result, err := w.Preview(t.Context(), reconcile.Order{})
	if err != nil {
		t.Fatal(err)
	}
	file := plan.File{Header: result.Header, Plan: result.Plan}
	var text bytes.Buffer
	if err := file.Write(&text); err != nil {
		t.Fatal(err)
	}
	return readBack(t, &text)
}

// readBack reads a plan file as `apply` does.
func readBack(t *testing.T, text io.Reader) *plan.File {
	t.Helper()
	aside := spool.NewSignUps(t.TempDir())
	t.Cleanup(aside.Close)
	back, err := plan.ReadFile(text, aside)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

func (w *world) apply(t *testing.T, file *plan.File) *reconcile.Result {
	t.Helper()
	result, err := w.Apply(t.Context(), file, reconcile.Order{})
	if err != nil {
		t.Fatalf("applying: %v", err)
	}
	w.adds(t, result.Run.Tally)
	return result
}

// stored is the plan that the state keeps of a run.
func (w *world) stored(t *testing.T, run int64) *plan.File {
	t.Helper()
	file, err := w.peek(t).Plan(run, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestSavedPlan(t *testing.T) {
	t.Run("is-carried-out-and-becomes-the-baseline", func(t *testing.T) {
		w := newWorld(t, t.TempDir())
		w.source.persons = staff(30)
		file := w.save(t)
		if n := w.writes(); n != 0 {
			t.Fatalf("saving a plan made %d writes", n)
		}
		w.source.persons = staff(5) // nobody reads it again
		result := w.apply(t, file)
		wantStatus(t, result, state.Applied)
		if n := w.writes(); n != 30 || result.Run.Tally.Done[plan.Create] != 30 {
			t.Errorf("%d writes, %+v, want 30 sign-ups", n, result.Run.Tally)
		}
		if !result.Run.PlannedAt.Equal(file.Header.MadeAt) {
			t.Errorf("the run says that it was planned at %v", result.Run.PlannedAt)
		}
		w.source.persons = staff(29)
		quiet := w.sync(t)
		wantStatus(t, quiet, state.Applied)
		if quiet.Run.Tally.LeaversApplied != 1 || w.writes() != 31 {
			t.Errorf("the run after it: %+v after %d writes; it has a baseline, so that it may delete", quiet.Run.Tally, w.writes())
		}
	})
	t.Run("skips-what-moved-and-does-the-rest", func(t *testing.T) {
		w := newWorld(t, t.TempDir())
		w.source.persons = staff(20)
		w.sync(t)
		for i := range 3 {
			w.source.persons[i][2] = "new-" + w.source.persons[i][2]
		}
		w.source.persons = append(w.source.persons[:19], person{"x1", "guest1", "x1@example.com"}, person{"x2", "guest2", "x2@example.com"}) // one left, two came
		file := w.save(t)
		if file.Header.Counts.Update != 3 || file.Header.Counts.Create != 2 || file.Header.Counts.Delete != 1 {
			t.Fatalf("the plan is %+v", file.Header.Counts)
		}
		moved := w.find(t, account.ByExternalID, "e0001")
		_, err := w.Service.Update(t.Context(), moved, func(account.Account) (w account.Write, _ error) {
			w.Values[user.Email] = user.Text("moved@example.net")
			return w, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Service.Create(t.Context(), user.User{Values: user.Values{user.Login: user.Text("guest2")}}, "password-of-x2"); err != nil {
			t.Fatal(err)
		}
		result := w.apply(t, file)
		wantStatus(t, result, state.Applied)
		tally := result.Run.Tally
		if tally.Skipped != 2 || tally.Done[plan.Update] != 2 || tally.Done[plan.Create] != 1 || tally.Done[plan.Delete] != 1 {
			t.Errorf("it came to %+v", tally)
		}
		var words []string
		for _, outcome := range result.Troubles {
			words = append(words, outcome.Operation.ExternalID+" "+outcome.Words)
		}
		slices.Sort(words)
		text := strings.Join(words, "\n")
		for _, want := range []string{
			`e0001 moved: changed since the plan was made: email of account`, `is "moved@example.net", and was "e0001@example.com"`,
			`x2 moved: changed since the plan was made: account`, `has the login guest2 now`,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
		}
		if got := w.find(t, account.ByExternalID, "e0001").Values[user.Email].Text; got != "moved@example.net" {
			t.Errorf("the account that moved was written: %s", got)
		}
	})
	t.Run("goes-on-after-it-was-interrupted", func(t *testing.T) {
		w := newWorld(t, t.TempDir())
		w.source.persons = staff(20)
		file := w.save(t)
		stop := make(chan struct{})
		result, err := w.Apply(t.Context(), file, reconcile.Order{Stop: stop, Progress: stopAt{phase: "apply", stop: stop}})
		if err != nil {
			t.Fatal(err)
		}
		wantStatus(t, result, state.Interrupted)
		again := w.apply(t, reread(t, file))
		wantStatus(t, again, state.Applied)
		if n := w.writes(); n != 20 {
			t.Errorf("%d writes, want 20", n)
		}
		if _, err := w.Apply(t.Context(), reread(t, file), reconcile.Order{}); err == nil || !strings.Contains(err.Error(), "overtaken: run 2 came after it and ended as applied") {
			t.Errorf("once more: %v", err)
		}
	})
}

// What was read is what is carried out, although the file has become another one since, be it a whole plan too.
func TestSavedPlanIsWhatWasRead(t *testing.T) {
	w := newWorld(t, t.TempDir())
	path := filepath.Join(t.TempDir(), "plan.jsonl")
	w.source.persons = staff(30)
	if err := state.WriteNew(path, w.save(t)); err != nil {
		t.Fatal(err)
	}
	reviewed, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reviewed.Close() }() // it was only read
	file := readBack(t, reviewed)
	w.source.persons = staff(60)[30:]
	if _, err := reviewed.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if err := w.save(t).Write(reviewed); err != nil { // in place
		t.Fatal(err)
	}
	wantStatus(t, w.apply(t, file), state.Applied)
	for externalID, want := range map[string]int{"e0000": 1, "e0029": 1, "e0030": 0, "e0059": 0} {
		found, err := w.Service.Find(t.Context(), account.ByExternalID, []string{externalID})
		if err != nil || len(found) != want {
			t.Errorf("%s has %d accounts, %v; want %d", externalID, len(found), err, want)
		}
	}
	if n := w.writes(); n != 30 {
		t.Errorf("%d writes, want 30", n)
	}
}

// What a killed run left in doubt is found out before a saved plan is carried out.
func TestSavedPlanSettlesFirst(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(3)
	w.killedWhile(t, plan.Operation{Kind: plan.Create, ExternalID: "e0009"})
	wantStatus(t, w.apply(t, w.save(t)), state.Applied)
	if pending, err := w.peek(t).Pending(t.Context()); err != nil || len(pending) != 0 {
		t.Errorf("still in doubt: %v, %v", pending, err)
	}
}

// stopAt closes stop when a phase begins.
type stopAt struct {
	phase string
	stop  chan struct{}
}

func (s stopAt) Phase(name string, _ int) {
	if name == s.phase {
		close(s.stop)
	}
}
func (s stopAt) Step(int) {}

// reread is the file as it was written: carrying a plan out changes it in memory.
func reread(t *testing.T, file *plan.File) *plan.File {
	t.Helper()
	var text bytes.Buffer
	if err := file.Write(&text); err != nil {
		t.Fatal(err)
	}
	return readBack(t, &text)
}

func TestSavedPlanIsRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*testing.T, *world, *plan.File)
		want   string
	}{
		{"redacted", func(_ *testing.T, _ *world, f *plan.File) { *f = *f.Redacted() }, "the plan is a redacted view"},
		{"somebody-was-forgotten", func(_ *testing.T, _ *world, f *plan.File) { f.Header.Forgotten = 1 }, "somebody was forgotten since the plan was made"},
		{"other-application", func(_ *testing.T, w *world, _ *plan.File) { w.Identity.ApplicationID = "2" },
			"the plan belongs to application 1 at emulator, and the configuration to application 2"},
		{"other-pipeline", func(_ *testing.T, w *world, _ *plan.File) { w.Identity.Pipeline = "guests" }, "the plan belongs to pipeline staff"},
		{"other-owner-tag", func(_ *testing.T, w *world, _ *plan.File) { w.Identity.OwnerTag = "guests" }, `not to pipeline staff with owner tag "guests"`},
		{"other-configuration", func(_ *testing.T, w *world, _ *plan.File) { w.Digest = "another" }, "the configuration has changed since"},
		{"expired", func(_ *testing.T, _ *world, f *plan.File) { f.Header.ExpiresAt = time.Now().Add(-time.Second) }, "the plan expired at"},
		{"incomplete", func(t *testing.T, w *world, f *plan.File) {
			w.source.completeness = record.Incomplete
			*f = *w.save(t)
		}, "read incomplete: nothing may be written by it"},
		{"held", func(t *testing.T, w *world, f *plan.File) {
			w.source.persons = staff(10)
			*f = *w.save(t)
		}, "the plan is held by guard shrink (persons in the source: 10, and 50 in run 1): `cubesync sync` holds it under a number"},
		{"held-run", func(t *testing.T, w *world, f *plan.File) {
			w.source.persons = staff(10)
			*f = *w.stored(t, w.sync(t).Run.ID)
		}, "the plan is held by guard shrink: if it is right, cubesync approve 2 --pipeline staff"},
		{"overtaken", func(t *testing.T, w *world, _ *plan.File) {
			w.source.persons = staff(50) // the leaver is back: the plan would delete them
			w.sync(t)
		}, "the plan is overtaken: run 2 came after it and ended as applied"},
		{"overtaken-by-a-held-run", func(t *testing.T, w *world, _ *plan.File) {
			w.source.persons = staff(10)
			w.sync(t)
		}, "the plan is overtaken: run 2 came after it and is held over another plan"},
		{"of-a-lost-state", func(t *testing.T, w *world, _ *plan.File) { w.StateDir = t.TempDir() }, "the plan was made after run 1, which the state doesn't know"},
		{"of-another-state", func(t *testing.T, w *world, _ *plan.File) {
			w.StateDir = t.TempDir()
			w.source.persons = staff(50)
			w.sync(t)
		}, "the plan is overtaken: run 1 came after it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, t.TempDir())
			w.source.persons = staff(50)
			w.sync(t)
			w.source.persons = staff(49)
			file := w.save(t)
			test.change(t, w, file)
			before := w.writes()
			_, err := w.Apply(t.Context(), file, reconcile.Order{})
			_, refused := errors.AsType[*reconcile.NotApplicableError](err)
			if !refused || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if n := w.writes() - before; n != 0 {
				t.Errorf("it made %d writes", n)
			}
		})
	}
}

// A first run over a saved plan asks as any other does; a no holds it, and its plan can be approved.
func TestSavedPlanAsksFirst(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(5)
	file := w.save(t)
	asked := 0
	answer := func(yes bool) reconcile.Order {
		return reconcile.Order{Confirm: func(*plan.Plan) bool { asked++; return yes }}
	}
	held, err := w.Apply(t.Context(), file, answer(false))
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, held, state.Held)
	if guards(held) != "first_run" || w.writes() != 0 {
		t.Errorf("held by %s after %d writes", guards(held), w.writes())
	}
	done, err := w.Approve(t.Context(), held.Run.ID, answer(true))
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, done, state.Applied)
	w.source.persons = staff(6)
	if _, err := w.Apply(t.Context(), w.save(t), answer(false)); err != nil || asked != 2 || w.writes() != 6 {
		t.Errorf("asked %d times, %d writes, %v; once it was agreed nobody is asked again", asked, w.writes(), err)
	}
}

func TestSavedPlanWaitsForNobody(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(5)
	file := w.save(t)
	lock, err := state.Lock(w.StateDir, w.Identity.Endpoint, w.Identity.ApplicationID, "sync")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	for name, carryOut := range map[string]func() (*reconcile.Result, error){
		"apply":   func() (*reconcile.Result, error) { return w.Apply(t.Context(), file, reconcile.Order{}) },
		"approve": func() (*reconcile.Result, error) { return w.Approve(t.Context(), 1, reconcile.Order{}) },
	} {
		_, err := carryOut()
		if _, locked := errors.AsType[*state.LockedError](err); !locked || w.writes() != 0 {
			t.Errorf("%s beside a run: %v after %d writes", name, err, w.writes())
		}
	}
}

// An approved read counts for grace as one that was applied at once.
func TestApprovedReadCounts(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.Policy.GraceReads = 2
	w.source.persons = staff(50)
	w.sync(t)
	w.source.persons = staff(20)
	held := w.sync(t)
	wantStatus(t, held, state.Held)
	wantStatus(t, w.approve(t, held.Run.ID), state.Applied)
	file := w.save(t)
	if n := file.Header.Counts.Delete; n != 0 {
		t.Errorf("the same data counted twice: %d would be deleted", n)
	}
	w.source.persons[0][3] = "Renamed" // new data
	if n := w.save(t).Header.Counts.Delete; n != 30 {
		t.Errorf("after a second counted read %d would be deleted, want 30", n)
	}
}

func TestEveryRunKeepsItsPlan(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.SecretColumns = []string{"website"}
	w.source.persons = append(staff(10), person{"e0003", "other"}, person{"bad", "xx", "no-address"}, person{"x9", "login-e0004", "x9@example.com"})
	applied := w.sync(t)
	wantStatus(t, applied, state.Applied)
	file := w.stored(t, applied.Run.ID)
	h := file.Header
	if h.Run != 1 || h.AfterRun != 0 || h.Pipeline != "staff" || h.OwnerTag != ownerTag || h.Reviewed != applied.Run.Reviewed ||
		h.Counts.Create != 8 || h.Counts.Read != 13 || len(h.Guards) != 0 || h.ExpiresAt.Sub(h.MadeAt) != 24*time.Hour || h.Fields[user.Email] != "source" || !slices.Equal(h.LeftEmpty, w.SecretColumns) {
		t.Errorf("the header is %+v", h)
	}
	cells := map[string]string{}
	for _, reject := range file.Plan.Rejects {
		var row []string
		for _, cell := range reject.Cells {
			row = append(row, cell.Text())
		}
		cells[string(reject.Position)] = strings.Join(row, "|")
	}
	for position, want := range map[string]string{
		"row 4":  `e0003|login-e0003|e0003@example.com|Name e0003|+1 555 0100||a;b|{"desk":1}`,
		"row 11": "e0003|other||||||", "row 12": "bad|xx|no-address|||||", "row 13": "x9|login-e0004|x9@example.com|||||",
	} {
		if cells[position] != want {
			t.Errorf("the cells of %s are %q, want %q", position, cells[position], want)
		}
	}

	w.source.persons = staff(2)
	held := w.sync(t)
	wantStatus(t, held, state.Held)
	if file := w.stored(t, held.Run.ID); len(file.Header.Guards) == 0 || file.Header.AfterRun != 1 {
		t.Errorf("the held run's header is %+v", file.Header)
	}
	w.source.completeness = record.Incomplete
	incomplete := w.sync(t)
	if file := w.stored(t, incomplete.Run.ID); file.Header.Source.Completeness != "incomplete" {
		t.Errorf("the incomplete run's header is %+v", file.Header)
	}
}

// The budget is what a run sends.
func TestBudget(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.Costs = reconcile.Costs{OwnerUpdates: true, RateLimit: 10}
	w.source.persons = staff(250)
	for _, change := range []func(){
		func() {},
		func() {
			for i := range 40 {
				w.source.persons[i][3] = "Renamed"
			}
			w.source.persons = append(w.source.persons[:240], person{"x1", "guest1"})
		},
	} {
		change()
		before := map[string]int{}
		for kind, n := range w.client.Calls() {
			before[kind] = n
		}
		result := w.sync(t)
		wantStatus(t, result, state.Applied)
		sent := 0
		for kind, n := range w.client.Calls() {
			sent += n - before[kind]
		}
		c := result.Header.Calls
		planned := c.List + c.LookUp + c.Session + c.Write + c.File
		if planned < sent*9/10-3 || planned > sent*11/10+3 {
			t.Errorf("%d calls were sent and %d foreseen: %+v", sent, planned, c)
		}
		if c.Seconds != float64(planned)/10 {
			t.Errorf("they take %v s at 10 a second", c.Seconds)
		}
		t.Logf("%d calls sent, %d foreseen: %+v", sent, planned, c)
	}
}
