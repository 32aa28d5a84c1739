package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// Runs are the kept runs of one pipeline, newest first.
type Runs struct {
	Pipeline string      `json:"pipeline"`
	Runs     []state.Run `json:"runs"`
}

// WriteRuns writes a table for each pipeline: a line for each run, and one below where something is special about it.
func WriteRuns(w io.Writer, pipelines []Runs) error {
	var out bytes.Buffer
	for _, p := range pipelines {
		fmt.Fprintf(&out, "%s\n", plan.Printable(p.Pipeline))
		if err := p.writeTable(&out); err != nil {
			return err
		}
	}
	_, err := out.WriteTo(w)
	return err
}

func (p Runs) writeTable(w io.Writer) error {
	var out bytes.Buffer
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "run\tstarted (UTC)\tended\tread\tnew\tchanged\tgone\trejected\ttroubles")
	for _, run := range p.Runs {
		t := run.Tally
		troubles := t.Failed + t.Unknown + t.Skipped - t.ByPolicy + t.LeaversFailed + t.LeaversUnknown + t.LeaversSkipped + t.Ignored + t.LockedOut +
			t.Avatars.Troubles() + t.Resets.Troubles()
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", run.ID,
			strings.TrimSuffix(plan.Moment(run.StartedAt), " UTC"), run.Status, plan.Number(t.Read),
			plan.Number(t.Done[plan.Create]), plan.Number(t.Done[plan.Update]+t.Done[plan.Adopt]),
			plan.Number(t.Done[plan.Release]+t.Done[plan.Delete]), plan.Number(t.Rejected), plan.Number(troubles))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	for i, line := range lines {
		fmt.Fprintln(w, strings.TrimRight(line, " "))
		if i == 0 {
			continue // the header
		}
		if note := noteOf(p.Runs[i-1]); note != "" {
			fmt.Fprintf(w, "     %s\n", note)
		}
	}
	return nil
}

// noteOf says what is special about a run, in a few words.
func noteOf(run state.Run) string {
	var notes []string
	if run.Rekey {
		notes = append(notes, "rekey")
	}
	if run.Approves != 0 {
		notes = append(notes, fmt.Sprintf("approved run %d", run.Approves))
	} else if !run.PlannedAt.IsZero() {
		notes = append(notes, "a saved plan")
	}
	for _, trip := range run.Trips {
		notes = append(notes, "guard "+trip.Guard)
	}
	const most = 60
	if problem := []rune(plan.Printable(run.Problem)); len(problem) > most {
		notes = append(notes, string(problem[:most])+"…")
	} else if len(problem) > 0 {
		notes = append(notes, string(problem))
	}
	return strings.Join(notes, ", ")
}

// WriteRunsJSON writes the runs for machines.
func WriteRunsJSON(w io.Writer, pipelines []Runs) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(pipelines)
}
