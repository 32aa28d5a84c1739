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
	"cubesync/sync/reconcile"
	"cubesync/sync/schedule"
	"cubesync/sync/state"
)

// listLines is how many lines of a list people read before they want a count instead.
const listLines = 20

const listAllHelp = "list all accounts and read all records, not only those that changed (full_list_every, incremental)"

func (c *command) syncCommand() *cobra.Command {
	var yes, retry, listAll bool
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Plan, guard, apply and report, once",
		Long:  "Reads each pipeline's source, compares it with ConnectyCube, and carries out the differences.\n\n" + exitHelp,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.eachPipeline(cmd.Context(), func(ctx context.Context, cfg *config.Config, p *reconcile.Pipeline, order reconcile.Order) (*reconcile.Result, error) {
				order.RetryRefused, order.ListAll = retry, listAll
				order.Confirm = c.confirm(cfg, order.Progress, yes)
				return p.Sync(ctx, order)
			})
		},
	}
	c.configFlags(cmd)
	c.reportFlags(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask before the first run that writes to an application that isn't the embedded emulator")
	cmd.Flags().BoolVar(&retry, "retry-failed", false, "send again what ConnectyCube refused before, although nothing changed since")
	cmd.Flags().BoolVar(&listAll, "list-all", false, listAllHelp)
	return cmd
}

// visit is one pipeline of a loaded configuration, ready to be used.
type visit struct {
	cfg      *config.Config
	app      *application
	pipeline *reconcile.Pipeline
	order    reconcile.Order
	progress progressView
}

// eachPipeline walks the pipelines in order, until one of them ends in a way that concerns all.
func (c *command) eachPipeline(ctx context.Context, walk func(context.Context, *config.Config, *reconcile.Pipeline, reconcile.Order) (*reconcile.Result, error)) error {
	if err := c.checkFormat(); err != nil {
		return err
	}
	return c.withPipelines(ctx, func(ctx context.Context, v visit) (bool, error) {
		before := v.app.client.Calls()
		result, err := walk(ctx, v.cfg, v.pipeline, v.order)
		v.progress.Close()
		defer result.Close()
		return !stops(c.endOf(v.pipeline.Name, result, err, callsSince(before, v.app.client.Calls()))), nil
	})
}

// visitPipelines does something with each pipeline in order, until it goes wrong.
func (c *command) visitPipelines(ctx context.Context, do func(context.Context, visit) error) error {
	return c.withPipelines(ctx, func(ctx context.Context, v visit) (bool, error) {
		if err := do(ctx, v); err != nil {
			return false, fmt.Errorf("pipeline %s: %w", v.pipeline.Name, err)
		}
		return true, nil
	})
}

// withPipelines loads the configuration and goes through its pipelines as long as next says.
func (c *command) withPipelines(ctx context.Context, next func(context.Context, visit) (bool, error)) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if err := c.checkSingle(cfg); err != nil {
		return err
	}
	app, err := open(cfg, c.stdin, c.log)
	if err != nil {
		return err
	}
	defer app.end(ctx, c.log)
	c.several = len(app.pipelines) > 1
	for _, p := range app.pipelines {
		progress := c.progress(p.Name)
		goOn, err := next(ctx, visit{cfg, app, p, reconcile.Order{Stop: c.stop, Progress: progress, Forecast: progress.Forecast}, progress})
		progress.Close()
		if err != nil || !goOn {
			return err
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

// again is a command line for the same configuration, ready to be copied.
func (c *command) again(format string, args ...any) string {
	line := "cubesync " + fmt.Sprintf(format, args...)
	if c.configPath != defaultConfig {
		line += " -c " + quoted(c.configPath)
	}
	return line
}

// quoted is a path as a shell takes it as it is.
func quoted(path string) string { return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" }

// progressView is a Progress that has to be ended.
type progressView interface {
	reconcile.Progress
	Forecast(state.Forecast)
	Close()
}

func (c *command) progress(pipeline string) progressView {
	if isTerminal(c.stderr) {
		return collecting{terminal.NewBars(c.stderr)}
	}
	return collecting{terminal.NewLines(c.log.With("pipeline", pipeline))}
}

// endProgress leaves the terminal to what is written next.
func endProgress(progress reconcile.Progress) {
	if view, ok := progress.(progressView); ok {
		view.Close()
	}
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
