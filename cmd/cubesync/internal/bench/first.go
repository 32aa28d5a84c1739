package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"text/tabwriter"

	"cubesync/sink/emulator"
	"cubesync/sync/plan"
)

const (
	noLimit = 100_000 // requests a second: the most that a configuration takes, and more than any machine reaches
	// mostMemory is what each command of a first import of a million may take, in bytes.
	mostMemory = 300e6
)

// step is one command of an import.
type step struct {
	name    string
	args    []string
	signUps int // by the end of it
}

// firstImport signs everybody up into an empty server: with one command, and then runs once more, when nothing is left to do;
// and by a plan that is saved, carried out, and shown again. It shows users a second, look-ups included, and the memory of
// each command.
func (b *bench) firstImport(ctx context.Context, users int, out io.Writer) error {
	sync := []string{"sync", "--yes"}
	saved := filepath.Join(b.folder, "import.plan")
	return errors.Join(
		b.importing(ctx, "first import", users, out, []step{{"1", sync, users}, {"2", sync, users}}),
		b.importing(ctx, "first import by a saved plan", users, out, []step{
			{"plan", []string{"plan", "-o", saved}, 0},
			{"apply", []string{"apply", saved, "--yes"}, users},
			{"show", []string{"runs", "show", "1"}, users},
		}),
	)
}

// importing measures the steps of an import of its own.
func (b *bench) importing(ctx context.Context, name string, users int, out io.Writer, steps []step) error {
	server, err := b.serve(ctx)
	if err != nil {
		return err
	}
	defer server.stop()
	config, err := b.company(ctx, server, users, noLimit)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "%s of %s users, no limit\n", name, plan.Number(users))
	fmt.Fprintln(table, "run\tsign-ups\tusers/s\ts\tCPU s\tMB\trequests\t")
	var before emulator.Counters
	var failures []error
	for _, s := range steps {
		took, err := b.costOf(exec.CommandContext(ctx, b.program, append(s.args, "-c", config)...))
		if err != nil {
			return err
		}
		counters, err := server.counters(ctx)
		if err != nil {
			return err
		}
		made := counters.Written
		if made.SignUp != int64(s.signUps) || made.Update+made.Delete != 0 {
			return fmt.Errorf("after %s the server counts %d sign-ups, %d updates and %d deletes, want %d, 0 and 0", s.name, made.SignUp, made.Update, made.Delete, s.signUps)
		}
		fmt.Fprintf(table, "%s\t%s\t%.0f\t%.1f\t%.1f\t%.0f\t%s\t\n", s.name, plan.Number(int(made.SignUp-before.Written.SignUp)),
			float64(users)/took.wall.Seconds(), took.wall.Seconds(), took.cpu.Seconds(), megabytes(took.peak), plan.Number(int(counters.Requests-before.Requests)))
		before = counters
		if took.peak > mostMemory {
			failures = append(failures, fmt.Errorf("%s took %.0f MB, and may take %.0f", s.name, megabytes(took.peak), megabytes(mostMemory)))
		}
		failures = append(failures, took.check())
	}
	failures = append(failures, table.Flush())
	fmt.Fprintln(out)
	return errors.Join(failures...)
}
