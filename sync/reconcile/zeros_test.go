package reconcile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
)

// numbered is an application whose people have these external IDs; the last of them has left. All that is theirs is the same again,
// whatever becomes of their external ID.
func numbered(t *testing.T, ids ...string) *scene {
	t.Helper()
	s := &scene{world: newWorld(t, t.TempDir()), directory: &directory{}, leaver: ids[len(ids)-1]}
	for i, p := range staff(len(ids)) {
		p[0] = ids[i]
		s.directory.persons = append(s.directory.persons, p)
	}
	s.Source, s.Guards, s.ZerosGetLost = s.directory, unguarded(), true
	wantStatus(t, s.sync(t), state.Applied)
	s.ids = s.accounts(t)
	s.directory.persons = s.directory.persons[:len(ids)-1]
	return s
}

// shows lets the source show the people under other external IDs.
func (s *scene) shows(change func(id string) string) {
	for i := range s.directory.persons {
		s.directory.persons[i][0] = change(s.directory.persons[i][0])
	}
}

func bare(id string) string { return strings.TrimLeft(id, "0") }

// rejects are those of a plan, shortly.
func rejects(p *plan.Plan) (all []string) {
	for _, r := range p.Rejects {
		all = append(all, fmt.Sprintf("%s %q %d", r.Position, r.ExternalID, len(r.Cells)))
	}
	return all
}

// A file was saved again by a spreadsheet: everybody whose key began with a zero is somebody else, and somebody is gone.
func TestLostZeros(t *testing.T) {
	ids := []string{"00123", "0", "000", "4711", "0100", "a007", "007", "00999"}
	s := numbered(t, ids...)
	s.shows(func(id string) string {
		if id == "0" || id == "000" || id == "a007" {
			return id
		}
		return bare(id)
	})
	s.ZerosGetLost = false
	preview, err := s.Preview(t.Context(), reconcile.Order{})
	if err != nil {
		t.Fatal(err)
	}
	if n := preview.Plan.Count(plan.Delete); n != 4 {
		t.Errorf("believed, %d would be deleted", n)
	}
	s.ZerosGetLost = true
	before := s.writes()
	result := s.sync(t)
	wantStatus(t, result, state.Applied)
	if len(result.Gone) != 1 || result.Gone[0].Operation.ExternalID != s.leaver || s.writes()-before != 1 {
		t.Errorf("%d writes, gone are %v", s.writes()-before, result.Gone)
	}
	want := []string{`entry 1 "00123" 8`, `entry 7 "007" 8`, `entry 5 "0100" 8`}
	if got := rejects(result.Plan); !slices.Equal(got, want) || result.Run.Tally.Rejected != 3 {
		t.Errorf("rejected are %q, %+v", got, result.Run.Tally)
	}
	if detail := result.Plan.Rejects[0].Detail; !strings.Contains(detail, `"123" is known as "00123"`) || !strings.Contains(detail, "damaged_keys: accept") {
		t.Error(detail)
	}
	s.directory.persons[0][0], s.directory.persons[4][0], s.directory.persons[6][0] = "00123", "0100", "007"
	if again := s.sync(t); len(again.Plan.Operations) > 0 || again.Run.Tally.Unchanged != 7 {
		t.Errorf("there is more to do: %v, %+v", again.Plan.Operations, again.Run.Tally)
	}
}

// Whose zeros were lost can't be told where several may be meant: then nobody has left for certain.
func TestLostZerosOfSeveral(t *testing.T) {
	s := numbered(t, "0042", "42x", "042", "00999")
	s.directory.persons = s.directory.persons[:2]
	s.shows(bare)
	s.untouched(t, state.Applied, 1)
	result := s.sync(t)
	if got := rejects(result.Plan); !slices.Equal(got, []string{`entry 1 "" 8`}) || !strings.Contains(result.Plan.Rejects[0].Detail, `one of ["0042" "042"]`) {
		t.Errorf("%q %v", got, result.Plan.Rejects)
	}
	if len(result.Plan.Leavers) != 3 {
		t.Errorf("leavers are %v", result.Plan.Leavers)
	}
}

// One of two is shown with its zeros, so the other has lost them.
func TestLostZerosOfTheOther(t *testing.T) {
	s := numbered(t, "0042", "042", "00999")
	s.directory.persons[0][3] = "Another Name" // who didn't change isn't looked at
	s.directory.persons[1][0] = "42"
	result := s.sync(t)
	if got := rejects(result.Plan); !slices.Equal(got, []string{`entry 2 "042" 8`}) || len(result.Gone) != 1 {
		t.Errorf("%q, gone are %v", got, result.Gone)
	}
}

// What is known as it stands, and what stands beside the one with its zeros, is somebody's own.
func TestNoZerosLost(t *testing.T) {
	s := numbered(t, "7", "00123", "007")
	s.directory.persons[0][3] = "Another Name" // who didn't change isn't looked at
	newcomers := staff(6)[3:]
	newcomers[0][0], newcomers[1][0], newcomers[2][0] = "123", "77", "a007"
	s.directory.persons = append(s.directory.persons, newcomers...)
	result := s.sync(t)
	if tally := result.Run.Tally; tally.Applied != 4 || tally.Rejected != 0 || tally.LeaversApplied != 1 {
		t.Errorf("%+v %q", tally, rejects(result.Plan))
	}
}

// Who is left out by the filter is in the file with their zeros, and has left. Whoever comes without them is somebody else, if a
// person says so.
func TestNoZerosLostByTheFilter(t *testing.T) {
	s := numbered(t, "00123", "4711", "9", "10", "00999")
	s.leaveOut(t, `website == "left"`)
	s.Settings = nil // that the filter is new would hold the run
	newcomer := staff(6)[5]
	newcomer[0] = "123"
	s.directory.persons[0][5] = "left"
	s.directory.persons = append(s.directory.persons, newcomer)
	held := s.sync(t)
	if tally := held.Run.Tally; guards(held) != "rekeyed" || tally.Rejected != 0 || tally.Filtered != 1 {
		t.Errorf("held by %q: %+v %q", guards(held), tally, rejects(held.Plan))
	}
	result, err := s.Approve(t.Context(), held.Run.ID, reconcile.Order{})
	if tally := result.Run.Tally; err != nil || tally.Applied != 1 || tally.Rejected != 0 || tally.LeaversApplied != 2 {
		t.Errorf("%v: %+v", err, tally)
	}
}

// A second record of the same number is theirs, too, as is one of somebody whose account is gone.
func TestLostZerosTwice(t *testing.T) {
	s := numbered(t, "00123", "0456", "999")
	s.shows(bare)
	second := s.directory.persons[0]
	second[3] = "another name"
	s.directory.persons = append(s.directory.persons, second)
	if err := s.Service.Delete(t.Context(), s.find(t, "id", fmt.Sprint(s.ids["0456"]))); err != nil {
		t.Fatal(err)
	}
	result := s.sync(t)
	if got := rejects(result.Plan); !slices.Equal(got, []string{`entry 1 "00123" 8`, `entry 3 "00123" 8`, `entry 2 "0456" 8`}) || result.Run.Tally.Applied != 0 {
		t.Errorf("%q, %+v", got, result.Run.Tally)
	}
}
