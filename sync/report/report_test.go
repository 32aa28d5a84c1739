package report_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/report"
	"cubesync/sync/state"
)

func troubled() report.Report {
	began := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	failed := plan.Operation{Kind: plan.Create, ExternalID: "E7", Position: "users.csv:8"}
	gone := plan.Operation{Kind: plan.Delete, ExternalID: "E9", AccountID: 9}
	return report.Report{
		Run: state.Run{
			ID: 12, Pipeline: "staff", StartedAt: began, EndedAt: began.Add(83 * time.Second), Status: state.Applied,
			Verdict: state.Verdict{Completeness: "plausible", Evidence: record.Evidence{Name: "/data/users.csv"}},
			Tally: state.Tally{
				Read: 1234, Unchanged: 1199, Applied: 32, Failed: 1, Rejected: 2, LeaversUnknown: 1, LockedOut: 1, LeaversLeft: 4, Recreated: 2,
				Done: map[plan.Kind]int{plan.Create: 30, plan.Update: 1, plan.Adopt: 1},
			},
			Listed: &state.Listed{Accounts: 1230, Since: began.Add(-24 * time.Hour)},
		},
		Plan: &plan.Plan{
			Leavers: []plan.Leaver{
				{ExternalID: "E10", AccountID: 10, Reason: plan.Kept},
				{ExternalID: "E11", AccountID: 11, Reason: plan.InGrace, Reads: 2, MoreReads: 1, Since: began.Add(-24 * time.Hour), Due: began.Add(48 * time.Hour)},
				{ExternalID: "E12", AccountID: 12, Reason: plan.InGrace, Reads: 3, Since: began.Add(-24 * time.Hour), Due: began.Add(48 * time.Hour)},
				{ExternalID: "E13", AccountID: 13, Reason: plan.IsProtected},
			},
			Rejects: []plan.Reject{
				{Position: "users.csv:4", Detail: "no external ID"},
				{Position: "users.csv:5", ExternalID: "E4", Detail: "bad\x1b[31m row"},
			},
			Remarks: []plan.Remark{{ExternalID: "E5", AccountID: 5, Position: "users.csv:6", Field: "tags", Detail: "no room"}},
		},
		Troubles: []state.Outcome{
			{Operation: failed, Ending: state.DoneFailed, Words: "login: has already been taken"},
			{Operation: gone, Ending: state.DoneUnknown, Words: "in doubt"},
		},
		Gone:  []state.Outcome{{Operation: plan.Operation{Kind: plan.Delete, ExternalID: "E8", AccountID: 8}}},
		Calls: map[string]int{"list": 11, "look-up": 2, "session": 1, "sign-up": 31, "update": 1},
	}
}

func TestText(t *testing.T) {
	held := report.Report{Approve: "cubesync approve 3 --pipeline staff -c 'my.yaml'", Run: state.Run{
		ID: 3, Pipeline: "staff", Status: state.Held, Verdict: state.Verdict{Completeness: "proven", Note: "3 of 8 entries disabled and left out", Evidence: record.Evidence{Name: "users.csv"}},
		Tally: state.Tally{Read: 5, Unchanged: 5, LeaversNotAttempted: 4},
		Trips: []plan.Trip{{Guard: "deletes", Saw: "releases and deletes: 4 among 9 owned accounts", Limit: "3", Concerns: []string{"E1", "E2"}, Count: 4, Remedy: "look at them"}},
	}}
	short := troubled()
	short.Most = 1
	shown := report.Report{Shown: true, Plan: troubled().Plan, Run: state.Run{
		ID: 4, Pipeline: "staff", Status: state.Incomplete, Problem: "cut off",
		Verdict: state.Verdict{Completeness: "incomplete", Evidence: record.Evidence{Name: "users.csv"}}, Tally: state.Tally{Read: 5, Unchanged: 5, LeaversLeft: 4},
	}}
	rekey := report.Report{Run: state.Run{
		ID: 5, Pipeline: "staff", Status: state.Applied, Rekey: true, PlannedAt: time.Date(2026, 11, 22, 1, 30, 0, 0, time.FixedZone("", 9*60*60)),
		Verdict: state.Verdict{Completeness: "proven"}, Tally: state.Tally{Read: 1, Applied: 1, Done: map[plan.Kind]int{plan.Update: 1}},
	}}
	for _, c := range []struct {
		name   string
		report report.Report
		want   string
	}{
		{"troubled", troubled(), `
staff, run 12: applied in 1m23s
  records read           1,234  users.csv, plausible
  unchanged              1,199
  created                   30  2 of them again: their accounts had disappeared without us
  updated                    1
  adopted                    1  existed already, taken over
  failed                     1  refused by ConnectyCube
  rejected                   2
  leavers unknown            1  in doubt; the next run finds out
  leavers left alone         4  2 in grace, 1 kept, 1 protected
  locked out                 1  lack what they gave up in a swap that was broken off
  accounts listed        1,230  only what changed since 2026-11-21 02:00 UTC
  calls                     46  32 of them user writes
  rejected users.csv:4: no external ID
  rejected E4 (users.csv:5): bad\u001b[31m row
  remark users.csv:6: E5: account 5: tags: no room
  leaver E11 (account 11): in grace, reads without them: 2 since 2026-11-21 02:00 UTC, goes not before 2026-11-24 02:00 UTC; reads still to come: 1
  leaver E12 (account 12): in grace, reads without them: 3 since 2026-11-21 02:00 UTC, goes not before 2026-11-24 02:00 UTC
  deleted E8 (account 8)
  failed create E7 (users.csv:8): login: has already been taken
  unknown delete E9: in doubt
`},
		{"cut", short, `
staff, run 12: applied in 1m23s
  records read           1,234  users.csv, plausible
  unchanged              1,199
  created                   30  2 of them again: their accounts had disappeared without us
  updated                    1
  adopted                    1  existed already, taken over
  failed                     1  refused by ConnectyCube
  rejected                   2
  leavers unknown            1  in doubt; the next run finds out
  leavers left alone         4  2 in grace, 1 kept, 1 protected
  locked out                 1  lack what they gave up in a swap that was broken off
  accounts listed        1,230  only what changed since 2026-11-21 02:00 UTC
  calls                     46  32 of them user writes
  rejected users.csv:4: no external ID
  … and 1 more rejected; --all shows every one
  remark users.csv:6: E5: account 5: tags: no room
  leaver E11 (account 11): in grace, reads without them: 2 since 2026-11-21 02:00 UTC, goes not before 2026-11-24 02:00 UTC; reads still to come: 1
  … and 1 more leavers in grace; --all shows every one
  deleted E8 (account 8)
  failed create E7 (users.csv:8): login: has already been taken
  … and 1 more like these; --all shows every one
`},
		{"held", held, `
staff, run 3: held
  records read               5  users.csv, proven
  unchanged                  5
  leavers waiting            4  not attempted
  source: 3 of 8 entries disabled and left out
  held by guard deletes: releases and deletes: 4 among 9 owned accounts, permitted 3; concerns E1, E2 and 2 more; look at them
  nothing was written; if this plan is right: cubesync approve 3 --pipeline staff -c 'my.yaml'
`},
		{"read-in-part-and-shown-before", shown, `
staff, run 4: incomplete
  cut off
  records read               5  users.csv, incomplete
  unchanged                  5
  absence unknown            4  nobody leaves: the read doesn't show who left
`},
		{"rekey", rekey, `
staff, run 5, rekey: applied
  carries out a saved plan, made at 2026-11-21 16:30 UTC
  records read               1  proven
  updated                    1
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := c.report.WriteText(&out); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := troubled().WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Run struct {
			Run    int64  `json:"run"`
			Status string `json:"status"`
			Tally  struct {
				Read int            `json:"read"`
				Done map[string]int `json:"done"`
			} `json:"tally"`
		} `json:"run"`
		Troubles []map[string]any `json:"troubles"`
		Calls    map[string]int   `json:"calls"`
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Run.Run != 12 || got.Run.Status != "applied" || got.Run.Tally.Read != 1234 || got.Run.Tally.Done["create"] != 30 || got.Calls["list"] != 11 {
		t.Errorf("got %+v", got)
	}
	want := []map[string]any{
		{"kind": "create", "external_id": "E7", "position": "users.csv:8", "ending": "failed", "words": "login: has already been taken"},
		{"kind": "delete", "external_id": "E9", "account_id": 9.0, "ending": "unknown", "words": "in doubt"},
	}
	if diff := cmp.Diff(want, got.Troubles); diff != "" {
		t.Errorf("troubles (-want +got):\n%s", diff)
	}
	if n := bytes.Count(out.Bytes(), []byte("\n")); n != 1 {
		t.Errorf("%d lines, want one", n)
	}
}

func TestHowAccountsWereListed(t *testing.T) {
	since := time.Date(2026, 11, 22, 9, 30, 0, 0, time.FixedZone("", 9*60*60))
	for _, test := range []struct {
		listed *state.Listed
		want   string
	}{
		{nil, ""},
		{&state.Listed{Accounts: 7, Since: since}, "7  only what changed since 2026-11-22 00:30 UTC"},
		{&state.Listed{All: state.ListedNever}, "0  all, for the first time"},
		{&state.Listed{Accounts: 1, All: state.ListAsked}, "1  all, as --list-all says"},
		{&state.Listed{Accounts: 1, All: state.ListDue}, "all, as it was time for that (full_list_every)"},
		{&state.Listed{Accounts: 1, All: state.ListWithoutClock}, "all, as ConnectyCube didn't say when the last list was"},
		{&state.Listed{Accounts: 1, All: state.ListUnanswered}, "all, as ConnectyCube didn't answer what changed"},
		{&state.Listed{Accounts: 1, All: state.ListOutdated}, "all, as an account wasn't what the run before it had listed"},
		{&state.Listed{Accounts: 1, All: state.ListClockSet}, "all, as a clock was set since the last list"},
		{&state.Listed{Accounts: 1, All: state.ListNotAll}, "all, as the changes alone don't add up"},
		{&state.Listed{Accounts: 1, All: "of a newer program"}, "1  all"},
	} {
		name := "nothing"
		if test.listed != nil {
			name = string(test.listed.All)
		}
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := (report.Report{Run: state.Run{Listed: test.listed}}).WriteText(&out); err != nil {
				t.Fatal(err)
			}
			_, line, _ := strings.Cut(out.String(), "accounts listed")
			if line = strings.TrimSpace(line); !strings.HasSuffix(line, test.want) || (line == "") != (test.want == "") {
				t.Errorf("got %q, want %q", line, test.want)
			}
		})
	}
}

func TestCallsThatWereNotAnnounced(t *testing.T) {
	announced := plan.Calls{List: 1, LookUp: 1002, Session: 4, Write: 90}
	more := announced
	more.LookUp, more.Write = 1004, 88
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		made   plan.Calls
		status state.Status
		want   string
	}{
		{"as-announced", announced, state.Applied, ""},
		{"others", more, state.Applied, "  calls announced        1,097  made: look-ups 1,004 for 1,002, writes 88 for 90\n"},
		{"broken-off", more, state.Interrupted, "  calls announced        1,097  made: look-ups 1,004 for 1,002, writes 88 for 90\n" +
			"  calls left                 2  about 1m1s more\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := report.Report{Run: state.Run{
				Pipeline: "staff", Status: c.status, Budget: &state.Budget{Announced: announced, Made: c.made},
				Forecast: &state.Forecast{MadeAt: at, EndsAt: at.Add(61 * time.Second), CallsLeft: 2},
			}}
			var out strings.Builder
			if err := r.WriteText(&out); err != nil {
				t.Fatal(err)
			}
			_, got, _ := strings.Cut(out.String(), "records read               0\n")
			if got == out.String() || !strings.HasSuffix(out.String(), c.want) || c.want == "" && strings.Contains(got, "announced") {
				t.Errorf("got\n%swant\n%s", out.String(), c.want)
			}
		})
	}
}
