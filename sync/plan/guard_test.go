package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/user"
)

// made is a plan with that many operations to be sent, and with one that is blocked and counts for nothing.
func made(owned, desired int, counts map[Kind]int) *Plan {
	p := &Plan{Owned: owned, Desired: desired}
	for _, kind := range Kinds() {
		if counts[kind] > 0 {
			p.Operations = append(p.Operations, Operation{Kind: kind, ExternalID: string(kind), Blocked: RefusedBefore})
		}
		for i := range counts[kind] {
			p.Operations = append(p.Operations, Operation{Kind: kind, ExternalID: fmt.Sprint(kind, i)})
		}
	}
	return p
}

func (p *Plan) changing(field user.Field) *Plan {
	for i := range p.Operations {
		p.Operations[i].Changes = []Change{{Field: field, Before: "a", After: "b"}}
	}
	return p
}

func (p *Plan) rejecting(reason Reason, n int) *Plan {
	for i := range n {
		p.Rejects = append(p.Rejects, Reject{ExternalID: fmt.Sprint("R", i), Reason: reason})
	}
	p.Desired += n
	return p
}

func names(trips []Trip) []string {
	var all []string
	for _, trip := range trips {
		all = append(all, trip.Guard)
	}
	return all
}

func TestGuardLimits(t *testing.T) {
	first := Situation{}
	later := Situation{Baseline: &Baseline{Run: 1, Present: 1000}}
	week := Situation{Baseline: &Baseline{Run: 1, Present: 1000}, WeekDeletes: 60}
	for _, test := range []struct {
		name      string
		at        *Plan // trips nothing
		beyond    *Plan // trips the guard, and only it
		situation Situation
		guard     string
	}{
		{"deletes-by-share", made(1000, 1000, map[Kind]int{Delete: 50}), made(1000, 1000, map[Kind]int{Delete: 51}), first, "deletes"},
		{"releases-count-as-deletes", made(1000, 1000, map[Kind]int{Delete: 25, Release: 25}), made(1000, 1000, map[Kind]int{Delete: 25, Release: 26}), first, "deletes"},
		{"deletes-week", made(1000, 1000, map[Kind]int{Delete: 40}), made(1000, 1000, map[Kind]int{Delete: 41}), week, "week_deletes"},
		{"updates-by-floor", made(10, 10, map[Kind]int{Update: 20}), made(10, 10, map[Kind]int{Update: 21}), first, "updates"},
		{"updates-by-share", made(1000, 1000, map[Kind]int{Update: 300}), made(1000, 1000, map[Kind]int{Update: 301}), first, "updates"},
		{"adoptions-count-as-updates", made(1000, 1000, map[Kind]int{Update: 200, Adopt: 100}), made(1000, 1000, map[Kind]int{Update: 200, Adopt: 101}), first, "updates"},
		{"creates-by-floor", made(10, 1000, map[Kind]int{Create: 100}), made(10, 1000, map[Kind]int{Create: 101}), later, "creates"},
		{"creates-by-share", made(1000, 1000, map[Kind]int{Create: 200}), made(1000, 1000, map[Kind]int{Create: 201}), later, "creates"},
		{"rekeyed-by-floor", made(10, 10, nil).rejecting(HeldByLeaver, 2), made(10, 10, nil).rejecting(HeldByLeaver, 3), first, "rekeyed"},
		{"rekeyed-by-share", made(1000, 1000, nil).rejecting(HeldByLeaver, 9), made(1000, 1000, nil).rejecting(HeldByLeaver, 10), first, "rekeyed"},
		{"shrink", made(1000, 800, nil), made(1000, 799, nil), later, "shrink"},
		{"empty", made(1000, 0, nil).rejecting(BadRecord, 1), made(1000, 0, nil), first, "empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if trips := Guard(test.at, DefaultLimits(), test.situation); len(trips) > 0 {
				t.Errorf("at the limit: %v", trips)
			}
			trips := Guard(test.beyond, DefaultLimits(), test.situation)
			if diff := cmp.Diff([]string{test.guard}, names(trips)); diff != "" {
				t.Errorf("beyond the limit: %s\n%v", diff, trips)
			}
		})
	}
}

// One of several sources that gives nobody any more holds the run, until a person has approved that it does.
func TestGuardOfAnEmptySource(t *testing.T) {
	for name, test := range map[string]struct {
		baseline *Baseline
		empty    []string
		present  int
		want     []string
	}{
		"none":                  {&Baseline{Present: 100}, nil, 100, nil},
		"one":                   {&Baseline{Present: 100}, []string{"hr"}, 100, []string{"empty_source"}},
		"as-before":             {&Baseline{Present: 100, Empty: []string{"ad", "hr"}}, []string{"hr"}, 100, nil},
		"another-one":           {&Baseline{Present: 100, Empty: []string{"ad"}}, []string{"ad", "hr"}, 100, []string{"empty_source"}},
		"before-there-is-any":   {nil, []string{"hr"}, 100, nil},
		"all-of-them-are-empty": {&Baseline{Present: 100}, []string{"ad", "hr"}, 0, []string{"empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			trips := Guard(made(100, test.present, nil), DefaultLimits(), Situation{Baseline: test.baseline, Empty: test.empty})
			if diff := cmp.Diff(test.want, names(trips)); diff != "" {
				t.Errorf("(-want +got)\n%s\n%v", diff, trips)
			}
			for _, trip := range trips {
				if trip.Guard == "empty_source" && (!strings.HasSuffix(trip.Saw, ": hr") || !trip.Approvable()) {
					t.Errorf("%+v", trip)
				}
			}
		})
	}
}

// Where the records may be of several moments, every guard trips at half of what it permits otherwise, and says so.
func TestGuardsAreHalved(t *testing.T) {
	first, later := Situation{}, Situation{Baseline: &Baseline{Run: 1, Present: 1000}}
	week := Situation{Baseline: later.Baseline, WeekDeletes: 30}
	for _, test := range []struct {
		name      string
		situation Situation
		at        *Plan // trips nothing
		beyond    *Plan // trips the guard
		guard     string
		limit     string
	}{
		{"deletes", later, made(1000, 1000, map[Kind]int{Delete: 25}), made(1000, 1000, map[Kind]int{Delete: 26}), "deletes", "25"},
		{"deletes-by-floor", first, made(10, 10, map[Kind]int{Delete: 1}), made(20, 20, map[Kind]int{Delete: 2}), "deletes", "1"},
		{"week", week, made(1000, 1000, map[Kind]int{Delete: 20}), made(1000, 1000, map[Kind]int{Delete: 21}), "week_deletes", "50"},
		{"updates", later, made(1000, 1000, map[Kind]int{Update: 150}), made(1000, 1000, map[Kind]int{Update: 151}), "updates", "150"},
		{"creates", later, made(1000, 1000, map[Kind]int{Create: 100}), made(1000, 1000, map[Kind]int{Create: 101}), "creates", "100"},
		{"field", later, made(1000, 1000, map[Kind]int{Update: 150}).changing(user.Email), made(1000, 1000, map[Kind]int{Update: 151}).changing(user.Email), "field", "150"},
		{"rekeyed", later, made(1000, 1000, nil).rejecting(HeldByLeaver, 4), made(1000, 1000, nil).rejecting(HeldByLeaver, 5), "rekeyed", "fewer than 5"},
		{"rekeyed-by-floor", first, made(10, 10, nil).rejecting(HeldByLeaver, 1), made(10, 10, nil).rejecting(HeldByLeaver, 2), "rekeyed", "fewer than 2"},
		{"shrink", later, made(1000, 900, nil), made(1000, 899, nil), "shrink", "at least 900"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if trips := Guard(test.beyond, DefaultLimits(), test.situation); len(trips) > 0 {
				t.Errorf("of one moment: %v", trips)
			}
			test.situation.SeveralMoments = true
			if trips := Guard(test.at, DefaultLimits(), test.situation); len(trips) > 0 {
				t.Errorf("at the limit: %v", trips)
			}
			trip := concernedBy(t, test.beyond, test.guard, test.situation)
			if want := test.limit + ", halved because the records may be of several moments"; trip.Limit != want {
				t.Errorf("beyond it permits %q, want %q", trip.Limit, want)
			}
		})
	}
}

func TestGuardOfOneField(t *testing.T) {
	limits := DefaultLimits()
	limits.Updates = Ceiling{Floor: 10000}
	for _, test := range []struct{ owned, limit int }{{10, 20}, {1000, 300}} {
		at := made(test.owned, test.owned, map[Kind]int{Update: test.limit}).changing(user.Email)
		if trips := Guard(at, limits, Situation{}); len(trips) > 0 {
			t.Errorf("%d of %d: %v", test.limit, test.owned, trips)
		}
		beyond := made(test.owned, test.owned, map[Kind]int{Update: test.limit + 1}).changing(user.Email)
		if diff := cmp.Diff([]string{"field"}, names(Guard(beyond, limits, Situation{}))); diff != "" {
			t.Errorf("%d of %d: %s", test.limit+1, test.owned, diff)
		}
		other := made(test.owned, test.owned, map[Kind]int{Update: test.limit + 1}).changing(user.Email)
		other.Operations[1].Changes[0].Field = user.Phone
		if trips := Guard(other, limits, Situation{}); len(trips) > 0 {
			t.Errorf("two fields: %v", trips)
		}
	}
}

func TestShrinkIsNeverRoundedInFavour(t *testing.T) {
	for _, test := range []struct{ was, is, trips int }{
		{2, 1, 1}, {3, 2, 1}, {5, 4, 0}, {6, 5, 0}, {6, 4, 1}, {11, 9, 0}, {11, 8, 1}, {14, 12, 0}, {14, 11, 1}, {100, 80, 0}, {100, 79, 1},
	} {
		trips := Guard(made(100, test.is, nil), DefaultLimits(), Situation{Baseline: &Baseline{Run: 1, Present: test.was}})
		if len(trips) != test.trips {
			t.Errorf("from %d to %d: %v", test.was, test.is, trips)
		}
	}
}

func TestNeverMoreThanHalfLeaves(t *testing.T) {
	generous := DefaultLimits()
	generous.Deletes, generous.WeekDeletes = Ceiling{Floor: 3, Share: 1}, Ceiling{Floor: 3, Share: 1}
	for _, test := range []struct{ owned, deletes, before, trips int }{
		{1, 1, 0, 2},
		{2, 1, 0, 0}, {2, 2, 0, 2},
		{4, 2, 0, 0}, {4, 3, 0, 2},
		{1000, 500, 0, 0}, {1000, 501, 0, 2},
		{1000, 400, 100, 0}, {1000, 400, 101, 1}, // the week is bounded too
	} {
		p := made(test.owned, test.owned, map[Kind]int{Delete: test.deletes})
		if trips := Guard(p, generous, Situation{WeekDeletes: test.before}); len(trips) != test.trips {
			t.Errorf("%d of %d, %d before: %v", test.deletes, test.owned, test.before, trips)
		}
	}
}

func TestGuardsThatNeedABaseline(t *testing.T) {
	p := made(1000, 100, map[Kind]int{Create: 900})
	if trips := Guard(p, DefaultLimits(), Situation{}); len(trips) > 0 {
		t.Errorf("a first run has nothing to compare with: %v", trips)
	}
	if diff := cmp.Diff([]string{"shrink", "creates"}, names(Guard(p, DefaultLimits(), Situation{Baseline: &Baseline{Present: 127}}))); diff != "" {
		t.Error(diff)
	}
}

func TestGuardOfPastDeletesNeedsAPresentOne(t *testing.T) {
	if trips := Guard(made(1000, 1000, nil), DefaultLimits(), Situation{WeekDeletes: 5000}); len(trips) > 0 {
		t.Errorf("a run without deletes is held for those of last week: %v", trips)
	}
}

func TestGuardOfSettings(t *testing.T) {
	situation := func(before, now map[string]string) Situation {
		return Situation{Baseline: &Baseline{Run: 1, Present: 1000, Settled: before}, Settings: now}
	}
	leaving, staying := made(1000, 1000, map[Kind]int{Release: 1}), made(1000, 1000, map[Kind]int{Update: 1})
	for _, test := range []struct {
		name      string
		plan      *Plan
		situation Situation
		want      []string
	}{
		{"same", leaving, situation(map[string]string{"key": "a"}, map[string]string{"key": "a"}), nil},
		{"changed", leaving, situation(map[string]string{"key": "a"}, map[string]string{"key": "b"}), []string{"settings"}},
		{"added", leaving, situation(nil, map[string]string{"filter": "a"}), []string{"settings"}},
		{"removed", leaving, situation(map[string]string{"filter": "a"}, nil), []string{"settings"}},
		{"changed-while-nobody-leaves", staying, situation(map[string]string{"key": "a"}, map[string]string{"key": "b"}), nil},
		{"no-baseline", leaving, Situation{Settings: map[string]string{"key": "a"}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := names(Guard(test.plan, DefaultLimits(), test.situation)); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestCeiling(t *testing.T) {
	for _, test := range []struct {
		ceiling Ceiling
		owned   int
		want    int
	}{
		{Ceiling{Floor: 3, Share: 0.05, Most: 500}, 0, 3},
		{Ceiling{Floor: 3, Share: 0.05, Most: 500}, 79, 3},
		{Ceiling{Floor: 3, Share: 0.05, Most: 500}, 80, 4},
		{Ceiling{Floor: 3, Share: 0.05, Most: 500}, 9_999, 499},
		{Ceiling{Floor: 3, Share: 0.05, Most: 500}, 1_000_000, 500},
		{Ceiling{Share: 0.3}, 1_000_000, 300_000},
		{Ceiling{Share: 0.29}, 100, 29}, // 0.29 × 100 is 28.999… in binary
	} {
		if got := test.ceiling.Of(test.owned); got != test.want {
			t.Errorf("%+v of %d = %d, want %d", test.ceiling, test.owned, got, test.want)
		}
	}
}
