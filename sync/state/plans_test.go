package state

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/plan"
	"cubesync/sync/record"
)

func samplePlan(externalID string) *plan.File {
	return &plan.File{Header: plan.Header{Pipeline: "staff"}, Plan: &plan.Plan{
		Operations: []plan.Operation{{Kind: plan.Create, ExternalID: externalID}},
		Rejects:    []plan.Reject{}, Leavers: []plan.Leaver{}, Remarks: []plan.Remark{},
	}}
}

func TestPlansAreKeptAsLongAsTheirRuns(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	var runs []int64
	for range 3 {
		run := begin(t, s)
		runs = append(runs, run)
		if err := s.SavePlan(run, samplePlan("E1")); err != nil {
			t.Fatal(err)
		}
		if err := s.Finish(t.Context(), Run{ID: run, Status: Held}, nil, 2); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Plan(runs[0], nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the plan of a dropped run: %v", err)
	}
	peeked, err := Peek(t.Context(), dir, s.identity)
	if err != nil {
		t.Fatal(err)
	}
	got, err := peeked.Plan(runs[2], nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(samplePlan("E1").Plan, got.Plan); diff != "" {
		t.Errorf("the plan (-want +got):\n%s", diff)
	}
	entries, err := os.ReadDir(s.plans())
	if err != nil || len(entries) != 2 {
		t.Errorf("there are %d plans, %v, want 2", len(entries), err)
	}
	for _, path := range []string{s.planFile(runs[2]), s.plans(), filepath.Dir(s.plans())} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be used by others: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestHalfWrittenPlansAreNone(t *testing.T) {
	s := openStore(t, t.TempDir())
	run := begin(t, s)
	bad := samplePlan("E1")
	bad.Header.MadeAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) // can't be written
	if err := s.SavePlan(run, bad); err == nil {
		t.Fatal("a plan was written that can't be")
	}
	if _, err := s.Plan(run, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something is left of it: %v", err)
	}
	left := filepath.Join(s.plans(), "9.jsonl.123.part") // of a killed run
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(t.Context(), Run{ID: run, Status: Failed}, nil, 0); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(s.plans()); err != nil || len(entries) != 0 {
		t.Errorf("%d files are left, %v", len(entries), err)
	}
}

func TestAlteredPlansAreRefused(t *testing.T) {
	s := openStore(t, t.TempDir())
	run := begin(t, s)
	if err := s.SavePlan(run, samplePlan("E1")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(s.planFile(run))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.planFile(run), bytes.Replace(text, []byte("E1"), []byte("E2"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = s.Plan(run, nil)
	if _, ok := errors.AsType[*PlanError](err); !ok {
		t.Errorf("got %v", err)
	}
}

// A run that carried out a saved plan listed nothing: it counts absences and leaves the mirror alone.
func TestFinishOfASavedPlan(t *testing.T) {
	s := openStore(t, t.TempDir())
	finish(t, s, begin(t, s), End{Observed: accounts("E1", "E2", "E3"), Counts: true, Now: monday}, 0)
	finish(t, s, begin(t, s), End{Observed: accounts("E1", "E2", "E3"), Absent: []string{"E1", "E3"}, Counts: true, Now: monday}, 0)

	run := begin(t, s)
	gone := Outcome{Operation: plan.Operation{Kind: plan.Delete, ExternalID: "E3", AccountID: 3}, Ending: DoneApplied}
	if err := s.Record(t.Context(), run, []Outcome{gone}); err != nil {
		t.Fatal(err)
	}
	evidence := record.Evidence{Name: "users.csv", Size: 9}
	end := End{Absent: []string{"E3", "E2"}, Counts: true, Evidence: evidence, Now: monday.Add(time.Hour)}
	if err := s.Finish(t.Context(), Run{ID: run, Status: Applied}, &end, 0); err != nil {
		t.Fatal(err)
	}

	known, err := allKnown(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	want := []plan.Known{
		{ExternalID: "E1", AccountID: 1},
		{ExternalID: "E2", AccountID: 2, Absence: &plan.Absence{Reads: 1, Since: monday.Add(time.Hour)}},
	}
	if diff := cmp.Diff(want, known); diff != "" {
		t.Errorf("known (-want +got):\n%s", diff)
	}
	var rows []string
	err = s.read(t.Context(), "counting", func(db *sql.DB) error {
		return eachRow(t.Context(), db, func(r *row) error {
			rows = append(rows, r.externalID)
			return nil
		})
	})
	if err != nil || !slices.Equal(rows, []string{"E1", "E2"}) {
		t.Errorf("kept are %v, %v; E3 is gone", rows, err)
	}
	if got, _, err := s.LastEvidence(t.Context()); err != nil || !got.Same(evidence) {
		t.Errorf("the evidence is %+v, %v", got, err)
	}
}
