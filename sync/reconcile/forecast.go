package reconcile

import (
	"time"

	"cubesync/sync/state"
)

const (
	forecastEvery = 10 * time.Second
	// forecastOver is for how long at least the rate is looked at: what it was an hour ago says nothing of a service that
	// asks to slow down now.
	forecastOver = time.Minute
)

// forecaster foretells the end of the apply phase: the calls that are left by the rate seen. The nil forecaster is silent.
type forecaster struct {
	made     func() int // calls so far
	expected int        // calls by the end
	units    int        // operations that haven't ended
	deadline time.Time
	tell     func(state.Forecast)

	older, newer mark // the rate is that since the older one
	told         time.Time
}

// mark is how many calls had been made by a moment.
type mark struct {
	at    time.Time
	calls int
}

func (r *run) newForecaster() *forecaster {
	if r.Calls == nil {
		return nil
	}
	made := func() int { return r.spent().Sum() }
	now := mark{time.Now(), made()}
	return &forecaster{
		made: made, expected: now.calls + r.cost().Sum(), units: r.Plan.Sent(), deadline: r.mustEnd(),
		older: now, newer: now, told: now.at,
		tell: func(f state.Forecast) {
			r.Run.Forecast = &f
			if r.order.Forecast != nil {
				r.order.Forecast(f)
			}
		},
	}
}

// step takes in that one more operation ended.
func (f *forecaster) step(now time.Time) {
	if f == nil {
		return
	}
	f.units--
	if now.Sub(f.told) < forecastEvery {
		return
	}
	f.foretell(now)
}

// foretell tells when it will end, where there is anything to go by.
func (f *forecaster) foretell(now time.Time) {
	f.told = now
	made := f.made()
	if made == f.older.calls || f.units <= 0 {
		return
	}
	rate := float64(made-f.older.calls) / now.Sub(f.older.at).Seconds()
	left := max(f.expected-made, f.units) // each takes a call at least
	f.tell(state.Forecast{
		MadeAt: now, CallsLeft: left, PerSecond: rate, Deadline: f.deadline,
		EndsAt: now.Add(time.Duration(float64(left) / rate * float64(time.Second))),
	})
	if now.Sub(f.newer.at) >= forecastOver {
		f.older, f.newer = f.newer, mark{now, made}
	}
}
