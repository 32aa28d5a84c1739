package main

import (
	"context"

	"github.com/spf13/cobra"

	"cubesync/sync/report"
	"cubesync/sync/state"
)

func (c *command) stateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Look after what cubesync keeps",
		Long: "The state holds what cubesync remembers between runs: the accounts it owns, the journal, the runs and their plans.\n\n" +
			"`cubesync state check` says whether it is sound, `cubesync state forget USER` removes a person from it.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no state command %q: write check or forget", args[0])
			}
			return usagef("write state check, or state forget USER")
		},
		RunE: func(*cobra.Command, []string) error { return nil }, // its arguments are refused before
	}
	cmd.AddCommand(c.stateCheckCommand(), c.stateForgetCommand())
	return cmd
}

func (c *command) stateCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check that the state is sound, and change nothing",
		Long: "Says of each pipeline where its state lies, how large it is and what it holds, and checks the version, the\n" +
			"database's own structure, the sums of all that is known, the journal, the kept plans, and who may read the files.\n" +
			"Says what is wrong and what to do, who holds the lock, and which states in the folder none of the pipelines uses. It\n" +
			"changes nothing, takes no lock, and may be used beside a run.\n\n" +
			"Exit codes:\n    0  every state is sound, or not there yet\n    1  something is wrong with one of them\n    2  usage or configuration",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.checkStates(cmd.Context()) },
	}
	c.configFlags(cmd)
	cmd.Flags().StringVar(&c.format, "format", formatText, "how it is written to standard output: text or json")
	return cmd
}

func (c *command) checkStates(ctx context.Context) error {
	if c.format != formatText && c.format != formatJSON {
		return usagef("--format %q: write text or json", c.format)
	}
	cfg, err := c.load()
	if err != nil {
		return err
	}
	all := report.Checkups{States: []*state.Checkup{}, Strays: []state.Stray{}}
	var used []state.Identity
	for _, p := range cfg.Pipelines {
		id := identityOf(cfg, p)
		used = append(used, id)
		checkup, err := state.Check(ctx, cfg.State, id)
		if err != nil {
			return err
		}
		all.States = append(all.States, checkup)
	}
	if c.pipeline == "" { // otherwise the others' are strangers too
		strays, err := state.Strays(ctx, cfg.State, used)
		if err != nil {
			return err
		}
		all.Strays = append(all.Strays, strays...)
	}
	if !all.Sound() {
		c.exit.add(exitFailure)
	}
	if c.format == formatJSON {
		return all.WriteJSON(c.stdout)
	}
	return c.write(all.WriteText)
}
