package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/cmd/cubesync/internal/terminal"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/report"
	"cubesync/sync/schedule"
	"cubesync/sync/state"
)

// listLines is how many lines of a list people read before they want a count instead.
const listLines = 20

func (c *command) syncCommand() *cobra.Command {
	var yes, retry bool
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Plan, guard, apply and report, once",
		Long:  "Reads each pipeline's source, compares it with ConnectyCube, and carries out the differences.\n\n" + exitHelp,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.eachPipeline(cmd.Context(), func(ctx context.Context, cfg *config.Config, p *reconcile.Pipeline, order reconcile.Order) (*reconcile.Result, error) {
				order.RetryRefused = retry
				order.Confirm = c.confirm(cfg, order.Progress, yes)
				return p.Sync(ctx, order)
			})
		},
	}
	c.configFlags(cmd)
	c.reportFlags(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask before the first run that writes to a live application")
	cmd.Flags().BoolVar(&retry, "retry-failed", false, "send again what ConnectyCube refused before, although nothing changed since")
	return cmd
}

func (c *command) planCommand() *cobra.Command {
	var pending, retry bool
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what sync would do, and write nothing",
		Long:  "Reads and compares as sync does, and shows every operation with its fields before and after.\n\n" + exitHelp,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.eachPipeline(cmd.Context(), func(ctx context.Context, _ *config.Config, p *reconcile.Pipeline, order reconcile.Order) (*reconcile.Result, error) {
				order.RetryRefused = retry
				result, err := p.Preview(ctx, order)
				if err == nil && pending && result.Run.Status == state.Planned && result.Plan.Sent() > 0 {
					c.exit.add(exitPending)
				}
				return result, err
			})
		},
	}
	c.configFlags(cmd)
	c.reportFlags(cmd)
	cmd.Flags().BoolVar(&pending, "exit-code", false, "exit with 5 when there is something to do")
	cmd.Flags().BoolVar(&retry, "retry-failed", false, "plan also what ConnectyCube refused before, although nothing changed since")
	return cmd
}

// eachPipeline loads the configuration and walks the pipelines in order, until one of them ends in a way that
// concerns all.
func (c *command) eachPipeline(ctx context.Context, walk func(context.Context, *config.Config, *reconcile.Pipeline, reconcile.Order) (*reconcile.Result, error)) error {
	if c.output != "text" && c.output != "json" {
		return usagef("--output %q: write text or json", c.output)
	}
	cfg, err := c.load()
	if err != nil {
		return err
	}
	app, err := open(cfg, c.log)
	if err != nil {
		return err
	}
	defer app.end(ctx, c.log)
	c.several = len(app.pipelines) > 1
	for _, p := range app.pipelines {
		progress, before := c.progress(p.Name), app.client.Calls()
		result, err := walk(ctx, cfg, p, reconcile.Order{Stop: c.stop, Progress: progress})
		progress.Close()
		if code := c.endOf(p.Name, result, err, callsSince(before, app.client.Calls())); stops(code) {
			break
		}
	}
	return nil
}

// endOf shows what a pipeline came to, an error too, and takes note of its exit code.
func (c *command) endOf(pipeline string, result *reconcile.Result, err error, calls map[string]int) int {
	code := exitFailure
	if err == nil {
		code = codeOfRun(result.Run)
		err = c.show(result, calls)
	}
	if err != nil {
		code = c.report(fmt.Errorf("pipeline %s: %w", pipeline, err))
	}
	c.exit.add(code)
	return code
}

// callsSince returns the calls of one pipeline: the client that counts them is shared by all.
func callsSince(before, now map[string]int) map[string]int {
	calls := map[string]int{}
	for kind, n := range now {
		if n -= before[kind]; n > 0 {
			calls[kind] = n
		}
	}
	return calls
}

// end closes the application; what goes wrong then concerns nobody's users.
func (a *application) end(ctx context.Context, log *slog.Logger) {
	if err := a.close(ctx); err != nil {
		log.Warn("closing", "error", err)
	}
}

// show writes the plan where there was only a look, and the report.
func (c *command) show(result *reconcile.Result, calls map[string]int) error {
	most := listLines
	if c.all {
		most = 0
	}
	run := result.Run
	r := report.Report{
		Run: run, Plan: result.Plan, Troubles: result.Troubles, Gone: result.Gone, Calls: calls, Most: most,
		Approve: c.again("approve %d --pipeline %s", run.ID, run.Pipeline),
	}
	if c.output == "json" {
		return r.WriteJSON(c.stdout)
	}
	looked := run.Status == state.Planned || run.Status == state.Held || run.Status == state.Incomplete
	if looked && result.Plan != nil {
		if c.several {
			fmt.Fprintf(c.stdout, "%s: %s\n", run.Pipeline, run.Status)
		}
		if err := result.Plan.WriteText(c.stdout, plan.TextOptions{Most: most}); err != nil {
			return err
		}
		r.Plan = nil // shown already
	}
	if run.Status == state.Planned {
		return nil
	}
	return r.WriteText(c.stdout)
}

// again is a command line for the same configuration, ready to be copied.
func (c *command) again(format string, args ...any) string {
	line := "cubesync " + fmt.Sprintf(format, args...)
	if c.configPath != defaultConfig {
		line += " -c '" + strings.ReplaceAll(c.configPath, "'", `'\''`) + "'"
	}
	return line
}

// progressView is a Progress that has to be ended.
type progressView interface {
	reconcile.Progress
	Close()
}

func (c *command) progress(pipeline string) progressView {
	if isTerminal(c.stderr) {
		return terminal.NewBars(c.stderr)
	}
	return terminal.NewLines(c.log.With("pipeline", pipeline))
}

func isTerminal(stream any) bool {
	file, ok := stream.(interface{ Fd() uintptr })
	return ok && isatty.IsTerminal(file.Fd())
}

func checkSchedule(spec string, zone *time.Location) error {
	_, err := schedule.Parse(spec, zone)
	return err
}

func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("unexpected argument %q", args[0])
	}
	return nil
}
