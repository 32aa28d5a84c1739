package emulator

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCounters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := open(t, Options{})
		began := time.Now()
		writeOneOfEach(t, client, func() {})
		client.do("GET", "/users/v2?id=1", "").want(t, 401, "")
		client.do("GET", "/nowhere", "").want(t, 404, "")
		want := Counters{
			Requests: 10,
			ByKind:   map[Kind]int64{SignUp: 2, SessionCreate: 3, Update: 1, Delete: 1, AdminDelete: 1, List: 1, Other: 1},
			Refused:  map[Kind]int64{List: 1, Other: 1},
			Written:  Writes{SignUp: 2, OnTheFly: 1, Update: 1, Delete: 1, AdminDelete: 1}, UserWrites: 5,
			WorstSecond: Second{Requests: 10, Began: began},
		}
		if diff := cmp.Diff(want, client.server.Counters()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		client.do("GET", "/__emulator/counters", "").want(t, 200, `"user_writes":5`)
	})
}

// The worst second is compared with a count of every window that begins with a request.
func TestWorstSecond(t *testing.T) {
	for seed := range uint64(5) {
		synctest.Test(t, func(t *testing.T) {
			r, tally := rand.New(rand.NewPCG(seed, 1)), newTally()
			var times []time.Time
			for range 3000 {
				time.Sleep(time.Duration(r.ExpFloat64()*r.Float64()*20) * time.Millisecond)
				times = append(times, time.Now())
				tally.arrive(List, 0)
			}
			var want Second
			for i, began := range times {
				n := 0
				for n+i < len(times) && times[i+n].Sub(began) < time.Second {
					n++
				}
				if n > want.Requests {
					want = Second{n, began}
				}
			}
			if diff := cmp.Diff(want, tally.counters(Writes{}).WorstSecond); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequestsPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := open(t, Options{RequestsPerSecond: 3})
		status := func() int { return client.do("POST", "/session", plainSession).status }
		var got []int
		for range 12 { // one each 200 ms: the refused ones take no place
			got = append(got, status())
			time.Sleep(200 * time.Millisecond)
		}
		want := []int{201, 201, 201, 429, 429, 201, 201, 201, 429, 429, 201, 201}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		time.Sleep(time.Second)
		for range 3 {
			status()
		}
		refused := client.do("POST", "/session", plainSession)
		refused.want(t, 429, "Too many requests")
		if got := refused.header.Get("Retry-After"); got != "1" {
			t.Errorf("Retry-After %q", got)
		}
		if got := fmt.Sprint(client.server.Counters().Refused); got != "map[session_create:5]" {
			t.Errorf("refused %s", got)
		}
	})
}
