package state

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cubesync/sync/plan"
	"cubesync/sync/user"
)

func TestJournalOverRestarts(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	run := begin(t, s)
	update := plan.Operation{Kind: plan.Update, ExternalID: "E2", AccountID: 2, Position: "users.csv:3"}
	leave := plan.Operation{Kind: plan.Delete, ExternalID: "E3", AccountID: 3}
	intend(t, s, run, createOf("E1"), update, leave)
	s = reopen(t, s, dir)

	want := []Intent{
		{Run: run, Kind: plan.Create, ExternalID: "E1", Login: "E1"},
		{Run: run, Kind: plan.Update, ExternalID: "E2", AccountID: 2},
		{Run: run, Kind: plan.Delete, ExternalID: "E3", AccountID: 3},
	}
	if diff := cmp.Diff(want, pending(t, s)); diff != "" {
		t.Errorf("pending before any outcome (-want +got):\n%s", diff)
	}

	a := sampleAccount(11, "E1")
	blocked := plan.Operation{Kind: plan.Update, ExternalID: "E4", AccountID: 4}
	write(t, s, run,
		Outcome{Operation: createOf("E1"), Ending: DoneApplied, Account: &a},
		Outcome{Operation: update, Ending: DoneUnknown, Words: "timed out"},
		Outcome{Operation: blocked, Ending: DoneSkipped, Words: "not permitted"})
	s = reopen(t, s, dir)

	if diff := cmp.Diff(want[1:], pending(t, s)); diff != "" {
		t.Errorf("pending after outcomes (-want +got):\n%s", diff)
	}
	ended := []StoredOutcome{
		{Kind: plan.Create, ExternalID: "E1", AccountID: 11, Position: "users.csv:2", Ending: DoneApplied},
		{Kind: plan.Update, ExternalID: "E2", AccountID: 2, Position: "users.csv:3", Ending: DoneUnknown, Words: "timed out"},
		{Kind: plan.Delete, ExternalID: "E3", AccountID: 3, Ending: DoneUnknown},
		{Kind: plan.Update, ExternalID: "E4", AccountID: 4, Ending: DoneSkipped, Words: "not permitted"},
	}
	if diff := cmp.Diff(ended, outcomes(t, s, run)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}

	settle := []Settled{{Intent: want[1]}, {Intent: want[2], Applied: true}, {Intent: want[0]}} // the last isn't pending
	if err := s.Settle(t.Context(), settle); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s, dir)
	if got := pending(t, s); len(got) != 0 {
		t.Errorf("still pending: %v", got)
	}
	got := map[string]Ending{}
	for _, o := range outcomes(t, s, run) {
		got[o.ExternalID] = o.Ending
	}
	wantEndings := map[string]Ending{"E1": DoneApplied, "E2": NotAttempted, "E3": DoneApplied, "E4": DoneSkipped}
	if diff := cmp.Diff(wantEndings, got); diff != "" {
		t.Errorf("endings after settling (-want +got):\n%s", diff)
	}
	if n := weekDeletes(t, s, monday.Add(time.Hour)); n != 1 {
		t.Errorf("%d deletes of the week, want the settled one", n)
	}
}

func TestSettledCreateIsKnown(t *testing.T) {
	s := openStore(t, t.TempDir())
	run := begin(t, s)
	intend(t, s, run, createOf("E1"), createOf("E2"))
	write(t, s, run, Outcome{Operation: createOf("E1"), Ending: DoneUnknown}) // in doubt either way
	a := sampleAccount(1, "E1")
	settled := []Settled{
		{Intent: Intent{Run: run, Kind: plan.Create, ExternalID: "E1"}, Applied: true, Account: &a},
		{Intent: Intent{Run: run, Kind: plan.Create, ExternalID: "E2"}},
	}
	if err := s.Settle(t.Context(), settled); err != nil {
		t.Fatal(err)
	}
	want := map[string]plan.Known{"E1": {ExternalID: "E1", AccountID: 1, Mine: mineTags("staff")}}
	if diff := cmp.Diff(want, knownByID(t, s)); diff != "" {
		t.Errorf("known (-want +got):\n%s", diff)
	}
}

func TestOutcomesStopWithTheErrorOfYield(t *testing.T) {
	s := openStore(t, t.TempDir())
	run := begin(t, s)
	intend(t, s, run, chunk(0, 3)...)
	enough := errors.New("enough")
	n := 0
	err := s.Outcomes(t.Context(), run, func(StoredOutcome) error { n++; return enough })
	if !errors.Is(err, enough) || err.Error() != "enough" || n != 1 {
		t.Errorf("got %v after %d outcomes, want the very error after one", err, n)
	}
}

// TestRecordTeaches walks one user through outcomes; each step follows the ones before.
func TestRecordTeaches(t *testing.T) {
	dir := t.TempDir()
	created, recreated := sampleAccount(1, "E1"), sampleAccount(9, "E1")
	change := func(kind plan.Kind, digest string, fields ...user.Field) plan.Operation {
		op := plan.Operation{Kind: kind, ExternalID: "E1", AccountID: 1, Digest: digest}
		for _, field := range fields {
			op.Changes = append(op.Changes, plan.Change{Field: field})
		}
		return op
	}
	withMine := func(op plan.Operation, mine plan.Mine) plan.Operation {
		op.Mine = mine
		return op
	}
	email := plan.Learned{Field: user.Email, Sent: "A@example.com", Got: "a@example.com"}
	phone := plan.Learned{Field: user.Phone, Sent: "+1 2", Got: "", Ignored: true}
	customData := plan.Mine{CustomData: user.Text(`{"a":1}`)}
	both := mineTags("staff")
	both.CustomData = customData.CustomData

	steps := []struct {
		name    string
		outcome Outcome
		want    *plan.Known
	}{
		{
			name:    "a-refused-create-is-known-without-an-account",
			outcome: Outcome{Operation: change(plan.Create, "d1"), Ending: DoneFailed, Refused: true, Words: "taken"},
			want:    &plan.Known{Refusal: &plan.Refusal{Digest: "d1", Words: "taken"}},
		},
		{
			name:    "another-failure-teaches-nothing",
			outcome: Outcome{Operation: change(plan.Create, "d2"), Ending: DoneFailed, Words: "unreachable"},
			want:    &plan.Known{Refusal: &plan.Refusal{Digest: "d1", Words: "taken"}},
		},
		{
			name: "an-applied-create-clears-the-refusal",
			outcome: Outcome{Operation: withMine(change(plan.Create, "d3", user.Email, user.Phone), mineTags("staff")),
				Ending: DoneApplied, Account: &created, Learned: []plan.Learned{email, phone}},
			want: &plan.Known{AccountID: 1, Mine: mineTags("staff"), Learned: []plan.Learned{email, phone}},
		},
		{
			name:    "an-update-replaces-what-was-learned-of-its-fields",
			outcome: Outcome{Operation: withMine(change(plan.Update, "d4", user.Phone), customData), Ending: DoneApplied, Account: &created},
			want:    &plan.Known{AccountID: 1, Mine: both, Learned: []plan.Learned{email}},
		},
		{
			name:    "a-refused-update-keeps-the-rest",
			outcome: Outcome{Operation: change(plan.Update, "d5", user.Email), Ending: DoneFailed, Refused: true, Words: "bad e-mail"},
			want: &plan.Known{AccountID: 1, Mine: both, Learned: []plan.Learned{email},
				Refusal: &plan.Refusal{Digest: "d5", Words: "bad e-mail"}},
		},
		{
			name:    "nothing-is-carried-over-to-another-account",
			outcome: Outcome{Operation: change(plan.Create, "d6"), Ending: DoneApplied, Account: &recreated},
			want:    &plan.Known{AccountID: 9},
		},
		{
			name:    "an-applied-release-is-forgotten",
			outcome: Outcome{Operation: change(plan.Release, "d7"), Ending: DoneApplied, Account: &recreated},
		},
		{
			name:    "a-create-that-nobody-has-seen-waits-for-the-next-list",
			outcome: Outcome{Operation: change(plan.Create, "d8"), Ending: DoneApplied},
		},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			s := openStore(t, dir)
			write(t, s, begin(t, s), step.outcome)
			s = reopen(t, s, dir)
			want := map[string]plan.Known{}
			if step.want != nil {
				step.want.ExternalID = "E1"
				want["E1"] = *step.want
			}
			if diff := cmp.Diff(want, knownByID(t, s), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("known (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKnownIsSortedByteByByte(t *testing.T) {
	s := openStore(t, t.TempDir())
	run := begin(t, s)
	for i, externalID := range []string{"é", "b", "Z", "a", "a ", "A", "10", "9", "\U0001F600"} {
		a := sampleAccount(int64(i+1), externalID)
		write(t, s, run, Outcome{Operation: createOf(externalID), Ending: DoneApplied, Account: &a})
	}
	known, err := allKnown(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range known {
		got = append(got, k.ExternalID)
	}
	if diff := cmp.Diff([]string{"10", "9", "A", "Z", "a", "a ", "b", "é", "\U0001F600"}, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func mineTags(tags string) plan.Mine {
	return plan.Mine{Tags: user.Text(tags)}
}
