package reconcile_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

const ownerTag = "staff-sync"

var columns = []string{"id", "login", "email", "name", "phone", "website", "tags", "data"}

// person is a record of the tests' source, in the order of columns.
type person [8]string

// roster is a source that a test can change between runs.
type roster struct {
	persons      []person
	completeness record.Completeness
	cutOff       int // how many of the next reads break off, retryable
	reads        int
}

func (r *roster) Open(context.Context) (record.Reader, error) {
	r.reads++
	cols, err := record.NewColumns(columns)
	if err != nil {
		return nil, err
	}
	reader := &rosterReader{roster: r, columns: cols}
	if r.cutOff > 0 {
		r.cutOff--
		reader.broken = true
	}
	return reader, nil
}

type rosterReader struct {
	roster  *roster
	columns *record.Columns
	next    int
	broken  bool
	verdict record.Verdict
}

func (r *rosterReader) Columns() *record.Columns { return r.columns }
func (r *rosterReader) Verdict() record.Verdict  { return r.verdict }
func (r *rosterReader) Close() error             { return nil }

func (r *rosterReader) Next(context.Context) (record.Record, error) {
	if r.broken && r.next == len(r.roster.persons)/2 {
		r.verdict = record.Verdict{Completeness: record.Incomplete, Reason: "cut off", Retryable: true}
		return record.Record{}, io.ErrUnexpectedEOF
	}
	if r.next == len(r.roster.persons) {
		r.verdict = record.Verdict{
			Completeness: r.roster.completeness, Records: r.next,
			Evidence: record.Evidence{Name: "roster", SHA256: fmt.Sprint(r.roster.persons)},
		}
		return record.Record{}, io.EOF
	}
	r.next++
	values := make([]record.Value, len(columns))
	for i, text := range r.roster.persons[r.next-1] {
		values[i] = record.Text(text)
	}
	return record.New(record.Position(fmt.Sprintf("row %d", r.next)), r.columns, values), nil
}

// world is a pipeline over a real client and an emulator in memory.
type world struct {
	server *emulator.Server
	client *connectycube.Client
	source *roster
	*reconcile.Pipeline
}

// testingT is what testing.T and rapid.T share.
type testingT interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

func newWorld(t testingT, stateDir string) *world {
	t.Helper()
	return newWorldOf(t, stateDir, emulator.Options{})
}

// allColumns maps every column of a roster.
func allColumns() mapping.Spec {
	return mapping.Spec{
		ExternalID: mapping.Rule{Column: "id"},
		Fields: map[user.Field]mapping.Rule{
			user.Login: {Column: "login"}, user.Email: {Column: "email", Clear: true}, user.FullName: {Column: "name", Clear: true},
			user.Phone: {Column: "phone"}, user.Website: {Column: "website", Clear: true}, user.CustomData: {Column: "data"},
		},
		Tags: []mapping.TagRule{{Rule: mapping.Rule{Column: "tags"}, Split: ";"}},
	}
}

func newWorldOf(t testingT, stateDir string, options emulator.Options) *world {
	t.Helper()
	server, err := emulator.Open(options)
	if err != nil {
		t.Fatalf("%v", err)
	}
	client, err := connectycube.New(connectycube.Options{
		Endpoint: "http://emulator.invalid", ApplicationID: "1", AuthKey: emulator.DefaultAuthKey,
		AdminKey: emulator.DefaultAdminKey, Base: server.Transport(),
	})
	if err != nil {
		t.Fatalf("%v", err)
	}
	mapper, err := mapping.New(allColumns())
	if err != nil {
		t.Fatalf("%v", err)
	}
	password := func(externalID string) string { return user.DerivePassword("a secret of the tests", externalID) }
	source := &roster{completeness: record.Proven}
	return &world{server: server, client: client, source: source, Pipeline: &reconcile.Pipeline{
		Name: "staff", Source: source, Mapper: mapper, Accept: record.Proven, Workers: 4,
		Service: client.Service(connectycube.Authority{
			Updates: connectycube.UpdatesAsOwner, Deletes: connectycube.DeletesAsAdmin,
			Passwords: func(externalID string) []string { return []string{password(externalID)} },
		}),
		Password: func(externalID string) (string, error) { return password(externalID), nil },
		Policy:   plan.Policy{OwnerTag: ownerTag, Leavers: plan.DeleteLeavers},
		Guards:   plan.DefaultLimits(),
		StateDir: stateDir,
		Identity: state.Identity{Endpoint: "emulator", ApplicationID: "1", Pipeline: "staff", OwnerTag: ownerTag},
		KeepRuns: 10,
	}}
}

func (w *world) sync(t testingT) *reconcile.Result {
	t.Helper()
	return w.order(t, reconcile.Order{})
}

func (w *world) order(t testingT, order reconcile.Order) *reconcile.Result {
	t.Helper()
	result, err := w.Sync(context.Background(), order)
	if err != nil {
		t.Fatalf("sync: %v", err)
	}
	w.adds(t, result.Run.Tally)
	return result
}

// adds checks that every record ended exactly once.
func (w *world) adds(t testingT, tally state.Tally) {
	t.Helper()
	sum := tally.Unchanged + tally.Applied + tally.Failed + tally.Skipped + tally.NotAttempted + tally.Unknown + tally.Rejected + tally.Collapsed + tally.Filtered
	if sum != tally.Read {
		t.Errorf("%d records were read and %d ended: %+v", tally.Read, sum, tally)
	}
}

func (w *world) writes() int64 { return w.server.Counters().UserWrites }

func staff(n int) []person {
	persons := make([]person, n)
	for i := range persons {
		id := fmt.Sprintf("e%04d", i)
		persons[i] = person{id, "login-" + id, id + "@example.com", "Name " + id, "+1 555 0100", "example.com/" + id, "a;b", `{"desk":1}`}
	}
	return persons
}

func wantStatus(t *testing.T, result *reconcile.Result, want state.Status) {
	t.Helper()
	if result.Run.Status != want {
		t.Fatalf("the run ended as %s (%s, %v), want %s", result.Run.Status, result.Run.Problem, result.Run.Trips, want)
	}
}

func guards(result *reconcile.Result) string {
	var names []string
	for _, trip := range result.Run.Trips {
		names = append(names, trip.Guard)
	}
	return strings.Join(names, " ")
}

func (w *world) find(t *testing.T, key account.Key, value string) account.Account {
	t.Helper()
	found, err := w.Service.Find(t.Context(), key, []string{value})
	if err != nil || len(found) != 1 {
		t.Fatalf("looking up %s %s: %d found, %v", key, value, len(found), err)
	}
	return found[0]
}

// killedWhile leaves what a run leaves that is killed after it opened the operations.
func (w *world) killedWhile(t *testing.T, operations ...plan.Operation) {
	t.Helper()
	w.killedOver(t, "", operations...)
}

// killedOver is the same of a run over a plan that was reviewed.
func (w *world) killedOver(t *testing.T, reviewed string, operations ...plan.Operation) {
	t.Helper()
	store, err := state.Open(t.Context(), w.StateDir, w.Identity)
	if err != nil {
		t.Fatal(err)
	}
	run, err := store.Begin(t.Context(), state.Run{Pipeline: w.Name, Status: state.Running, StartedAt: time.Now(), Reviewed: reviewed})
	if err == nil {
		err = store.Intend(t.Context(), run, operations)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// peek opens the state for reading.
func (w *world) peek(t *testing.T) *state.Store {
	t.Helper()
	store, err := state.Peek(t.Context(), w.StateDir, w.Identity)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// agreements are those of the people who are passed over.
func (w *world) agreements(t *testing.T) *state.Agreements {
	t.Helper()
	agreements, err := w.peek(t).Agreements(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return agreements
}
