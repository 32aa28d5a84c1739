package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
)

// What the report of `sync` says of a run that was applied, and yet isn't as it should be, the log of `serve` says, too: at night nobody
// sees an exit code.
func TestLogOfANight(t *testing.T) {
	for name, test := range map[string]struct {
		result reconcile.Result
		want   string
	}{
		"a-note-of-the-source": {
			reconcile.Result{Run: state.Run{Verdict: state.Verdict{Note: "no entry shows mobil"}}},
			`level=WARN msg="source read" pipeline=staff run=7 note="no entry shows mobil"`,
		},
		"what-was-read": {
			reconcile.Result{Run: state.Run{Verdict: state.Verdict{Completeness: "proven", Since: "41"}, Tally: state.Tally{NotRead: 20}}},
			`msg="run ended" pipeline=staff run=7 status=applied verdict=proven since=41 read=0 not_read=20 `,
		},
		"a-value-ignored-again": {
			reconcile.Result{
				Run:  state.Run{Tally: state.Tally{Ignored: 1}},
				Plan: &plan.Plan{Remarks: []plan.Remark{{ExternalID: "E1", AccountID: 5, Field: "phone", Reason: plan.Ignored, Detail: "it was kept"}}},
			},
			`level=WARN msg=remark pipeline=staff run=7 external_id=E1 account_id=5 position="" field=phone reason=ignored detail="it was kept"`,
		},
		"values-ignored": {reconcile.Result{Run: state.Run{Tally: state.Tally{Ignored: 3}}}, " ignored=3 "},
		"avatars":        {reconcile.Result{Run: state.Run{Tally: state.Tally{Avatars: state.Extras{Failed: 2}}}}, " avatar_troubles=2 "},
		"e-mails":        {reconcile.Result{Run: state.Run{Tally: state.Tally{Resets: state.Extras{Unknown: 4}}}}, " email_troubles=4"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			c := &command{log: slog.New(slog.NewTextHandler(&out, nil))}
			test.result.Run.Pipeline, test.result.Run.ID, test.result.Run.Status = "staff", 7, state.Applied
			if err := c.logRun(&test.result); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), test.want) {
				t.Errorf("it doesn't say %s:\n%s", test.want, out.String())
			}
		})
	}
}
