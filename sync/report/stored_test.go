package report_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/report"
	"cubesync/sync/spool"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// storedPlan has an operation for every way to end.
func storedPlan() *plan.File {
	have := account.Account{ID: 2, ExternalID: "E2"}
	have.Values[user.Email], have.Values[user.Tags], have.Values[user.FullName] = user.Text("bo@example.com"), user.Text("staff"), user.Text("Bo\x1b[2J")
	return &plan.File{
		Header: plan.Header{
			Pipeline: "staff", OwnerTag: "staff", Run: 5, MadeAt: time.Date(2026, 3, 10, 3, 0, 0, 0, time.UTC), Columns: []string{"id", "email"},
			Fields: map[user.Field]string{user.Email: "source", user.FullName: "create", user.Phone: "if_empty"},
		},
		Plan: &plan.Plan{
			Operations: []plan.Operation{
				{Kind: plan.Create, ExternalID: "E1", Position: "users.csv:2", Reason: plan.NewRecord, Changes: []plan.Change{{Field: user.Login, After: "ann"}}},
				{Kind: plan.Create, ExternalID: "E13", Reason: plan.NewRecord, Changes: []plan.Change{{Field: user.Login, After: "cy"}}},
				{Kind: plan.Update, Step: plan.Park, ExternalID: "E2", AccountID: 2, Reason: plan.FieldsDiffer, Account: &have, Ring: "E2"},
				{Kind: plan.Update, ExternalID: "E2", AccountID: 2, Reason: plan.FieldsDiffer, Account: &have, WaitsFor: []string{"E2"}, Ring: "E2",
					Changes: []plan.Change{{Field: user.Email, Before: "bo@example.com", After: "bo@example.org"}}},
				{Kind: plan.Update, ExternalID: "E3", AccountID: 3, Reason: plan.LostTag, Blocked: plan.UpdatesOff, Detail: "updates: off"},
				{Kind: plan.Update, ExternalID: "E4", AccountID: 4, Reason: plan.FieldsDiffer, Blocked: plan.RefusedBefore, Detail: "no"},
				{Kind: plan.Create, ExternalID: "E5", Reason: plan.NewRecord, WaitsFor: []string{"E4"}, Wave: 1},
				{Kind: plan.Adopt, ExternalID: "E6", AccountID: 6, Reason: plan.MatchesEmail, Wave: 1},
				{Kind: plan.Delete, ExternalID: "E7", AccountID: 7, Reason: plan.LeftSource, Wave: 2},
				{Kind: plan.Update, ExternalID: "E8", AccountID: 8, Reason: plan.FieldsDiffer, Wave: 2},
			},
			Rejects: []plan.Reject{
				{Position: "users.csv:9", ExternalID: "E9", Reason: plan.BadRecord, Detail: "email: no", Cells: []record.Value{record.Text("E9"), record.Text("=x@")}},
				{Position: "users.csv:10", ExternalID: "E10", Reason: plan.BadRecord, Detail: "ragged"},
			},
			Leavers: []plan.Leaver{{ExternalID: "E11", AccountID: 11, Reason: plan.Kept}},
			Remarks: []plan.Remark{{ExternalID: "E12", AccountID: 12, Field: "tags", Reason: plan.NoRoomForTags, Detail: "full"}, {ExternalID: "E2", AccountID: 2, Field: "tags", Reason: plan.Ignored, Detail: "kept"}},
		},
	}
}

// storedPlans are the plan as it holds all of its operations, and as it is read where sign-ups go aside.
func storedPlans(t *testing.T) map[string]*plan.File {
	t.Helper()
	var text bytes.Buffer
	if err := storedPlan().Write(&text); err != nil {
		t.Fatal(err)
	}
	aside := spool.NewSignUps(t.TempDir())
	t.Cleanup(aside.Close)
	read, err := plan.ReadFile(&text, aside)
	if err != nil || read.Plan.SignUps == nil || read.Plan.SignUps.Count != 2 {
		t.Fatalf("%v, aside are %+v", err, read)
	}
	return map[string]*plan.File{"held": storedPlan(), "aside": read}
}

func storedOutcomes(yield func(state.StoredOutcome) error) error {
	for _, o := range []state.StoredOutcome{
		{Kind: plan.Create, ExternalID: "E1", AccountID: 1, Ending: state.DoneApplied},
		{Kind: plan.Update, Step: plan.Park, ExternalID: "E2", AccountID: 2, Ending: state.DoneApplied},
		{Kind: plan.Update, ExternalID: "E2", AccountID: 2, Ending: state.DoneFailed, Words: "update: conflict (HTTP 422): email: taken"},
		{Kind: plan.Adopt, ExternalID: "E6", AccountID: 6, Ending: state.DoneApplied, Words: "ConnectyCube ignored phone"},
		{Kind: plan.Delete, ExternalID: "E7", AccountID: 7, Ending: state.DoneApplied, Words: "was gone already"},
		{Kind: plan.Create, ExternalID: "E13", Ending: state.DoneFailed, Words: "sign-up: no"},
	} {
		if err := yield(o); err != nil {
			return err
		}
	}
	return nil
}

func TestFromState(t *testing.T) {
	lines := func(outcomes []state.Outcome) []string {
		var all []string
		for _, o := range outcomes {
			all = append(all, fmt.Sprintf("%s%s %s: %s", o.Operation.ExternalID, o.Operation.Step, o.Ending, o.Words))
		}
		return all
	}
	from := func(run state.Run, file *plan.File, outcomes report.Outcomes) report.Report {
		r, err := report.FromState(run, file, outcomes)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for name, file := range storedPlans(t) {
		t.Run(name, func(t *testing.T) {
			r := from(state.Run{ID: 5, Status: state.Applied}, file, storedOutcomes)
			want := []string{
				"E13 failed: sign-up: no", "E2 failed: update: conflict (HTTP 422): email: taken", "E4 skipped: refused-before: no",
				"E5 skipped: waits-for: what it waits for wasn't applied", "E6 applied: ConnectyCube ignored phone",
			}
			if diff := cmp.Diff(want, lines(r.Troubles)); diff != "" {
				t.Errorf("troubles (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"E7 applied: was gone already"}, lines(r.Gone)); diff != "" {
				t.Errorf("gone (-want +got):\n%s", diff)
			}
			for _, o := range from(state.Run{Status: state.Held}, file, nil).Troubles {
				if o.Operation.Blocked == "" {
					t.Errorf("nothing was begun, and %s ended as %s", o.Operation.ExternalID, o.Ending)
				}
			}
			broken := errors.New("the journal is broken")
			if _, err := report.FromState(state.Run{}, file, func(func(state.StoredOutcome) error) error { return broken }); !errors.Is(err, broken) {
				t.Errorf("of a broken journal: %v", err)
			}
		})
	}
	if none := from(state.Run{ID: 5}, nil, nil); none.Plan != nil || none.Troubles != nil {
		t.Errorf("a run without a plan: %+v", none)
	}
}

// What is shown and explained of a run of many sign-ups is found without holding them, or how each ended.
func TestStoredInLittleMemory(t *testing.T) {
	live := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	const many = 50_000
	before, ended := live(), int64(0)
	file := storedPlan()
	file.Plan.Operations = nil
	err := file.Plan.Join(many, func(yield func(*plan.Operation, error) bool) {
		for i := range many {
			op := plan.Operation{Kind: plan.Create, ExternalID: fmt.Sprintf("E%06d", i), Reason: plan.NewRecord, Changes: []plan.Change{{Field: user.Login, After: fmt.Sprint("login ", i)}}}
			if !yield(&op, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	outcomes := func(yield func(state.StoredOutcome) error) error {
		for i := range many {
			o := state.StoredOutcome{Kind: plan.Create, ExternalID: fmt.Sprintf("E%06d", i), AccountID: int64(i), Ending: state.DoneApplied}
			if err := yield(o); err != nil {
				return err
			}
		}
		ended = max(ended, live()-before)
		return nil
	}
	if r, err := report.FromState(state.Run{}, file, outcomes); err != nil || len(r.Troubles) > 0 {
		t.Errorf("%v, %v", r.Troubles, err)
	}
	for _, who := range []string{"E000007", "login 7", "7"} {
		found, err := report.Explain(state.Run{}, file, outcomes, who)
		if err != nil || len(found) != 1 || found[0].AccountID != 7 || found[0].Ending != string(state.DoneApplied) {
			t.Errorf("%s is %+v, %v", who, found, err)
		}
	}
	if each := ended / many; each > 10 {
		t.Errorf("%d bytes for each, want at most 10", each)
	}
}

func TestExplain(t *testing.T) {
	run := state.Run{ID: 5, Status: state.Applied, Trips: []plan.Trip{{Guard: "field"}}}
	for _, test := range []struct {
		who  string
		want []string
	}{
		{"E1", []string{"E1 (account 1): staff, run 5", "login ann: nobody had it", "outcome   applied"}},
		{"BO@example.com", []string{
			"E2 (account 2)", "by external ID E2: account 2, among those with the tag", "ours: it carries", "the account differs",
			"email        bo@example.com → bo@example.org\n                 (kept equal to the source; compared without regard to case)",
			"full_name    Bo\\u001b[2J\n                 (the user's own after sign-up, so not compared)", "phone        (empty)\n                 (equal,", "website      (empty)\n                 (not mapped",
			"tags         staff\n                 (left as it is, see the remark)",
			"remark    E2: account 2: tags: kept", "guard field", "outcome   failed: update: conflict (HTTP 422): email: taken",
		}},
		{"E3", []string{"account id of earlier runs: account 3", "lacks the tag", "it isn't sent: not-permitted (updates: off)", "outcome   skipped: not-permitted"}},
		{"1", []string{"E1 (account 1)", "outcome   applied"}},
		{"E13", []string{"login cy: nobody had it", "outcome   failed: sign-up: no"}},
		{"E8", []string{"outcome   not attempted"}},
		{"6", []string{"E6 (account 6)", "by external ID: nobody that it could be", "by login: nobody", "outcome   applied: ConnectyCube ignored phone"}},
		{"E7", []string{"decision  delete: it has been missing", "no record of the source"}},
		{"users.csv:9", []string{"decision  reject: email: no", "email: =x@", "outcome   rejected"}},
		{"E11", []string{"decision  leaver: the policy keeps leavers", "outcome   left alone"}},
		{"12", []string{"E12 (account 12)", "decision  unchanged", "tags: full"}},
		{"nobody", nil},
		{"", nil},
	} {
		t.Run("who-is-"+test.who, func(t *testing.T) {
			for name, file := range storedPlans(t) {
				found, err := report.Explain(run, file, storedOutcomes, test.who)
				if err != nil || (len(found) == 1) != (test.want != nil) {
					t.Fatalf("%s: %d were found: %v", name, len(found), err)
				}
				var out bytes.Buffer
				if err := report.WriteExplanation(&out, found); err != nil {
					t.Fatal(err)
				}
				for _, want := range test.want {
					if !strings.Contains(out.String(), want) {
						t.Errorf("%s: no %q in\n%s", name, want, out.String())
					}
				}
				if strings.ContainsRune(out.String(), '\x1b') {
					t.Errorf("%s: a value reached the terminal as it is", name)
				}
			}
		})
	}
}

// Whoever has no external ID is named by what there is, and none is a list too.
func TestExplainWhom(t *testing.T) {
	for _, test := range []struct {
		x    report.Explanation
		want string
	}{
		{report.Explanation{ExternalID: "E1", AccountID: 1, Run: 5, Rekey: true, PlannedAt: time.Date(2026, 3, 10, 3, 0, 0, 0, time.FixedZone("", 2*60*60))}, "E1 (account 1): staff, rekey, run 5, planned 2026-03-10 01:00 UTC, \n"},
		{report.Explanation{AccountID: 1}, "account 1: staff, planned just now\n"},
		{report.Explanation{Position: "users.csv:30"}, "users.csv:30: staff, planned just now\n"},
		{report.Explanation{ExternalID: "E1"}, "E1: staff, planned just now\n"},
	} {
		test.x.Pipeline = "staff"
		var out strings.Builder
		if err := report.WriteExplanation(&out, []report.Explanation{test.x}); err != nil || !strings.HasPrefix(out.String(), test.want) {
			t.Errorf("%v, got\n%swant %q", err, out.String(), test.want)
		}
	}
	var out strings.Builder
	turned := report.Explanation{ExternalID: "E1", Fields: []report.ExplainedField{{Field: user.FullName, Before: "\u05d0", After: "\u05d1", Differs: true}}}
	if err := report.WriteExplanation(&out, []report.Explanation{turned}); err != nil || !strings.Contains(out.String(), "\u05d0 \u200e→\u200e \u05d1\n") {
		t.Errorf("what is written from right to left may turn the arrow round: %+q, %v", out.String(), err)
	}
	out.Reset()
	if err := report.WriteExplanationJSON(&out, nil); err != nil || out.String() != "[]\n" {
		t.Errorf("nobody is %q, %v", out.String(), err)
	}
}

func TestWriteRejects(t *testing.T) {
	file := storedPlan()
	file.Header.Columns = []string{"id", "-email"}
	file.Plan.Rejects[0].Cells[1] = record.Null()
	file.Plan.Rejects = append(file.Plan.Rejects, plan.Reject{Position: "@row", Reason: plan.NotOurs, Detail: "\tx", Cells: []record.Value{record.Text("'=1"), record.Text("it's")}})
	var out bytes.Buffer
	without, err := report.WriteRejects(&out, file, report.RejectOptions{Delimiter: ';', Key: "id", Null: "-"})
	if err != nil || without != 1 {
		t.Fatalf("%d without cells, %v", without, err)
	}
	want := "id;'-email;cubesync_position;cubesync_reason;cubesync_hint\n" +
		"E9;'-;users.csv:9;bad-record;email: no\n" +
		"E10;;users.csv:10;bad-record;ragged\n" +
		"''=1;it's;'@row;not-ours;'\tx\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("the rejects (-want +got):\n%s", diff)
	}
}

func TestWriteRuns(t *testing.T) {
	at := time.Date(2026, 3, 10, 3, 0, 0, 0, time.FixedZone("", 2*60*60))
	runs := []report.Runs{{Pipeline: "staff", Runs: []state.Run{
		{ID: 3, StartedAt: at, Status: state.Applied, Approves: 2, PlannedAt: at, Tally: state.Tally{Read: 1200, Skipped: 3, ByPolicy: 1, Done: map[plan.Kind]int{plan.Adopt: 2, plan.Delete: 4}}},
		{ID: 2, StartedAt: at, Status: state.Held, Trips: []plan.Trip{{Guard: "shrink"}, {Guard: "deletes"}}, Problem: strings.Repeat("é\n", 50)},
		{ID: 1, StartedAt: at, Status: state.Applied, PlannedAt: at, Rekey: true},
	}}}
	var out bytes.Buffer
	if err := report.WriteRuns(&out, runs); err != nil {
		t.Fatal(err)
	}
	want := `staff
run  started (UTC)     ended    read   new  changed  gone  rejected  troubles
3    2026-03-10 01:00  applied  1,200  0    2        4     0         2
     approved run 2
2    2026-03-10 01:00  held     0      0    0        0     0         0
     guard shrink, guard deletes, ` + strings.Repeat(`é\n`, 20) + `…
1    2026-03-10 01:00  applied  0      0    0        0     0         0
     rekey, a saved plan
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("the runs (-want +got):\n%s", diff)
	}
}
