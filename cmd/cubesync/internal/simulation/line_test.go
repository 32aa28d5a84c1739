package simulation

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// line is how one process reaches the network.
type line struct {
	*watch
	crash int    // the process is killed at its call of this number
	save  func() // keeps what a killed process leaves
	end   func() // ends what it does
	calls int
	dead  bool // nobody hears it any more
	// unseen: what it sends neither goes wrong nor is traced. A client ends its sessions side by side, in any order.
	unseen bool
}

// RoundTrip implements http.RoundTripper.
func (l *line) RoundTrip(request *http.Request) (*http.Response, error) {
	var body []byte
	if request.Body != nil {
		var err error
		if body, err = io.ReadAll(request.Body); err != nil {
			return nil, err
		}
		_ = request.Body.Close() // it is read
	}
	ctx := request.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, wrong, released := l.release(request, body)
	if c == nil {
		return nil, errDead
	}
	got := l.travel(ctx, c, wrong)
	return l.deliver(c, got, released).response(request)
}

// release lets a call go, nil where its process is dead.
func (l *line) release(request *http.Request, body []byte) (*call, trouble, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return nil, none, 0
	}
	c, wrong := newCall(request, body, l.truth), none
	c.from = l.watch
	if !l.unseen {
		l.calls++
		wrong = l.begin(c)
		l.note("%s sends %v %s", l.process, c, wrong)
	}
	l.goes(c)
	l.inFlight++
	return c, wrong, l.now()
}

// deliver hands the answer over.
func (l *line) deliver(c *call, got *reply, released time.Duration) *reply {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight--
	if l.dead {
		return &reply{err: errDead}
	}
	switch {
	case l.unseen:
	case got.err != nil:
		l.note("%s hears %v: %v", l.process, c, got.err)
	default:
		l.note("%s hears %v: %d", l.process, c, got.status)
	}
	l.hears(c, got, released)
	return got
}

// travel carries a call there and its answer back.
func (l *line) travel(ctx context.Context, c *call, wrong trouble) *reply {
	switch wrong {
	case neverSent:
		return &reply{err: errRefused()}
	case none:
		if l.unseen {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.carryOut(c, false)
		}
	case lostRequest:
		return l.after(ctx, l.between(time.Second, timeout, c.words("lost")...), &reply{err: errLost()})
	}
	if !sleep(ctx, l.between(2*time.Millisecond, 40*time.Millisecond, c.words("there")...)) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.oneIn(2, c.words("arrives")...) {
			l.putOff(c, l.between(0, time.Second, c.words("arrives late")...))
		}
		return &reply{err: ctx.Err()}
	}
	got := l.handle(c, wrong)
	back := l.between(2*time.Millisecond, 40*time.Millisecond, c.words("back")...)
	if wrong == slow {
		back = l.between(timeout, 2*timeout, c.words("slow")...)
	}
	return l.after(ctx, back, got)
}

// after is a reply that takes its time.
func (l *line) after(ctx context.Context, by time.Duration, got *reply) *reply {
	if !sleep(ctx, by) {
		return &reply{err: ctx.Err()}
	}
	return got
}

// handle is what the service does with a call that has arrived, and what it answers.
func (l *line) handle(c *call, wrong trouble) *reply {
	if l.diesAt(c, "before") {
		return &reply{err: errDead}
	}
	l.mu.Lock()
	got := l.react(c, wrong)
	l.mu.Unlock()
	if l.diesAt(c, "after") {
		return &reply{err: errDead}
	}
	return got
}

func (l *line) react(c *call, wrong trouble) *reply {
	switch wrong {
	case throttled, throttledBy, throttledNow:
		return l.throttle(c, wrong)
	case failed:
		return l.answers(l.status(c), `{"message":"in trouble"}`)
	case late:
		l.putOff(c, l.between(time.Second, longestLate, c.words("late")...))
		switch status := l.lateStatus(c); {
		case status == 0:
			return &reply{err: errLost()}
		case c.kind == remove && status == http.StatusAccepted: // it says yes, and does it later
			return l.answers(http.StatusOK, `{"success":true}`)
		default:
			return l.answers(status, `{}`)
		}
	}
	got := l.arrive(c, wrong)
	l.note("%s does %v: %d", l.process, c, got.status)
	switch wrong {
	case lostAnswer:
		return &reply{err: errLost()}
	case failedAfter:
		return l.answers(l.status(c), `{"message":"in trouble"}`)
	case proxied:
		return l.answers(http.StatusBadGateway, "<html><body>Bad Gateway</body></html>")
	case cutOff:
		got.half = true
	}
	return got
}

// throttle refuses a call because there are too many.
func (l *line) throttle(c *call, how trouble) *reply {
	got := l.answers(http.StatusTooManyRequests, `{"errors":["Too many requests"]}`)
	seconds := l.number(1, 20, c.words("pause")...)
	switch how {
	case throttled:
		got.header.Set("Retry-After", strconv.Itoa(seconds))
	case throttledBy:
		date, _ := http.ParseTime(got.header.Get("Date"))
		got.header.Set("Retry-After", date.Add(time.Duration(seconds)*time.Second).Format(http.TimeFormat))
	}
	return got
}

// diesAt kills the process at the call that it is to die at, before or after the service has carried it out.
func (l *line) diesAt(c *call, when string) bool {
	l.mu.Lock()
	now := l.crash > 0 && l.calls >= l.crash && !l.dead && l.oneIn(2, c.words("dies")...) == (when == "before")
	if now {
		l.crash = 0
		l.counts[crashed]++
		l.note("%s dies at %v, %s it is done", l.process, c, when)
	}
	l.mu.Unlock()
	if now {
		l.save()
		l.mu.Lock()
		l.dead = true
		l.mu.Unlock()
		l.end()
	}
	return now
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
