package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/reconcile"
	"cubesync/sync/record"
	"cubesync/sync/state"
)

// endless is a source of a million people, who are counted as they are read.
type endless struct {
	read, closed int
}

func (e *endless) Open(context.Context) (record.Reader, error) {
	cols, err := record.NewColumns(columns)
	return &endlessReader{e, cols}, err
}

type endlessReader struct {
	*endless
	columns *record.Columns
}

func (r *endlessReader) Columns() *record.Columns { return r.columns }
func (r *endlessReader) Verdict() record.Verdict {
	return record.Verdict{Reason: "not read to its end"}
}
func (r *endlessReader) Close() error { r.closed++; return nil }

func (r *endlessReader) Next(context.Context) (record.Record, error) {
	const size = 1_000_000
	if r.read == size {
		return record.Record{}, io.EOF
	}
	values := make([]record.Value, len(columns))
	for i, text := range oneOf(r.read) {
		values[i] = record.Text(text)
	}
	r.read++
	return record.New(record.Position(fmt.Sprintf("row %d", r.read)), r.columns, values), nil
}

// oneOf is one of many.
func oneOf(i int) person {
	id := fmt.Sprintf("e%07d", i)
	return person{id, "login-" + id, id + "@example.com", "Name " + id, "", "", "", ""}
}

// Of a million records and many accounts a sample reads and looks up its own: so many records, and for a hundred of them a
// call for each key.
func TestSampleReadsAndAsksLittle(t *testing.T) {
	const accounts = 5000
	var users []emulator.SeedUser
	for i := range accounts {
		p := oneOf(i)
		users = append(users, emulator.SeedUser{
			Login: p[1], Email: p[2], FullName: p[3], ExternalID: p[0], Tags: []string{ownerTag}, Password: "a-password-of-theirs",
		})
	}
	w := newWorldOf(t, t.TempDir(), emulator.Options{Users: users})
	for _, test := range []struct {
		records int
		calls   int64
	}{{20, 1}, {250, 3}, {1000, 10}} {
		t.Run(fmt.Sprint(test.records), func(t *testing.T) {
			source := &endless{}
			w.Source = source
			before := w.server.Counters()
			s := w.sample(t, test.records)
			if source.read != test.records || source.closed != 1 || len(s.Records) != test.records {
				t.Errorf("%d records were read, %d are shown, closed %d times", source.read, len(s.Records), source.closed)
			}
			for _, one := range s.Records {
				if one.Decision != reconcile.Unchanged || one.AccountID == 0 {
					t.Fatalf("%s: %s", one.Position, one.Decision)
				}
			}
			all := w.server.Counters().ByKind
			if n := all[emulator.List] - before.ByKind[emulator.List]; n != test.calls || all[emulator.Read] != 0 {
				t.Errorf("%d look-ups; all calls: %v", n, all)
			}
		})
	}
	t.Run("newcomers", func(t *testing.T) {
		w := newWorld(t, t.TempDir())
		w.Source = &endless{}
		if s := w.sample(t, 100); s.Records[99].Decision != "create" {
			t.Errorf("the last is to be %s", s.Records[99].Decision)
		}
		if all := w.server.Counters().ByKind; all[emulator.List] != 3 {
			t.Errorf("a hundred newcomers took %v: want a call for external IDs, logins and e-mails each", all)
		}
	})
}

// A sample leaves everything as it was: the service, and each file of the state.
func TestSampleWritesNothing(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(3)
	w.sample(t, 3)
	if left := files(t, w.StateDir); len(left) > 0 {
		t.Errorf("without a state it made %v", slices.Collect(maps.Keys(left)))
	}
	w.sync(t)
	before, writes := files(t, w.StateDir), w.writes()
	w.source.persons = staff(5)
	w.source.persons[0][3] = "New Name"
	w.sample(t, 5)
	if diff := cmp.Diff(before, files(t, w.StateDir)); diff != "" || w.writes() != writes {
		t.Errorf("%d writes, and the state (-before +after):\n%s", w.writes()-writes, diff)
	}
}

// files are the files of a folder with their content, but for locks.
func files(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// What goes wrong ends a sample as it ends a look, and what was read until then is shown.
func TestSampleThatGoesWrong(t *testing.T) {
	refused := errors.New("the server is away")
	for name, test := range map[string]struct {
		breaks  func(t *testing.T, w *world)
		status  state.Status
		records int
		decided bool
	}{
		"source-that-cant-be-opened": {func(_ *testing.T, w *world) { w.Source = &directory{refuses: refused} }, state.Incomplete, 0, false},
		"source-that-breaks-off": {
			func(_ *testing.T, w *world) {
				w.Source = &directory{persons: staff(5), breaks: refused, after: 2, times: -1}
			}, state.Incomplete, 2, true,
		},
		"source-that-breaks-off-behind-it": {
			func(_ *testing.T, w *world) {
				w.Source = &directory{persons: staff(5), breaks: refused, after: 4, times: -1}
			}, state.Planned, 4, true,
		},
		"missing-column": {func(_ *testing.T, w *world) { w.Source = &nameless{} }, state.Incomplete, 0, false},
		"stale": {
			func(_ *testing.T, w *world) { w.Source = &directory{persons: staff(2), verdict: record.Stale} }, state.Incomplete, 2, true,
		},
		"service-that-doesnt-answer": {
			func(_ *testing.T, w *world) { w.Service = away{w.Service} }, state.Unusable, 4, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, t.TempDir())
			w.source.persons = staff(5)
			test.breaks(t, w)
			s := w.sample(t, 4)
			if s.Run.Status != test.status || len(s.Records) != test.records {
				t.Errorf("it ends as %s (%s) with %d records", s.Run.Status, s.Run.Problem, len(s.Records))
			}
			for _, one := range s.Records {
				if (one.Decision != "") != test.decided || len(one.Steps) == 0 {
					t.Errorf("%s: %q", one.Position, one.Decision)
				}
			}
		})
	}
}

// away is a service whose look-ups fail.
type away struct{ account.Service }

func (away) Find(context.Context, account.Key, []string) ([]account.Account, error) {
	return nil, &account.Error{Kind: account.Unavailable, Call: "look up users", Words: "it is away"}
}

// nameless is a source that lacks what the mapping reads.
type nameless struct{ endless }

func (n *nameless) Open(context.Context) (record.Reader, error) {
	cols, err := record.NewColumns([]string{"id"})
	return &endlessReader{&n.endless, cols}, err
}

func TestSampleLeavesTheApplicationToARunningSync(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(5)
	lock, err := state.Lock(w.StateDir, w.Identity.Endpoint, w.Identity.ApplicationID, "another sync")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	_, err = w.Sample(t.Context(), 2, reconcile.Order{})
	if _, locked := errors.AsType[*state.LockedError](err); !locked {
		t.Errorf("beside a running sync: %v", err)
	}
	if n := w.server.Counters().Requests; n > 0 || w.source.reads > 0 {
		t.Errorf("%d requests and %d reads", n, w.source.reads)
	}
}

// The sample's invented users aren't looked up in a live service, wherever they stand.
func TestSampleOfTheSample(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.SamplePrefix = "sample-"
	w.source.persons = staff(5)
	w.source.persons[2][0] = "sample-000003"
	if _, err := w.Sample(t.Context(), 3, reconcile.Order{}); !errors.Is(err, reconcile.ErrSample) {
		t.Errorf("the error is %v", err)
	}
	if s := w.sample(t, 2); len(s.Records) != 2 {
		t.Errorf("before them: %+v", s)
	}
}

func TestSampleIsInterrupted(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(5)
	stop := make(chan struct{})
	close(stop)
	s, err := w.Sample(t.Context(), 3, reconcile.Order{Stop: stop})
	if err != nil || s.Run.Status != state.Interrupted {
		t.Errorf("%+v, %v", s, err)
	}
}
