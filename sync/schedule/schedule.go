// Package schedule runs pipelines at their times: each at most once at a time, in its own time zone, until it is told
// to stop. It knows nothing of what a run does.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
)

// Times says when something runs. Make one with Parse.
type Times struct {
	schedule cron.Schedule
	zone     *time.Location
}

// Parse reads a schedule: five cron fields (minute hour day month weekday), or a descriptor such as @hourly or
// @every 90m. The zone is the one that the fields are meant in. A time that the clock skips in spring doesn't run that
// day; one that it shows twice in autumn runs twice, and the second finds nothing to do. The error says what is wrong
// without repeating the schedule, and one that never comes, such as the 30th of February, is wrong.
func Parse(spec string, zone *time.Location) (Times, error) {
	if strings.HasPrefix(spec, "TZ=") || strings.HasPrefix(spec, "CRON_TZ=") { // the library would panic on some
		return Times{}, errors.New("the time zone doesn't belong into it, but under timezone")
	}
	schedule, err := cron.ParseStandard(spec)
	if err != nil {
		return Times{}, err
	}
	if schedule.Next(leapYear()).IsZero() { // it would be valid, and every night silent
		return Times{}, errors.New("such a day never comes")
	}
	return Times{schedule, zone}, nil
}

// leapYear begins a year that has every day there is.
func leapYear() time.Time { return time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC) }

// Next returns the first time after t; the zero time if there is none for years, as for the 29th of February of 2100.
func (s Times) Next(t time.Time) time.Time { return s.schedule.Next(t.In(s.zone)) }

// Job is something that runs at its times.
type Job struct {
	Name  string
	Times Times
	// Run does the work. An error is logged, and the job runs again at its next time.
	Run func(ctx context.Context) error
}

// Run runs every job at its times until stop is closed, then waits for those under way. A job whose time comes while
// it is still running misses that time. Ending ctx breaks off what is under way.
func Run(ctx context.Context, stop <-chan struct{}, log *slog.Logger, jobs []Job) {
	var running sync.WaitGroup
	for _, job := range jobs {
		running.Go(func() { job.loop(ctx, stop, log) })
	}
	running.Wait()
}

// loop waits and runs by turns, in one goroutine: so a job can't overlap itself.
func (j Job) loop(ctx context.Context, stop <-chan struct{}, log *slog.Logger) {
	log = log.With("pipeline", j.Name)
	for {
		next := j.Times.Next(time.Now())
		if next.IsZero() {
			log.Error("the schedule never comes; this pipeline doesn't run")
			return
		}
		log.Info("next run", "at", next)
		timer := time.NewTimer(time.Until(next))
		select {
		case <-timer.C:
		case <-stop:
			timer.Stop()
			return
		case <-ctx.Done():
			timer.Stop()
			return
		}
		if err := j.once(ctx); err != nil {
			log.Error("run failed", "error", err)
		}
		j.missed(next, log)
	}
}

// once runs the job and turns a panic into an error, so that one broken night doesn't end the others.
func (j Job) once(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return j.Run(ctx)
}

// missed tells which times passed while the job was running.
func (j Job) missed(started time.Time, log *slog.Logger) {
	n := 0
	for at, now := j.Times.Next(started), time.Now(); !at.IsZero() && !at.After(now); at = j.Times.Next(at) {
		n++
	}
	if n > 0 {
		log.Warn("the run took longer than its schedule", "missed", n)
	}
}
