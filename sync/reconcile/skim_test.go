package reconcile_test

import (
	"context"
	"slices"
	"testing"

	"cubesync/sink/emulator"
	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// What changes in a column that nobody needs makes nobody known no more.
func TestUnneededColumn(t *testing.T) {
	company(t, emulator.Options{}, func(t *testing.T, n *nightly) {
		spec := allColumns()
		delete(spec.Fields, user.Phone)
		mapper, err := mapping.New(spec)
		if err != nil {
			t.Fatal(err)
		}
		n.Mapper = mapper
		n.sync(t)
		for i := range n.persons {
			n.persons[i][4] = "+1 555 0199"
		}
		n.persons[0][3] = "Another"
		if result := n.sync(t); len(result.Plan.Agreed) != 0 || result.Run.Tally.Unchanged != len(n.persons)-1 {
			t.Errorf("%d were looked at without need: %+v", len(result.Plan.Agreed), result.Run.Tally)
		}
	})
}

// The same text under other columns is another record.
func TestAnotherForm(t *testing.T) {
	company(t, emulator.Options{}, func(t *testing.T, n *nightly) {
		n.sync(t)
		n.form = "read otherwise"
		if result := n.sync(t); len(result.Plan.Agreed) != len(n.persons) {
			t.Errorf("%d of %d were looked at again", len(result.Plan.Agreed), len(n.persons))
		}
	})
}

func TestFirstRecordIsKnown(t *testing.T) {
	company(t, emulator.Options{}, func(t *testing.T, n *nightly) {
		n.sync(t)
		n.persons[0], n.persons[1] = n.persons[1], n.persons[0]
		if result := n.sync(t); len(result.Plan.Agreed) != 0 {
			t.Errorf("%d were looked at again", len(result.Plan.Agreed))
		}
	})
}

// threeWhoAgree is a pipeline with three users, all of whom agree.
func threeWhoAgree(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(3)
	wantStatus(t, w.sync(t), state.Applied)
	if n := w.agreements(t).Len(); n != 3 {
		t.Fatalf("%d of 3 agree", n)
	}
	return w
}

// Whoever agreed under another policy is looked at again.
func TestAnotherPolicy(t *testing.T) {
	w := threeWhoAgree(t)
	w.Policy.Protected.Logins = []string{w.source.persons[1][1]}
	if result := w.sync(t); result.Run.Tally.Rejected != 1 || result.Run.Tally.Unchanged != 2 {
		t.Errorf("one is protected now: %+v", result.Run.Tally)
	}
}

// Another program may make something else of the same record.
func TestAnotherProgram(t *testing.T) {
	w := threeWhoAgree(t)
	spec := allColumns()
	spec.Fields[user.FullName] = mapping.Rule{Template: "Dr. {name}"} // of the same columns
	mapper, err := mapping.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	w.Mapper, w.Version = mapper, "the next"
	if done := w.sync(t).Run.Tally.Done[plan.Update]; done != 3 {
		t.Errorf("%d of 3 were looked at again", done)
	}
}

// fickle is a source that gives another person twice at each read.
type fickle struct {
	*directory
	reads int
}

func (f *fickle) Open(ctx context.Context) (record.Reader, error) {
	whole := *f.directory
	whole.persons = append(slices.Clone(f.persons), f.persons[f.reads%len(f.persons)])
	f.reads++
	return whole.Open(ctx)
}

func TestFickleSource(t *testing.T) {
	company(t, emulator.Options{}, func(t *testing.T, n *nightly) {
		source := &fickle{directory: n.directory}
		n.Source = source
		result := n.sync(t)
		wantStatus(t, result, state.Applied)
		if source.reads > 6 || result.Run.Tally.Collapsed != 1 || result.Run.Tally.Unchanged != len(n.persons) {
			t.Errorf("read %d times: %+v", source.reads, result.Run.Tally)
		}
	})
}
