package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sync/reconcile"
)

func (c *command) approveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "approve RUN",
		Short: "Carry out the plan of a held run, if it is still the same",
		Long: "Plans again and, if the plan is the one that the held run showed, carries it out although a guard stopped it.\n" +
			"If anything has changed since, it is held again.\n\n" + exitHelp,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("approve needs the number of one held run")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return usagef("%q is no number of a run", args[0])
			}
			return c.eachPipeline(cmd.Context(), func(ctx context.Context, cfg *config.Config, p *reconcile.Pipeline, order reconcile.Order) (*reconcile.Result, error) {
				if len(cfg.Pipelines) > 1 {
					return nil, usagef("name the pipeline of run %d with --pipeline", number)
				}
				held, err := p.Held(ctx, number)
				if err != nil {
					return nil, err
				}
				order.Approved, order.Confirm = held, c.confirm(cfg, order.Progress, true)
				return p.Sync(ctx, order)
			})
		},
	}
	c.configFlags(cmd)
	c.reportFlags(cmd)
	return cmd
}
