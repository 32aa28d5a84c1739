package state

import (
	"context"
	"database/sql"
	"time"
)

// clock is how the times of absences and departures are kept: on an axis of its own, on which time passes as slowly as
// the slower of our clock and the service's, and never backwards. So a clock that is set wrong, or right again, neither
// shortens a grace nor empties the week's count.
type clock struct {
	Ours    time.Time `json:"ours"`
	Service time.Time `json:"service,omitzero"` // zero where it was never told
	Steady  time.Time `json:"steady"`
}

// agreement is how far two measurements of the same time may lie apart: the service tells whole seconds.
const agreement = 2 * time.Second

// tick returns the clock at a later look; now is ours, and the service's where it tells.
func (c clock) tick(ours, service time.Time) clock {
	if c.Steady.IsZero() {
		return clock{Ours: ours, Service: service, Steady: ours}
	}
	passed := ours.Sub(c.Ours)
	next := clock{Ours: ours, Service: c.Service}
	if !service.IsZero() {
		next.Service = service
		if !c.Service.IsZero() && service.Sub(c.Service) < passed-agreement {
			passed = service.Sub(c.Service)
		}
	}
	next.Steady = c.Steady.Add(max(0, passed))
	return next
}

// moment is a time by the service's clock, and when that was by ours.
type moment struct{ service, ours time.Time }

// serviceTime is what time it is at least by the service's clock, in milliseconds; 0 where that never told.
func (s *Store) serviceTime() int64 {
	if s.service.service.IsZero() {
		return 0
	}
	return s.service.service.Add(time.Since(s.service.ours) - agreement).UnixMilli()
}

// Tick takes in what time it is, by our clock and by the service's, which is zero where it doesn't tell. From then on the
// store's methods take and give times of our clock, and keep them so that only time that has passed on both counts. It
// is called once, before anything is asked that depends on time.
func (s *Store) Tick(ctx context.Context, ours, service time.Time) error {
	s.service = moment{service, ours}
	ours, service = ours.UTC().Round(0), service.UTC().Round(0)
	before, _, err := lookFact[clock](ctx, s, "reading the clock", factClock)
	if err != nil {
		return err
	}
	now := before.tick(ours, service)
	s.ahead, s.latest = ours.Sub(now.Steady), now.Steady
	if s.writer == nil {
		return nil // a look
	}
	return s.write(ctx, "setting the clock", func(ctx context.Context, tx *sql.Tx) error {
		if err := expectNoMore(ctx, tx, now.Steady); err != nil {
			return err
		}
		return writeFact(ctx, tx, factClock, now)
	})
}

// steady returns the time on the axis on which it is kept, of one by our clock.
func (s *Store) steady(ours time.Time) time.Time { return ours.Add(-s.ahead) }

// axisNow is now on that axis. Our clock may have been set back since the last Tick; the axis never goes back.
func (s *Store) axisNow() time.Time {
	now := s.steady(time.Now().UTC().Round(0))
	if now.Before(s.latest) {
		return s.latest
	}
	return now
}

// wall is the reverse of steady.
func (s *Store) wall(steady time.Time) time.Time { return steady.Add(s.ahead) }
