package connectycube

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sink/emulator"
	"cubesync/sync/account"
)

// A limit of the service that is lower than ours is found: after a minute nine tenths of it are used, and fewer than one
// answer in a hundred is a refusal.
func TestHiddenLimit(t *testing.T) {
	for _, test := range []struct {
		hidden  int
		limit   float64
		latency time.Duration
		silent  float64 // the server doesn't say for how long to wait, and so much of the longest pause is drawn; 0: it says
	}{
		{80, 100, 50 * time.Millisecond, 0},
		{80, 100, 200 * time.Millisecond, 1e-6},
		{80, 100, 200 * time.Millisecond, 1},
		{45, 50, 50 * time.Millisecond, 0},
		{10, 50, 200 * time.Millisecond, 0},
		{5, 20, 20 * time.Millisecond, 0.5},
		{10, 500, 50 * time.Millisecond, 0},
		{120, 200, 50 * time.Millisecond, 0},
		{100, 100, 50 * time.Millisecond, 0}, // not hidden: no refusal at all
	} {
		name := fmt.Sprintf("%d-of-%v", test.hidden, test.limit)
		if test.silent > 0 {
			name += fmt.Sprintf("-silent-%g", test.silent)
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := far(t, emulator.Options{RequestsPerSecond: test.hidden, NoRetryAfter: test.silent > 0}, test.limit, test.latency)
				c.limiter.draw = func(most time.Duration) time.Duration { return time.Duration(test.silent * float64(most)) }
				ctx, cancel := context.WithCancel(t.Context())
				var group sync.WaitGroup
				for range 2 + int(1.25*test.limit*test.latency.Seconds()) {
					group.Go(func() {
						for ctx.Err() == nil {
							if _, err := c.find(ctx, account.ByID, []string{"1"}); err != nil && ctx.Err() == nil {
								t.Error(err)
							}
						}
					})
				}
				const begin, span = time.Minute, 2 * time.Minute
				time.Sleep(begin)
				sent, refused := c.Calls()["look-up"], c.Throttled()
				t.Logf("in the first minute %d were sent, %d refused", sent, refused)
				time.Sleep(span)
				sent, refused = c.Calls()["look-up"]-sent, c.Throttled()-refused
				cancel()
				group.Wait()
				used := float64(sent-refused) / span.Seconds() / float64(test.hidden)
				t.Logf("used %.3f of the hidden limit, refused %d of %d", used, refused, sent)
				if used < 0.9 || float64(refused) >= 0.01*float64(sent) {
					t.Errorf("used %.3f of the hidden limit, refused %d of %d", used, refused, sent)
				}
				if float64(test.hidden) >= test.limit && c.Throttled() > 0 {
					t.Errorf("%d refused", c.Throttled())
				}
			})
		})
	}
}

// A ceiling that is found again and again is tried ever more rarely, up to a bound, and once it is gone the rate climbs
// to the limit.
func TestCeilingIsTriedEverMoreRarely(t *testing.T) {
	var c ceiling
	c.found(time.Hour)
	c.at, c.from = 0.5, 0.45 // found at half of the limit
	var before time.Duration
	for n := range 8 {
		quiet := time.Duration(0)
		for c.after(quiet) < 0.499 {
			quiet += time.Second
		}
		if n > 0 && quiet <= before && before < longStay {
			t.Errorf("tried after %v, and before that after %v", quiet, before)
		}
		if quiet > longStay+time.Minute {
			t.Errorf("tried after %v only", quiet)
		}
		before = quiet
		c.found(quiet)
	}
	for quiet := time.Duration(0); ; quiet += time.Second {
		if c.after(quiet) > c.after(quiet+time.Second) {
			t.Fatalf("the rate falls after %v", quiet)
		}
		if c.after(quiet) == 1 {
			break
		}
		if quiet > longStay+5*time.Minute {
			t.Fatalf("after %v the rate is %v", quiet, c.after(quiet))
		}
	}
}
