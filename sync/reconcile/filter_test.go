package reconcile_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/avatar"
	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// leaveOut gives a world the filter.
func (w *world) leaveOut(t *testing.T, filter string) {
	t.Helper()
	spec := allColumns()
	spec.Filter = filter
	mapper, err := mapping.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	w.Mapper = mapper
	w.Settings = map[string]string{"filter": filter}
}

// Whoever is filtered out is counted, never signed up, and in nobody's way.
func TestFilteredOut(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.leaveOut(t, `website == "left"`)
	w.source.persons = staff(4)
	w.source.persons[1][5], w.source.persons[1][0] = "left", "" // without a key, too
	w.source.persons[2][5], w.source.persons[2][2] = "left", "e0003@example.com"
	for night, created := range []int{2, 0} {
		tally := w.sync(t).Run.Tally
		if tally.Read != 4 || tally.Filtered != 2 || tally.Rejected != 0 || tally.Done[plan.Create] != created || tally.Unchanged != 2-created {
			t.Errorf("night %d: %+v; want 2 filtered and %d created", night, tally, created)
		}
	}
	if n := w.agreements(t).Len(); n != 2 {
		t.Errorf("%d are passed over, want 2", n)
	}
	preview, err := w.Preview(t.Context(), reconcile.Order{})
	if err != nil || preview.Header.Counts.Filtered != 2 || preview.Run.Tally.Filtered != 2 {
		t.Errorf("the plan counts %+v, %v", preview.Header.Counts, err)
	}
}

// Of two records of one person, the filter takes one: the other is as good as alone, and nothing is read twice for it.
func TestFilteredTwin(t *testing.T) {
	company(t, emulator.Options{}, func(t *testing.T, n *nightly) {
		n.leaveOut(t, `website == "former"`)
		twin := n.persons[3]
		twin[5], twin[3] = "former", "Another Name"
		n.persons = append(n.persons, twin)
		for night := range 3 {
			before := n.begun
			tally := n.sync(t).Run.Tally
			if tally.Filtered != 1 || tally.Unchanged != len(n.persons)-1 || tally.Rejected != 0 || n.begun != before+1 {
				t.Errorf("night %d: read %d times, %+v", night, n.begun-before, tally)
			}
			time.Sleep(day)
		}
	})
}

// Whoever is filtered out has left: in grace, and then gone. Whoever comes back stays.
func TestFilteredLeavers(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.leaveOut(t, `website == "left"`)
	w.source.persons = staff(20)
	wantStatus(t, w.sync(t), state.Applied)
	w.source.persons[7][5] = "left"
	result := w.sync(t)
	wantStatus(t, result, state.Applied)
	if tally := result.Run.Tally; tally.Filtered != 1 || tally.Done[plan.Delete] != 1 || tally.Unchanged != 19 {
		t.Errorf("%+v; want the one who left deleted", tally)
	}
	if left, err := w.Service.Find(t.Context(), account.ByExternalID, []string{"e0007"}); err != nil || len(left) != 0 {
		t.Errorf("there still is %v, %v", left, err)
	}
}

// A filter that takes people who were there before is a change that a person has to agree to.
func TestFilterChanged(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.leaveOut(t, "")
	w.source.persons = staff(20)
	wantStatus(t, w.sync(t), state.Applied)
	w.leaveOut(t, `id == "e0007"`)
	result := w.sync(t)
	wantHeldForSettings(t, result)
	if saw := result.Run.Trips[0].Saw; !strings.Contains(saw, "a change of filter since run 1") {
		t.Errorf("the guard saw %s", saw)
	}
	w.leaveOut(t, `id startsWith "e"`)
	result = w.sync(t)
	wantStatus(t, result, state.Held)
	if trip := result.Run.Trips[0]; trip.Guard != "empty" || trip.Saw != "20 records, of which the filter leaves out all that can be read" || trip.Remedy != "check the filter" {
		t.Errorf("%+v", trip)
	}
	if w.writes() != 20 {
		t.Errorf("%d writes, want the 20 sign-ups", w.writes())
	}
}

// Where the filter can't tell, the person is there: rejected, and no leaver.
func TestFilterFails(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(20)
	wantStatus(t, w.sync(t), state.Applied)
	w.leaveOut(t, `int(phone) > 3`)
	for i := range w.source.persons {
		w.source.persons[i][4] = "1"
	}
	w.source.persons[7][4] = "none"
	result := w.sync(t)
	if tally := result.Run.Tally; tally.Rejected != 1 || tally.Filtered != 0 || len(result.Plan.Leavers) != 0 || tally.Done[plan.Delete] != 0 {
		t.Errorf("%+v", tally)
	}
	if reject := result.Plan.Rejects[0]; reject.ExternalID != "e0007" || reject.Position != "row 8" || !strings.HasPrefix(reject.Detail, "filter: expression int(phone) > 3: ") || reject.Cells == nil {
		t.Errorf("%+v", reject)
	}
}

// explain --read-source says that a record is left out.
func TestTraceFiltered(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(2)
	w.leaveOut(t, `id == "e0001"`)
	for id, want := range map[string]bool{"e0000": false, "e0001": true} {
		traced, err := w.Trace(t.Context(), id)
		if err != nil || len(traced) != 1 || traced[0].Filtered != want || traced[0].Problem != "" {
			t.Errorf("%s: %+v, %v; want filtered %v", id, traced, err, want)
		}
	}
}

// The picture of a record that is left out is nobody's.
func TestFilteredPicture(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInCustomData, avatar.Options{From: avatar.FromFile})
	g.people(t, 2)
	spec := allColumns()
	delete(spec.Fields, user.Phone)
	spec.Filter = `website == "former"`
	mapper, err := mapping.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	g.Mapper = mapper
	twin := g.source.persons[1]
	twin[5], twin[4] = "former", "other.png"
	g.photo(t, "other.png", 9)
	g.source.persons = append([]person{twin}, g.source.persons...)
	tally := g.sync(t).Run.Tally
	if tally.Avatars.Done != 2 || tally.Avatars.Troubles() != 0 || !bytes.Equal(g.avatarOf(t, "e0001"), paint(t, 1)) {
		t.Errorf("%+v; want two avatars set, each of the record that counts", tally.Avatars)
	}
}
