package account

import (
	"slices"
	"sync"
)

// Crew lets as much be under way at once as is of use at the moment: whoever calls a Service enters before and leaves
// after. Those who wait are let in by the order of their arrival. It is safe for concurrent use.
type Crew struct {
	most int
	size func() int

	mu      sync.Mutex
	busy    int
	waiting []chan struct{}
}

// NewCrew returns a crew of at most so many, and of as many as size says at each moment; nil: of most. One there always is.
func NewCrew(most int, size func() int) *Crew { return &Crew{most: most, size: size} }

// Size returns how many may be in at the moment.
func (c *Crew) Size() int {
	n := c.most
	if c.size != nil {
		n = min(n, c.size())
	}
	return max(1, n)
}

// Enter waits for a place, which is given back by Leave. It reports false, and there is none to give back, where stop is
// closed by then.
func (c *Crew) Enter(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return false
	default:
	}
	c.mu.Lock()
	if len(c.waiting) == 0 && c.busy < c.Size() {
		c.busy++
		c.mu.Unlock()
		return true
	}
	turn := make(chan struct{})
	c.waiting = append(c.waiting, turn)
	c.mu.Unlock()
	select {
	case <-turn:
		return true
	case <-stop:
	}
	c.mu.Lock()
	i := slices.Index(c.waiting, turn)
	if i >= 0 {
		c.waiting = slices.Delete(c.waiting, i, i+1)
	}
	c.mu.Unlock()
	if i < 0 { // let in at the very moment
		c.Leave()
	}
	return false
}

// Stay asks to keep a place for another call, before those who wait. It reports false where the crew has to become smaller.
func (c *Crew) Stay() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := c.Size()
	c.letIn(size)
	return c.busy <= size
}

// Leave gives a place back.
func (c *Crew) Leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy--
	c.letIn(c.Size())
}

// letIn lets those who wait in as long as there are places.
func (c *Crew) letIn(size int) {
	for len(c.waiting) > 0 && c.busy < size {
		close(c.waiting[0])
		c.waiting = c.waiting[1:]
		c.busy++
	}
}
