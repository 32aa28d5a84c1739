package state

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/plan"
)

func TestSeenClearsAbsences(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	finish(t, s, begin(t, s), End{Observed: accounts("E1", "E2", "E3"), Absent: []string{"E1", "E2"}, Counts: true}, 0)
	asked := map[string]int{}
	if err := s.Seen(t.Context(), func(externalID string) bool { asked[externalID]++; return externalID != "E2" }); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s, dir)
	want := map[string]plan.Known{
		"E1": {ExternalID: "E1", AccountID: 1},
		"E2": {ExternalID: "E2", AccountID: 2, Absence: &plan.Absence{Reads: 1, Since: monday}},
		"E3": {ExternalID: "E3", AccountID: 3},
	}
	if diff := cmp.Diff(want, knownByID(t, s)); diff != "" {
		t.Errorf("known (-want +got):\n%s", diff)
	}
	if asked["E3"] != 0 {
		t.Error("somebody who wasn't absent was asked for")
	}
	finish(t, s, begin(t, s), End{Observed: accounts("E1", "E2", "E3"), Absent: []string{"E1", "E2"}, Counts: true, Now: monday.Add(time.Hour)}, 0)
	if got := knownByID(t, s); got["E1"].Absence.Reads != 1 || got["E2"].Absence.Reads != 2 {
		t.Errorf("absent %d and %d times, want 1 and 2", got["E1"].Absence.Reads, got["E2"].Absence.Reads)
	}
}
