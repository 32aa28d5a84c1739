package reconcile_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sync/reconcile"
	"cubesync/sync/state"
)

// pace is the part of the limit at which the client sends.
const pace = 0.98

// A whole run takes hardly longer than its calls take at the rate, however far away the service is, with workers chosen by
// itself; and its end is foretold from the first minute on.
func TestWholeRunIsNotBoundByLatency(t *testing.T) {
	const users, limit = 1300, 20
	for _, latency := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond} {
		t.Run(latency.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newDistantWorld(t, t.TempDir(), limit, latency, false)
				defer func() { _ = w.client.Close(context.Background()) }()
				w.MaxDuration = time.Hour
				for _, step := range []struct {
					name   string
					change func()
				}{
					{"creates", func() { w.source.persons = staff(users) }},
					{"updates-and-deletes", func() {
						w.source.persons = staff(users - 200)
						for i := range 400 {
							w.source.persons[i][3] = "Renamed"
						}
					}},
				} {
					step.change()
					var foretold []state.Forecast
					began := time.Now()
					result := w.order(t, reconcile.Order{
						Forecast: func(f state.Forecast) { foretold = append(foretold, f) },
					})
					wantStatus(t, result, state.Applied)
					took, calls := time.Since(began), result.Run.Budget.Made.Sum()
					if announced := result.Run.Budget.Announced.Sum(); announced != calls {
						t.Errorf("%s: %d calls were announced, %d made", step.name, announced, calls)
					}
					shortest := time.Duration(float64(calls)/(pace*limit)*float64(time.Second)) + latency
					t.Logf("%s: %d calls in %v, %.4f of what they take", step.name, calls, took, float64(took)/float64(shortest))
					if took.Seconds() > 1.02*shortest.Seconds() {
						t.Errorf("%s: %d calls took %v, and take %v at the rate", step.name, calls, took, shortest)
					}
					foretells(t, foretold, began, began.Add(took))
				}
			})
		})
	}
}

// foretells checks that an end was foretold in the first minute, well, and in time for the deadline.
func foretells(t *testing.T, foretold []state.Forecast, began, ended time.Time) {
	t.Helper()
	if len(foretold) < 3 || foretold[0].MadeAt.Sub(began) > time.Minute {
		t.Fatalf("%d forecasts in %v", len(foretold), ended.Sub(began))
	}
	for _, f := range foretold {
		if off := f.EndsAt.Sub(ended).Abs(); off > ended.Sub(began)/20 {
			t.Errorf("after %v the end was foretold %v off: %+v", f.MadeAt.Sub(began), off, f)
		}
		if f.Late() || f.Deadline.IsZero() {
			t.Errorf("a deadline in an hour is late in %+v", f)
		}
	}
}

// A deadline that won't hold is foretold before it is reached.
func TestForecastOfADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newDistantWorld(t, t.TempDir(), 20, 50*time.Millisecond, false)
		defer func() { _ = w.client.Close(context.Background()) }()
		w.source.persons, w.MaxDuration = staff(1300), 30*time.Second
		var foretold []state.Forecast
		wantStatus(t, w.order(t, reconcile.Order{Forecast: func(f state.Forecast) { foretold = append(foretold, f) }}), state.Late)
		if len(foretold) == 0 {
			t.Error("nothing was foretold")
		}
		for _, f := range foretold {
			if !f.Late() {
				t.Errorf("it isn't late in %+v", f)
			}
		}
	})
}

// What is left is foretold by the rate of the last minute or two, not by that of the hours before.
func TestForecastFollowsTheRate(t *testing.T) {
	for _, seconds := range []int{300, 3600} {
		t.Run(fmt.Sprint(seconds), func(t *testing.T) {
			at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
			const perSecond, slow, all = 50, 5, 1_000_000
			made := 0
			var last state.Forecast
			step := reconcile.Forecasting(at, all, func() int { return made }, func(f state.Forecast) { last = f })
			for range seconds {
				at, made = at.Add(time.Second), made+perSecond
				step(at)
			}
			if want := float64(perSecond); last.PerSecond != want || last.CallsLeft != all-made {
				t.Fatalf("%+v, want %v a second", last, want)
			}
			for range 180 {
				at, made = at.Add(time.Second), made+slow
				step(at)
			}
			if last.PerSecond != slow || last.Late() {
				t.Errorf("%+v, want %d a second", last, slow)
			}
			if want := at.Add(time.Duration(all-made) / slow * time.Second); last.EndsAt.Sub(want).Abs() > time.Second {
				t.Errorf("it ends at %v, want %v", last.EndsAt, want)
			}
		})
	}
}
