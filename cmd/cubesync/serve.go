package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/spf13/cobra"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/cmd/cubesync/internal/terminal"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/schedule"
	"cubesync/sync/state"
)

func (c *command) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the pipelines on their schedules",
		Long: "Runs each pipeline at its times until SIGTERM or SIGINT. Then a run under way ends in good order within\n" +
			"30 seconds, and what it didn't reach is left to the next one; a second signal ends the process at once.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			return c.serve(cmd.Context(), cfg)
		},
	}
	c.configFlags(cmd)
	return cmd
}

func (c *command) serve(ctx context.Context, cfg *config.Config) error {
	// All pipelines write to one application and share its lock: one waits for the other.
	var one sync.Mutex
	var jobs []schedule.Job
	for i, p := range cfg.Pipelines {
		if p.Schedule == "" {
			return usagef("%s: pipelines[%d]: %s has no schedule; give it one, or choose others with --pipeline", c.configPath, i, p.Name)
		}
		times, err := schedule.Parse(p.Schedule, p.Timezone)
		if err != nil {
			return err
		}
		only := *cfg
		only.Pipelines = []config.Pipeline{p}
		jobs = append(jobs, schedule.Job{Name: p.Name, Times: times, Run: func(ctx context.Context) error {
			one.Lock()
			defer one.Unlock()
			return c.night(ctx, &only)
		}})
	}
	schedule.Run(ctx, c.stop, c.log, jobs)
	c.log.Info("stopped")
	return nil
}

// night runs one pipeline that nobody watches: what it came to goes to the log. Sessions, connections and the embedded
// emulator live for this run only.
func (c *command) night(ctx context.Context, cfg *config.Config) error {
	select {
	case <-c.stop:
		return nil // stopped while it waited for another pipeline
	default:
	}
	app, err := open(cfg, c.stdin, c.log)
	if err != nil {
		return err
	}
	defer app.end(ctx, c.log)
	p := app.pipelines[0]
	progress := collecting{terminal.NewLines(c.log.With("pipeline", p.Name))}
	result, err := p.Sync(ctx, reconcile.Order{Stop: c.stop, Progress: progress, Forecast: progress.Forecast, Confirm: confirmNobody(cfg)})
	progress.Close()
	if err != nil {
		return err
	}
	defer result.Close()
	return c.logRun(result)
}

// confirmNobody holds the first run that writes to a live application: at night nobody is there to be asked.
func confirmNobody(cfg *config.Config) func(*plan.Plan) bool {
	if cfg.ConnectyCube.Embedded() {
		return nil
	}
	return func(*plan.Plan) bool { return false }
}

// logRun tells what a run came to; an error is a run that somebody has to look at.
func (c *command) logRun(result *reconcile.Result) error {
	run := result.Run
	t := run.Tally
	log := c.log.With("pipeline", run.Pipeline, "run", run.ID)
	if note := run.Verdict.Note; note != "" {
		log.Warn("source read", "note", note)
	}
	log.Info("run ended", "status", run.Status, "verdict", run.Verdict.Completeness, "since", run.Verdict.Since,
		"read", t.Read, "not_read", t.NotRead, "unchanged", t.Unchanged, "collapsed", t.Collapsed,
		"created", t.Done[plan.Create], "updated", t.Done[plan.Update], "adopted", t.Done[plan.Adopt], "failed", t.Failed, "skipped", t.Skipped, "by_policy", t.ByPolicy,
		"unknown", t.Unknown, "not_attempted", t.NotAttempted, "rejected", t.Rejected, "filtered", t.Filtered,
		"released", t.Done[plan.Release], "deleted", t.Done[plan.Delete], "leavers_failed", t.LeaversFailed,
		"leavers_skipped", t.LeaversSkipped, "leavers_unknown", t.LeaversUnknown,
		"leavers_not_attempted", t.LeaversNotAttempted, "leavers_left", t.LeaversLeft, "ignored", t.Ignored, "locked_out", t.LockedOut,
		"avatar_troubles", t.Avatars.Troubles(), "email_troubles", t.Resets.Troubles())
	for _, outcome := range result.Gone {
		op := outcome.Operation
		log.Info("user "+string(op.Kind)+"d", "external_id", op.ExternalID, "account_id", op.AccountID)
	}
	for _, trip := range run.Trips {
		log.Warn("held by a guard", "guard", trip.Guard, "saw", trip.Saw, "limit", trip.Limit, "concerns", trip.Whom(),
			"remedy", trip.Remedy, "approve", c.approval(run))
	}
	for _, outcome := range result.Troubles {
		op := outcome.Operation
		log.Warn("user "+string(outcome.Ending), "kind", op.Kind, "external_id", op.ExternalID, "position", op.Position, "words", outcome.Words)
	}
	if result.Plan != nil {
		for _, reject := range result.Plan.Rejects {
			log.Warn("record rejected", "position", reject.Position, "external_id", reject.ExternalID, "reason", reject.Reason, "detail", reject.Detail)
		}
		for _, remark := range result.Plan.Remarks {
			log.Warn("remark", "external_id", remark.ExternalID, "account_id", remark.AccountID, "position", remark.Position, "field", remark.Field,
				"reason", remark.Reason, "detail", remark.Detail)
		}
	}
	switch run.Status {
	case state.Applied:
		return nil
	case state.Interrupted:
		c.exit.add(exitInterrupted)
		return nil
	case state.Held:
		if !run.Approvable() {
			return errors.New("held by a guard, nothing was written")
		}
		return fmt.Errorf("held by a guard, nothing was written; if the plan is right: %s", c.again("approve %d --pipeline %s", run.ID, run.Pipeline))
	default:
		return errors.New(run.Problem)
	}
}
