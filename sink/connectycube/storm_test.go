package connectycube

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// A process that ended a moment ago may have used the limit: the first permit takes its time.
func TestFirstPermitIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		at, err := newLimiter(nil, 2, quiet).wait(t.Context(), writeLane)
		if held := at.Sub(began); err != nil || held < time.Second/2 {
			t.Errorf("held for %v, error %v", held, err)
		}
	})
}

// However many storms there are, a hundredth of the limit is left, and the pauses grow to half a minute and no longer.
func TestStormsInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 100
		l := newLimiter(always(says(http.StatusTooManyRequests)), limit, quiet)
		longest := map[int]time.Duration{} // pause, by the number of the storm
		for storm := range 200 {
			if _, err := l.send(t.Context(), &call{}); err != nil {
				t.Fatal(err)
			}
			longest[min(storm, 10)] = max(longest[min(storm, 10)], time.Until(l.opens))
			if storm == 0 && time.Until(l.opens) > firstPause {
				t.Errorf("the first pause is %v", time.Until(l.opens))
			}
		}
		if got := longest[10]; got <= maxBackoff*3/4 || got > maxBackoff {
			t.Errorf("the longest pause is %v", got)
		}
		if l.ceiling.from < slowest || l.ceiling.from > 2*slowest {
			t.Errorf("the rate fell to %v of the limit", l.ceiling.from)
		}
	})
}

// Of two refusals in one storm, the longer pause counts, whichever comes last.
func TestGateOpensWithTheLongerPause(t *testing.T) {
	for _, asked := range [][2]string{{"9", "2"}, {"2", "9"}} {
		t.Run(asked[0]+"-then-"+asked[1], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(nil, 100, quiet)
				released := time.Now()
				for _, seconds := range asked {
					l.learn(says(http.StatusTooManyRequests, "Retry-After", seconds), released)
				}
				at, err := l.wait(t.Context(), writeLane)
				if held := at.Sub(released); err != nil || held < 9*time.Second || held > 10*time.Second {
					t.Errorf("held for %v, error %v", held, err)
				}
			})
		})
	}
}

func TestJitter(t *testing.T) {
	for times, ceiling := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 6: maxBackoff, 60: maxBackoff} {
		t.Run(fmt.Sprint(times), func(t *testing.T) {
			var shortest, longest time.Duration = time.Hour, 0
			for range 1000 {
				pause := draw(nil).jitter(time.Second, times)
				shortest, longest = min(shortest, pause), max(longest, pause)
			}
			if shortest <= 0 || shortest > ceiling/10 || longest > ceiling || longest < ceiling*9/10 {
				t.Errorf("from %v to %v, want up to %v", shortest, longest, ceiling)
			}
		})
	}
}

// Who gives up while the service refuses gets its answer, and not that nothing was sent.
func TestThrottledCallerWhoGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := &retry{next: senderFunc(func(ctx context.Context, _ *call) (*answer, error) {
			if ctx.Err() != nil {
				return nil, &unsentError{ctx.Err()}
			}
			cancel()
			return says(http.StatusTooManyRequests), nil
		})}
		if got, err := r.send(ctx, &call{}); err != nil || got.status != http.StatusTooManyRequests {
			t.Errorf("got %v, error %v", got, err)
		}
	})
}
