package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/source/csvfile"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/report"
	"cubesync/sync/spool"
	"cubesync/sync/state"
)

func (c *command) runsCommand() *cobra.Command {
	limit := listLines
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List the kept runs, newest first",
		Long:  "Lists the runs that the state keeps (keep_runs), newest first. Only the state is read.\n\n" + exitHelp,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.listRuns(cmd.Context(), limit)
		},
	}
	c.configFlags(cmd)
	cmd.Flags().IntVar(&limit, "limit", limit, "how many runs of each pipeline are listed; 0: all")
	cmd.Flags().StringVar(&c.format, "format", formatText, "how they are written to standard output: text or json")
	cmd.AddCommand(c.runsShowCommand())
	return cmd
}

func (c *command) listRuns(ctx context.Context, limit int) error {
	if c.format != formatText && c.format != formatJSON {
		return usagef("--format %q: write text or json", c.format)
	}
	cfg, err := c.load()
	if err != nil {
		return err
	}
	var all []report.Runs
	for _, p := range cfg.Pipelines {
		store, err := peek(ctx, cfg, p)
		if err != nil {
			return err
		}
		runs, err := store.Runs(ctx, limit)
		if err != nil {
			return err
		}
		all = append(all, report.Runs{Pipeline: p.Name, Runs: runs})
	}
	if c.format == formatJSON {
		return report.WriteRunsJSON(c.stdout, all)
	}
	return report.WriteRuns(c.stdout, all)
}

// peek opens the state of a pipeline for reading.
func peek(ctx context.Context, cfg *config.Config, p config.Pipeline) (*state.Store, error) {
	return state.Peek(ctx, cfg.State, identityOf(cfg, p))
}

func (c *command) runsShowCommand() *cobra.Command {
	rejects := false
	cmd := &cobra.Command{
		Use:   "show RUN",
		Short: "Show one run again, from what the state keeps of it",
		Long: "Shows the report of a run again, and its plan where it wrote nothing. Only the state is read.\n\n" +
			"With --rejects, the rejected records are written as CSV in the source's own columns, followed by their position,\n" +
			"the reason and what to do. Corrected, they belong back into the source: read by themselves, they would make everybody\n" +
			"else a leaver. Columns of passwords, and those\n" +
			"that aren't mapped, are left empty. A cell that a spreadsheet would take for a formula begins with an apostrophe,\n" +
			"which cubesync takes off again.\n\n" + exitHelp,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("runs show needs the number of one run")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := runNumber(args[0])
			if err != nil {
				return err
			}
			if err := c.checkFormat(); err != nil {
				return err
			}
			if rejects && cmd.Flags().Changed("format") {
				return usagef("--rejects writes CSV: leave --format %s out; without --rejects, --format json has the rejects under plan.rejects", c.format)
			}
			return c.showRun(cmd.Context(), number, rejects)
		},
	}
	c.configFlags(cmd)
	c.reportFlags(cmd)
	cmd.Flags().BoolVar(&rejects, "rejects", false, "write the rejected records as CSV, ready to be corrected")
	return cmd
}

func runNumber(text string) (int64, error) {
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number <= 0 {
		return 0, usagef("%q is no number of a run", text)
	}
	return number, nil
}

func (c *command) showRun(ctx context.Context, number int64, rejects bool) error {
	cfg, p, err := c.onePipeline("run " + strconv.FormatInt(number, 10))
	if err != nil {
		return err
	}
	store, err := peek(ctx, cfg, p)
	if err != nil {
		return err
	}
	stored, err := storedRun(ctx, store, number, cfg.State)
	if err != nil {
		return err
	}
	defer stored.Close()
	if rejects {
		return c.showRejects(stored, p)
	}
	header := plan.Header{}
	if stored.file != nil {
		header = stored.file.Header
	}
	if header.Forgotten > 0 {
		c.tell("somebody was forgotten since; taken out or changed in this plan: %s", plan.Counted(header.Forgotten, "line"))
	}
	shown, err := report.FromState(stored.run, stored.file, stored.outcomes)
	if err != nil {
		return err
	}
	return c.showReport(shown, &header)
}

// onePipeline loads the configuration where one pipeline must be meant.
func (c *command) onePipeline(of string) (*config.Config, config.Pipeline, error) {
	cfg, err := c.load()
	if err != nil {
		return nil, config.Pipeline{}, err
	}
	if len(cfg.Pipelines) > 1 {
		return nil, config.Pipeline{}, usagef("name the pipeline of %s with --pipeline", of)
	}
	return cfg, cfg.Pipelines[0], nil
}

// stored is what the state keeps of a run. It has to be closed.
type stored struct {
	run      state.Run
	file     *plan.File // nil where it made no plan
	outcomes report.Outcomes
	aside    *spool.SignUps
}

// Close frees what it has on the disk.
func (s *stored) Close() { s.aside.Close() }

// storedRun returns what is kept of a run. What is too much of it for memory lies in the folder.
func storedRun(ctx context.Context, store *state.Store, number int64, folder string) (*stored, error) {
	run, err := store.Run(ctx, number)
	if err != nil {
		return nil, err
	}
	aside := spool.NewSignUps(folder)
	file, err := reconcile.StoredPlan(store, run, aside)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		aside.Close()
		return nil, err
	}
	outcomes := func(yield func(state.StoredOutcome) error) error { return store.Outcomes(ctx, number, yield) }
	return &stored{run, file, outcomes, aside}, nil
}

func (c *command) showRejects(s *stored, p config.Pipeline) error {
	if s.file == nil {
		return usagef("run %d made no plan, so that it rejected nothing by itself: %s", s.run.ID, s.run.Problem)
	}
	without, err := c.writeRejects(s, p)
	if err != nil {
		return err
	}
	if hidden := s.file.Header.LeftEmpty; len(hidden) > 0 {
		c.tell("left empty, because they hold passwords or aren't mapped: %q", hidden)
	}
	if without > 0 {
		c.tell("records without cells, because they couldn't be told apart or the source changed: %s; see their positions", plan.Number(without))
	}
	return nil
}

// writeRejects writes the rejected records of a CSV file as the configuration says that the file is written, but for what shows that
// a file is whole: this one isn't everybody there is.
func (c *command) writeRejects(s *stored, p config.Pipeline) (without int, err error) {
	options := report.RejectOptions{Key: p.Mapping.ExternalID.Column}
	csv := p.Source.CSV
	if csv == nil {
		return report.WriteRejects(c.stdout, s.file, options)
	}
	options.Delimiter, options.Comment = csv.Delimiter, csv.Comment
	if csv.NullValue != nil {
		options.Null = *csv.NullValue
	}
	encoding := csv.Encoding
	if isTerminal(c.stdout) {
		encoding = "" // a person reads it
	}
	out, err := csvfile.Encode(c.stdout, encoding)
	if err != nil {
		return 0, err
	}
	for range csv.SkipRows {
		if _, err := fmt.Fprintf(out, "rejected records of run %d\n", s.run.ID); err != nil {
			return 0, err
		}
	}
	without, err = report.WriteRejects(out, s.file, options)
	if err = errors.Join(err, out.Close()); err == nil && len(s.file.Plan.Rejects) > 0 {
		c.tellHowToRead(csv, p.Policy.Leavers)
	}
	return without, err
}

// tellHowToRead says what has to be another in a configuration that reads the rejected records by themselves.
func (c *command) tellHowToRead(csv *config.CSV, leavers plan.Leavers) {
	var changes []string
	if leavers != plan.KeepLeavers {
		changes = append(changes, "with leavers: keep")
	}
	if csv.Complete != (config.Complete{}) {
		changes = append(changes, "without complete")
	}
	if csv.Files > 0 {
		changes = append(changes, "without files")
	}
	if len(csv.Columns) > 0 {
		changes = append(changes, "without columns")
	}
	if len(changes) > 0 {
		c.tell("these aren't all records: put them back among the others once they are corrected, or read them by themselves under a configuration %s", strings.Join(changes, ", "))
	}
}
