package report_test

import (
	"strings"
	"testing"

	"cubesync/sync/plan"
	"cubesync/sync/report"
	"cubesync/sync/state"
)

// On a terminal no line is longer than it, but for the command that is there to be copied.
func TestTextFitsTheTerminal(t *testing.T) {
	held := report.Report{Width: 80, Approve: "cubesync approve 3 --pipeline staff -c '/a/long/way/to/my.yaml'", Run: state.Run{
		ID: 3, Pipeline: "staff", Status: state.Held, Problem: strings.Repeat("trouble ", 20),
		Trips: []plan.Trip{{Guard: "deletes", Saw: "releases and deletes: 4 among 9 owned accounts", Limit: "3", Remedy: strings.Repeat("look at them ", 9)}},
	}}
	held.Run.Tally.Read = 5
	var out strings.Builder
	if err := held.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	last := len(lines) - 1
	for _, line := range lines[:last] {
		if len(line) > 80 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
	if !strings.HasSuffix(lines[last], held.Approve) {
		t.Errorf("the command isn't whole: %s", lines[last])
	}
}
