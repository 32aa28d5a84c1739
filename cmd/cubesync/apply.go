package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sync/apply"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/spool"
)

func (c *command) applyCommand() *cobra.Command {
	var yes bool
	var canary string
	cmd := &cobra.Command{
		Use:   "apply FILE",
		Short: "Carry out a plan that `cubesync plan -o FILE` wrote",
		Long: "Carries out what was reviewed: looks up the accounts concerned, skips with a reason the operations whose account\n" +
			"has changed since, and does the rest. The plan's read becomes the baseline. A plan is refused (exit code 2) that\n" +
			"was altered, is redacted, has expired (plan_expires), is held by a guard, belongs to another application or\n" +
			"pipeline, was made with another configuration, or is older than what another run saw. The guards judge it again: a plan\n" +
			"that they hold by now isn't carried out (exit code 3).\n\n" +
			"With --canary 1% (or a number of operations) a sample goes first: at least one operation of each kind and of each\n" +
			"set of fields that are written, with all that it waits for. Its accounts are then read back and compared field by\n" +
			"field with the plan. Where one isn't as planned, most of the sample's operations of a kind fail, or none is sent, the rest isn't\n" +
			"sent (exit code 8), and the report shows what was sent and what came of it; otherwise the rest follows. That\n" +
			"ConnectyCube ignores a field, or makes something else of one as an earlier sample showed already, stops nothing.\n\n" + exitHelp,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("apply needs the file of one plan")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			aside := spool.NewSignUps(cfg.State)
			defer aside.Close()
			file, err := readPlan(args[0], aside)
			if err != nil {
				return err
			}
			var sample apply.Canary
			if cmd.Flags().Changed("canary") { // an empty one, of a variable that isn't set, mustn't mean none
				if sample, err = parseCanary(canary); err != nil {
					return err
				}
			}
			if c.pipeline == "" {
				if err := c.checkPipelineOf(cfg, &file.Header); err != nil {
					return err
				}
				c.pipeline = file.Header.Pipeline
			}
			return c.eachPipeline(cmd.Context(), func(ctx context.Context, cfg *config.Config, p *reconcile.Pipeline, order reconcile.Order) (*reconcile.Result, error) {
				order.Confirm = c.confirm(cfg, order.Progress, yes)
				order.Canary = sample
				return p.Apply(ctx, file, order)
			})
		},
	}
	c.configFlags(cmd)
	c.reportFlags(cmd)
	cmd.Flags().StringVar(&canary, "canary", "", "send a sample first, such as 1% or 50 operations, read it back, and go on only if it is as planned")
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask before the first run that writes to an application that isn't the embedded emulator")
	return cmd
}

// checkPipelineOf refuses a plan of a pipeline that the configuration doesn't have, as after one was renamed.
func (c *command) checkPipelineOf(cfg *config.Config, h *plan.Header) error {
	var names []string
	for _, p := range cfg.Pipelines {
		if p.Name == h.Pipeline {
			return nil
		}
		names = append(names, p.Name)
	}
	return usagef("the plan is of pipeline %q, and %s has %q: name the configuration that it was made with by --config, or make the plan again under the new name",
		h.Pipeline, c.configPath, names)
}

// parseCanary reads a share of the operations, such as 1%, or a number of them.
func parseCanary(text string) (apply.Canary, error) {
	if digits, percent := strings.CutSuffix(text, "%"); percent {
		if share, err := strconv.ParseFloat(digits, 64); err == nil && share > 0 && share <= 100 {
			return apply.Canary{Share: share / 100}, nil
		}
	} else if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return apply.Canary{Count: n}, nil
	}
	return apply.Canary{}, usagef("--canary %q: write a share from above 0%% to 100%%, such as 1%%, or a number of operations", text)
}

// readPlan reads a plan file. One that can't be read, or isn't whole, is the caller's mistake.
func readPlan(path string, aside plan.Aside) (*plan.File, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, usageError{err}
	}
	defer func() { _ = in.Close() }() // it was only read
	file, err := plan.ReadFile(in, aside)
	if bad, ok := errors.AsType[*plan.FileError](err); ok {
		return nil, fmt.Errorf("plan file %s: %w", path, bad)
	}
	return file, err
}
