package reconcile

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// drainTime is how long after the deadline what is under way may take before it is broken off: time for every try of an
// operation, and for a ring to end, but not for a service that asks to be left alone for minutes.
const drainTime = time.Minute

// deadline ends a run in good order when its time is up. It counts from the start of the run.
type deadline struct {
	after   time.Duration
	reached atomic.Bool // and not stopped before
}

func (d *deadline) words() string {
	return fmt.Sprintf("deadline reached: max_duration is %s; nothing new was begun, and the next run goes on where this one stopped", d.after)
}

// keepDeadline lets the run's time pass: at its end order.Stop is closed, and drainTime later the context ends. Without a
// deadline nothing changes. release ends the watch; it must be called.
func (r *run) keepDeadline(ctx context.Context) (_ context.Context, release func()) {
	if r.MaxDuration == 0 {
		return ctx, func() {}
	}
	r.deadline = &deadline{after: r.MaxDuration}
	ctx, cancel := context.WithCancel(ctx)
	stop, asked, ended := make(chan struct{}), r.order.Stop, make(chan struct{})
	r.order.Stop = stop
	var watch sync.WaitGroup
	watch.Go(func() {
		timer := time.NewTimer(time.Until(r.mustEnd()))
		defer timer.Stop()
		select {
		case <-asked:
			close(stop)
			return
		case <-ended:
			return
		case <-timer.C:
		}
		select {
		case <-asked: // both at once: who asks is answered
		default:
			r.deadline.reached.Store(true)
		}
		close(stop)
		timer.Reset(drainTime)
		select {
		case <-timer.C:
			cancel()
		case <-ended:
		}
	})
	return ctx, func() {
		close(ended)
		watch.Wait()
		cancel()
	}
}

// mustEnd is when the run's time is up; zero without a deadline.
func (r *run) mustEnd() time.Time {
	if r.MaxDuration == 0 {
		return time.Time{}
	}
	return r.Run.StartedAt.Add(r.MaxDuration)
}

// late reports whether the run was stopped by its deadline.
func (r *run) late() bool { return r.deadline != nil && r.deadline.reached.Load() }
