package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/report"
	"cubesync/sync/state"
)

func (c *command) explainCommand() *cobra.Command {
	var run int64
	var fresh bool
	cmd := &cobra.Command{
		Use:   "explain USER",
		Short: "Explain what a run decided about a user, and why",
		Long: "USER is an external ID, a login, an e-mail or an account id. What the last run, or the one that --run names,\n" +
			"decided about them is explained from its saved plan: by which keys they were recognised, whose the account is,\n" +
			"field by field what was compared and by which rule, the guards, and how it ended, with ConnectyCube's words.\n\n" +
			"With --read-source, the source and ConnectyCube are read afresh, and the way from the record to the user is\n" +
			"shown step by step. Nothing is written. Whom nobody knows is told so, with exit code 2.\n\n" + exitHelp,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return usagef("explain needs one user: an external ID, a login, an e-mail or an account id")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case c.format != formatText && c.format != formatJSON:
				return usagef("--format %q: write text or json", c.format)
			case fresh && cmd.Flags().Changed("run"):
				return usagef("--read-source explains afresh, and --run what was: choose one")
			case cmd.Flags().Changed("run") && run <= 0:
				return usagef("--run %d: write the number of a run", run)
			case fresh:
				return c.explainAfresh(cmd.Context(), args[0])
			}
			return c.explainRun(cmd.Context(), args[0], run)
		},
	}
	c.configFlags(cmd)
	cmd.Flags().Int64Var(&run, "run", 0, "the run to explain (default: the last one that made a plan)")
	cmd.Flags().BoolVar(&fresh, "read-source", false, "read the source and ConnectyCube afresh, and show the mapping step by step")
	cmd.Flags().StringVar(&c.format, "format", formatText, "how it is written to standard output: text or json")
	return cmd
}

// explainRun explains from what the state keeps.
func (c *command) explainRun(ctx context.Context, who string, number int64) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if number != 0 && len(cfg.Pipelines) > 1 {
		return usagef("name the pipeline of run %d with --pipeline", number)
	}
	var found []report.Explanation
	planned := false
	for _, p := range cfg.Pipelines {
		store, err := peek(ctx, cfg, p)
		if err != nil {
			return err
		}
		made, explained, err := explainKept(ctx, store, number, cfg.State, who)
		if err != nil {
			return fmt.Errorf("pipeline %s: %w", p.Name, err)
		}
		planned = planned || made
		found = append(found, explained...)
	}
	if !planned {
		return usagef("no kept run made a plan: run `cubesync sync` first, or explain with --read-source")
	}
	if len(found) == 0 {
		return usagef("nobody is known as %q: it is no external ID, login, e-mail or account id of a plan or of a known account; --read-source looks into the source", who)
	}
	if c.format == formatJSON {
		return report.WriteExplanationJSON(c.stdout, found)
	}
	return c.write(func(w io.Writer) error { return report.WriteExplanation(w, found) })
}

// explainKept explains from what is kept of the run of that number: see planOf. It reports whether there is a plan.
func explainKept(ctx context.Context, store *state.Store, number int64, folder, who string) (planned bool, found []report.Explanation, err error) {
	run, err := planOf(ctx, store, number, folder)
	if err != nil || run == nil {
		return false, nil, err
	}
	defer run.Close()
	found, err = explainFrom(ctx, store, run, who)
	return true, found, err
}

func explainFrom(ctx context.Context, store *state.Store, run *stored, who string) ([]report.Explanation, error) {
	found, err := report.Explain(run.run, run.file, run.outcomes, who)
	if err != nil || len(found) > 0 {
		return found, err
	}
	known, err := store.Lookup(ctx, who)
	if err != nil {
		return nil, err
	}
	for _, a := range known {
		explained, err := report.Explain(run.run, run.file, run.outcomes, a.ExternalID) // named by what it is called since
		if err != nil {
			return nil, err
		}
		if len(explained) == 0 {
			explained = []report.Explanation{report.Unchanged(run.run, a)}
		}
		found = append(found, explained...)
	}
	return found, nil
}

// planOf returns the run of that number, or with 0 the last one that made a plan; nil where none did.
func planOf(ctx context.Context, store *state.Store, number int64, folder string) (*stored, error) {
	if number != 0 {
		s, err := storedRun(ctx, store, number, folder)
		if err == nil && s.file == nil {
			s.Close()
			return nil, usagef("run %d made no plan: it ended as %s: %s", number, s.run.Status, s.run.Problem)
		}
		return s, err
	}
	runs, err := store.Runs(ctx, 0)
	if err != nil {
		return nil, err
	}
	for _, run := range runs {
		s, err := storedRun(ctx, store, run.ID, folder)
		if err != nil || s.file != nil {
			return s, err
		}
		s.Close()
	}
	return nil, nil
}

// explainAfresh reads both sides again.
func (c *command) explainAfresh(ctx context.Context, who string) error {
	var found []report.Explanation
	var traced []reconcile.Traced
	err := c.visitPipelines(ctx, func(ctx context.Context, v visit) error {
		records, err := v.pipeline.Trace(ctx, who)
		if err != nil {
			return err
		}
		result, err := v.pipeline.Preview(ctx, v.order)
		if err != nil {
			return err
		}
		defer result.Close()
		if code := codeOfRun(result.Run); code != exitHeld { // what a guard thinks of the run is no answer here
			c.exit.add(code)
		}
		traced = append(traced, records...)
		if result.Plan == nil {
			return errors.New(result.Run.Problem)
		}
		file := &plan.File{Header: result.Header, Plan: result.Plan}
		explained, err := report.Explain(result.Run, file, nil, who)
		found = append(found, explained...)
		return err
	})
	switch {
	case err != nil:
		return err
	case len(found)+len(traced) == 0:
		return usagef("nobody is known as %q: no record of the source and no operation has it as external ID, login, e-mail or account id", who)
	default:
		return c.showAfresh(traced, found)
	}
}
