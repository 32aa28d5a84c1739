package plan

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"cubesync/sync/user"
)

// Limits are the guards' settings. A share is a part of the accounts owned at the start of the run, from 0 to 1;
// where a floor stands beside it, the guard never trips at or below the floor.
type Limits struct {
	Deletes     Ceiling // releases and deletes of one run
	WeekDeletes Ceiling // releases and deletes of seven days, this run included
	Updates     Ceiling // updates and adoptions
	Creates     Ceiling // sign-ups, once there is a baseline
	Field       Ceiling // changes of one and the same field
	Rekeyed     Ceiling // sign-ups whose login or e-mail a leaver holds, or holds until this run deletes them
	Shrink      float64 // share by which the source may shrink against the baseline
}

// Ceiling permits max(Floor, min(Share × owned, Most)) operations.
type Ceiling struct {
	Floor int
	Share float64
	Most  int // 0: no such bound
}

// Of returns how many operations the ceiling permits among owned accounts.
func (c Ceiling) Of(owned int) int {
	const rounding = 1e-9 // 0.29 × 100 is a little less than 29
	n := int(c.Share*float64(owned) + rounding)
	if c.Most > 0 {
		n = min(n, c.Most)
	}
	return max(c.Floor, n)
}

// DefaultLimits are the guards of a pipeline that sets none.
func DefaultLimits() Limits {
	return Limits{
		Deletes:     Ceiling{Floor: 3, Share: 0.05, Most: 500},
		WeekDeletes: Ceiling{Floor: 3, Share: 0.10, Most: 1000},
		Updates:     Ceiling{Floor: 20, Share: 0.30},
		Creates:     Ceiling{Floor: 100, Share: 0.20},
		Field:       Ceiling{Floor: 20, Share: 0.30},
		Rekeyed:     Ceiling{Floor: 3, Share: 0.01},
		Shrink:      0.20,
	}
}

// Baseline is what the last applied or approved run saw.
type Baseline struct {
	Run     int64             // its number
	Present int               // persons in the source
	Settled map[string]string // digests of what decides who is a leaver, by the name of the setting
}

// Situation is what the guards judge a plan by.
type Situation struct {
	Baseline    *Baseline         // nil before the first applied run
	Settings    map[string]string // as Baseline.Settled, of this run
	WeekDeletes int               // releases and deletes applied in the seven days before now
}

// Trip is a guard that stops a run.
type Trip struct {
	Guard  string `json:"guard"`
	Saw    string `json:"saw"`
	Limit  string `json:"limit"`
	Remedy string `json:"remedy"`
}

// Approvable reports whether a person may let the plan pass: nobody means that everybody has left.
func (t Trip) Approvable() bool { return t.Guard != guardEmpty }

func (t Trip) String() string {
	return fmt.Sprintf("guard %s: %s, permitted %s; %s", t.Guard, t.Saw, t.Limit, t.Remedy)
}

// The names of the guards, as the configuration and the messages have them.
const (
	guardEmpty       = "empty"
	guardShrink      = "shrink"
	guardDeletes     = "deletes"
	guardWeekDeletes = "week_deletes"
	guardUpdates     = "updates"
	guardCreates     = "creates"
	guardField       = "field"
	guardRekeyed     = "rekeyed"
	guardSettings    = "settings"
)

// rounding keeps a share that is exact on paper from being rounded up because it isn't exact in binary.
const rounding = 1e-9

// Guard returns every guard that the plan trips, in a fixed order. A run that trips one writes nothing.
func Guard(p *Plan, limits Limits, s Situation) []Trip {
	var trips []Trip
	trip := func(guard, saw, limit, remedy string) {
		trips = append(trips, Trip{Guard: guard, Saw: saw, Limit: limit, Remedy: remedy})
	}
	atMost := func(guard string, n, limit int, what string) {
		if n > limit {
			trip(guard, fmt.Sprintf("%s: %s among %s owned accounts", what, Number(n), Number(p.Owned)), Number(limit), "look at them in the plan")
		}
	}
	ceiling := func(guard string, n int, c Ceiling, what string) { atMost(guard, n, c.Of(p.Owned), what) }
	leaving := p.Count(Release) + p.Count(Delete)

	if p.Present() == 0 {
		trip(guardEmpty, "a source without any record", "at least 1", "check the export")
	}
	if b := s.Baseline; b != nil && p.Present() > 0 {
		if floor := int(math.Ceil(math.FMA(float64(b.Present), 1-limits.Shrink, -rounding))); p.Present() < floor {
			trip(guardShrink, fmt.Sprintf("persons in the source: %s, and %s in run %d", Number(p.Present()), Number(b.Present), b.Run),
				"at least "+Number(floor), "check that the export is whole")
		}
	}
	if leaving > 0 {
		half := p.Owned / 2 // never more, whatever the limits and their floors say
		atMost(guardDeletes, leaving, min(half, limits.Deletes.Of(p.Owned)), "releases and deletes")
		atMost(guardWeekDeletes, leaving+s.WeekDeletes, min(half, limits.WeekDeletes.Of(p.Owned)),
			fmt.Sprintf("releases and deletes in seven days, %s of them before this run", Number(s.WeekDeletes)))
	}
	ceiling(guardUpdates, p.Count(Update)+p.Count(Adopt), limits.Updates, "updates")
	if s.Baseline != nil {
		ceiling(guardCreates, p.Count(Create), limits.Creates, "sign-ups")
	}
	for _, field := range user.Fields() {
		ceiling(guardField, fieldChanges(p, field), limits.Field, fmt.Sprintf("changes of %s", field))
	}
	ceiling(guardRekeyed, p.heldByLeavers(), limits.Rekeyed, "new external IDs whose login or e-mail a leaver holds")
	if changed := changedSettings(s); leaving > 0 && len(changed) > 0 {
		trip(guardSettings, fmt.Sprintf("releases and deletes: %s, together with a change of %s since run %d", Number(leaving), strings.Join(changed, ", "), s.Baseline.Run),
			"none in the same run", "if these people have left, approve it; if not, put the settings back")
	}
	return trips
}

func fieldChanges(p *Plan, field user.Field) int {
	n := 0
	for i := range p.Operations {
		op := &p.Operations[i]
		if op.Kind != Update || op.Blocked != "" {
			continue
		}
		if slices.ContainsFunc(op.Changes, func(c Change) bool { return c.Field == field }) {
			n++
		}
	}
	return n
}

// heldByLeavers counts sign-ups that want what a leaver has: those that are refused for it, and those that wait until
// the leaver is deleted.
func (p *Plan) heldByLeavers() int {
	n := 0
	for _, r := range p.Rejects {
		if r.Reason == HeldByLeaver {
			n++
		}
	}
	deleted := map[string]bool{}
	for i := range p.Operations {
		if p.Operations[i].Kind == Delete {
			deleted[p.Operations[i].ExternalID] = true
		}
	}
	for i := range p.Operations {
		op := &p.Operations[i]
		if op.Kind == Create && slices.ContainsFunc(op.WaitsFor, func(other string) bool { return deleted[other] }) {
			n++
		}
	}
	return n
}

// changedSettings names the settings that differ from the baseline's.
func changedSettings(s Situation) []string {
	if s.Baseline == nil {
		return nil
	}
	var changed []string
	names := maps.Clone(s.Baseline.Settled)
	if names == nil {
		names = map[string]string{}
	}
	maps.Copy(names, s.Settings)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if s.Settings[name] != s.Baseline.Settled[name] {
			changed = append(changed, name)
		}
	}
	return changed
}
