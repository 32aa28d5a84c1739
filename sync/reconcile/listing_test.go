package reconcile_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sink/emulator"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/record"
	"cubesync/sync/state"
)

// What is listed and planned of changes only is what is listed and planned in full.
func TestChangesShowTheWhole(t *testing.T) {
	const histories, days, people = 12, 15, 250
	var byChanges atomic.Int64
	t.Run("histories", func(t *testing.T) {
		for seed := range uint64(histories) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					n := &nightly{Rand: rand.New(rand.NewPCG(seed, 7))}
					n.history = &history{world: newWorldOf(t, t.TempDir(), emulator.Options{SharedExternalIDs: seed%6 == 0}), directory: &directory{persons: staff(people)}, deleted: map[string]time.Time{}}
					n.Source, n.KeepRuns = n.directory, 5
					n.Policy.GraceReads, n.Policy.GraceSpan = 2, 36*time.Hour
					defer func() { _ = n.server.Close() }()
					defer func() { _ = n.client.Close(context.Background()) }()
					wantStatus(t, n.sync(t), state.Applied)
					events := n.events()
					if seed%3 == 0 { // afterwards, the number of accounts hardly ever says anything
						events = append(events, n.strayComes, n.isReplaced, n.isDoubled)
					}
					for range days {
						time.Sleep(day)
						for range n.IntN(4) {
							events[n.IntN(len(events))](t)
						}
						full, pages := n.seen(t, n.forgetful(t), reconcile.Order{ListAll: true})
						if pages < 3 {
							t.Fatalf("seed %d: the full list had %d pages", seed, pages)
						}
						changes, pages := n.seen(t, n.Pipeline, reconcile.Order{})
						if pages == 2 {
							byChanges.Add(1)
						}
						if changes != full {
							t.Fatalf("seed %d: by changes (%d pages)\n%s\nin full\n%s", seed, pages, changes, full)
						}
						if again, _ := n.seen(t, n.Pipeline, reconcile.Order{ListAll: true}); again != full {
							t.Fatalf("seed %d: in full, passing over who agrees\n%s\nin full\n%s", seed, again, full)
						}
						n.sync(t)
					}
				})
			})
		}
	})
	n := byChanges.Load()
	t.Logf("%d of %d nights were listed by changes", n, histories*days)
	if n < histories*days/4 {
		t.Errorf("only %d of %d nights were listed by changes", n, histories*days)
	}
}

// A night in which nothing happened takes a handful of calls, however many people there are.
func TestQuietNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, t.TempDir())
		defer func() { _ = w.server.Close() }()
		defer func() { _ = w.client.Close(context.Background()) }()
		w.source.persons = staff(1000)
		var calls []int64
		var listed []state.WhyAll
		for range 9 {
			before := w.server.Counters().Requests
			result := w.sync(t)
			wantStatus(t, result, state.Applied)
			listed = append(listed, result.Run.Listed.All)
			calls = append(calls, w.server.Counters().Requests-before)
			time.Sleep(day)
		}
		const (
			few  = 4
			full = 7 // every so many nights everybody is listed
		)
		for night, n := range calls[2:] { // in the first they were signed up, so that all have changed since
			if listsAll := night+2 == full; n > few && !listsAll || n <= few && listsAll {
				t.Errorf("calls by night: %v", calls)
				break
			}
		}
		if want := []state.WhyAll{state.ListedNever, "", "", "", "", "", "", state.ListDue, ""}; !slices.Equal(listed, want) {
			t.Errorf("listed in full by night: %q, want %q", listed, want)
		}
		w.source.completeness = record.Proven
		if result, err := w.Preview(t.Context(), reconcile.Order{ListAll: true}); err != nil || result.Header.Calls.List < 10 || result.Run.Listed.All != state.ListAsked || result.Run.Listed.Accounts != 1000 {
			t.Errorf("asked to list all: %v, %+v", err, result.Header.Calls)
		}
		if n := w.present(t); n != 1000 {
			t.Errorf("%d are present", n)
		}
	})
}

// present is how many persons the baseline has.
func (w *world) present(t *testing.T) int {
	t.Helper()
	baseline, err := w.peek(t).Baseline(t.Context())
	if err != nil || baseline == nil {
		t.Fatalf("baseline %v, %v", baseline, err)
	}
	return baseline.Present
}

// Two things that hide each other from the total are noticed all the same.
func TestTotalThatAgreesByChance(t *testing.T) {
	company(t, emulator.Options{}, func(t *testing.T, n *nightly) {
		n.strayComes(t)
		time.Sleep(day)
		n.sync(t)
		time.Sleep(day)
		n.removed(t, "e0007")
		if result := n.sync(t); result.Run.Tally.Done[plan.Create] != 1 {
			t.Errorf("an account was deleted behind a stray one: %+v", result.Run.Tally)
		}
	})
	company(t, emulator.Options{SharedExternalIDs: true}, func(t *testing.T, n *nightly) {
		n.signsUp(t, "e0003")
		time.Sleep(day)
		n.sync(t)
		time.Sleep(day)
		n.removed(t, "e0007")
		n.history.leaves("e0003")
		if result := n.sync(t); len(result.Gone) != 0 || result.Run.Tally.Done[plan.Create] != 1 {
			t.Errorf("of two accounts with one external ID %d were deleted: %+v", len(result.Gone), result.Run.Tally)
		}
	})
	company(t, emulator.Options{}, func(t *testing.T, n *nightly) {
		mail := n.persons[7][2]
		n.persons[7][2] = "no address"
		n.removed(t, "e0007")
		n.signsUp(t, "e0007")
		n.sync(t)
		time.Sleep(day)
		n.sync(t)
		time.Sleep(day)
		n.persons[7][2] = mail
		if result := n.sync(t); result.Run.Tally.Unchanged == len(n.persons) {
			t.Errorf("another account of a rejected record was taken for theirs: %+v", result.Run.Tally)
		}
	})
}

// What changes after a list during which the service's clock was ahead isn't missed.
func TestServiceClockAheadInAList(t *testing.T) {
	company(t, emulator.Options{}, func(t *testing.T, n *nightly) {
		ahead := 12 * time.Hour
		n.put(t, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
			response, err := next.RoundTrip(r)
			if err == nil {
				response.Header.Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			}
			return response, err
		})
		n.sync(t)
		ahead = 0
		time.Sleep(6 * time.Hour)
		n.changesTheirOwn(t)
		time.Sleep(18 * time.Hour)
		if result := n.sync(t); result.Run.Tally.Done[plan.Update] != 1 {
			t.Errorf("the change was missed: %+v", result.Run.Tally)
		}
	})
}

// Runs that are held count, too, until all is listed again.
func TestHeldRunsListAll(t *testing.T) {
	company(t, emulator.Options{}, func(t *testing.T, n *nightly) {
		n.persons = n.persons[:100]
		all := 0
		for range 8 {
			result := n.sync(t)
			wantStatus(t, result, state.Held)
			if result.Header.Calls.List > 2 {
				all++
			}
			time.Sleep(day)
		}
		if all == 0 {
			t.Error("none of eight held runs listed all")
		}
	})
}

// Where only the question for changes isn't answered, all are listed.
func TestServiceThatCannotTellChanges(t *testing.T) {
	company(t, emulator.Options{}, func(t *testing.T, n *nightly) {
		n.put(t, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
			if r.URL.Query().Has("updated_at[gte]") {
				r.URL.Path = "/no/such/path"
				response, err := next.RoundTrip(r)
				if err == nil {
					response.StatusCode = http.StatusServiceUnavailable
				}
				return response, err
			}
			return next.RoundTrip(r)
		})
		result := n.sync(t)
		wantStatus(t, result, state.Applied)
		if all := result.Run.Listed.All; all != state.ListUnanswered {
			t.Errorf("listed in full: %q", all)
		}
		if result.Header.Calls.List < 3 || result.Run.Tally.Unchanged != len(n.persons) {
			t.Errorf("%d pages were listed: %+v", result.Header.Calls.List, result.Run.Tally)
		}
	})
}
