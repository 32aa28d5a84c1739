package main

import (
	"context"
	"os"
	"time"
)

// drainTime is how long what is under way may take after the first signal before it is broken off. Within the 30 seconds
// that service managers grant, it leaves room to write down the outcomes and to end sessions, which takes up to 15
// seconds where the rate limit is low and every worker has one.
const drainTime = 10 * time.Second

// interruptible returns a channel that the first signal closes, and a context that ends drainTime after it. At the
// second signal it calls exit, which ends the process at once: whatever was open then, the next run finds in the journal.
func interruptible(parent context.Context, signals <-chan os.Signal, exit func(int)) (ctx context.Context, stop <-chan struct{}, release func()) {
	ctx, cancel := context.WithCancel(parent)
	stopping := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		select {
		case <-signals:
			close(stopping)
		case <-ended:
			return
		}
		timer := time.AfterFunc(drainTime, cancel)
		defer timer.Stop()
		select {
		case <-signals:
			exit(exitInterrupted)
		case <-ended:
		}
	}()
	return ctx, stopping, func() {
		close(ended)
		cancel()
	}
}
