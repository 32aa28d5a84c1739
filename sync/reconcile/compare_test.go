package reconcile_test

import (
	"strings"
	"testing"

	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/user"
)

func TestCompare(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(120)
	w.sync(t)
	w.source.persons = append(w.source.persons[:118], person{"x1", "guest1", "x1@example.com", "Guest"})
	w.source.persons[0][4] = "+1 555 0199"

	old := *w.Pipeline
	mapper, err := mapping.New(mapping.Spec{
		ExternalID: mapping.Rule{Column: "id"},
		Fields:     map[user.Field]mapping.Rule{user.Login: {Column: "login"}, user.Email: {Column: "email"}, user.FullName: {Template: "Dr. {name}"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	old.Mapper, old.Policy.Leavers, old.Digest, old.Source, old.StateDir = mapper, plan.KeepLeavers, "old", &roster{}, t.TempDir()
	reads, calls := w.source.reads, w.client.Calls()
	now, before, err := w.Compare(t.Context(), &old, reconcile.Order{})
	if err != nil {
		t.Fatal(err)
	}
	if now.Plan.Count(plan.Delete) != 2 || before.Plan.Count(plan.Delete) != 0 || before.Plan.Count(plan.Update) != 118 || now.Plan.Count(plan.Update) != 1 {
		t.Errorf("now %+v, before %+v", now.Header.Counts, before.Header.Counts)
	}
	if w.source.reads != reads+1 {
		t.Errorf("the source was read %d times", w.source.reads-reads)
	}
	after := w.client.Calls()
	if n := after["list"] - calls["list"]; n > 3 { // 120 accounts are two pages and a check
		t.Errorf("the accounts were listed with %d calls", n)
	}
	var leaver plan.Difference
	differences := plan.Differences(now.Plan, before.Plan)
	for _, d := range differences {
		if d.ExternalID == "e0119" {
			leaver = d
		}
	}
	if len(differences) != 121 || leaver.Now.What != "delete" || leaver.Old.String() != "leaver: kept" {
		t.Errorf("%d differences, that of e0119 is %+v", len(differences), leaver)
	}
	if w.writes() != 120 {
		t.Errorf("%d writes", w.writes())
	}
}

func TestTrace(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = append(staff(3), person{"bad", "xx", "no-address"})
	for _, name := range []string{"e0001", "login-e0001", "E0001@example.com"} {
		found, err := w.Trace(t.Context(), name)
		if err != nil || len(found) != 1 || found[0].Position != "row 2" || found[0].Problem != "" {
			t.Fatalf("%s: %+v, %v", name, found, err)
		}
		if step := found[0].Steps[0]; step.Field != "external_id" || step.From[0].Column != "id" || step.Value != "e0001" {
			t.Errorf("the first step is %+v", step)
		}
	}
	found, err := w.Trace(t.Context(), "bad")
	if err != nil || len(found) != 1 || !strings.Contains(found[0].Problem, "no-address") || len(found[0].Steps) == 0 {
		t.Errorf("a rejected one: %+v, %v", found, err)
	}
	if found, err := w.Trace(t.Context(), "nobody"); err != nil || found != nil {
		t.Errorf("nobody: %+v, %v", found, err)
	}
}
