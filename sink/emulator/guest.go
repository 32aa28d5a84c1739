package emulator

import (
	"sync/atomic"
	"time"
)

// guestLife is how long a guest lives. Documented: "valid for 1 day after user will be automatically deleted".
const guestLife = int64(24 * time.Hour / time.Second)

// guests are the guests in the order in which they came.
type guests struct {
	first atomic.Int64 // when the first of them came, in Unix seconds; 0: there is none
	queue []guest
}

type guest struct{ id, came int64 }

func (g *guests) add(id, came int64) {
	g.queue = append(g.queue, guest{id, came})
	g.first.Store(g.queue[0].came)
}

// endGuests deletes those guests whose day is over. It costs nothing while there are none.
func (d *directory) endGuests(now int64) {
	if first := d.guests.first.Load(); first == 0 || now < first+guestLife {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	g := &d.guests
	for len(g.queue) > 0 && now >= g.queue[0].came+guestLife {
		if id := g.queue[0].id; d.exists(id) && d.commit(opGuestEnd, id, nil, nil) != nil {
			return // the file is broken, and makes itself known with the next write
		}
		g.queue = g.queue[1:]
	}
	g.first.Store(0)
	if len(g.queue) > 0 {
		g.first.Store(g.queue[0].came)
	}
}
