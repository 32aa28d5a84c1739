package connectycube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// senderFunc is the next sender of a test.
type senderFunc func(ctx context.Context, c *call) (*answer, error)

func (f senderFunc) send(ctx context.Context, c *call) (*answer, error) { return f(ctx, c) }

// says is an answer with the given headers: name, value, name, value.
func says(status int, headers ...string) *answer {
	a := &answer{status: status, header: http.Header{}}
	for i := 0; i < len(headers); i += 2 {
		a.header.Set(headers[i], headers[i+1])
	}
	return a
}

func always(a *answer) senderFunc {
	return func(context.Context, *call) (*answer, error) { return a, nil }
}

var quiet = slog.New(slog.DiscardHandler)

// releases takes permits with many goroutines for a while and returns the moments, in order.
func releases(t *testing.T, l *limiter, workers int, during time.Duration) []time.Time {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), during)
	defer cancel()
	var mu sync.Mutex
	var all []time.Time
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for {
				at, err := l.wait(ctx, writeLane)
				if err != nil {
					return
				}
				mu.Lock()
				all = append(all, at)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// worstSecond returns the largest number of moments in a second that begins with one of them.
func worstSecond(moments []time.Time) int {
	worst, first := 0, 0
	for i, at := range moments {
		for at.Sub(moments[first]) >= time.Second {
			first++
		}
		worst = max(worst, i-first+1)
	}
	return worst
}

func TestLimitIsKeptAndUsed(t *testing.T) {
	for _, limit := range []float64{1, 2, 7, 10, 49, 50, 80, 101, 500, 5000} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const seconds = 10
				all := releases(t, newLimiter(nil, limit, quiet), 40, seconds*time.Second)
				if worst := worstSecond(all); worst > int(limit) {
					t.Errorf("the worst second has %d permits, the limit is %v", worst, limit)
				}
				if least := int(0.97 * limit * seconds); len(all) < least {
					t.Errorf("%d permits in %d s, at least %d wanted", len(all), seconds, least)
				}
			})
		})
	}
}

// A permit that is taken late is made up for, but never by more than the limit allows: whatever pauses there are
// between permits, no second exceeds it.
func TestLimitIsKeptAfterPauses(t *testing.T) {
	for _, pause := range []time.Duration{time.Millisecond, 9 * time.Millisecond, 30 * time.Millisecond, 700 * time.Millisecond, 3 * time.Second} {
		t.Run(pause.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const limit = 50
				l := newLimiter(nil, limit, quiet)
				var all []time.Time
				for i := range 600 {
					if i%7 == 0 || i > 300 && i%60 == 0 {
						time.Sleep(pause)
					}
					at, err := l.wait(t.Context(), writeLane)
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, at)
				}
				if worst := worstSecond(all); worst > limit {
					t.Errorf("the worst second has %d permits, the limit is %d", worst, limit)
				}
			})
		})
	}
}

// In real time, on whatever machine this is, the limit isn't exceeded. How much of it is used, a busy machine decides.
func TestLimitInRealTime(t *testing.T) {
	for _, limit := range []float64{50, 500, 5000} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			const seconds = 3
			all := releases(t, newLimiter(nil, limit, quiet), 32, seconds*time.Second)
			worst := worstSecond(all)
			t.Logf("used %.1f %%, worst second %d", 100*float64(len(all))/(limit*seconds), worst)
			if worst > int(limit) || len(all) == 0 {
				t.Errorf("of %d permits the worst second has %d", len(all), worst)
			}
		})
	}
}

// The largest and the smallest limit are kept; what is beyond them can't be.
func TestLimitsThatCannotBeKept(t *testing.T) {
	for limit, kept := range map[float64]bool{
		0: true, slowestLimit: true, fastestLimit: true,
		1e-10: false, 0.009: false, 100_001: false, 1e18: false, -1: false, math.NaN(): false, math.Inf(1): false,
	} {
		_, err := New(Options{Endpoint: "https://api.example.org", ApplicationID: "7", AuthKey: "k", RequestsPerSecond: limit})
		if (err == nil) != kept {
			t.Errorf("%v: got error %v", limit, err)
		}
	}
	for limit, seconds := range map[float64]int{slowestLimit: 1000, fastestLimit: 2} {
		synctest.Test(t, func(t *testing.T) {
			all := releases(t, newLimiter(nil, limit, quiet), 4, time.Duration(seconds)*time.Second)
			most := limit * float64(seconds)
			if worst := worstSecond(all); float64(worst) > max(1, limit) || float64(len(all)) > most || float64(len(all)) < 0.9*most-1 {
				t.Errorf("%v: %d permits in %d s, %d in the worst", limit, len(all), seconds, worst)
			}
		})
	}
}

func TestWaitingCanBeGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(always(says(200)), 0.1, quiet)
		if _, err := l.send(t.Context(), &call{}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var group sync.WaitGroup
		for range 5 { // one of them sleeps for its permit, the others wait for their turn
			group.Go(func() {
				_, err := l.send(ctx, &call{})
				if !errors.Is(err, context.DeadlineExceeded) || !neverSent(err) {
					t.Errorf("got error %v", err)
				}
			})
		}
		began := time.Now()
		group.Wait()
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestPermitsAreGivenInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(nil, 1, quiet)
		var mu sync.Mutex
		var order []int
		var group sync.WaitGroup
		for i := range 20 {
			group.Go(func() {
				if _, err := l.wait(t.Context(), writeLane); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
			})
			synctest.Wait()
		}
		group.Wait()
		if !slices.IsSorted(order) {
			t.Errorf("got %v", order)
		}
	})
}

func TestGate(t *testing.T) {
	date := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // where synctest's clock starts
	tests := map[string]struct {
		header      []string
		least, most time.Duration
	}{
		"seconds": {[]string{"Retry-After", "7"}, 7 * time.Second, 7 * time.Second},
		"date":    {[]string{"Retry-After", date.Add(9 * time.Second).Format(http.TimeFormat)}, 9 * time.Second, 9 * time.Second},
		"date-of-another-clock": {
			[]string{"Retry-After", date.Add(time.Hour).Format(http.TimeFormat), "Date", date.Add(time.Hour - 4*time.Second).Format(http.TimeFormat)},
			4 * time.Second, 4 * time.Second,
		},
		"silent":   {nil, 1, firstPause},
		"nothing":  {[]string{"Retry-After", "0"}, 1, firstPause},
		"past":     {[]string{"Retry-After", date.Add(-time.Hour).Format(http.TimeFormat)}, 1, firstPause},
		"too-long": {[]string{"Retry-After", "86400"}, maxPause, maxPause},
	}
	for name, test := range tests {
		for _, limit := range []float64{0, 100} {
			t.Run(fmt.Sprintf("%s-at-%v", name, limit), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := newLimiter(always(says(429, test.header...)), limit, quiet)
					began := time.Now()
					if _, err := l.send(t.Context(), &call{}); err != nil {
						t.Fatal(err)
					}
					var group sync.WaitGroup
					for range 8 {
						group.Go(func() {
							at, err := l.wait(t.Context(), writeLane)
							if held := at.Sub(began); err != nil || held < test.least || held > test.most+time.Second {
								t.Errorf("held for %v, error %v", held, err)
							}
						})
					}
					group.Wait()
				})
			})
		}
	}
}

func TestRateFallsOnceAStormAndClimbsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var status atomic.Int64
		status.Store(429)
		l := newLimiter(senderFunc(func(context.Context, *call) (*answer, error) {
			time.Sleep(50 * time.Millisecond)
			return says(int(status.Load()), "Retry-After", "2"), nil
		}), 1000, quiet)
		var group sync.WaitGroup
		for range 8 { // all released before the first refusal is known
			group.Go(func() {
				if _, err := l.send(t.Context(), &call{}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		time.Sleep(2 * time.Second)
		rateOf := func() float64 {
			if _, err := l.wait(t.Context(), writeLane); err != nil {
				t.Fatal(err)
			}
			return float64(l.bucket.Limit()) / share / pace
		}
		if got := rateOf(); got < 899 || got > 902 {
			t.Errorf("after one storm the rate is %v, want 900", got)
		}
		time.Sleep(5 * time.Second)
		if got := rateOf(); got < 949 || got > 952 {
			t.Errorf("five seconds later the rate is %v, want 950", got)
		}
		time.Sleep(time.Minute)
		if got := rateOf(); got != 1000 {
			t.Errorf("a minute later the rate is %v, want 1000", got)
		}
		if l.refusals != 1 {
			t.Errorf("counted %d storms, want 1", l.refusals)
		}
		status.Store(200)
		if _, err := l.send(t.Context(), &call{}); err != nil || l.refusals != 0 {
			t.Errorf("after an answer: %d storms, error %v", l.refusals, err)
		}
	})
}
