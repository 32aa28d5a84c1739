package state

import (
	"context"
	"fmt"
	"iter"
	"os"
	"slices"
	"testing"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/user"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		writeUntilKilled(dir)
		return
	}
	if dir := os.Getenv(lockFolder); dir != "" {
		lockUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

var staff = Identity{Endpoint: "https://api.example.com", ApplicationID: "7", Pipeline: "staff", OwnerTag: "cubesync-staff"}

var monday = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

func openStore(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, staff)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// reopen is a restart of the program.
func reopen(t testing.TB, s *Store, dir string) *Store {
	t.Helper()
	closeStore(t, s)
	return openStore(t, dir)
}

func begin(t testing.TB, s *Store) int64 {
	t.Helper()
	id, err := s.Begin(t.Context(), Run{Pipeline: "staff", StartedAt: monday})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func sampleAccount(id int64, externalID string) account.Account {
	a := account.Account{ID: id, ExternalID: externalID, CreatedAt: monday.Add(-time.Hour), UpdatedAt: monday.Add(-time.Minute)}
	for _, field := range user.Fields() {
		a.Values[field] = user.Text("")
	}
	a.Values[user.Login] = user.Text(externalID)
	a.Values[user.Email] = user.Text(externalID + "@example.com")
	a.Values[user.FullName] = user.Text(fmt.Sprintf("Ann Nr. %d", id))
	a.Values[user.Tags] = user.Text("cubesync-staff,staff")
	a.Values[user.CustomData] = user.Text(`{"department":"research","floor":3}`)
	return a
}

// accounts are owned accounts of the external IDs, numbered from 1 on.
func accounts(externalIDs ...string) iter.Seq2[string, account.Account] {
	var all []account.Account
	for i, externalID := range externalIDs {
		all = append(all, sampleAccount(int64(i+1), externalID))
	}
	return listed(all...)
}

// listed are accounts that are known by their own external IDs.
func listed(all ...account.Account) iter.Seq2[string, account.Account] {
	return func(yield func(string, account.Account) bool) {
		for _, a := range all {
			if !yield(a.ExternalID, a) {
				return
			}
		}
	}
}

// allRows are the rows of all that is known, rising. Whoever has an agreement isn't open.
func allRows(ctx context.Context, s *Store) ([]int64, error) {
	agreements, err := s.Agreements(ctx)
	if err != nil {
		return nil, err
	}
	rows := slices.Clone(agreements.Open())
	for row := range agreements.Rows() {
		rows = append(rows, row)
	}
	slices.Sort(rows)
	if n := len(slices.Compact(slices.Clone(rows))); n != agreements.Len()+len(agreements.Open()) {
		return nil, fmt.Errorf("%d agree and %v are open: together %v", agreements.Len(), agreements.Open(), rows)
	}
	return rows, nil
}

// allKnown is all that is known, sorted by external ID.
func allKnown(ctx context.Context, s *Store) ([]plan.Known, error) {
	rows, err := allRows(ctx, s)
	if err != nil {
		return nil, err
	}
	remembered, err := s.Remember(ctx, rows)
	var all []plan.Known
	for _, r := range remembered {
		all = append(all, r.Known)
	}
	return all, err
}

// finish ends the run as applied, on monday where the end doesn't say when, and about everybody where it doesn't say
// about whom.
func finish(t testing.TB, s *Store, run int64, end End, keep int) {
	t.Helper()
	if end.Now.IsZero() {
		end.Now = monday
	}
	if end.Observed == nil {
		end.Observed = accounts()
	}
	if end.Rows == nil {
		var err error
		if end.Rows, err = allRows(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Finish(t.Context(), Run{ID: run, StartedAt: monday, EndedAt: end.Now, Status: Applied}, &end, keep); err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, s *Store, run int64, outcomes ...Outcome) {
	t.Helper()
	if err := s.Record(t.Context(), run, outcomes); err != nil {
		t.Fatal(err)
	}
}

func intend(t testing.TB, s *Store, run int64, ops ...plan.Operation) {
	t.Helper()
	if err := s.Intend(t.Context(), run, ops); err != nil {
		t.Fatal(err)
	}
}

func pending(t testing.TB, s *Store) []Intent {
	t.Helper()
	all, err := s.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func outcomes(t testing.TB, s *Store, run int64) []StoredOutcome {
	t.Helper()
	var all []StoredOutcome
	err := s.Outcomes(t.Context(), run, func(o StoredOutcome) error {
		all = append(all, o)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func weekDeletes(t testing.TB, s *Store, now time.Time) int {
	t.Helper()
	n, err := s.WeekDeletes(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
