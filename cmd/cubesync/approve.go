package main

import (
	"context"

	"github.com/spf13/cobra"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sync/reconcile"
)

func (c *command) approveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "approve RUN",
		Short: "Carry out the plan of a held run as it was shown",
		Long: "Carries the saved plan of a held run out although a guard stopped it, and makes its read and its configuration\n" +
			"the baseline. Operations whose account has changed since are skipped, with the reason. A newer run supersedes a\n" +
			"held one, unless it made the same plan. That the source is empty can't be approved, nor a plan that releases or\n" +
			"deletes once it has expired (plan_expires): sync again.\n\n" + exitHelp,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("approve needs the number of one held run")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := runNumber(args[0])
			if err != nil {
				return err
			}
			return c.eachPipeline(cmd.Context(), func(ctx context.Context, cfg *config.Config, p *reconcile.Pipeline, order reconcile.Order) (*reconcile.Result, error) {
				if len(cfg.Pipelines) > 1 {
					return nil, usagef("name the pipeline of run %d with --pipeline", number)
				}
				order.Confirm = c.confirm(cfg, order.Progress, true)
				return p.Approve(ctx, number, order)
			})
		},
	}
	c.configFlags(cmd)
	c.reportFlags(cmd)
	return cmd
}
