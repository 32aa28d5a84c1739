package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"cubesync/sync/plan"
)

// WriteExplanation writes explanations for people, a block each.
func WriteExplanation(w io.Writer, explanations []Explanation) error {
	out := bufio.NewWriter(w)
	for i, x := range explanations {
		if i > 0 {
			fmt.Fprintln(out)
		}
		x.write(out)
	}
	return out.Flush()
}

func (x Explanation) write(w io.Writer) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-9s %s\n", name, plan.Printable(fmt.Sprintf(format, args...)))
	}
	when := "planned just now"
	if x.Run != 0 {
		when = fmt.Sprintf("run %d, planned %s, %s", x.Run, plan.Moment(x.PlannedAt), x.Status)
	}
	if x.Rekey {
		when = "rekey, " + when
	}
	fmt.Fprintf(w, "%s: %s, %s\n", plan.Printable(x.who()), plan.Printable(x.Pipeline), when)
	if x.Position != "" {
		line("record", "%s", x.Position)
	}
	for _, cell := range x.Record {
		line("", "%s: %s", cell.Column, cell.Text)
	}
	for i, key := range x.Keys {
		name := "matched"
		if i > 0 {
			name = ""
		}
		line(name, "by %s", key)
	}
	if x.Owner != "" {
		line("owner", "%s", x.Owner)
	}
	line("decision", "%s: %s", x.Decision, x.Why)
	for _, f := range x.Fields {
		x.writeField(w, f)
	}
	for _, remark := range x.Remarks {
		line("remark", "%s", remark)
	}
	if x.Order != "" {
		line("order", "%s", x.Order)
	}
	for _, trip := range x.Guards {
		line("guard", "%s", trip)
	}
	if x.Words != "" {
		line("outcome", "%s: %s", x.Ending, x.Words)
	} else {
		line("outcome", "%s", x.Ending)
	}
}

// who names whom it is about: by where the record stands, where it has no external ID.
func (x Explanation) who() string {
	switch {
	case x.ExternalID == "" && x.AccountID != 0:
		return fmt.Sprintf("account %d", x.AccountID)
	case x.ExternalID == "":
		return string(x.Position)
	case x.AccountID != 0:
		return fmt.Sprintf("%s (account %d)", x.ExternalID, x.AccountID)
	default:
		return x.ExternalID
	}
}

func (x Explanation) writeField(w io.Writer, f ExplainedField) {
	value := plan.OrEmpty(f.Before)
	switch {
	case f.Differs && x.Decision == string(plan.Create):
		value = plan.OrEmpty(f.After)
	case f.Differs:
		value += plan.Arrow(f.Before, f.After) + plan.OrEmpty(f.After)
	}
	fmt.Fprintf(w, "    %-12s %s\n    %-12s (%s)\n", f.Field, value, "", f.Rule)
}

// WriteExplanationJSON writes them for machines, as one list on one line.
func WriteExplanationJSON(w io.Writer, explanations []Explanation) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(append([]Explanation{}, explanations...)) // none is no null
}
