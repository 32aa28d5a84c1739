// Package report says what a run came to: for people as text, for machines as JSON; and it shows a plan for review, as a
// page for a browser and as Markdown for a pull request. It reads, and decides nothing.
package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/state"
)

// Report is what there is to say about one run, or about a look at what it would do.
type Report struct {
	Run      state.Run
	Plan     *plan.Plan // nil where the run didn't come so far
	Shown    bool       // the plan was shown before: whom it lists isn't listed again
	Troubles []state.Outcome
	Gone     []state.Outcome // applied releases and deletes
	// Differences are what the run's sample shows other than planned.
	Differences []state.Difference
	Calls       map[string]int // sent to ConnectyCube, by kind
	Most        int            // lines of each list; 0: all
	Width       int            // columns of the terminal, at which lines are broken; 0: none is
	Approve     string         // the command that approves this run
}

// WriteText writes the report for people.
func (r Report) WriteText(w io.Writer) error {
	out := &strings.Builder{}
	took := ""
	if !r.Run.EndedAt.IsZero() {
		took = " in " + duration(r.Run.EndedAt.Sub(r.Run.StartedAt))
	}
	name := r.Run.Pipeline
	if r.Run.ID != 0 {
		name += fmt.Sprintf(", run %d", r.Run.ID)
	}
	if r.Run.Rekey {
		name += ", rekey"
	}
	fmt.Fprintf(out, "%s: %s%s\n", name, r.Run.Status, took)
	if !r.Run.PlannedAt.IsZero() {
		fmt.Fprintf(out, "  carries out %s, made at %s\n", r.planOf(), plan.Moment(r.Run.PlannedAt))
	}
	if r.Run.Problem != "" {
		fmt.Fprintf(out, "  %s%s\n", openedBy(r.Run.Breaker), plan.Printable(r.Run.Problem))
	}
	r.writeTable(out)
	r.writeNote(out)
	r.writeDifferences(out)
	if r.Plan != nil && !r.Shown {
		r.writeRejects(out)
		r.writeRemarks(out)
		r.writeLeavers(out)
	}
	r.writeGone(out)
	r.writeTroubles(out)
	for _, trip := range r.Run.Trips {
		fmt.Fprintf(out, "  held by %s\n", trip)
	}
	if err := plan.Break(w, out.String(), r.Width); err != nil || r.Run.Status != state.Held || r.Run.ID == 0 {
		return err
	}
	if r.Approve == "" || !r.Run.Approvable() {
		_, err := fmt.Fprintln(w, "  nothing was written")
		return err
	}
	return plan.Advise(w, "  nothing was written; if this plan is right:", r.Approve, r.Width)
}

// openedBy names the rule that opened the circuit breaker, where the words that follow don't say it by themselves.
func openedBy(rule state.Rule) string {
	if rule == "" || rule == state.ServiceUnusable {
		return ""
	}
	return fmt.Sprintf("circuit breaker (%s): ", rule)
}

// planOf names the saved plan that the run carries out.
func (r Report) planOf() string {
	if r.Run.Approves != 0 {
		return fmt.Sprintf("the plan of run %d", r.Run.Approves)
	}
	return "a saved plan"
}

// sourceNote says what was read, and how completely.
func sourceNote(v state.Verdict) string {
	if v.Evidence.Name == "" { // nothing could be opened
		return v.Completeness
	}
	var names []string
	for _, one := range v.Evidence.Each() {
		names = append(names, filepath.Base(one.Name))
	}
	text := strings.Join(names, " + ") + ", " + v.Completeness
	if v.Since != "" {
		text += ", incrementally since " + v.Since
	}
	if v.SeveralMoments {
		text += ": they may be of several moments, so that the guards are halved"
	}
	return text
}

// writeNote writes what there is to know of a read that can be used.
func (r Report) writeNote(w io.Writer) {
	if note := r.Run.Verdict.Note; note != "" {
		fmt.Fprintf(w, "  source: %s\n", plan.Printable(note))
	}
}

// WriteNote writes that line alone: for a look, whose plan is shown in place of a report.
func (r Report) WriteNote(w io.Writer) error {
	out := &strings.Builder{}
	r.writeNote(out)
	return plan.Break(w, out.String(), r.Width)
}

// writeTable writes where every record and every leaver ended. Lines of nothing are left out.
func (r Report) writeTable(w io.Writer) {
	t := r.Run.Tally
	line := func(name string, n int, note string) {
		if n > 0 {
			writeLine(w, name, n, note)
		}
	}
	writeLine(w, "records read", t.Read, sourceNote(r.Run.Verdict))
	line("not read", t.NotRead, "accounts: nobody is taken for missing")
	line("unchanged", t.Unchanged, "")
	if c := r.Run.Canary; c != nil {
		writeLine(w, "canary", c.Operations, fmt.Sprintf("sent first; %s accounts read back, %s not as planned", plan.Number(c.ReadBack), plan.Number(c.Different)))
	}
	line("created", t.Done[plan.Create], recreatedNote(t))
	line("updated", t.Done[plan.Update], "")
	line("adopted", t.Done[plan.Adopt], "existed already, taken over")
	line("released", t.Done[plan.Release], "left the source, owner tag taken off")
	line("deleted", t.Done[plan.Delete], "left the source")
	line("failed", t.Failed, "refused by ConnectyCube")
	line("skipped", t.Skipped, skippedNote(t))
	line("unknown", t.Unknown, "in doubt; the next run finds out")
	line("not attempted", t.NotAttempted, "")
	line("rejected", t.Rejected, "")
	line("collapsed", t.Collapsed, "repetitions of another record")
	line("filtered", t.Filtered, "left out by the filter")
	line("leavers failed", t.LeaversFailed, "refused by ConnectyCube")
	line("leavers skipped", t.LeaversSkipped, "")
	line("leavers unknown", t.LeaversUnknown, "in doubt; the next run finds out")
	line("leavers waiting", t.LeaversNotAttempted, "not attempted")
	r.writeLeaverCounts(w)
	line("values ignored", t.Ignored, "ConnectyCube kept what it had")
	line("locked out", t.LockedOut, "lack what they gave up in a swap that was broken off")
	extras := func(name, note string, e state.Extras, doubt string) {
		line(name, e.Done, note)
		line(name+" failed", e.Failed, "")
		line(name+" skipped", e.Skipped, "")
		line(name+" unknown", e.Unknown, doubt)
		line(name+" left", e.NotAttempted, "not attempted")
		line(name+" waiting", e.Waiting, "users without an e-mail address")
	}
	extras("avatars", "set", t.Avatars, "in doubt; the next run sets them again")
	extras("e-mails", "for new passwords", t.Resets, "in doubt; never sent again")
	if l := r.Run.Listed; l != nil {
		writeLine(w, "accounts listed", l.Accounts, listedNote(l))
	}
	if len(r.Calls) > 0 {
		reads, writes := 0, 0
		for kind, n := range r.Calls {
			if isWrite(kind) {
				writes += n
			} else {
				reads += n
			}
		}
		writeLine(w, "calls", reads+writes, plan.Number(writes)+" of them user writes")
	}
	r.writeBudget(w)
}

// writeBudget says where the calls differ from those that the plan announced, and how long it would have taken to make
// those that are left.
func (r Report) writeBudget(w io.Writer) {
	b := r.Run.Budget
	if b == nil || b.Announced == b.Made {
		return
	}
	var notes []string
	for _, class := range []struct {
		name            string
		announced, made int
	}{
		{"lists", b.Announced.List, b.Made.List},
		{"look-ups", b.Announced.LookUp, b.Made.LookUp},
		{"sessions", b.Announced.Session, b.Made.Session},
		{"writes", b.Announced.Write, b.Made.Write},
		{"files", b.Announced.File, b.Made.File},
	} {
		if class.announced != class.made {
			notes = append(notes, fmt.Sprintf("%s %s for %s", class.name, plan.Number(class.made), plan.Number(class.announced)))
		}
	}
	writeLine(w, "calls announced", b.Announced.Sum(), "made: "+strings.Join(notes, ", "))
	if f := r.Run.Forecast; f != nil && r.Run.Status != state.Applied {
		writeLine(w, "calls left", f.CallsLeft, "about "+duration(f.EndsAt.Sub(f.MadeAt))+" more")
	}
}

func writeLine(w io.Writer, name string, n int, note string) {
	fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %-18s %9s  %s", name, plan.Number(n), note), " "))
}

func isWrite(kind string) bool { return kind == "sign-up" || kind == "update" || kind == "delete" }

// recreatedNote says how many sign-ups were of people who had an account before.
func recreatedNote(t state.Tally) string {
	if t.Recreated == 0 {
		return ""
	}
	return plan.Number(t.Recreated) + " of them again: their accounts had disappeared without us"
}

func skippedNote(t state.Tally) string {
	if t.ByPolicy > 0 && t.ByPolicy == t.Skipped {
		return "the configuration doesn't write them"
	}
	return ""
}

func (r Report) writeDifferences(w io.Writer) {
	for i, d := range r.Differences {
		if r.cut(w, i, len(r.Differences), "not as planned") {
			return
		}
		fmt.Fprintf(w, "  not as planned %s (account %d): %s: sent %q, got %q\n", at(d.Position, d.ExternalID), d.AccountID, d.Field, d.Sent, d.Got)
	}
}

func (r Report) writeRejects(w io.Writer) {
	for i, reject := range r.Plan.Rejects {
		if r.cut(w, i, len(r.Plan.Rejects), "rejected") {
			return
		}
		fmt.Fprintf(w, "  rejected %s: %s\n", at(reject.Position, reject.ExternalID), plan.Printable(reject.Detail))
	}
}

func (r Report) writeRemarks(w io.Writer) {
	for i, remark := range r.Plan.Remarks {
		if r.cut(w, i, len(r.Plan.Remarks), "remarks") {
			return
		}
		fmt.Fprintf(w, "  remark %s\n", remark)
	}
}

func (r Report) writeGone(w io.Writer) {
	for i, outcome := range r.Gone {
		if r.cut(w, i, len(r.Gone), "released or deleted") {
			return
		}
		op := outcome.Operation
		fmt.Fprintf(w, "  %sd %s (account %d)\n", op.Kind, plan.Printable(op.ExternalID), op.AccountID)
	}
}

func (r Report) writeTroubles(w io.Writer) {
	for i, outcome := range r.Troubles {
		if r.cut(w, i, len(r.Troubles), "like these") {
			return
		}
		op := outcome.Operation
		fmt.Fprintf(w, "  %s %s %s: %s\n", outcome.Ending, op.Kind, at(op.Position, op.ExternalID), plan.Printable(outcome.Words))
	}
}

// cut ends a list that is longer than people read.
func (r Report) cut(w io.Writer, i, all int, what string) bool {
	if r.Most == 0 || i < r.Most {
		return false
	}
	fmt.Fprintf(w, "  … and %s more %s; --all shows every one\n", plan.Number(all-i), what)
	return true
}

func at(position record.Position, externalID string) string {
	switch {
	case position == "":
		return plan.Printable(externalID)
	case externalID == "":
		return string(position)
	default:
		return fmt.Sprintf("%s (%s)", plan.Printable(externalID), position)
	}
}

func duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}

// trouble is an outcome as machines read it.
type trouble struct {
	Kind       plan.Kind       `json:"kind"`
	ExternalID string          `json:"external_id"`
	AccountID  int64           `json:"account_id,omitempty"`
	Position   record.Position `json:"position,omitempty"`
	Ending     state.Ending    `json:"ending"`
	Words      string          `json:"words,omitempty"`
}

// WriteJSON writes the report for machines: one JSON object with run, plan, troubles and calls, on one line. The plan is
// written as it is read: it may be larger than memory.
func (r Report) WriteJSON(w io.Writer) error {
	troubles := make([]trouble, 0, len(r.Troubles))
	for _, outcome := range r.Troubles {
		op := outcome.Operation
		troubles = append(troubles, trouble{op.Kind, op.ExternalID, op.AccountID, op.Position, outcome.Ending, outcome.Words})
	}
	var around bytes.Buffer
	encoder := json.NewEncoder(&around)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(struct {
		Run         state.Run          `json:"run"`
		Plan        json.RawMessage    `json:"plan"`
		Troubles    []trouble          `json:"troubles"`
		Differences []state.Difference `json:"differences,omitempty"`
		Calls       map[string]int     `json:"calls,omitempty"`
		Approve     string             `json:"approve,omitempty"`
	}{r.Run, json.RawMessage(planGoesHere), troubles, r.Differences, r.Calls, r.Approve})
	if err != nil {
		return err
	}
	before, after, _ := strings.Cut(around.String(), planGoesHere)
	out := bufio.NewWriterSize(w, 64<<10)
	_, _ = out.WriteString(before) // Flush tells
	if r.Plan == nil {
		_, _ = out.WriteString("null")
	} else if err := r.Plan.WriteJSON(out); err != nil {
		return err
	}
	_, _ = out.WriteString(after)
	return out.Flush()
}

// planGoesHere stands for the plan meanwhile. No text of a run can look like it: within one, quotes are escaped.
const planGoesHere = `{"plan":"goes here"}`
