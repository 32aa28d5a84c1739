package emulator

import "time"

// lag makes lists late: they are answered from a copy of the directory that follows it at a distance, as a replica of a
// database does.
type lag struct {
	clock *clock
	by    time.Duration
	shown *directory
	queue []passed
}

// passed is a write that the copy doesn't show yet: what the user has become, or that it is gone.
type passed struct {
	at time.Time
	id int64
	to record
}

// follow makes lists late from now on.
func (d *directory) follow(by time.Duration, clock *clock) {
	d.mu.Lock()
	defer d.mu.Unlock()
	shown := newDirectory(d.options)
	for id := range int64(len(d.people)) {
		shown.apply(opUser, id+1, d.at(id+1))
	}
	d.lag = &lag{clock: clock, by: by, shown: shown}
}

// note remembers what has become of a user.
func (l *lag) note(id int64, to record) {
	l.queue = append(l.queue, passed{l.clock.now(), id, to})
}

// catchUp shows what is old enough. The caller holds the lock of d, the directory that is followed. Only writes are late: the
// last request of a user is shown at once.
func (l *lag) catchUp(d *directory) *directory {
	now := l.clock.now()
	l.shown.mu.Lock()
	defer l.shown.mu.Unlock()
	for len(l.queue) > 0 && now.Sub(l.queue[0].at) >= l.by {
		due := l.queue[0]
		l.queue = l.queue[1:]
		var p *person
		if due.to.packed != "" {
			p = &person{}
			due.to.unpack(p)
		}
		l.shown.apply(opUser, due.id, p)
		if p != nil && d.exists(due.id) {
			l.shown.people[due.id-1].seen = d.people[due.id-1].seen
		}
	}
	return l.shown
}
