package connectycube

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sink/emulator"
	"cubesync/sync/account"
)

func TestWidthFor(t *testing.T) {
	for _, test := range []struct {
		rate    float64
		latency time.Duration
		want    int
	}{
		{0, 0, unlimited},
		{0, time.Second, unlimited},
		{outOfReach, time.Millisecond, unlimited},
		{49, 0, unmeasured},
		{49, time.Microsecond, 1 + beside},
		{49, 50 * time.Millisecond, 4 + beside},
		{49, 200 * time.Millisecond, 13 + beside},
		{490, 200 * time.Millisecond, 123 + beside},
		{4900, 200 * time.Millisecond, MaxWidth},
	} {
		if got := widthFor(test.rate, test.latency); got != test.want {
			t.Errorf("%v/s at %v: %d, want %d", test.rate, test.latency, got, test.want)
		}
	}
}

func TestLatencyIsARecentMean(t *testing.T) {
	var l latency
	if l.mean() != 0 {
		t.Errorf("nothing was measured: %v", l.mean())
	}
	for _, one := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, 10 * time.Millisecond} {
		for range 200 {
			l.took(one)
		}
		if got := l.mean(); got < one*95/100 || got > one*105/100 {
			t.Errorf("after many of %v the mean is %v", one, got)
		}
	}
	l.took(30 * time.Second) // one that hangs
	if got := l.mean(); got > 2*time.Second {
		t.Errorf("one of 30 s makes the mean %v", got)
	}
}

// far is a client of an emulator that is so far away.
func far(t *testing.T, o emulator.Options, limit float64, latency time.Duration) *Client {
	t.Helper()
	server, err := emulator.Open(o)
	if err == nil {
		err = server.SetFaults(1, emulator.Fault{Do: emulator.Slow, Chance: 1, Delay: latency})
	}
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Options{
		Endpoint: "http://emulator.invalid", ApplicationID: "1", AuthKey: emulator.DefaultAuthKey, RequestsPerSecond: limit,
		Base: server.Transport(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// As many as are of use reach the limit, and not many more than that are under way; they follow the latency.
func TestLimitIsReachedAtAnyLatency(t *testing.T) {
	const limit, span = 200, time.Minute
	for _, latency := range []time.Duration{time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond} {
		t.Run(latency.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := far(t, emulator.Options{}, limit, latency)
				crew := account.NewCrew(MaxWidth, c.Width)
				ctx, cancel := context.WithTimeout(t.Context(), span)
				defer cancel()
				var group sync.WaitGroup
				for crew.Enter(ctx.Done()) {
					group.Go(func() {
						defer crew.Leave()
						if _, err := c.find(ctx, account.ByID, []string{"1"}); err != nil && ctx.Err() == nil {
							t.Error(err)
						}
					})
				}
				group.Wait()
				if used := float64(c.Calls()["look-up"]) / limit / span.Seconds(); used < 0.97 {
					t.Errorf("used %.3f of the limit, with %d under way", used, c.Width())
				}
				if most := 2 + int(1.5*limit*latency.Seconds()) + beside; c.Width() > most {
					t.Errorf("%d are of use, want at most %d", c.Width(), most)
				}
			})
		})
	}
}

// A full list takes as long as its pages take at the limit, however far away the service is.
func TestFullListIsNotBoundByLatency(t *testing.T) {
	const users, limit = 20_000, 100
	var seeds []emulator.SeedUser
	for i := range users {
		name := fmt.Sprintf("u%05d", i)
		seeds = append(seeds, emulator.SeedUser{Login: name, Password: "password-" + name, ExternalID: name, Tags: []string{"ours"}})
	}
	for _, latency := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond} {
		t.Run(latency.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := far(t, emulator.Options{Users: seeds}, limit, latency)
				began, listed := time.Now(), 0
				if err := c.list(t.Context(), "ours", func(account.Account) error { listed++; return nil }); err != nil || listed != users {
					t.Fatalf("listed %d: %v", listed, err)
				}
				const pages = (users + pageStep - 1) / pageStep
				if got := c.Calls()["list"]; got != pages {
					t.Errorf("%d requests, want %d", got, pages)
				}
				seconds := float64(pages+1)/(pace*limit) + 3*latency.Seconds() // session, first page, and the last one's way
				if took := time.Since(began); took.Seconds() > 1.02*seconds {
					t.Errorf("it took %v, want %.2f s", took, seconds)
				}
			})
		})
	}
}

// tardy answers every 25th call later than the others.
type tardy struct {
	next  sender
	calls *atomic.Int64
	by    time.Duration
}

func (s tardy) send(ctx context.Context, c *call) (*answer, error) {
	if s.calls.Add(1)%25 == 2 {
		time.Sleep(s.by)
	}
	return s.next.send(ctx, c)
}

// Pages that are late hold up none of the others.
func TestLatePagesHoldUpNobody(t *testing.T) {
	const pages, limit, latency = 200, 100, 200 * time.Millisecond
	var seeds []emulator.SeedUser
	for i := range pages*pageStep + 1 {
		name := fmt.Sprintf("u%05d", i)
		seeds = append(seeds, emulator.SeedUser{Login: name, Password: "password-" + name, ExternalID: name, Tags: []string{"ours"}})
	}
	synctest.Test(t, func(t *testing.T) {
		c := far(t, emulator.Options{Users: seeds}, limit, latency)
		c.limiter.next = tardy{c.limiter.next, new(atomic.Int64), latency}
		began, listed := time.Now(), 0
		if err := c.list(t.Context(), "ours", func(account.Account) error { listed++; return nil }); err != nil || listed != len(seeds) {
			t.Fatalf("listed %d: %v", listed, err)
		}
		seconds := float64(pages+1)/(pace*limit) + 5*latency.Seconds() // session, first page, the last one's way, and two that are late
		if took := time.Since(began); took.Seconds() > 1.02*seconds {
			t.Errorf("it took %v, want %.2f s", took, seconds)
		}
	})
}
