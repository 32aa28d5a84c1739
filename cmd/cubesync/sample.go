package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/report"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// mostSampled is how many records a sample may have: who wants more wants the whole plan.
const mostSampled = 1000

// sample shows what comes of the first records of each pipeline's source.
func (c *command) sample(ctx context.Context, o planOrder) error {
	if err := c.checkSample(o); err != nil {
		return err
	}
	return c.withPipelines(ctx, func(ctx context.Context, v visit) (bool, error) {
		v.order.RetryRefused = o.retry
		s, err := v.pipeline.Sample(ctx, o.sample, v.order)
		v.progress.Close()
		if err != nil {
			return false, fmt.Errorf("pipeline %s: %w", v.pipeline.Name, err)
		}
		code := codeOfRun(s.Run)
		c.exit.add(code)
		return !stops(code), c.showSample(s)
	})
}

// checkSample refuses what a sample can't be, and what it can't go with.
func (c *command) checkSample(o planOrder) error {
	if o.sample < 1 || o.sample > mostSampled {
		return usagef("--sample %d: write a number from 1 to %d", o.sample, mostSampled)
	}
	for _, other := range []struct {
		flag  string
		given bool
	}{{"-o", o.out != ""}, {"--against", o.against != ""}, {"--exit-code", o.pending}, {"--redacted", o.redacted}, {"--list-all", o.listAll}} {
		if other.given {
			return usagef("--sample and %s don't go together: a sample isn't the whole plan", other.flag)
		}
	}
	if c.format != formatText && c.format != formatJSON {
		return usagef("--sample and --format %s don't go together: write text or json", c.format)
	}
	return nil
}

func (c *command) showSample(s *reconcile.Sample) error {
	if c.format == formatJSON {
		return writeSampleJSON(c.stdout, s)
	}
	err := c.write(func(w io.Writer) error {
		if c.several {
			fmt.Fprintf(w, "%s:\n", s.Run.Pipeline)
		}
		for i := range s.Records {
			one := &s.Records[i]
			writeTraced(w, &one.Traced)
			writeSampled(w, one)
		}
		writeSum(w, s)
		return nil
	})
	if err != nil {
		return err
	}
	return c.tellUnseen(s)
}

// writeSampled shows what would happen.
func writeSampled(w io.Writer, one *reconcile.Sampled) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-18s %s\n", name, plan.Printable(fmt.Sprintf(format, args...)))
	}
	what := one.Decision
	if one.AccountID != 0 {
		what += fmt.Sprintf(" (account %d)", one.AccountID)
	}
	switch {
	case one.Decision == "" || one.Filtered || one.Problem != "": // that is told already, or nothing is known
	case one.Reject != nil:
		line("decision", "%s: %s (%s)", what, one.Reject.Detail, one.Reject.Reason)
	case one.Operation != nil:
		line("decision", "%s: %s", what, report.WhyOf(one.Operation))
		writeChanges(w, one.Operation)
		if order := one.Operation.Order(); len(order) > 0 {
			line("order", "%s", strings.Join(order, "; "))
		}
	default:
		line("decision", "%s: nothing is to be done", what)
	}
	if a := one.Avatar; a != nil && a.Blocked != "" {
		line("avatar", "%s; not sent: %s (%s)", a.What(), a.Blocked, a.Detail)
	} else if a != nil {
		line("avatar", "%s", a.What())
	}
	for _, remark := range one.Remarks {
		line("remark", "%s", plan.Remark{Field: remark.Field, Detail: remark.Detail})
	}
}

// writeChanges shows every field of an operation, of an update with what it is now.
func writeChanges(w io.Writer, op *plan.Operation) {
	field := func(name, before, after string) {
		text := plan.OrEmpty(after)
		if op.Kind != plan.Create {
			text = plan.OrEmpty(before) + plan.Arrow(before, after) + text
		}
		fmt.Fprintf(w, "    %-16s %s\n", name, text)
	}
	if op.ExternalIDBefore != nil {
		field("external_id", *op.ExternalIDBefore, op.ExternalID)
	}
	for _, change := range op.Changes {
		field(change.Field.String(), change.Before, change.After)
	}
}

// writeSum adds the sample up.
func writeSum(w io.Writer, s *reconcile.Sample) {
	const notSent = "not sent"
	counts := map[string]int{}
	for i := range s.Records {
		one := &s.Records[i]
		if one.Operation != nil && one.Operation.Blocked != "" {
			counts[notSent]++
		} else {
			counts[one.Decision]++
		}
	}
	sum := "sample: " + plan.Counted(len(s.Records), "record")
	before := ": "
	for _, part := range []struct{ decision, words string }{
		{string(plan.Create), "to create"},
		{string(plan.Update), "to update"},
		{string(plan.Adopt), "to adopt"},
		{notSent, notSent},
		{reconcile.Unchanged, "unchanged"},
		{reconcile.Rejected, "rejected"},
		{reconcile.Filtered, "filtered"},
	} {
		if n := counts[part.decision]; n > 0 {
			sum += before + plan.Number(n) + " " + part.words
			before = ", "
		}
	}
	fmt.Fprintln(w, sum)
	for _, remark := range s.Remarks {
		fmt.Fprintf(w, "  %s\n", remark)
	}
	if len(s.Hidden) > 0 {
		fmt.Fprintf(w, "  columns that aren't shown, as nothing is mapped from them: %s\n", plan.Printable(fmt.Sprintf("%q", s.Hidden)))
	}
	if s.Run.Status != state.Planned {
		fmt.Fprintf(w, "  %s: %s\n", s.Run.Status, plan.Printable(s.Run.Problem))
	}
}

// tellUnseen says what a sample doesn't see, and what does.
func (c *command) tellUnseen(s *reconcile.Sample) error {
	if s.Run.Status != state.Planned {
		return nil // something else is to be done first
	}
	unseen := "the records that follow, which may want or free the same external IDs, logins and e-mails; "
	if s.All {
		unseen = ""
	}
	return plan.Advise(c.stdout, "  a sample doesn't see: "+unseen+"who left the source; the guards. The whole plan does:", c.again("plan"),
		c.textOptions(c.stdout, 0).Width)
}

// sampledRecord is a record of a sample as machines read it.
type sampledRecord struct {
	tracedRecord
	User      map[string]string `json:"user,omitempty"` // what is said of it; "" empties a field
	Decision  string            `json:"decision,omitempty"`
	AccountID int64             `json:"account_id,omitempty"`
	Operation *plan.Operation   `json:"operation,omitempty"`
	Reject    *plan.Reject      `json:"reject,omitempty"`
	Avatar    *plan.Avatar      `json:"avatar,omitempty"`
	Remarks   []plan.Remark     `json:"remarks,omitempty"`
}

func writeSampleJSON(w io.Writer, s *reconcile.Sample) error {
	records := make([]sampledRecord, 0, len(s.Records))
	for i := range s.Records {
		one := &s.Records[i]
		records = append(records, sampledRecord{
			tracedRecord: recordForMachines(&one.Traced), User: userForMachines(one.User), Decision: one.Decision, AccountID: one.AccountID,
			Operation: one.Operation, Reject: one.Reject, Avatar: one.Avatar, Remarks: one.Remarks,
		})
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(struct {
		Pipeline string          `json:"pipeline"`
		Status   state.Status    `json:"status"`
		Problem  string          `json:"problem,omitempty"`
		All      bool            `json:"all"` // the source has no more records
		Hidden   []string        `json:"hidden,omitempty"`
		Remarks  []plan.Remark   `json:"remarks,omitempty"`
		Records  []sampledRecord `json:"records"`
	}{s.Run.Pipeline, s.Run.Status, s.Run.Problem, s.All, s.Hidden, s.Remarks, records})
}

func userForMachines(u *user.User) map[string]string {
	if u == nil {
		return nil
	}
	said := map[string]string{"external_id": u.ExternalID}
	for _, field := range user.Fields() {
		if u.Values[field].Set {
			said[field.String()] = u.Values[field].Text
		}
	}
	return said
}
