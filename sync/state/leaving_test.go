package state

import (
	"testing"
	"time"

	"cubesync/sync/plan"
)

func knownOf(t *testing.T, s *Store, externalID string) plan.Known {
	t.Helper()
	all, err := allKnown(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range all {
		if k.ExternalID == externalID {
			return k
		}
	}
	return plan.Known{}
}

// What a person agreed to is remembered of a leaver until they are back. They count as departures like everybody.
func TestApprovedLeaversAreRemembered(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer closeStore(t, s)
	absent := func(approved plan.Leavers, counts bool, now time.Time) plan.Absence {
		t.Helper()
		finish(t, s, begin(t, s), End{Observed: accounts("E1"), Absent: []string{"E1"}, Counts: counts, Approved: map[string]plan.Leavers{"E1": approved}, Now: now}, 0)
		if k := knownOf(t, s, "E1"); k.Absence != nil {
			return *k.Absence
		}
		return plan.Absence{}
	}
	if got := absent("", true, monday); got.Reads != 1 || got.Approved != "" {
		t.Errorf("counted: %+v", got)
	}
	if got := absent(plan.ReleaseLeavers, false, monday.Add(time.Hour)); got.Reads != 1 || got.Approved != plan.ReleaseLeavers {
		t.Errorf("approved without a new read: %+v", got)
	}
	if got := absent("", true, monday.Add(2*time.Hour)); got.Reads != 2 || got.Approved != plan.ReleaseLeavers || !got.Since.Equal(monday) {
		t.Errorf("counted again: %+v", got)
	}
	run := begin(t, s)
	gone := func(externalID string, approved bool) Outcome {
		return Outcome{Operation: plan.Operation{Kind: plan.Delete, ExternalID: externalID, AccountID: 1, Approved: approved}, Ending: DoneApplied}
	}
	write(t, s, run, gone("E1", true), gone("E2", false))
	if n := weekDeletes(t, s, monday); n != 2 {
		t.Errorf("%d count for the week", n)
	}
}

// What is known of an account isn't known of another that takes its external ID.
func TestAnotherAccountStartsAfresh(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer closeStore(t, s)
	kept := ""
	op := plan.Operation{Kind: plan.Adopt, ExternalID: "E1", AccountID: 1}
	one := sampleAccount(1, "E1")
	write(t, s, begin(t, s), Outcome{Operation: op, Ending: DoneApplied, Account: &one, KeptID: &kept})
	finish(t, s, begin(t, s), End{Observed: accounts("E1"), Absent: []string{"E1"}, Counts: true, Now: monday}, 0)
	if k := knownOf(t, s, "E1"); k.KeptID == nil || *k.KeptID != "" || k.Absence == nil {
		t.Errorf("known: %+v", k)
	}
	other := sampleAccount(9, "E1")
	finish(t, s, begin(t, s), End{Observed: listed(other), Absent: []string{"E1"}, Counts: false, Now: monday}, 0)
	if k := knownOf(t, s, "E1"); k.AccountID != 9 || k.KeptID != nil || k.Absence != nil {
		t.Errorf("known of the other account: %+v", k)
	}
}
