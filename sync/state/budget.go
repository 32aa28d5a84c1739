package state

import (
	"time"

	"cubesync/sync/plan"
)

// Budget are the calls of a run, what was sent before the plan was carried out included.
type Budget struct {
	Announced plan.Calls `json:"announced"` // where none has to be repeated
	Made      plan.Calls `json:"made"`
}

// Forecast says when the apply phase will end.
type Forecast struct {
	MadeAt    time.Time `json:"made_at"`
	CallsLeft int       `json:"calls_left"`
	PerSecond float64   `json:"per_second"` // calls, in the last minute or two
	EndsAt    time.Time `json:"ends_at"`
	Deadline  time.Time `json:"deadline,omitzero"`
}

// Late reports whether the deadline won't hold.
func (f Forecast) Late() bool { return !f.Deadline.IsZero() && f.EndsAt.After(f.Deadline) }
