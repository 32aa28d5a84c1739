package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"cubesync/sync/plan"
)

// round is one plan and one join of the same users.
type round struct {
	planned planned
	joined  joined
}

// planning measures plans and joins in turn and shows each round, the medians, and how many times as much the program
// takes. Both must find exactly what was made to differ.
func (b *bench) planning(ctx context.Context, o options, out io.Writer) error {
	began := time.Now()
	site, err := b.prepare(ctx, o.users)
	if err != nil {
		return err
	}
	defer site.server.stop()
	fmt.Fprintf(out, "plan of %s users, %s added, %s changed, %s gone; prepared in %s\n", plan.Number(o.users),
		plan.Number(site.made.Added), plan.Number(site.made.Changed), plan.Number(site.made.Gone), time.Since(began).Round(time.Second))
	fmt.Fprintf(out, "two nights without a change before: %s and %s requests\n", plan.Number(site.nights[0]), plan.Number(site.nights[1]))
	var rounds []round
	for n := range o.rounds + 1 {
		r, err := site.round(ctx)
		if err != nil {
			return err
		}
		if n > 0 { // the first one warms the page cache
			rounds = append(rounds, r)
		}
	}
	return show(out, rounds)
}

func (s *site) round(ctx context.Context) (r round, err error) {
	var found differences
	if r.planned, found, err = s.plan(ctx); err != nil {
		return r, err
	}
	if found != s.made {
		return r, fmt.Errorf("the program finds %+v, and there are %+v", found, s.made)
	}
	if r.joined, found, err = s.join(ctx, s.before, s.after, filepath.Join(s.folder, "joined.csv")); err != nil {
		return r, err
	}
	if found != s.made {
		return r, fmt.Errorf("DuckDB finds %+v, and there are %+v", found, s.made)
	}
	return r, errors.Join(r.planned.check(), r.joined.check())
}

// show writes the rounds as a table, in seconds and in MB of 1,000,000 bytes.
func show(out io.Writer, rounds []round) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "round\tcubesync s\tCPU s\tMB\trequests\tDuckDB s\tCPU s\tMB\tits query s\t")
	line := func(name string, r round) {
		p, j := r.planned, r.joined
		fmt.Fprintf(table, "%s\t%.2f\t%.2f\t%.0f\t%d\t%.2f\t%.2f\t%.0f\t%.2f\t\n", name,
			p.wall.Seconds(), p.cpu.Seconds(), megabytes(p.peak), p.requests,
			j.wall.Seconds(), j.cpu.Seconds(), megabytes(j.peak), j.Seconds)
	}
	for i, r := range rounds {
		line(fmt.Sprint(i+1), r)
	}
	m := medians(rounds)
	line("median", m)
	if err := table.Flush(); err != nil {
		return err
	}
	p, j := m.planned, m.joined
	_, err := fmt.Fprintf(out, "cubesync takes %.2f times the time and %.2f times the memory of DuckDB %s with %d threads\n\n",
		p.wall.Seconds()/j.wall.Seconds(), float64(p.peak)/float64(j.peak), rounds[0].joined.Version, rounds[0].joined.Threads)
	return err
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }

// medians are of each measure by itself.
func medians(rounds []round) (m round) {
	m.planned = planned{
		cost:     medianCost(rounds, func(r round) cost { return r.planned.cost }),
		requests: median(rounds, func(r round) int64 { return r.planned.requests }),
	}
	m.joined.cost = medianCost(rounds, func(r round) cost { return r.joined.cost })
	m.joined.Seconds = median(rounds, func(r round) float64 { return r.joined.Seconds })
	return m
}

func medianCost(rounds []round, of func(round) cost) cost {
	return cost{
		wall: median(rounds, func(r round) time.Duration { return of(r).wall }),
		cpu:  median(rounds, func(r round) time.Duration { return of(r).cpu }),
		peak: median(rounds, func(r round) int64 { return of(r).peak }),
	}
}

// median is the middle one, or the lower one of the middle two.
func median[T cmp.Ordered](rounds []round, of func(round) T) T {
	all := make([]T, len(rounds))
	for i, r := range rounds {
		all[i] = of(r)
	}
	slices.Sort(all)
	return all[(len(all)-1)/2]
}
