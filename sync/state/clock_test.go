package state

import (
	"testing"
	"time"

	"cubesync/sync/plan"
)

func TestTickTakesTheSlowerClock(t *testing.T) {
	const day = 24 * time.Hour
	var none time.Duration
	for name, test := range map[string]struct {
		ours, service, passed time.Duration
	}{
		"both-agree":                  {day, day, day},
		"to-a-second":                 {time.Minute, 58 * time.Second, time.Minute},
		"ours-jumps-ahead":            {365 * day, time.Hour, time.Hour},
		"ours-is-set-back":            {-30 * day, day, none},
		"service-jumps-ahead":         {day, 365 * day, day},
		"service-is-set-back":         {day, -day, none},
		"service-doesn't-tell":        {day, 0, day},
		"ours-is-set-back-and-no-one": {-30 * day, 0, none},
	} {
		t.Run(name, func(t *testing.T) {
			before := clock{}.tick(monday, monday)
			at := time.Time{}
			if test.service != 0 {
				at = monday.Add(test.service)
			}
			if got := before.tick(monday.Add(test.ours), at).Steady.Sub(before.Steady); got != test.passed {
				t.Errorf("%v passed, want %v", got, test.passed)
			}
		})
	}
}

// An absence is measured by the time that has passed on both clocks, across runs.
func TestAbsenceSurvivesAClockThatIsSet(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	look := func(ours, service time.Time) (since time.Duration) {
		t.Helper()
		closeStore(t, s)
		s = openStore(t, dir)
		if err := s.Tick(t.Context(), ours, service); err != nil {
			t.Fatal(err)
		}
		known, err := allKnown(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range known {
			if k.Absence != nil {
				since = ours.Sub(k.Absence.Since)
			}
		}
		finish(t, s, begin(t, s), End{Baseline: plan.Baseline{}, Observed: accounts("E1"), Absent: []string{"E1"}, Counts: true, Now: ours}, 0)
		return since
	}
	const hour, year = time.Hour, 365 * 24 * time.Hour
	look(monday, monday) // E1 becomes known
	look(monday, monday)
	for _, step := range []struct {
		what          string
		ours, service time.Time
		want          time.Duration
	}{
		{"an hour", monday.Add(hour), monday.Add(hour), hour},
		{"our clock a year ahead", monday.Add(year), monday.Add(2 * hour), 2 * hour},
		{"and back again", monday.Add(3 * hour), monday.Add(3 * hour), 2 * hour},
		{"a day later", monday.Add(27 * hour), monday.Add(27 * hour), 26 * hour},
	} {
		if got := look(step.ours, step.service); got != step.want {
			t.Errorf("%s: absent for %v, want %v", step.what, got, step.want)
		}
	}
}

// What left while our clock was wrong counts for a week, no more and no less.
func TestWeekDeletesSurviveAClockThatIsSet(t *testing.T) {
	const day = 24 * time.Hour
	for name, wrong := range map[string]time.Duration{"a-month-ahead": 30 * day, "a-month-behind": -30 * day, "right": 0} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openStore(t, dir)
			open := func(ours, service time.Time) {
				t.Helper()
				closeStore(t, s)
				s = openStore(t, dir)
				if err := s.Tick(t.Context(), ours, service); err != nil {
					t.Fatal(err)
				}
			}
			open(monday, monday)
			began := monday.Add(wrong + time.Hour)
			open(began, monday.Add(time.Hour))
			run, err := s.Begin(t.Context(), Run{Pipeline: "staff", StartedAt: began})
			if err != nil {
				t.Fatal(err)
			}
			write(t, s, run, Outcome{Operation: plan.Operation{Kind: plan.Delete, ExternalID: "E1", AccountID: 1}, Ending: DoneApplied})
			if err := s.Finish(t.Context(), Run{ID: run, EndedAt: began.Add(time.Minute), Status: Applied}, nil, 0); err != nil {
				t.Fatal(err)
			}
			for night := range 10 { // the clock is right again, and the night before doesn't count
				now := monday.Add(time.Duration(night+1) * day)
				open(now, now)
				switch got := weekDeletes(t, s, now); {
				case night < 6 && got != 1, night > 7 && got != 0:
					t.Errorf("in night %d, %d count", night+1, got)
				}
			}
		})
	}
}
