package reconcile_test

import (
	"testing"
	"time"

	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// claimNothing maps the external ID and a name only: by nothing else can anybody be recognised.
func (w *world) claimNothing(t *testing.T) {
	t.Helper()
	var err error
	if w.Mapper, err = mapping.New(mapping.Spec{
		ExternalID: mapping.Rule{Column: "id"}, Fields: map[user.Field]mapping.Rule{user.FullName: {Column: "name"}},
	}); err != nil {
		t.Fatal(err)
	}
}

// unclaiming is a world whose records claim nothing but their external IDs.
func unclaiming(t *testing.T, id string) *world {
	t.Helper()
	w := newWorld(t, t.TempDir())
	w.claimNothing(t)
	w.source.persons = append(staff(40), person{id, "", "", "Ann"})
	wantStatus(t, w.sync(t), state.Applied)
	return w
}

// Whose external ID is only spelled otherwise isn't signed up a second time, nor is the first account a leaver's, until a person says
// that they are two.
func TestAnotherSpellingOfAnExternalID(t *testing.T) {
	for _, test := range []struct{ name, before, after string }{
		{"ldap-tells-no-case", "jdoe", "JDoe"},
		{"uuid-of-another-database", "0189c0de-6a3f-7b1e-9c55-3f2a4d5e6f70", "{0189C0DE-6A3F-7B1E-9C55-3F2A4D5E6F70}"},
		{"text-that-became-a-number", "0007", "7"},
		{"number-that-became-a-float", "7", "7.0"},
		{"no-break-space", "E 1", "E\u00a01"},
	} {
		for _, leavers := range []plan.Leavers{plan.KeepLeavers, plan.ReleaseLeavers, plan.DeleteLeavers} {
			t.Run(test.name+"-"+string(leavers), func(t *testing.T) {
				w := unclaiming(t, test.before)
				if w.Policy.Leavers = leavers; leavers == plan.KeepLeavers {
					w.Policy.GraceReads = 3
				}
				before := w.writes()
				w.source.persons[40][0] = test.after
				result := w.sync(t)
				if wantStatus(t, result, state.Held); guards(result) != "rekeyed" || w.writes() != before {
					t.Fatalf("held by %q, %d writes", guards(result), w.writes()-before)
				}
				approved, err := w.Approve(t.Context(), result.Run.ID, reconcile.Order{})
				if err != nil || approved.Run.Tally.Done[plan.Create] != 1 {
					t.Fatalf("%+v, %v", approved, err)
				}
				if quiet := w.sync(t); quiet.Run.Status != state.Applied || quiet.Run.Tally.Unchanged != 41 {
					t.Errorf("%s: %+v", quiet.Run.Status, quiet.Run.Tally)
				}
			})
		}
	}
	t.Run("somebody-else", func(t *testing.T) {
		w := unclaiming(t, "E1")
		w.source.persons[40][0] = "E2"
		if result := w.sync(t); result.Run.Status != state.Applied || result.Run.Tally.Done[plan.Create] != 1 || result.Run.Tally.LeaversApplied != 1 {
			t.Errorf("%s: %+v", result.Run.Status, result.Run.Tally)
		}
	})
	t.Run("beside-the-first", func(t *testing.T) {
		w := unclaiming(t, "E1")
		w.source.persons = append(w.source.persons, person{"e1", "", "", "Another Ann"})
		wantStatus(t, w.sync(t), state.Applied)
	})
	t.Run("rejected", func(t *testing.T) {
		w := unclaiming(t, "jdoe")
		w.source.persons[40][0], w.source.persons[40][3] = "JDoe", "A\x07"
		result := w.sync(t)
		if wantStatus(t, result, state.Held); guards(result) != "rekeyed" {
			t.Errorf("held by %q", guards(result))
		}
	})
}

// What changed doesn't show who is missing: whoever comes under another spelling has all be read.
func TestAnotherSpellingInWhatChanged(t *testing.T) {
	table := newStaffTable(t)
	table.hire(append(staff(40), person{"JDoe", "", "", "Ann"})...)
	w := following(t, table, time.Hour)
	w.claimNothing(t)
	for range 2 {
		wantStatus(t, w.sync(t), state.Applied)
		table.now = table.now.Add(24 * time.Hour)
	}
	before := w.writes()
	table.change("JDoe", "id", "jdoe")
	result := w.sync(t)
	if wantStatus(t, result, state.Held); guards(result) != "rekeyed" || w.writes() != before {
		t.Fatalf("held by %q, %d writes", guards(result), w.writes()-before)
	}
	table.change("jdoe", "id", "JDoe")
	table.hire(person{"e0040", "", "", "Name"})
	if result = w.sync(t); result.Run.Status != state.Applied || result.Run.Verdict.Since == "" || result.Run.Tally.Done[plan.Create] != 1 {
		t.Errorf("%s, read since %q: %+v", result.Run.Status, result.Run.Verdict.Since, result.Run.Tally)
	}
}
