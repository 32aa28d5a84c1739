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
// where a floor stands beside it, the guard never trips at or below the floor (Rekeyed: below it).
type Limits struct {
	Deletes     Ceiling // releases and deletes of one run
	WeekDeletes Ceiling // releases and deletes of seven days, this run included
	Updates     Ceiling // updates and adoptions
	Creates     Ceiling // sign-ups, once there is a baseline
	Field       Ceiling // changes of one and the same field
	Rekeyed     Ceiling // sign-ups whose login or e-mail a leaver holds, or holds until this run deletes them: trips from here
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
	Empty   []string          `json:",omitempty"` // of several sources, those that gave no usable record
}

// Situation is what the guards judge a plan by.
type Situation struct {
	Baseline    *Baseline         // nil before the first applied run
	Settings    map[string]string // as Baseline.Settled, of this run
	WeekDeletes int               // releases and deletes applied in the seven days before now
	// Changes: only what changed was read, so that the source's size says nothing.
	Changes bool
	// SeveralMoments: the records may be of several moments, so that every guard permits half of what it would.
	SeveralMoments bool
	Empty          []string // as Baseline.Empty, of this run
	// Rekeying are changes of external IDs that were broken off or failed, the old ones by the new.
	Rekeying map[string]string
}

// The names of the guards, as the configuration and the messages have them.
const (
	guardEmpty       = "empty"
	guardEmptySource = "empty_source"
	guardShrink      = "shrink"
	guardDeletes     = "deletes"
	guardWeekDeletes = "week_deletes"
	guardUpdates     = "updates"
	guardCreates     = "creates"
	guardField       = "field"
	guardRekeyed     = "rekeyed"
	guardSettings    = "settings"
	guardFirstRun    = "first_run"
	guardRekey       = "rekey"
)

// rounding keeps a share that is exact on paper from being rounded up because it isn't exact in binary.
const rounding = 1e-9

// Guard returns every guard that the plan trips, in a fixed order. A run that trips one writes nothing.
func Guard(p *Plan, limits Limits, s Situation) []Trip {
	var trips []Trip
	trip := func(guard, saw, limit, remedy string, who concerned) {
		trips = append(trips, Trip{Guard: guard, Saw: saw, Limit: limit, Concerns: who.first, Count: who.n, Remedy: remedy})
	}
	part, why := 1, ""
	if s.SeveralMoments {
		part, why = 2, ", halved because the records may be of several moments"
	}
	atMost := func(guard string, who concerned, before, limit int, what string) {
		if n := who.n + before; n > limit {
			trip(guard, fmt.Sprintf("%s: %s among %s", what, Number(n), Counted(p.Owned, "owned account")), Number(limit)+why, "look at them in the plan", who)
		}
	}
	permits := func(c Ceiling) int { return c.Of(p.Owned) / part }
	ceiling := func(guard string, who concerned, c Ceiling, what string) { atMost(guard, who, 0, permits(c), what) }
	leaving, unapproved := p.leaving(), p.unapproved()
	departures := func(guard string, before, limit int, what string) {
		half := p.Owned / 2 / part // never more, whatever the limits, their floors, and approvals say
		if unapproved.n > 0 && unapproved.n+before > min(half, limit) {
			atMost(guard, unapproved, before, min(half, limit), what)
		} else if leaving.n > 0 {
			atMost(guard, leaving, before, half, what)
		}
	}

	switch {
	case p.Present() > 0, s.Changes:
	case p.Filtered > 0:
		trip(guardEmpty, Counted(p.Filtered, "record")+", of which the filter leaves out all that can be read", "at least 1 left", "check the filter", p.missing())
	default:
		trip(guardEmpty, "a source without any usable record", "at least 1", "check the source", p.missing())
	}
	if b := s.Baseline; b != nil && p.Present() > 0 && !s.Changes {
		if floor := int(math.Ceil(math.FMA(float64(b.Present), 1-limits.Shrink/float64(part), -rounding))); p.Present() < floor {
			trip(guardShrink, fmt.Sprintf("persons in the source: %s, and %s in run %d", Number(p.Present()), Number(b.Present), b.Run),
				"at least "+Number(floor)+why, "check that the export is whole", p.missing())
		}
	}
	if emptied := s.emptied(); len(emptied) > 0 && p.Present() > 0 {
		trip(guardEmptySource, "of several sources, without any usable record: "+strings.Join(emptied, ", "), "none that had one",
			"check it; if it has none indeed, approve that once", p.missing())
	}
	departures(guardDeletes, 0, permits(limits.Deletes), "releases and deletes")
	departures(guardWeekDeletes, s.WeekDeletes, permits(limits.WeekDeletes),
		fmt.Sprintf("releases and deletes in seven days, %s of them before this run", Number(s.WeekDeletes)))
	ceiling(guardUpdates, p.sent(Update, Adopt), limits.Updates, "updates and adoptions")
	if s.Baseline != nil {
		ceiling(guardCreates, p.sent(Create), limits.Creates, "sign-ups")
	}
	for _, field := range user.Fields() {
		ceiling(guardField, p.fieldChanges(field), limits.Field, fmt.Sprintf("changes of %s", field))
	}
	ceiling(guardField, p.replacedAvatars(), limits.Field, "changes of "+avatarField)
	if who := p.respelled(); who.n > 0 {
		trip(guardRekeyed, "external IDs that are those of leavers in another spelling: "+Number(who.n), "none",
			"if they are the same people, put the spelling back, or let `cubesync rekey` carry the new ones; if not, approve it", who)
	}
	if who, from := p.heldByLeavers(), (limits.Rekeyed.Of(p.Owned)+part-1)/part; who.n > 0 && who.n >= from {
		trip(guardRekeyed, fmt.Sprintf("new external IDs whose login or e-mail a leaver holds: %s among %s", Number(who.n), Counted(p.Owned, "owned account")),
			"fewer than "+Number(from)+why, "were the keys changed? `cubesync rekey` carries new ones; if not, look at them in the plan", who)
	}
	if who := p.halfRekeyed(s.Rekeying); who.n > 0 {
		trip(guardRekeyed, "sign-ups, releases and deletes by external IDs whose change was broken off or failed: "+Number(who.n), "none",
			"give the map to `cubesync rekey` once more; if they came and left indeed, approve it", who)
	}
	if changed := changedSettings(s); leaving.n > 0 && len(changed) > 0 {
		beside, limit := fmt.Sprintf("together with a change of %s since run %d", strings.Join(changed, ", "), s.Baseline.Run), "none in the same run"
		if len(s.Baseline.Settled) == 0 {
			beside, limit = "and the first run that is remembered missed people already, so that nobody can tell what changed before it", "none unasked"
		}
		trip(guardSettings, fmt.Sprintf("releases and deletes: %s, %s", Number(leaving.n), beside), limit,
			"if these people have left, approve it; if not, put the settings back", leaving)
	}
	return trips
}

// emptied names those of several sources that gave records in the last applied run, and none in this one.
func (s Situation) emptied() []string {
	if s.Baseline == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.Empty), func(name string) bool { return slices.Contains(s.Baseline.Empty, name) })
}

// Unconfirmed is the guard of a first run that nobody agreed to, on any application but the embedded emulator's.
func Unconfirmed(p *Plan) Trip {
	return unconfirmed(p, guardFirstRun, "operation", "in the first run that writes to an application that isn't the embedded emulator")
}

// UnconfirmedRekey is the guard of a change of external IDs that nobody agreed to.
func UnconfirmedRekey(p *Plan) Trip {
	return unconfirmed(p, guardRekey, "account", "that would get another external ID")
}

func unconfirmed(p *Plan, guard, one, which string) Trip {
	who := p.sent(Kinds()...)
	return Trip{
		Guard: guard, Saw: Counted(p.Writes(), one) + " " + which, Limit: "none unconfirmed",
		Concerns: who.first, Count: who.n, Remedy: "answer yes on a terminal, or run it with --yes",
	}
}

// changedSettings tells the settings that differ from the baseline's. One that is new, because an earlier version didn't
// know it, may have changed or not: a person has to say.
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
			changed = append(changed, settingInWords(name, s.Baseline.Settled))
		}
	}
	return changed
}

func settingInWords(name string, settled map[string]string) string {
	words := name // as the configuration has it
	if name == "other_owner_tags" {
		words = "the owner tags of other pipelines"
	}
	if _, kept := settled[name]; !kept {
		words += " (not kept by earlier versions)"
	}
	return words
}
