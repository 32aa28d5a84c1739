package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"text/tabwriter"
	"time"

	"cubesync/sink/emulator"
)

const (
	imported  = 100_000 // users of a first import
	noLimit   = 100_000 // requests a second: the most that a configuration takes, and more than any machine reaches
	span      = 20 * time.Second
	supply    = 24 // seconds for which there are users to sign up, under a limit
	leastUsed = 0.97
)

// firstImport signs everybody up into an empty server and shows users a second, look-ups included.
func (b *bench) firstImport(ctx context.Context, out io.Writer) error {
	server, err := b.serve(ctx)
	if err != nil {
		return err
	}
	defer server.stop()
	worker, err := b.sync(ctx, server, imported, noLimit)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := b.execute(worker); err != nil {
		return err
	}
	took := time.Since(began)
	counters, err := server.counters(ctx)
	if err != nil {
		return err
	}
	if counters.Written.SignUp != imported {
		return fmt.Errorf("the server counts %d sign-ups, want %d", counters.Written.SignUp, imported)
	}
	fmt.Fprintf(out, "first import of %d users, no limit: %.0f users/s\n\n", imported, imported/took.Seconds())
	return nil
}

// limits shows how well each limit is used and kept.
func (b *bench) limits(ctx context.Context, out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "limit/s\tused\tworst second\t429\t")
	var failures []error
	for _, limit := range []int{50, 500, 5000} {
		m, err := b.limited(ctx, limit)
		if err != nil {
			return fmt.Errorf("limit %d: %w", limit, err)
		}
		fmt.Fprintf(table, "%d\t%.2f %%\t%d\t%d\t\n", limit, 100*m.used, m.worst, m.throttled)
		if m.used < leastUsed || m.worst > limit {
			failures = append(failures, fmt.Errorf("limit %d: used %.2f %%, worst second %d", limit, 100*m.used, m.worst))
		}
	}
	failures = append(failures, table.Flush())
	fmt.Fprintln(out)
	return errors.Join(failures...)
}

// usage is how a limit was used.
type usage struct {
	used      float64 // share of the limit, over the span
	worst     int     // requests in the busiest sliding second
	throttled int64
}

// limited imports under a limit and measures over the span while there is work.
func (b *bench) limited(ctx context.Context, limit int) (usage, error) {
	server, err := b.serve(ctx)
	if err != nil {
		return usage{}, err
	}
	defer server.stop()
	worker, err := b.sync(ctx, server, supply*limit, limit)
	if err != nil {
		return usage{}, err
	}
	worker.Stderr = b.logs
	if err := worker.Start(); err != nil {
		return usage{}, err
	}
	defer func() { _ = worker.Wait() }() // it was interrupted on purpose
	defer func() { _ = worker.Process.Signal(syscall.SIGTERM) }()

	var first emulator.Counters
	for first.ByKind[emulator.SignUp] == 0 { // what comes before is read and planned, not sent
		if first, err = server.counters(ctx); err != nil {
			return usage{}, err
		}
		time.Sleep(10 * time.Millisecond)
	}
	began := time.Now()
	time.Sleep(span)
	last, err := server.counters(ctx)
	if err != nil {
		return usage{}, err
	}
	m := usage{
		used:  float64(last.Requests-first.Requests) / time.Since(began).Seconds() / float64(limit),
		worst: last.WorstSecond.Requests,
	}
	for _, refused := range last.Refused {
		m.throttled += refused
	}
	return m, nil
}

// sync is a run of the program over so many users, in a folder of its own.
func (b *bench) sync(ctx context.Context, server *server, users, limit int) (*exec.Cmd, error) {
	folder, err := os.MkdirTemp(b.folder, "run-")
	if err != nil {
		return nil, err
	}
	if err := b.generate(ctx, users, filepath.Join(folder, "users.csv")); err != nil {
		return nil, err
	}
	path, err := writeConfig(folder, server.endpoint, limit, "leavers: keep")
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, b.program, "sync", "--yes", "-c", path), nil
}
