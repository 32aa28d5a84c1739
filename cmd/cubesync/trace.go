package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/record"
	"cubesync/sync/report"
)

// showAfresh shows the way of the records through the mapping, and then what would become of them.
func (c *command) showAfresh(traced []reconcile.Traced, found []report.Explanation) error {
	if c.format == formatJSON {
		return writeTraceJSON(c.stdout, traced, found)
	}
	return c.write(func(w io.Writer) error {
		for i := range traced {
			writeTraced(w, &traced[i])
		}
		if len(found) == 0 {
			_, err := fmt.Fprintln(w, "nothing is to be done: the account is equal already")
			return err
		}
		return report.WriteExplanation(w, found)
	})
}

// writeTraced shows a record and each rule of the mapping: columns → rule → value.
func writeTraced(w io.Writer, t *reconcile.Traced) {
	fmt.Fprintf(w, "record %s\n", plan.Printable(string(t.Position)))
	for _, step := range t.Steps {
		var from []string
		for _, cell := range step.From {
			from = append(from, plan.Printable(cell.Column)+" "+cellText(cell.Value))
		}
		fmt.Fprintf(w, "  %-18s %s → %s → %s\n", step.Field, orNothing(strings.Join(from, ", ")), plan.Printable(step.Rule), valueText(step))
	}
	if t.Filtered {
		fmt.Fprintln(w, "  left out by the filter")
	}
	if t.Problem != "" {
		fmt.Fprintf(w, "  rejected: %s\n", plan.Printable(t.Problem))
	}
}

func orNothing(text string) string {
	if text == "" {
		return "(no column)"
	}
	return text
}

func cellText(value record.Value) string {
	switch {
	case value.IsAbsent():
		return "(absent)"
	case value.IsNull():
		return "(null)"
	default:
		return fmt.Sprintf("%q", value.Text())
	}
}

func valueText(step mapping.Step) string {
	switch {
	case !step.Set:
		return "(says nothing: the field is left as it is)"
	case step.Value == "":
		return "(empty: the field is emptied)"
	default:
		return fmt.Sprintf("%q", step.Value)
	}
}

// tracedRecord is a record as machines read it.
type tracedRecord struct {
	Position record.Position `json:"position"`
	Steps    []tracedStep    `json:"steps,omitempty"`
	Problem  string          `json:"problem,omitempty"`
	Filtered bool            `json:"filtered,omitempty"`
}

type tracedStep struct {
	Field string             `json:"field"`
	From  map[string]*string `json:"from,omitempty"` // null where the source has nothing; a column that it lacks is left out
	Rule  string             `json:"rule"`
	Value *string            `json:"value"` // null where it says nothing about the field
}

func writeTraceJSON(w io.Writer, traced []reconcile.Traced, found []report.Explanation) error {
	records := make([]tracedRecord, 0, len(traced))
	for i := range traced {
		records = append(records, recordForMachines(&traced[i]))
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(struct {
		Records      []tracedRecord       `json:"records"`
		Explanations []report.Explanation `json:"explanations"`
	}{records, append([]report.Explanation{}, found...)}) // none is no null
}

func recordForMachines(t *reconcile.Traced) tracedRecord {
	r := tracedRecord{Position: t.Position, Problem: t.Problem, Filtered: t.Filtered}
	for _, step := range t.Steps {
		r.Steps = append(r.Steps, stepForMachines(step))
	}
	return r
}

func stepForMachines(step mapping.Step) tracedStep {
	s := tracedStep{Field: step.Field, Rule: step.Rule}
	if step.Set {
		s.Value = &step.Value
	}
	for _, cell := range step.From {
		if cell.Value.IsAbsent() {
			continue
		}
		if s.From == nil {
			s.From = map[string]*string{}
		}
		s.From[cell.Column] = nil
		if !cell.Value.IsNull() {
			text := cell.Value.Text()
			s.From[cell.Column] = &text
		}
	}
	return s
}
