package main

import (
	"context"
	"os"
	"time"
)

// drainTime is how long what is under way may take after the first signal before it is broken off. It leaves room to
// end sessions and to write down the outcomes within the 30 seconds that service managers grant.
const drainTime = 20 * time.Second

// interruptible returns a channel that the first signal closes, and a context that ends drainTime after it. The second
// signal ends the process at once: whatever was open then, the next run finds in the journal.
func interruptible(parent context.Context, signals <-chan os.Signal) (ctx context.Context, stop <-chan struct{}, release func()) {
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
			os.Exit(exitInterrupted)
		case <-ended:
		}
	}()
	return ctx, stopping, func() {
		close(ended)
		cancel()
	}
}
