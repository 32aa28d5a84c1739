package state

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/record"
)

func TestFinishKeepsWhatAnAppliedRunSaw(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	run := Run{ID: begin(t, s), Pipeline: "staff", StartedAt: monday, EndedAt: monday.Add(time.Minute), Status: Applied,
		Tally: Tally{Read: 2, Applied: 2, Done: map[plan.Kind]int{plan.Create: 2}}, Trips: []plan.Trip{{Guard: "empty"}}}
	end := &End{
		Baseline: plan.Baseline{Run: run.ID, Present: 2, Settled: map[string]string{"source": "a"}},
		Observed: accounts("E1", "E2"), Counts: true, Now: monday,
		Evidence: record.Evidence{Name: "users.csv", ModTime: monday, Size: 12, SHA256: "ab"},
	}
	if err := s.Finish(t.Context(), run, end, 0); err != nil {
		t.Fatal(err)
	}
	held := begin(t, s)
	if err := s.Finish(t.Context(), Run{ID: held, Status: Held}, nil, 0); err != nil {
		t.Fatal(err)
	}
	uncounted := begin(t, s)
	finish(t, s, uncounted, End{Baseline: end.Baseline, Observed: accounts("E1", "E2"), Evidence: record.Evidence{Name: "other.csv"}}, 0)

	s = reopen(t, s, dir)
	baseline, err := s.Baseline(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&end.Baseline, baseline); diff != "" {
		t.Errorf("baseline (-want +got):\n%s", diff)
	}
	evidence, known, err := s.LastEvidence(t.Context())
	if err != nil || !known || !evidence.Same(end.Evidence) {
		t.Errorf("evidence %+v, %v, %v, want that of the counted read", evidence, known, err)
	}
	got, err := s.Run(t.Context(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(run, got); diff != "" {
		t.Errorf("the run (-want +got):\n%s", diff)
	}
	runs, err := s.Runs(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 2 || runs[0].ID != uncounted || runs[1].ID != held || runs[1].Status != Held {
		t.Errorf("the newest two runs are %+v", runs)
	}
	if _, err := s.Run(t.Context(), 99); err == nil || !strings.Contains(err.Error(), "run 99 isn't kept") {
		t.Errorf("a run that isn't there: %v", err)
	}
	want := []plan.Known{{ExternalID: "E1", AccountID: 1}, {ExternalID: "E2", AccountID: 2}}
	all, err := allKnown(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("known (-want +got):\n%s", diff)
	}
}

func TestFinishBringsTheMirrorToWhatWasObserved(t *testing.T) {
	one := sampleAccount
	applied := func(kind plan.Kind, a account.Account) Outcome {
		op := plan.Operation{Kind: kind, ExternalID: a.ExternalID, AccountID: a.ID}
		if kind == plan.Delete || kind == plan.Release {
			return Outcome{Operation: op, Ending: DoneApplied}
		}
		op.Mine = mineTags("staff")
		return Outcome{Operation: op, Ending: DoneApplied, Account: &a}
	}
	refused := Outcome{Operation: plan.Operation{Kind: plan.Create, ExternalID: "E1", Digest: "d"}, Ending: DoneFailed, Refused: true}
	mine := mineTags("staff")
	tests := map[string]struct {
		before   []Outcome // of an earlier run
		outcomes []Outcome // of this run
		observed []account.Account
		keep     []string
		want     []plan.Known
	}{
		"unknown-is-inserted": {
			observed: []account.Account{one(1, "E1")},
			want:     []plan.Known{{ExternalID: "E1", AccountID: 1}},
		},
		"no-external-id-is-passed-over": {
			observed: []account.Account{one(1, ""), one(2, ""), one(3, "E3")},
			want:     []plan.Known{{ExternalID: "E3", AccountID: 3}},
		},
		"still-there-keeps-what-was-learned": {
			before:   []Outcome{applied(plan.Create, one(1, "E1"))},
			observed: []account.Account{one(1, "E1")},
			want:     []plan.Known{{ExternalID: "E1", AccountID: 1, Mine: mine}},
		},
		"another-account-starts-afresh": {
			before:   []Outcome{applied(plan.Create, one(1, "E1"))},
			observed: []account.Account{one(5, "E1")},
			want:     []plan.Known{{ExternalID: "E1", AccountID: 5}},
		},
		"no-longer-observed-is-dropped": {
			before:   []Outcome{applied(plan.Create, one(1, "E1")), applied(plan.Create, one(2, "E2"))},
			observed: []account.Account{one(2, "E2")},
			want:     []plan.Known{{ExternalID: "E2", AccountID: 2, Mine: mine}},
		},
		"no-longer-observed-but-kept": {
			before: []Outcome{applied(plan.Create, one(1, "E1"))},
			keep:   []string{"E2", "E1"},
			want:   []plan.Known{{ExternalID: "E1", AccountID: 1, Mine: mine}},
		},
		"no-longer-observed-but-refused": {
			before: []Outcome{applied(plan.Create, one(1, "E1")), refused},
			want:   []plan.Known{{ExternalID: "E1", Refusal: &plan.Refusal{Digest: "d"}}},
		},
		"signed-up-in-this-run": {
			outcomes: []Outcome{applied(plan.Create, one(1, "E1"))},
			want:     []plan.Known{{ExternalID: "E1", AccountID: 1, Mine: mine}},
		},
		"deleted-in-this-run": {
			before:   []Outcome{applied(plan.Create, one(1, "E1"))},
			outcomes: []Outcome{applied(plan.Delete, one(1, "E1"))},
			observed: []account.Account{one(1, "E1")},
		},
		"released-in-this-run": {
			outcomes: []Outcome{applied(plan.Release, one(1, "E1"))},
			observed: []account.Account{one(1, "E1")},
		},
		"deleted-in-an-earlier-run-yet-there": {
			before:   []Outcome{applied(plan.Delete, one(1, "E1"))},
			observed: []account.Account{one(1, "E1")},
			want:     []plan.Known{{ExternalID: "E1", AccountID: 1}},
		},
		"two-accounts-of-which-one-is-known": {
			before:   []Outcome{applied(plan.Create, one(2, "E1"))},
			observed: []account.Account{one(1, "E1"), one(2, "E1")},
			want:     []plan.Known{{ExternalID: "E1", AccountID: 2, Mine: mine}},
		},
		"two-accounts-of-which-none-is-known": {
			before:   []Outcome{applied(plan.Create, one(3, "E1"))},
			observed: []account.Account{one(1, "E1"), one(2, "E1"), one(4, "E2"), one(5, "E2")},
			want:     []plan.Known{{ExternalID: "E1", AccountID: 3, Mine: mine}},
		},
		"interleaved": {
			before:   []Outcome{applied(plan.Create, one(2, "E2")), applied(plan.Create, one(4, "E4"))},
			observed: []account.Account{one(1, "E1"), one(2, "E2"), one(3, "E3"), one(5, "E5")},
			want: []plan.Known{{ExternalID: "E1", AccountID: 1}, {ExternalID: "E2", AccountID: 2, Mine: mine},
				{ExternalID: "E3", AccountID: 3}, {ExternalID: "E5", AccountID: 5}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, t.TempDir())
			write(t, s, begin(t, s), test.before...)
			run := begin(t, s)
			write(t, s, run, test.outcomes...)
			finish(t, s, run, End{Observed: listed(test.observed...), Keep: test.keep}, 0)
			got, err := allKnown(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("known (-want +got):\n%s", diff)
			}
			// The next run must find the mirror as it is, whatever the number of this one.
			finish(t, s, begin(t, s), End{Observed: listed(test.observed...), Keep: test.keep}, 0)
		})
	}
}

func TestFinishRefusesUnsortedAccounts(t *testing.T) {
	s := openStore(t, t.TempDir())
	run := begin(t, s)
	err := s.Finish(t.Context(), Run{ID: run}, &End{Observed: accounts("E2", "E1")}, 0)
	if err == nil || !strings.Contains(err.Error(), "sorted") {
		t.Errorf("got %v, want a word on the order", err)
	}
	if baseline, err := s.Baseline(t.Context()); err != nil || baseline != nil || len(knownByID(t, s)) != 0 {
		t.Errorf("something of it was kept: %v, %v", baseline, err)
	}
}

func TestMirrorIsRefreshed(t *testing.T) {
	s := openStore(t, t.TempDir())
	finish(t, s, begin(t, s), End{Observed: accounts("E1")}, 0)
	stored := func() (r row) {
		err := eachRow(t.Context(), s.reader, func(now *row) error { r = *now; return nil })
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := stored()
	changed := sampleAccount(1, "E1")
	changed.UpdatedAt = changed.UpdatedAt.Add(time.Second)
	finish(t, s, begin(t, s), End{Observed: listed(changed)}, 0)
	r := stored()
	e, err := r.entry()
	if err != nil || r == first {
		t.Fatalf("the mirror wasn't refreshed: %v", err)
	}
	if diff := cmp.Diff(changed, e.account); diff != "" {
		t.Errorf("the mirror's account (-want +got):\n%s", diff)
	}
}

// TestAbsence walks one leaver through reads; each step follows the ones before.
func TestAbsence(t *testing.T) {
	dir := t.TempDir()
	finishOnce := func(t *testing.T, end End) {
		s := openStore(t, dir)
		end.Observed = accounts("E0", "E1")
		finish(t, s, begin(t, s), end, 0)
	}
	at := func(days int) time.Time { return monday.AddDate(0, 0, days) }
	finishOnce(t, End{Counts: true})
	gone := []string{"E9", "E1"} // E9 has no account
	steps := []struct {
		name string
		end  End
		want *plan.Absence
	}{
		{"a-read-that-does-not-count-begins-nothing", End{Absent: gone, Now: at(1)}, nil},
		{"first-counted-read", End{Absent: gone, Counts: true, Now: at(2)}, &plan.Absence{Reads: 1, Since: at(2)}},
		{"a-read-that-does-not-count-changes-nothing", End{Absent: gone, Now: at(3)}, &plan.Absence{Reads: 1, Since: at(2)}},
		{"second-counted-read", End{Absent: gone, Counts: true, Now: at(4)}, &plan.Absence{Reads: 2, Since: at(2)}},
		{"presence-resets-in-any-read", End{Now: at(5)}, nil},
		{"and-it-starts-again", End{Absent: gone, Counts: true, Now: at(6)}, &plan.Absence{Reads: 1, Since: at(6)}},
		{"presence-resets-in-a-counted-read", End{Counts: true, Now: at(7)}, nil},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			finishOnce(t, step.end)
			s := openStore(t, dir)
			if err := s.Finish(t.Context(), Run{ID: begin(t, s), Status: Held}, nil, 0); err != nil { // changes nothing
				t.Fatal(err)
			}
			want := map[string]plan.Known{"E0": {ExternalID: "E0", AccountID: 1}, "E1": {ExternalID: "E1", AccountID: 2, Absence: step.want}}
			if diff := cmp.Diff(want, knownByID(t, s)); diff != "" {
				t.Errorf("known (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWeekDeletes(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	depart := func(now time.Time, ended bool, kinds ...plan.Kind) {
		run, err := s.Begin(t.Context(), Run{StartedAt: now.Add(-time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		for i, kind := range kinds {
			op := plan.Operation{Kind: kind, ExternalID: string(rune('A' + i)), AccountID: int64(i + 1)}
			write(t, s, run, Outcome{Operation: op, Ending: DoneApplied})
			op.ExternalID += "'"
			write(t, s, run, Outcome{Operation: op, Ending: DoneFailed})
		}
		if ended {
			finish(t, s, run, End{Now: now}, 1)
		}
	}
	depart(monday, true, plan.Delete, plan.Release, plan.Update)
	depart(monday.AddDate(0, 0, 3), true, plan.Delete)
	depart(monday.AddDate(0, 0, 5), false, plan.Delete) // killed
	s = reopen(t, s, dir)
	for _, test := range []struct {
		after time.Duration
		want  int
	}{
		{6 * 24 * time.Hour, 4},
		{week - time.Millisecond, 4},
		{week, 2},
		{week + 3*24*time.Hour, 1},
		{week + 5*24*time.Hour - time.Hour, 0},
	} {
		if got := weekDeletes(t, s, monday.Add(test.after)); got != test.want {
			t.Errorf("%v after the first: %d deletes, want %d", test.after, got, test.want)
		}
	}
}

func TestPruning(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	doubtful := begin(t, s)
	intend(t, s, doubtful, createOf("E0"))
	var runs []int64
	for range 5 {
		run := begin(t, s)
		a := sampleAccount(1, "E1")
		write(t, s, run, Outcome{Operation: createOf("E1"), Ending: DoneApplied, Account: &a})
		finish(t, s, run, End{}, 2)
		runs = append(runs, run)
	}
	s = reopen(t, s, dir)
	kept := func() (ids []int64) {
		all, err := s.Runs(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range all {
			ids = append(ids, run.ID)
		}
		return ids
	}
	if diff := cmp.Diff([]int64{runs[4], runs[3], doubtful}, kept()); diff != "" {
		t.Errorf("kept runs (-want +got):\n%s", diff)
	}
	if got := outcomes(t, s, runs[0]); len(got) != 0 {
		t.Errorf("a dropped run has the outcomes %v", got)
	}
	if got := outcomes(t, s, runs[4]); len(got) != 1 {
		t.Errorf("a kept run has the outcomes %v", got)
	}
	if err := s.Settle(t.Context(), []Settled{{Intent: pending(t, s)[0]}}); err != nil {
		t.Fatal(err)
	}
	next := begin(t, s)
	finish(t, s, next, End{}, 2)
	if diff := cmp.Diff([]int64{next, runs[4]}, kept()); diff != "" {
		t.Errorf("kept runs after settling (-want +got):\n%s", diff)
	}
	held := begin(t, s)
	if err := s.Finish(t.Context(), Run{ID: held, Status: Held}, nil, 2); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{held, next}, kept()); diff != "" {
		t.Errorf("kept runs after a held one (-want +got):\n%s", diff)
	}
	finish(t, s, begin(t, s), End{}, 0)
	if got := kept(); len(got) != 3 {
		t.Errorf("without a number to keep, %v were kept", got)
	}
}

func TestRunNumbersAreNeverGivenTwice(t *testing.T) {
	s := openStore(t, t.TempDir())
	last := begin(t, s)
	if _, err := s.writer.ExecContext(t.Context(), "DELETE FROM run"); err != nil {
		t.Fatal(err)
	}
	if next := begin(t, s); next <= last {
		t.Errorf("run %d follows run %d", next, last)
	}
}

func TestListingIsKept(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	check := func(want Listing) {
		t.Helper()
		for _, s := range []*Store{s, peek(t, dir)} {
			if got, err := s.Listing(t.Context()); err != nil || !got.Watermark.Equal(want.Watermark) || got.SinceFull != want.SinceFull {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
		}
	}
	check(Listing{})
	first := Listing{Watermark: monday, SinceFull: 3}
	finish(t, s, begin(t, s), End{Listing: &first}, 0)
	check(first)
	finish(t, s, begin(t, s), End{}, 0) // it listed nothing
	first.SinceFull++
	check(first)
	if err := s.Finish(context.Background(), Run{ID: begin(t, s), Status: Held}, nil, 0); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s, dir)
	first.SinceFull++
	check(first)
	finish(t, s, begin(t, s), End{Listing: &Listing{Watermark: monday.AddDate(0, 0, 1)}}, 0)
	check(Listing{Watermark: monday.AddDate(0, 0, 1)})
}
