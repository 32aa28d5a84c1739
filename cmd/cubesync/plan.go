package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
)

// planOrder is what the flags of plan say.
type planOrder struct {
	pending, retry, redacted, listAll bool
	out, against                      string
	sample                            int
}

func (c *command) planCommand() *cobra.Command {
	var o planOrder
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what sync would do, and write nothing",
		Long: "Reads and compares as sync does, and shows every operation with its fields before and after.\n\n" +
			"With -o, the plan is also written to a file, for its owner only, which `cubesync apply` carries out; no file but\n" +
			"an earlier plan is replaced. With --redacted, what says something about a person is replaced by short digests, in what is shown and in the file:\n" +
			"for sharing; such a file can't be applied. With --against, the same data is planned under another configuration\n" +
			"too, and what the two do differently is shown.\n\n" +
			"With --sample N, only the first N records are read and only their users looked up: each record is shown with its\n" +
			"cells, the user that the mapping makes of it, and what would happen.\n\n" + exitHelp,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case cmd.Flags().Changed("sample"):
				return c.sample(cmd.Context(), o)
			case o.against != "":
				return c.compare(cmd.Context(), o)
			}
			return c.eachPipeline(cmd.Context(), func(ctx context.Context, cfg *config.Config, p *reconcile.Pipeline, order reconcile.Order) (*reconcile.Result, error) {
				return c.look(ctx, cfg, p, order, o)
			})
		},
	}
	c.configFlags(cmd)
	c.reportFlags(cmd)
	cmd.Flags().StringVarP(&o.out, "out", "o", "", "write the plan to this `FILE`, for apply")
	cmd.Flags().BoolVar(&o.redacted, "redacted", false, "replace what says something about a person by short digests")
	cmd.Flags().StringVar(&o.against, "against", "", "another configuration to plan the same data under, and to compare with")
	cmd.Flags().IntVar(&o.sample, "sample", 0, "show what comes of the first `N` records, 1 to 1000, and read no others")
	cmd.Flags().BoolVar(&o.pending, "exit-code", false, "exit with 5 when there is something to do")
	cmd.Flags().BoolVar(&o.retry, "retry-failed", false, "plan also what ConnectyCube refused before, although nothing changed since")
	cmd.Flags().BoolVar(&o.listAll, "list-all", false, listAllHelp)
	return cmd
}

// look plans one pipeline.
func (c *command) look(ctx context.Context, cfg *config.Config, p *reconcile.Pipeline, order reconcile.Order, o planOrder) (*reconcile.Result, error) {
	if o.out != "" && len(cfg.Pipelines) > 1 {
		return nil, usagef("-o takes the plan of one pipeline: name it with --pipeline")
	}
	if o.out != "" {
		if _, err := checkOut(o.out); err != nil { // before anything is read
			return nil, err
		}
	}
	order.RetryRefused, order.ListAll = o.retry, o.listAll
	result, err := p.Preview(ctx, order)
	endProgress(order.Progress)
	if err != nil {
		return nil, err
	}
	if o.pending && result.Run.Status == state.Planned && result.Plan.Writes() > 0 {
		c.exit.add(exitPending)
	}
	if o.redacted {
		redactRun(&result.Run)
		result.Troubles, result.Gone = nil, nil
	}
	if result.Plan == nil {
		return result, nil // the report says why
	}
	file := &plan.File{Header: result.Header, Plan: result.Plan}
	if o.redacted {
		file = file.Redacted()
		result.Header, result.Plan, result.Run.Trips = file.Header, file.Plan, file.Header.Guards
	}
	if o.out != "" {
		if err := writeOut(o.out, file); err != nil {
			return nil, err
		}
		c.tellSaved(file, o.out)
	}
	return result, nil
}

// tellSaved says what can be done with the file.
func (c *command) tellSaved(file *plan.File, path string) {
	h := file.Header
	switch {
	case h.Redacted:
		c.tell("%s is a redacted view of the plan, for sharing; it can't be applied", path)
	case len(h.Guards) > 0:
		c.tell("%s is held by guard %s, so it can't be applied: `cubesync sync` holds it under a number, which `cubesync approve` takes", path, h.Guards[0].Guard)
	default:
		until := fmt.Sprintf("%s can be applied until %s:", path, plan.Moment(h.ExpiresAt))
		_ = plan.Advise(c.stderr, until, c.again("apply %s", quoted(path)), c.textOptions(c.stderr, 0).Width) // nobody is left to tell
	}
}
