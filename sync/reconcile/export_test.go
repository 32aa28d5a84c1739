package reconcile

import (
	"time"

	"cubesync/sync/state"
)

// Forecasting begins a forecast of so many calls, fifty for each operation, and returns its step.
func Forecasting(began time.Time, calls int, made func() int, tell func(state.Forecast)) func(time.Time) {
	now := mark{began, made()}
	f := &forecaster{made: made, expected: calls, units: calls / 50, tell: tell, older: now, newer: now, told: began}
	return f.step
}
