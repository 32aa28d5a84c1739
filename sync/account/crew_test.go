package account

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// shift sends so many calls of ten seconds through a crew, a place each, and notes the most that were under way.
func shift(c *Crew, calls int, busy, top *atomic.Int64) {
	var working sync.WaitGroup
	for range calls {
		c.Enter(nil)
		working.Go(func() {
			defer c.Leave()
			now := busy.Add(1)
			for before := top.Load(); now > before && !top.CompareAndSwap(before, now); before = top.Load() {
			}
			time.Sleep(10 * time.Second)
			busy.Add(-1)
		})
	}
	working.Wait()
}

func TestCrewIsAsLargeAsItsSize(t *testing.T) {
	for _, test := range []struct{ most, size, want int }{{4, 0, 4}, {4, 9, 4}, {9, 4, 4}, {0, 0, 1}, {5, -1, 1}} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var size func() int
				if test.size != 0 {
					size = func() int { return test.size }
				}
				var busy, top atomic.Int64
				began := time.Now()
				shift(NewCrew(test.most, size), 20, &busy, &top)
				if int(top.Load()) != test.want {
					t.Errorf("%d were under way, want %d", top.Load(), test.want)
				}
				if took, want := time.Since(began), time.Duration((20+test.want-1)/test.want)*10*time.Second; took != want {
					t.Errorf("it took %v, want %v", took, want)
				}
			})
		})
	}
}

func TestCrewGrowsAndShrinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var size, busy, top atomic.Int64
		size.Store(2)
		c := NewCrew(100, func() int { return int(size.Load()) })
		var all sync.WaitGroup
		all.Go(func() { shift(c, 40, &busy, &top) })
		for _, want := range []int64{2, 8, 1} {
			size.Store(want)
			time.Sleep(21 * time.Second) // those who were in have left
			if busy.Load() != want {
				t.Errorf("%d are under way, want %d", busy.Load(), want)
			}
		}
		size.Store(50)
		all.Wait()
	})
}

// TestCrewThatStays has places kept for many calls: the crew is as large as its size all the same.
func TestCrewThatStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var size, busy, calls atomic.Int64
		size.Store(2)
		c := NewCrew(100, func() int { return int(size.Load()) })
		var all, working sync.WaitGroup
		all.Go(func() {
			for calls.Load() < 200 {
				c.Enter(nil)
				working.Go(func() {
					busy.Add(1)
					for more := true; more && calls.Add(1) <= 200; more = c.Stay() {
						time.Sleep(10 * time.Second)
					}
					busy.Add(-1)
					c.Leave()
				})
			}
			working.Wait()
		})
		for _, want := range []int64{2, 8, 1, 3} {
			size.Store(want)
			time.Sleep(51 * time.Second) // long enough for those who let one more in each
			if busy.Load() != want {
				t.Errorf("%d are under way, want %d", busy.Load(), want)
			}
		}
		all.Wait()
		if c.busy != 0 || len(c.waiting) != 0 {
			t.Errorf("%d are in and %d wait", c.busy, len(c.waiting))
		}
	})
}

func TestStoppedCrewLetsNobodyIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCrew(1, nil)
		stop := make(chan struct{})
		if !c.Enter(stop) {
			t.Fatal("the first wasn't let in")
		}
		var waiting sync.WaitGroup
		for range 3 {
			waiting.Go(func() {
				if c.Enter(stop) {
					t.Error("let in although the only place is taken")
				}
			})
		}
		synctest.Wait()
		close(stop)
		waiting.Wait()
		c.Leave()
		if c.Enter(stop) {
			t.Error("let in after the stop")
		}
		if !c.Enter(nil) || c.busy != 1 || len(c.waiting) != 0 {
			t.Errorf("%d are in and %d wait", c.busy, len(c.waiting))
		}
	})
}

func TestCrewLetsInByArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCrew(1, nil)
		var group sync.WaitGroup
		var next atomic.Int64
		for i := range int64(20) {
			group.Go(func() {
				c.Enter(nil)
				if n := next.Add(1) - 1; n != i {
					t.Errorf("%d came at the turn of %d", i, n)
				}
				time.Sleep(time.Second)
				c.Leave()
			})
			synctest.Wait()
		}
		group.Wait()
	})
}
