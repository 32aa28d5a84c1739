package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"cubesync/sync/state"
)

const (
	farLimit   = 200    // requests a second of the runs far away
	farUsers   = 11_000 // a minute of them: what can't be done at the same time takes a second, at a fifth of a second each
	permitRate = 0.98   // of the limit is what the client sends
	longest    = 1.02   // times what its calls take at that rate, and one latency, may a run take
)

// distances shows how long whole runs take at some latencies, and whether they made exactly the calls that were announced.
func (b *bench) distances(ctx context.Context, out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "latency\tlimit/s\tcalls\tannounced\ttook\tof the shortest\tworst second\t")
	var failures []error
	for _, latency := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond} {
		d, err := b.distant(ctx, latency)
		if err != nil {
			return fmt.Errorf("latency %v: %w", latency, err)
		}
		fmt.Fprintf(table, "%v\t%d\t%d\t%d\t%.2f s\t%.4f\t%d\t\n", latency, farLimit, d.made, d.announced, d.took.Seconds(), d.share(), d.worst)
		if err := d.check(); err != nil {
			failures = append(failures, fmt.Errorf("latency %v: %w", latency, err))
		}
	}
	failures = append(failures, table.Flush())
	fmt.Fprintln(out)
	return errors.Join(failures...)
}

// distance is a whole run far away.
type distance struct {
	latency         time.Duration
	made, announced int // calls
	took            time.Duration
	worst           int
}

// share is how many times as long it took as its calls take at the rate.
func (d distance) share() float64 {
	return d.took.Seconds() / (float64(d.made)/(permitRate*farLimit) + d.latency.Seconds())
}

func (d distance) check() error {
	switch {
	case d.share() > longest:
		return fmt.Errorf("the run took %.4f of the shortest time, want %.2f", d.share(), longest)
	case d.made != d.announced:
		return fmt.Errorf("%d calls were announced, %d made", d.announced, d.made)
	case d.worst > farLimit:
		return fmt.Errorf("worst second %d", d.worst)
	}
	return nil
}

// distant imports users into a server that answers so late.
func (b *bench) distant(ctx context.Context, latency time.Duration) (distance, error) {
	server, err := b.serve(ctx)
	if err != nil {
		return distance{}, err
	}
	defer server.stop()
	if err := server.delay(ctx, latency); err != nil {
		return distance{}, err
	}
	worker, err := b.sync(ctx, server, farUsers, farLimit, "--format", "json")
	if err != nil {
		return distance{}, err
	}
	var said bytes.Buffer
	worker.Stdout = &said
	if err := b.execute(worker); err != nil {
		return distance{}, err
	}
	var report struct{ Run state.Run }
	if err := json.Unmarshal(said.Bytes(), &report); err != nil {
		return distance{}, err
	}
	counters, err := server.counters(ctx)
	run := report.Run
	if err != nil || run.Budget == nil || counters.Written.SignUp != farUsers {
		return distance{}, errors.Join(err, fmt.Errorf("the run made %d of %d users", counters.Written.SignUp, farUsers))
	}
	return distance{
		latency: latency, made: run.Budget.Made.Sum(), announced: run.Budget.Announced.Sum(),
		took: run.EndedAt.Sub(run.StartedAt), worst: counters.WorstSecond.Requests,
	}, nil
}
