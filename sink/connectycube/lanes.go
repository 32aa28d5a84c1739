package connectycube

import (
	"context"
	"slices"
	"sync"
)

// lane is one of two queues for permits.
type lane uint8

const (
	readLane  lane = iota // lists and look-ups, and the content of files
	writeLane             // everything else: sign-ins are there for the sake of writes
	laneCount
)

// lanes let one goroutine in at a time: from both lanes in turn while somebody waits in each, so that neither starves
// the other, and otherwise from the one where somebody waits, which so has all. Within a lane the order is that of
// arrival. Those who wait can give up.
type lanes struct {
	mu      sync.Mutex
	busy    bool
	last    lane // of whoever was let in last
	waiting [laneCount][]chan struct{}
}

// enter returns when it is the caller's turn, who then calls leave, or with the context's error.
func (l *lanes) enter(ctx context.Context, in lane) error {
	l.mu.Lock()
	if !l.busy {
		l.busy, l.last = true, in
		l.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	l.waiting[in] = append(l.waiting[in], turn)
	l.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	i := slices.Index(l.waiting[in], turn)
	if i >= 0 {
		l.waiting[in] = slices.Delete(l.waiting[in], i, i+1)
	}
	l.mu.Unlock()
	if i < 0 { // let in at the very moment
		l.leave()
	}
	return ctx.Err()
}

// leave lets the next one in.
func (l *lanes) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := (l.last + 1) % laneCount
	if len(l.waiting[next]) == 0 {
		next = l.last
	}
	if len(l.waiting[next]) == 0 {
		l.busy = false
		return
	}
	first := l.waiting[next][0]
	l.waiting[next] = l.waiting[next][1:]
	l.last = next
	close(first)
}
