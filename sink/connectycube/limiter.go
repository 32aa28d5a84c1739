package connectycube

import (
	"context"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How the limit L is kept and used. Permits are given at 0.98 L a second, and the bucket holds one permit and 0.01 L
// more. So the permits of a second that begins with a full bucket number less than 1 + 0.01 L + 0.98 L: never more
// than L (for an L with a fraction: than the next whole number). What the bucket holds beyond the one permit makes up
// for waking late, by up to 10 ms at any L; the hundredth of L that is left over does the same for the network, which
// bunches on the way what was released in good order.
const (
	pace  = 0.98
	slack = 0.01

	// share is the bucket's unit: a bucket of 1 + 0.01 L permits isn't a whole number of them.
	share = 1000
)

// The limits that can be kept: the bucket counts neither in smaller nor in larger numbers, and nobody has use for them.
const (
	slowestLimit = 0.01
	fastestLimit = 100_000
)

// How long the gate closes after a refusal (429).
const (
	leastPause = time.Second / 4  // where the service doesn't say: sooner, the second in which it refused would still be full
	firstPause = time.Second      // at most, likewise; doubled each time
	maxBackoff = 30 * time.Second // such pauses grow no longer
	maxPause   = 5 * time.Minute  // whatever the service asks
)

// limiter gives permits, one to each sending. Permits are given by one goroutine at a time, and are taken from the bucket
// at the moment of release: with reservations, many goroutines that wake late together would exceed the limit. Reads and
// writes wait in lanes of their own, and lend each other what they don't use.
//
// A refusal closes the gate: no permit is given before it opens. Afterwards the rate is that of the ceiling.
type limiter struct {
	next  sender
	lanes lanes
	limit float64 // 0: none
	log   *slog.Logger
	draw  draw

	mu       sync.Mutex
	bucket   *rate.Limiter // nil: no limit
	ceiling  ceiling
	closed   time.Time // when the gate was closed last
	opens    time.Time // when the gate opens
	refusals int       // storms in a row
}

func newLimiter(next sender, limit float64, log *slog.Logger) *limiter {
	l := &limiter{next: next, limit: limit, log: log}
	if limit > 0 {
		l.bucket = rate.NewLimiter(permitRate(limit), permitBurst(limit))
		l.bucket.AllowN(time.Now(), permitBurst(limit)) // empty: a process that ended a moment ago may have used it
	}
	return l
}

func permitRate(limit float64) rate.Limit { return rate.Limit(pace * limit * share) }

func permitBurst(limit float64) int { return share + int(slack*limit*share) }

func (l *limiter) send(ctx context.Context, c *call) (*answer, error) {
	released, err := l.wait(ctx, c.lane())
	if err != nil {
		return nil, &unsentError{err}
	}
	got, err := l.next.send(ctx, c)
	if c.released.IsZero() && !neverSent(err) {
		c.released = released
	}
	if err == nil {
		l.learn(got, released)
	}
	return got, err
}

// wait returns when the call may be sent, and that moment.
func (l *limiter) wait(ctx context.Context, in lane) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, err
	}
	if l.limit == 0 {
		if now := time.Now(); l.permit(now) <= 0 {
			return now, nil
		}
	}
	if err := l.lanes.enter(ctx, in); err != nil {
		return time.Time{}, err
	}
	defer l.lanes.leave()
	for {
		now := time.Now()
		missing := l.permit(now)
		if missing <= 0 {
			return now, nil
		}
		if err := sleep(ctx, missing); err != nil {
			return time.Time{}, err
		}
	}
}

// permit takes a permit, or returns how long there will be none.
func (l *limiter) permit(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if wait := l.opens.Sub(now); wait > 0 {
		return wait
	}
	if l.bucket == nil {
		return 0
	}
	l.adapt(now)
	if l.bucket.AllowN(now, share) {
		return 0
	}
	missing := (share - l.bucket.TokensAt(now)) / float64(l.bucket.Limit())
	return time.Duration(missing*float64(time.Second)) + 1
}

// adapt lets the rate follow the ceiling.
func (l *limiter) adapt(now time.Time) {
	if l.closed.IsZero() {
		return
	}
	lowered := l.limit * l.ceiling.after(now.Sub(l.opens))
	if target := permitRate(lowered); target != l.bucket.Limit() {
		l.bucket.SetLimitAt(now, target)
		l.bucket.SetBurstAt(now, permitBurst(lowered))
	}
}

// rate returns how many permits a second there are now; 0: no limit.
func (l *limiter) rate() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bucket == nil {
		return 0
	}
	l.adapt(time.Now())
	return float64(l.bucket.Limit()) / share
}

// learn closes the gate after a refusal. Calls that were released before the gate closed belong to the same storm:
// their refusals say nothing new.
func (l *limiter) learn(got *answer, released time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := !l.closed.IsZero() && !released.After(l.closed)
	if got.status != http.StatusTooManyRequests {
		if !known {
			l.refusals = 0
		}
		return
	}
	now := time.Now()
	pause, asked := got.retryAfter()
	if !known {
		l.ceiling.found(released.Sub(l.opens))
		l.refusals++
		l.closed = now
	}
	if (!asked || pause == 0) && !known { // a pause of nothing would only burn the tries
		pause = max(leastPause, l.draw.jitter(firstPause, l.refusals))
	}
	if opens := now.Add(min(pause, maxPause)); opens.After(l.opens) {
		l.opens = opens
	}
	if !known {
		l.log.Warn("the service asks to slow down", "pause", l.opens.Sub(now).Round(time.Millisecond),
			"requests_per_second", math.Round(l.limit*l.ceiling.from), "limit", l.limit)
	}
}

// draw draws the length of a pause, from 1 to most; nil: at random.
type draw func(most time.Duration) time.Duration

// jitter returns a random pause of at most first, doubled for each time after the first.
func (d draw) jitter(first time.Duration, times int) time.Duration {
	ceiling := maxBackoff
	if times < 16 {
		ceiling = min(maxBackoff, first<<(times-1))
	}
	if d != nil {
		return d(ceiling)
	}
	return rand.N(ceiling) + 1
}
