package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"cubesync/sync/plan"
)

const (
	loopUsers  = 100_000
	loopRounds = 3
	leastShare = 0.75 // of the loop's sign-ups a second does the apply phase reach, at least
)

// loops signs users up at servers that know nobody, in turn by the program and by a bare loop, and shows how many sign-ups a
// second the program's apply phase and the loop reach.
func (b *bench) loops(ctx context.Context, out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(out, "%s sign-ups, %d at once, no limit\n", plan.Number(loopUsers), atOnce)
	fmt.Fprintln(table, "round\tapply/s\tbare loop/s\tshare\t")
	var shares []float64
	for round := range loopRounds {
		applied, err := b.signedUp(ctx, func(s *server) (time.Duration, error) { return b.applied(ctx, s) })
		if err != nil {
			return err
		}
		looped, err := b.signedUp(ctx, func(s *server) (time.Duration, error) { return loop(ctx, s.endpoint, loopUsers) })
		if err != nil {
			return err
		}
		share := looped.Seconds() / applied.Seconds()
		shares = append(shares, share)
		fmt.Fprintf(table, "%d\t%.0f\t%.0f\t%.2f\t\n", round+1, loopUsers/applied.Seconds(), loopUsers/looped.Seconds(), share)
	}
	err := table.Flush()
	fmt.Fprintln(out)
	slices.Sort(shares)
	if median := shares[loopRounds/2]; median < leastShare {
		err = errors.Join(err, fmt.Errorf("the apply phase reached %.2f of the loop's sign-ups a second, want %.2f", median, leastShare))
	}
	return err
}

// signedUp has somebody sign everybody up at a server of their own, and returns how long they say that it took.
func (b *bench) signedUp(ctx context.Context, by func(*server) (time.Duration, error)) (time.Duration, error) {
	server, err := b.serve(ctx)
	if err != nil {
		return 0, err
	}
	defer server.stop()
	took, err := by(server)
	if err != nil {
		return 0, err
	}
	counters, err := server.counters(ctx)
	if err == nil && counters.Written.SignUp != loopUsers {
		err = fmt.Errorf("%d of %d users were signed up", counters.Written.SignUp, loopUsers)
	}
	return took, err
}

// applied is how long the apply phase of a run of the program took.
func (b *bench) applied(ctx context.Context, server *server) (time.Duration, error) {
	worker, err := b.sync(ctx, server, loopUsers, noLimit, "--log-format", "json")
	if err != nil {
		return 0, err
	}
	var said bytes.Buffer
	worker.Stderr = &said
	if err := worker.Run(); err != nil {
		return 0, fmt.Errorf("sync: %w\n%s", err, said.Bytes())
	}
	return applyPhase(&said)
}

// applyPhase finds in a log how long the apply phase took.
func applyPhase(log io.Reader) (time.Duration, error) {
	for lines := json.NewDecoder(log); ; {
		var line struct {
			Message string `json:"msg"`
			Phase   string
			Done    int
			Took    string
		}
		if err := lines.Decode(&line); err != nil {
			return 0, fmt.Errorf("the log doesn't say how long the apply phase took: %w", err)
		}
		if line.Message != "phase ended" || line.Phase != "apply" {
			continue
		}
		took, err := time.ParseDuration(line.Took)
		if err == nil && (line.Done != loopUsers || took <= 0) {
			err = fmt.Errorf("the apply phase is said to have made %d sign-ups in %v", line.Done, took)
		}
		return took, err
	}
}
