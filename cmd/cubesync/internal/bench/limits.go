package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"text/tabwriter"
	"time"

	"cubesync/sink/emulator"
)

// limit is one way to run into a limit, and what is wanted of it.
type limit struct {
	ours, hidden int           // requests a second; a hidden one, the server's own, is below ours, or 0
	calm, span   time.Duration // it is measured for a span that begins so long after the first sign-up
	used         float64       // of the lower limit, at least
	refused      float64       // of the answers, less than that; 0: none at all
}

func limitsMeasured() []limit {
	const span = 12 * time.Second
	return []limit{
		{ours: 50, span: span, used: 0.97},
		{ours: 500, span: span, used: 0.97},
		{ours: 5000, span: span, used: 0.97},
		{ours: 500, hidden: 300, calm: time.Minute, span: 30 * time.Second, used: 0.9, refused: 0.01},
	}
}

// limits shows how well each limit is used and kept, and how long whole runs take far away from the service.
func (b *bench) limits(ctx context.Context, out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "limit/s\tserver's own\tused\tworst second\t429\t")
	var failures []error
	for _, l := range limitsMeasured() {
		u, err := b.limited(ctx, l)
		if err != nil {
			return fmt.Errorf("limit %d: %w", l.ours, err)
		}
		own := "-"
		if l.hidden > 0 {
			own = fmt.Sprint(l.hidden)
		}
		fmt.Fprintf(table, "%d\t%s\t%.2f %%\t%d\t%.3f %%\t\n", l.ours, own, 100*u.used, u.worst, 100*u.refused)
		failures = append(failures, l.check(u))
	}
	failures = append(failures, table.Flush())
	fmt.Fprintln(out)
	return errors.Join(append(failures, b.distances(ctx, out))...)
}

// usage is how a limit was used.
type usage struct {
	used    float64 // share of the lower limit, over the span
	worst   int     // requests in the busiest sliding second
	refused float64 // share of the answers that were 429, over the span
}

// check says what of the usage isn't as it should be.
func (l limit) check(u usage) error {
	switch {
	case u.used < l.used:
		return fmt.Errorf("limit %d: used %.2f %%, want %.0f %%", l.ours, 100*u.used, 100*l.used)
	case u.worst > l.ours:
		return fmt.Errorf("limit %d: worst second %d", l.ours, u.worst)
	case u.refused > 0 && u.refused >= l.refused:
		return fmt.Errorf("limit %d: %.3f %% of the answers are 429", l.ours, 100*u.refused)
	}
	return nil
}

// limited imports under a limit and measures over the span while there is work.
func (b *bench) limited(ctx context.Context, l limit) (usage, error) {
	var args []string
	lower := l.ours
	if l.hidden > 0 {
		lower, args = l.hidden, []string{"--rate-limit", fmt.Sprint(l.hidden)}
	}
	server, err := b.serve(ctx, args...)
	if err != nil {
		return usage{}, err
	}
	defer server.stop()
	const beyond = 4 * time.Second
	worker, err := b.sync(ctx, server, int((l.calm+l.span+beyond).Seconds())*lower, l.ours)
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
	time.Sleep(l.calm)
	if first, err = server.counters(ctx); err != nil {
		return usage{}, err
	}
	began := time.Now()
	time.Sleep(l.span)
	last, err := server.counters(ctx)
	if err != nil {
		return usage{}, err
	}
	return usageBetween(first, last, time.Since(began), lower), nil
}

func usageBetween(first, last emulator.Counters, took time.Duration, limit int) usage {
	var refused int64
	for kind, n := range last.Refused {
		refused += n - first.Refused[kind]
	}
	arrived := last.Requests - first.Requests
	return usage{
		used:  float64(arrived-refused) / took.Seconds() / float64(limit),
		worst: last.WorstSecond.Requests, refused: float64(refused) / float64(max(1, arrived)),
	}
}
