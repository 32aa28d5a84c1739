package reconcile_test

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	_ "modernc.org/sqlite"

	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// nightly is a company of some hundred people and an application, to which something happens every day.
type nightly struct {
	*history
	*rand.Rand
	hired int
}

// events are what may happen, each as often as the others.
func (n *nightly) events() []func(*testing.T) {
	return []func(*testing.T){
		n.joins, n.leaves, n.moves, n.moves, n.sharesAnEmail, n.standsTwice, n.standsTwiceOtherwise, n.isRejected, n.isMended,
		n.changesTheirOwn, n.changesTheirOwn, n.losesTheTag, n.losesTheID, n.takesAnotherID, n.isDeleted, n.strangerComes, n.nothing,
	}
}

func (n *nightly) nothing(*testing.T) {}

func (n *nightly) one() *person { return &n.persons[n.IntN(len(n.persons))] }

func (n *nightly) joins(*testing.T) {
	n.hired++
	n.persons = append(n.persons, staff(1000 + n.hired)[999+n.hired])
}

func (n *nightly) leaves(*testing.T) { n.history.leaves(n.one()[0]) }
func (n *nightly) moves(*testing.T)  { n.one()[4] = fmt.Sprintf("+1 555 %04d", n.IntN(10000)) }

func (n *nightly) sharesAnEmail(*testing.T) { one, other := n.one(), n.one(); one[2] = other[2] }
func (n *nightly) standsTwice(*testing.T)   { n.persons = append(n.persons, *n.one()) }
func (n *nightly) isRejected(*testing.T)    { n.one()[2] = "no address" }

func (n *nightly) standsTwiceOtherwise(t *testing.T) {
	n.standsTwice(t)
	n.persons[len(n.persons)-1][3] = "Another"
}

// isMended lets everybody stand in the source once, with an e-mail of their own.
func (n *nightly) isMended(*testing.T) {
	slices.SortFunc(n.persons, func(a, b person) int { return cmp.Compare(a[0], b[0]) })
	n.persons = slices.CompactFunc(n.persons, func(a, b person) bool { return a[0] == b[0] })
	for i := range n.persons {
		n.persons[i][2] = n.persons[i][0] + "@example.com"
	}
	n.Shuffle(len(n.persons), func(i, j int) { n.persons[i], n.persons[j] = n.persons[j], n.persons[i] })
}

// write changes an account behind our back.
func (n *nightly) write(t *testing.T, w account.Write) {
	t.Helper()
	found, err := n.Service.Find(t.Context(), account.ByExternalID, []string{n.one()[0]})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range found { // one who waits to be signed up, or whose external ID is gone, is let alone
		if _, err := n.Service.Update(t.Context(), a, func(account.Account) (account.Write, error) { return w, nil }); err != nil {
			t.Fatal(err)
		}
	}
}

func (n *nightly) changesTheirOwn(t *testing.T) {
	var w account.Write
	w.Values[user.FullName] = user.Text(fmt.Sprintf("Own %d", n.IntN(100)))
	n.write(t, w)
}

func (n *nightly) losesTheTag(t *testing.T) {
	var w account.Write
	w.Values[user.Tags] = user.Text("a,b")
	n.write(t, w)
}

func (n *nightly) losesTheID(t *testing.T) {
	n.write(t, account.Write{ExternalID: fmt.Sprintf("lost%d", n.IntN(1e6))})
}

func (n *nightly) takesAnotherID(t *testing.T) {
	id := n.one()[0]
	if found, err := n.Service.Find(t.Context(), account.ByExternalID, []string{id}); err == nil && len(found) == 0 {
		n.write(t, account.Write{ExternalID: id})
	}
}

func (n *nightly) isDeleted(t *testing.T) { n.removed(t, n.one()[0]) }

func (n *nightly) removed(t *testing.T, externalID string) {
	t.Helper()
	found, err := n.Service.Find(t.Context(), account.ByExternalID, []string{externalID})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range found {
		if err := n.Service.Delete(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
}

// signsUp makes an account with our tag behind our back.
func (n *nightly) signsUp(t *testing.T, externalID string) {
	t.Helper()
	n.hired++
	u := user.User{ExternalID: externalID}
	u.Values[user.Login], u.Values[user.Tags] = user.Text(fmt.Sprintf("stranger%d", n.hired)), user.Text(ownerTag)
	password, err := n.Password(u.ExternalID)
	if err == nil {
		_, err = n.Service.Create(t.Context(), u, password)
	}
	if err != nil && account.KindOf(err) != account.Conflict { // most services let nobody have somebody's external ID
		t.Fatal(err)
	}
}

func (n *nightly) strangerComes(t *testing.T) { n.signsUp(t, fmt.Sprintf("stranger%d", n.hired)) }
func (n *nightly) strayComes(t *testing.T)    { n.signsUp(t, "") }
func (n *nightly) isDoubled(t *testing.T)     { n.signsUp(t, n.one()[0]) }

func (n *nightly) isReplaced(t *testing.T) {
	id := n.one()[0]
	n.removed(t, id)
	n.signsUp(t, id)
}

// seen is the plan that a preview makes, and how many pages it listed.
func (n *nightly) seen(t *testing.T, p *reconcile.Pipeline, order reconcile.Order) (text string, pages int) {
	t.Helper()
	result, err := p.Preview(t.Context(), order)
	if err != nil || result.Plan == nil {
		t.Fatalf("no plan: %v, %+v", err, result)
	}
	data, err := json.MarshalIndent(result.Plan, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	digest, err := result.Plan.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return string(data) + digest + fmt.Sprint(result.Run.Trips, result.Run.Tally), result.Header.Calls.List
}

// forgetful is the pipeline with a copy of its state in which nobody agrees.
func (n *nightly) forgetful(t *testing.T) *reconcile.Pipeline {
	t.Helper()
	other := *n.Pipeline
	other.StateDir = t.TempDir()
	if err := os.CopyFS(other.StateDir, os.DirFS(n.StateDir)); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(other.StateDir, "*.db"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	db, err := sql.Open("sqlite", files[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "INSERT OR IGNORE INTO unagreed SELECT row, -row FROM known"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return &other
}

// What is listed and planned of changes only is what is listed and planned in full.
func TestChangesShowTheWhole(t *testing.T) {
	const histories, days, people = 12, 15, 250
	byChanges := 0
	for seed := range uint64(histories) {
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
					byChanges++
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
	}
	t.Logf("%d of %d nights were listed by changes", byChanges, histories*days)
	if byChanges < histories*days/4 {
		t.Errorf("only %d of %d nights were listed by changes", byChanges, histories*days)
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
	store, err := state.Peek(t.Context(), w.StateDir, w.Identity)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	baseline, err := store.Baseline(t.Context())
	if err != nil || baseline == nil {
		t.Fatalf("baseline %v, %v", baseline, err)
	}
	return baseline.Present
}

// Whoever agreed under another policy is looked at again.
func TestAnotherPolicy(t *testing.T) {
	w := newWorld(t, t.TempDir())
	defer func() { _ = w.server.Close() }()
	w.source.persons = staff(3)
	wantStatus(t, w.sync(t), state.Applied)
	wantStatus(t, w.sync(t), state.Applied)
	w.Policy.Protected.Logins = []string{w.source.persons[1][1]}
	if result := w.sync(t); result.Run.Tally.Rejected != 1 || result.Run.Tally.Unchanged != 2 {
		t.Errorf("one is protected now: %+v", result.Run.Tally)
	}
}

// company is a world of some people, two quiet nights old.
func company(t *testing.T, options emulator.Options, then func(*testing.T, *nightly)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &nightly{Rand: rand.New(rand.NewPCG(1, 7))}
		n.history = &history{world: newWorldOf(t, t.TempDir(), options), directory: &directory{persons: staff(250)}, deleted: map[string]time.Time{}}
		n.Source = n.directory
		defer func() { _ = n.server.Close() }()
		defer func() { _ = n.client.Close(context.Background()) }()
		for range 3 {
			wantStatus(t, n.sync(t), state.Applied)
			time.Sleep(day)
		}
		then(t, n)
	})
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

// Another program may make something else of the same record.
func TestAnotherProgram(t *testing.T) {
	w := newWorld(t, t.TempDir())
	defer func() { _ = w.server.Close() }()
	w.source.persons = staff(3)
	wantStatus(t, w.sync(t), state.Applied)
	wantStatus(t, w.sync(t), state.Applied)
	spec := allColumns()
	spec.Fields[user.FullName] = mapping.Rule{Template: "Dr. {name}"} // of the same columns
	mapper, err := mapping.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	w.Mapper, w.Version = mapper, "the next"
	if done := w.sync(t).Run.Tally.Done[plan.Update]; done != 3 {
		t.Errorf("%d of 3 were looked at again", done)
	}
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

// fickle is a source that gives another person twice at each read.
type fickle struct {
	*directory
	reads int
}

func (f *fickle) Open(ctx context.Context) (record.Reader, error) {
	whole := *f.directory
	whole.persons = append(slices.Clone(f.persons), f.persons[f.reads%len(f.persons)])
	f.reads++
	return whole.Open(ctx)
}

func TestFickleSource(t *testing.T) {
	company(t, emulator.Options{}, func(t *testing.T, n *nightly) {
		source := &fickle{directory: n.directory}
		n.Source = source
		result := n.sync(t)
		wantStatus(t, result, state.Applied)
		if source.reads > 6 || result.Run.Tally.Collapsed != 1 || result.Run.Tally.Unchanged != len(n.persons) {
			t.Errorf("read %d times: %+v", source.reads, result.Run.Tally)
		}
	})
}

// What changes in a column that nobody needs makes nobody known no more.
func TestUnneededColumn(t *testing.T) {
	company(t, emulator.Options{}, func(t *testing.T, n *nightly) {
		spec := allColumns()
		delete(spec.Fields, user.Phone)
		mapper, err := mapping.New(spec)
		if err != nil {
			t.Fatal(err)
		}
		n.Mapper = mapper
		n.sync(t)
		for i := range n.persons {
			n.persons[i][4] = "+1 555 0199"
		}
		n.persons[0][3] = "Another"
		if result := n.sync(t); len(result.Plan.Agreed) != 0 || result.Run.Tally.Unchanged != len(n.persons)-1 {
			t.Errorf("%d were looked at without need: %+v", len(result.Plan.Agreed), result.Run.Tally)
		}
	})
}

// The same text under other columns is another record.
func TestAnotherForm(t *testing.T) {
	company(t, emulator.Options{}, func(t *testing.T, n *nightly) {
		n.sync(t)
		n.form = "read otherwise"
		if result := n.sync(t); len(result.Plan.Agreed) != len(n.persons) {
			t.Errorf("%d of %d were looked at again", len(result.Plan.Agreed), len(n.persons))
		}
	})
}

func TestFirstRecordIsKnown(t *testing.T) {
	company(t, emulator.Options{}, func(t *testing.T, n *nightly) {
		n.sync(t)
		n.persons[0], n.persons[1] = n.persons[1], n.persons[0]
		if result := n.sync(t); len(result.Plan.Agreed) != 0 {
			t.Errorf("%d were looked at again", len(result.Plan.Agreed))
		}
	})
}
