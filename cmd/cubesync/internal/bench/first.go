package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"cubesync/sync/plan"
)

const (
	noLimit = 100_000 // requests a second: the most that a configuration takes, and more than any machine reaches
	// mostMemory is what a first import of a million and the run after it may take, in bytes.
	mostMemory = 300e6
)

// firstImport signs everybody up into an empty server, and then runs once more, when nothing is left to do. It shows users
// a second, look-ups included, and the memory of both runs.
func (b *bench) firstImport(ctx context.Context, users int, out io.Writer) error {
	server, err := b.serve(ctx)
	if err != nil {
		return err
	}
	defer server.stop()
	worker, err := b.sync(ctx, server, users, noLimit)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "first import of %s users, no limit\n", plan.Number(users))
	fmt.Fprintln(table, "run\tsign-ups\tusers/s\ts\tCPU s\tMB\trequests\t")
	before := int64(0)
	var failures []error
	for run := 1; run <= 2; run++ {
		again := *worker // a command is good for one run
		took, err := b.costOf(&again)
		if err != nil {
			return err
		}
		counters, err := server.counters(ctx)
		if err != nil {
			return err
		}
		made := counters.Written
		if made.SignUp != int64(users) || made.Update+made.Delete != 0 {
			return fmt.Errorf("after run %d the server counts %d sign-ups, %d updates and %d deletes, want %d, 0 and 0", run, made.SignUp, made.Update, made.Delete, users)
		}
		fmt.Fprintf(table, "%d\t%s\t%.0f\t%.1f\t%.1f\t%.0f\t%s\t\n", run, plan.Number(users*(2-run)),
			float64(users)/took.wall.Seconds(), took.wall.Seconds(), took.cpu.Seconds(), megabytes(took.peak), plan.Number(int(counters.Requests-before)))
		before = counters.Requests
		if took.peak > mostMemory {
			failures = append(failures, fmt.Errorf("run %d took %.0f MB, and may take %.0f", run, megabytes(took.peak), megabytes(mostMemory)))
		}
		failures = append(failures, took.check())
	}
	failures = append(failures, table.Flush())
	fmt.Fprintln(out)
	return errors.Join(failures...)
}
