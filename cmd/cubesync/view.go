package main

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/cmd/cubesync/internal/terminal"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/report"
	"cubesync/sync/state"
)

// The formats of plans and reports.
const (
	formatText     = "text"
	formatJSON     = "json"
	formatMarkdown = "markdown"
	formatHTML     = "html"
)

// checkFormat refuses a --format that there isn't.
func (c *command) checkFormat() error {
	switch c.format {
	case formatText, formatJSON, formatMarkdown, formatHTML:
		return nil
	default:
		return usagef("--format %q: write text, json, markdown or html", c.format)
	}
}

// checkSingle refuses what shows one pipeline only where there are several.
func (c *command) checkSingle(cfg *config.Config) error {
	if c.format == formatHTML && len(cfg.Pipelines) > 1 {
		return usagef("--format html shows one pipeline: name it with --pipeline")
	}
	return nil
}

// show writes what a run, or a look at what it would do, came to.
func (c *command) show(result *reconcile.Result, calls map[string]int) error {
	return c.showReport(report.Report{
		Run: result.Run, Plan: result.Plan, Troubles: result.Troubles, Gone: result.Gone, Differences: result.Differences, Calls: calls,
	}, &result.Header)
}

// showReport writes the plan where there was only a look, and the report.
func (c *command) showReport(r report.Report, header *plan.Header) error {
	if !c.all {
		r.Most = listLines
	}
	r.Approve, r.Width = c.approval(r.Run), c.textOptions(c.stdout, 0).Width
	switch {
	case c.format == formatJSON:
		return r.WriteJSON(c.stdout)
	case c.format == formatText:
		return c.showText(r, header)
	case r.Plan == nil: // there is nothing to review
		return r.WriteText(c.stderr)
	}
	review := report.Review{File: &plan.File{Header: *header, Plan: r.Plan}, Approve: r.Approve, Listed: r.Run.Listed}
	if s := r.Run.Status; s != state.Planned && s != state.Held && s != state.Incomplete {
		review.Run, review.Troubles = &r.Run, r.Troubles
	}
	if c.format == formatHTML {
		return review.WriteHTML(c.stdout)
	}
	return review.WriteMarkdown(c.stdout)
}

// approval is the command that approves a held run; "" where there is nothing to approve.
func (c *command) approval(run state.Run) string {
	if run.ID == 0 || !reconcile.Approvable(run) {
		return ""
	}
	return c.again("approve %d --pipeline %s", run.ID, run.Pipeline)
}

func (c *command) showText(r report.Report, header *plan.Header) error {
	run := r.Run
	looked := run.Status == state.Planned || run.Status == state.Held || run.Status == state.Incomplete
	if looked && r.Plan != nil {
		if c.several {
			fmt.Fprintf(c.stdout, "%s: %s\n", run.Pipeline, run.Status)
		}
		o := c.textOptions(c.stdout, r.Most)
		o.Source = header.Source
		if err := r.Plan.WriteText(c.stdout, o); err != nil {
			return err
		}
		r.Shown = true
	}
	if run.Status == state.Planned {
		if err := r.WriteNote(c.stdout); err != nil {
			return err
		}
		return c.showCalls(header.Calls)
	}
	return r.WriteText(c.stdout)
}

// worthTelling is how long carrying a plan out must take before people are told beforehand.
const worthTelling = 10 // seconds

// showCalls says what a long plan will take.
func (c *command) showCalls(calls plan.Calls) error {
	if calls.Write == 0 || calls.Seconds < worthTelling {
		return nil
	}
	return c.write(func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "calls: %s to plan and to carry it out, %s of them user writes; about %s at the rate limit\n",
			plan.Number(calls.Sum()), plan.Number(calls.Write), (time.Duration(calls.Seconds) * time.Second).String())
		return err
	})
}

// textOptions fit a plan to where it is shown: wrapped and coloured on a terminal only.
func (c *command) textOptions(to io.Writer, most int) plan.TextOptions {
	o := plan.TextOptions{Most: most}
	if !isTerminal(to) {
		return o
	}
	o.Width, o.Colour = terminal.Width(to), report.Colour(true, c.lookup)
	return o
}

// tell writes a line to standard error, broken where a terminal ends.
func (c *command) tell(format string, args ...any) {
	_ = plan.Break(c.stderr, fmt.Sprintf(format, args...)+"\n", c.textOptions(c.stderr, 0).Width) // nobody is left to tell
}

// write writes a text to standard output, broken where a terminal ends.
func (c *command) write(text func(io.Writer) error) error {
	var whole bytes.Buffer
	if err := text(&whole); err != nil {
		return err
	}
	return plan.Break(c.stdout, whole.String(), c.textOptions(c.stdout, 0).Width)
}
