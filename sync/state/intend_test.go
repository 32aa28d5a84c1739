package state

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// chunksOf returns how many chunks the file holds.
func chunksOf(t *testing.T, s *Store) (n int) {
	t.Helper()
	if err := s.writer.QueryRowContext(t.Context(), "SELECT count(*) FROM chunk").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A chunk goes with the last of its operations that gets an outcome, and not before.
func TestChunkGoesWithItsLastOutcome(t *testing.T) {
	s := openStore(t, t.TempDir())
	run := begin(t, s)
	ops := chunk(0, 5)
	intend(t, s, run, ops[:3]...)
	intend(t, s, run, ops[3:]...)
	for i, want := range []struct {
		ends    []int
		chunks  int
		pending []int
	}{
		{[]int{0, 4}, 2, []int{1, 2, 3}},
		{[]int{1, 2}, 1, []int{3}},
		{[]int{3}, 0, nil},
	} {
		var ended []Outcome
		for _, n := range want.ends {
			ended = append(ended, Outcome{Operation: ops[n], Ending: DoneFailed})
		}
		write(t, s, run, ended...)
		var left []string
		for _, n := range want.pending {
			left = append(left, ops[n].ExternalID)
		}
		var got []string
		for _, p := range pending(t, s) {
			got = append(got, p.ExternalID)
		}
		if n := chunksOf(t, s); n != want.chunks || !slices.Equal(got, left) {
			t.Errorf("step %d: %d chunks, pending %v; want %d and %v", i, n, got, want.chunks, left)
		}
	}
}

func TestOperationIsOpenedOnce(t *testing.T) {
	s := openStore(t, t.TempDir())
	run := begin(t, s)
	intend(t, s, run, chunk(0, 3)...)
	if err := s.Intend(t.Context(), run, chunk(2, 2)); err == nil {
		t.Error("one operation was opened twice")
	}
	if n := len(pending(t, s)); n != 3 {
		t.Errorf("%d are pending, want 3", n)
	}
}

// What an outcome can't be recorded for stays in doubt.
func TestChunkStaysWithoutOutcomes(t *testing.T) {
	s := openStore(t, t.TempDir())
	run := begin(t, s)
	intend(t, s, run, chunk(0, 1)...)
	ended := []Outcome{{Operation: chunk(0, 1)[0], Ending: DoneFailed}}
	if err := s.Record(t.Context(), 77, ended); err == nil {
		t.Error("recorded for a run that was never begun")
	}
	if n := len(pending(t, s)); n != 1 {
		t.Errorf("%d are pending, want 1", n)
	}
	write(t, s, run, ended...)
	if n := chunksOf(t, s); n != 0 {
		t.Errorf("%d chunks are left", n)
	}
}

// A chunk holds what a row of the journal would, whatever the texts are.
func TestChunkHoldsWhatTheJournalWould(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	run := begin(t, s)
	awkward := "Zoë \"<zoe>\" \\ & 山\u2028"
	op := plan.Operation{Kind: plan.Create, ExternalID: awkward, Position: "a\"b.csv:2"}
	op.Changes = []plan.Change{{Field: user.Login, After: awkward + "1"}, {Field: user.Email, After: awkward + "2"}}
	op.Mine.Tags, op.Mine.CustomData = user.Text("a,b"), user.Text(`{"a":"\"<"}`)
	intend(t, s, run, op)
	s = reopen(t, s, dir)
	want := []Intent{{Run: run, Kind: plan.Create, ExternalID: awkward, Login: awkward + "1", Email: awkward + "2"}}
	if diff := cmp.Diff(want, pending(t, s)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	a := sampleAccount(7, awkward)
	if err := s.Settle(t.Context(), []Settled{{Intent: want[0], Applied: true, Account: &a}}); err != nil {
		t.Fatal(err)
	}
	known := map[string]plan.Known{awkward: {ExternalID: awkward, AccountID: 7, Mine: op.Mine}}
	if diff := cmp.Diff(known, knownByID(t, s)); diff != "" {
		t.Errorf("known (-want +got):\n%s", diff)
	}
	if n := chunksOf(t, s); n != 0 || len(pending(t, s)) != 0 {
		t.Errorf("%d chunks are left", n)
	}
	wantOutcome := []StoredOutcome{{Kind: plan.Create, ExternalID: awkward, AccountID: 7, Position: "a\"b.csv:2", Ending: DoneApplied, Words: "the run ended in doubt; found applied afterwards"}}
	if diff := cmp.Diff(wantOutcome, outcomes(t, s, run)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// A run with an open chunk is kept, whatever number of runs is.
func TestRunWithAnOpenChunkIsKept(t *testing.T) {
	s := openStore(t, t.TempDir())
	killed := begin(t, s)
	intend(t, s, killed, chunk(0, 2)...)
	for range 3 {
		finish(t, s, begin(t, s), End{Now: monday.Add(time.Hour)}, 1)
	}
	if n := len(pending(t, s)); n != 2 {
		t.Errorf("%d are pending, want 2", n)
	}
}

// Whoever is signed up in one commit with many others, some of whom are known already, is known afterwards with what was known.
func TestManySignUpsAreRecorded(t *testing.T) {
	s := openStore(t, t.TempDir())
	run := begin(t, s)
	const many = 3*rowsAtOnce + 7
	ops := chunk(0, many)
	vanished := sampleAccount(9999, ops[30].ExternalID)
	write(t, s, run, Outcome{Operation: ops[30], Ending: DoneApplied, Account: &vanished})
	write(t, s, run, Outcome{Operation: ops[2], Ending: DoneFailed, Refused: true, Words: "taken"})
	run = begin(t, s)
	var all []Outcome
	want := map[string]plan.Known{}
	for i := range ops {
		a := sampleAccount(int64(i+1), ops[i].ExternalID)
		all = append(all, Outcome{Operation: ops[i], Ending: DoneApplied, Account: &a, Agreement: agreementOf(a)})
		want[a.ExternalID] = plan.Known{ExternalID: a.ExternalID, AccountID: a.ID, Mine: mineTags("staff")}
	}
	failed := plan.Operation{Kind: plan.Create, ExternalID: "F", Digest: "d"}
	all = slices.Insert(all, 40, Outcome{Operation: failed, Ending: DoneFailed, Refused: true, Words: "no"})
	want["F"] = plan.Known{ExternalID: "F", Refusal: &plan.Refusal{Digest: "d", Words: "no"}}
	write(t, s, run, all...)
	if diff := cmp.Diff(want, knownByID(t, s)); diff != "" {
		t.Errorf("known (-want +got):\n%s", diff)
	}
	agreements, err := s.Agreements(t.Context())
	if err != nil || agreements.Len() != many || len(agreements.Open()) != 1 {
		t.Errorf("%d agree, %d don't, %v; want all but the one who was refused", agreements.Len(), len(agreements.Open()), err)
	}
	for row, digests := range agreements.Rows() {
		remembered, err := s.Remember(t.Context(), []int64{row})
		if err != nil || len(remembered) != 1 || plan.KeyOf(remembered[0].ExternalID) != digests.Key {
			t.Fatalf("row %d has the agreement of somebody else, %v", row, err)
		}
	}
}
