package connectycube

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// While both wait, reads and writes have half of the limit each, however many wait of a kind; what one kind doesn't use
// the other has.
func TestReadsAndWritesShareTheLimit(t *testing.T) {
	const limit, seconds = 100, 20
	tests := map[string]struct {
		readers, writers int
		pause            time.Duration // of a reader, after each permit
		least            [laneCount]float64
	}{
		"both":         {readers: 1000, writers: 4, least: [laneCount]float64{0.485, 0.485}},
		"few-readers":  {readers: 2, writers: 500, least: [laneCount]float64{0.485, 0.485}},
		"reads-only":   {readers: 20, least: [laneCount]float64{0.97, 0}},
		"writes-only":  {writers: 20, least: [laneCount]float64{0, 0.97}},
		"a-read-a-sec": {readers: 1, pause: time.Second, writers: 20, least: [laneCount]float64{0.0095, 0.96}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(nil, limit, quiet)
				ctx, cancel := context.WithTimeout(t.Context(), seconds*time.Second)
				defer cancel()
				var mu sync.Mutex
				var got [laneCount]int
				var group sync.WaitGroup
				take := func(in lane, pause time.Duration) {
					for {
						if _, err := l.wait(ctx, in); err != nil {
							return
						}
						mu.Lock()
						got[in]++
						mu.Unlock()
						time.Sleep(pause)
					}
				}
				for range test.readers {
					group.Go(func() { take(readLane, test.pause) })
				}
				for range test.writers {
					group.Go(func() { take(writeLane, 0) })
				}
				group.Wait()
				for in, least := range test.least {
					if share := float64(got[in]) / limit / seconds; share < least {
						t.Errorf("lane %d had %.3f of the limit, want %.3f", in, share, least)
					}
				}
			})
		})
	}
}

func TestLaneOfACall(t *testing.T) {
	for k := range kindCount {
		reads := k == listCall || k == lookUpCall
		for _, method := range []string{"GET", "POST"} {
			c := &call{kind: k, method: method}
			if want := reads || k == fileCall && method == "GET"; (c.lane() == readLane) != want {
				t.Errorf("%s of kind %s waits in lane %d", method, kindNames[k], c.lane())
			}
		}
	}
}

// Whoever gives up in the moment in which it is let in passes its turn on.
func TestTurnOfOneWhoGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 200 { // either may win
			var l lanes
			if err := l.enter(t.Context(), readLane); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var group sync.WaitGroup
			group.Go(func() {
				if err := l.enter(ctx, writeLane); err == nil {
					l.leave()
				} else if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
			synctest.Wait()
			group.Go(cancel)
			group.Go(l.leave)
			group.Wait()
			if l.busy {
				t.Fatal("nobody is in, and nobody else is let in")
			}
		}
	})
}
