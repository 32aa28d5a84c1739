package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
)

const (
	nights = 90
	day    = 24 * time.Hour
)

// history is a pipeline that runs night after night, on a clock of its own: 90 nights pass in a few seconds.
type history struct {
	*world
	*directory
	deleted map[string]time.Time // when whose account was deleted, by external ID
	signups int
	held    []*reconcile.Result
}

// ninetyNights lets the nights pass; the first run, which signs everybody up, is before the first of them.
func ninetyNights(t *testing.T, persons []person, set func(*history), night func(t *testing.T, h *history, n int)) *history {
	t.Helper()
	var h *history
	synctest.Test(t, func(t *testing.T) {
		h = &history{world: newWorld(t, t.TempDir()), directory: &directory{persons: persons}, deleted: map[string]time.Time{}}
		h.Source, h.KeepRuns = h.directory, 0
		h.Policy.GraceReads, h.Policy.GraceSpan = 3, 3*day
		defer func() { _ = h.server.Close() }()
		defer func() { _ = h.client.Close(context.Background()) }()
		if set != nil {
			set(h)
		}
		wantStatus(t, h.run(t), state.Applied)
		h.signups = 0
		for n := range nights {
			time.Sleep(day)
			night(t, h, n)
		}
	})
	return h
}

// run is one run of the pipeline.
func (h *history) run(t *testing.T) *reconcile.Result {
	t.Helper()
	result := h.sync(t)
	h.took(t, result)
	if result.Run.Status == state.Held {
		h.held = append(h.held, result)
	}
	return result
}

// took writes down what a run did.
func (h *history) took(t *testing.T, result *reconcile.Result) {
	t.Helper()
	for _, gone := range result.Gone {
		h.deleted[gone.Operation.ExternalID] = time.Now()
	}
	h.signups += result.Run.Tally.Done[plan.Create]
	if tally := result.Run.Tally; tally.Failed+tally.Unknown > 0 {
		t.Errorf("run %d: %+v: %v", result.Run.ID, tally, result.Troubles)
	}
}

// within is how many were deleted in the days before.
func (h *history) within(span time.Duration) int {
	n := 0
	for _, at := range h.deleted {
		if time.Since(at) < span {
			n++
		}
	}
	return n
}

func (h *history) leaves(externalID string) {
	h.persons = slices.DeleteFunc(h.persons, func(p person) bool { return p[0] == externalID })
}

func TestSlowBleed(t *testing.T) {
	const size = 100
	for name, grace := range map[string]int{"with-grace": 3, "without-grace": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var budget []string // what held the first of the held runs
			h := ninetyNights(t, staff(size), func(h *history) {
				h.Policy.GraceReads, h.Policy.GraceSpan = grace, time.Duration(grace)*day
			}, func(t *testing.T, h *history, n int) {
				left := max(1, len(h.persons)*96/100) // 4 % a night
				h.persons = h.persons[:left]
				result := h.run(t)
				if result.Run.Status == state.Held && budget == nil {
					budget = []string{guards(result)}
				}
				if week := h.within(7 * day); week > size/10 {
					t.Fatalf("night %d: %d of %d were deleted in seven days", n, week, size)
				}
			})
			if len(budget) != 1 || budget[0] != "week_deletes" {
				t.Errorf("first held by %v, want the week's budget", budget)
			}
			if n := len(h.deleted); n == 0 || n > size/10 {
				t.Errorf("%d of %d were deleted in %d nights, though nobody agreed", n, size, nights)
			}
		})
	}
	t.Run("ordinary-turnover-is-never-held", func(t *testing.T) {
		t.Parallel()
		everybody := staff(size + nights)
		h := ninetyNights(t, everybody[:size], nil, func(t *testing.T, h *history, n int) {
			h.persons = everybody[n+1 : n+1+size] // one leaves every night, and one comes
			wantStatus(t, h.run(t), state.Applied)
		})
		if h.signups != nights || len(h.deleted) != nights-3 {
			t.Errorf("%d signed up and %d deleted, want %d and %d", h.signups, len(h.deleted), nights, nights-3)
		}
	})
}

// All keys are renumbered in the thirtieth night and put back in the eightieth.
func TestRenumberingOfAllKeys(t *testing.T) {
	const size = 24
	for name, test := range map[string]struct {
		set    func(*history)
		person func(p person) person // what else is new of them
	}{
		"with-grace":    {},
		"without-grace": {set: func(h *history) { h.Policy.GraceReads, h.Policy.GraceSpan = 0, 0 }},
		"no-logins":     {person: func(p person) person { p[1] = ""; return p }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old := staff(size)
			h := ninetyNights(t, old, test.set, func(t *testing.T, h *history, n int) {
				h.persons = old
				if n >= 30 && n < 80 {
					h.persons = slices.Clone(old)
					for i := range h.persons {
						h.persons[i][0] = fmt.Sprintf("n%05d", i*7)
						if test.person != nil {
							h.persons[i] = test.person(h.persons[i])
						}
					}
				}
				result := h.run(t)
				if n >= 30 && n < 80 {
					wantStatus(t, result, state.Held)
					if got := guards(result); got[max(0, len(got)-len("rekeyed")):] != "rekeyed" {
						t.Errorf("night %d: held by %q, not for changed keys", n, got)
					}
				} else {
					wantStatus(t, result, state.Applied)
				}
			})
			if h.signups != 0 || len(h.deleted) != 0 || h.writes() != size {
				t.Errorf("%d sign-ups, %d deletes and %d writes in all, want none, none and %d", h.signups, len(h.deleted), h.writes(), size)
			}
		})
	}
}

// A quarter leaves for good in the tenth night. Who agrees to that agrees to what comes of it when their grace is over.
func TestLegitimateShrink(t *testing.T) {
	const size = 40
	for name, grace := range map[string]int{"with-grace": 3, "without-grace": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := ninetyNights(t, staff(size), func(h *history) {
				h.Policy.GraceReads, h.Policy.GraceSpan = grace, time.Duration(grace)*day
			}, func(t *testing.T, h *history, n int) {
				if n == 10 {
					h.persons = h.persons[:size*3/4]
				}
				result := h.run(t)
				switch {
				case n == 10:
					wantStatus(t, result, state.Held)
					time.Sleep(5 * time.Hour) // until somebody is there
					h.took(t, h.approve(t, result.Run.ID))
				case n < 10 || n > 10+grace+1:
					if len(result.Plan.Operations) > 0 {
						t.Errorf("night %d isn't quiet: %v", n, result.Plan.Operations)
					}
					fallthrough
				default:
					wantStatus(t, result, state.Applied)
				}
			})
			if len(h.held) != 1 || len(h.deleted) != size/4 || h.writes() != size+size/4 {
				t.Errorf("held %d times, %d deleted, %d writes in all", len(h.held), len(h.deleted), h.writes())
			}
		})
	}
}

// Grace is three days however often the pipeline runs in them. After the last night it runs every hour for six days.
func TestHourlyRunsDoNotShortenGrace(t *testing.T) {
	var left time.Time
	h := ninetyNights(t, staff(20), nil, func(t *testing.T, h *history, n int) {
		wantStatus(t, h.run(t), state.Applied)
		if n != nights-1 {
			return
		}
		for hour := range 6 * 24 {
			time.Sleep(time.Hour)
			if hour == 29 {
				h.leaves("e0007")
				left = time.Now()
			}
			wantStatus(t, h.run(t), state.Applied)
		}
	})
	if gone, ok := h.deleted["e0007"]; !ok || gone.Sub(left) != 3*day || len(h.deleted) != 1 {
		t.Errorf("left at %v, deleted %v, want three days later", left, h.deleted)
	}
}

// The export is written on working days only. Whoever leaves on a Friday has been missing for three days on Monday, but
// in one export only.
func TestExportThatIsNotRefreshedOverTheWeekend(t *testing.T) {
	left := map[string]time.Time{}
	h := ninetyNights(t, staff(60), func(h *history) { h.evidence = "the first" }, func(t *testing.T, h *history, n int) {
		today := time.Now().Weekday()
		if today != time.Saturday && today != time.Sunday {
			h.evidence = fmt.Sprint("of day ", n)
			if (today == time.Friday || today == time.Monday) && n < nights-7 {
				who := fmt.Sprintf("e%04d", n/2)
				h.leaves(who)
				left[who] = time.Now()
			}
		}
		wantStatus(t, h.run(t), state.Applied)
	})
	if len(left) < 20 {
		t.Fatalf("only %d have left", len(left))
	}
	for who, at := range left {
		want := 3 * day // Monday, Tuesday, Wednesday, and on Thursday the three days are over
		if at.Weekday() == time.Friday {
			want = 4 * day // Friday, Monday, Tuesday
		}
		if gone, ok := h.deleted[who]; !ok || gone.Sub(at) != want {
			t.Errorf("%s left on a %s and was deleted at %v, want %v later", who, at.Weekday(), gone, want)
		}
	}
	if len(h.deleted) != len(left) {
		t.Errorf("%d left and %d were deleted", len(left), len(h.deleted))
	}
}

// Every night somebody else leaves, and every night the run is held: only the last of these runs can be approved.
func TestSupersededRunsCannotBeApproved(t *testing.T) {
	const size = 120
	refused := 0
	h := ninetyNights(t, staff(size), func(h *history) {
		h.Policy.GraceReads, h.Policy.GraceSpan = 0, 0
	}, func(t *testing.T, h *history, n int) {
		if n == 0 {
			h.persons = h.persons[:size-10]
		}
		h.persons = h.persons[:len(h.persons)-1*min(1, n)]
		h.run(t)
		for i := max(0, len(h.held)-4); i < len(h.held)-1; i++ {
			_, err := h.Approve(t.Context(), h.held[i].Run.ID, reconcile.Order{})
			if _, superseded := errors.AsType[*reconcile.NotApplicableError](err); !superseded {
				t.Fatalf("night %d: run %d was approved, %v", n, h.held[i].Run.ID, err)
			}
			refused++
		}
		if len(h.persons) == size*3/4 { // somebody agrees at last, once
			h.took(t, h.approve(t, h.held[len(h.held)-1].Run.ID))
		}
	})
	if refused == 0 || len(h.held) < 2 {
		t.Errorf("%d were held and %d refused", len(h.held), refused)
	}
}

// A changed policy is held when it would take somebody away, however many harmless nights lie between.
func TestChangedPolicyIsHeldAfterGrace(t *testing.T) {
	const changed = 10
	var taken, held int
	ninetyNights(t, staff(100), func(h *history) {
		h.Policy.Leavers, h.Settings = plan.KeepLeavers, map[string]string{"leavers": "keep"}
	}, func(t *testing.T, h *history, n int) {
		switch n {
		case changed - 1:
			h.leaves("e0003")
		case changed:
			h.Policy.Leavers, h.Settings = plan.DeleteLeavers, map[string]string{"leavers": "delete"}
		}
		if n > changed+10 {
			return
		}
		result := h.run(t)
		taken += len(result.Gone)
		if guards(result) == "settings" {
			held++
		}
	})
	if taken > 0 || held == 0 {
		t.Errorf("%d were deleted, held %d times by the settings", taken, held)
	}
}
