package state

import (
	"fmt"
	"testing"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// manyAccounts are n accounts, sorted by external ID.
func manyAccounts(n int) []account.Account {
	all := make([]account.Account, n)
	for i := range all {
		all[i] = sampleAccount(int64(i+1), fmt.Sprintf("E%07d", i))
	}
	return all
}

func BenchmarkFinishUnchanged(b *testing.B) {
	s := openStore(b, b.TempDir())
	all := manyAccounts(100_000)
	mine := map[string]plan.Mine{}
	for _, a := range all {
		mine[a.ExternalID] = plan.Mine{Tags: user.Text("staff"), CustomData: user.Text(`{"department":"research","floor":3}`)}
	}
	finish := func() {
		id := begin(b, s)
		rows, err := allRows(b.Context(), s)
		if err != nil {
			b.Fatal(err)
		}
		end := &End{Rows: rows, Observed: listed(all...), Mine: mine, Counts: true, Now: time.Now()}
		if err := s.Finish(b.Context(), Run{ID: id, Status: Applied}, end, 0); err != nil {
			b.Fatal(err)
		}
	}
	start := time.Now()
	finish()
	b.Logf("first, all written: %v", time.Since(start))
	for b.Loop() {
		finish()
	}
}

func BenchmarkIntend(b *testing.B) {
	s := openStore(b, b.TempDir())
	n := 0
	for b.Loop() {
		if err := s.Intend(b.Context(), begin(b, s), chunk(n, 500)); err != nil {
			b.Fatal(err)
		}
		n += 500
	}
}

func BenchmarkRecord(b *testing.B) {
	s := openStore(b, b.TempDir())
	run := begin(b, s)
	for n := 0; b.Loop(); n += 500 {
		b.StopTimer()
		ops := chunk(n, 500)
		outcomes := make([]Outcome, len(ops))
		for i := range ops {
			a := sampleAccount(int64(n+i+1), ops[i].ExternalID)
			outcomes[i] = Outcome{Operation: ops[i], Ending: DoneApplied, Account: &a}
		}
		if err := s.Intend(b.Context(), run, ops); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := s.Record(b.Context(), run, outcomes); err != nil {
			b.Fatal(err)
		}
	}
}

// chunk are n creates from the number on.
func chunk(from, n int) []plan.Operation {
	ops := make([]plan.Operation, n)
	for i := range ops {
		ops[i] = createOf(fmt.Sprintf("E%07d", from+i))
	}
	return ops
}

func createOf(externalID string) plan.Operation {
	op := plan.Operation{Kind: plan.Create, ExternalID: externalID, Position: "users.csv:2", Digest: "d-" + externalID}
	op.Changes = []plan.Change{{Field: user.Login, After: externalID}, {Field: user.Tags, After: "staff"}}
	op.Mine.Tags = user.Text("staff")
	return op
}

func BenchmarkSeen(b *testing.B) {
	s := openStore(b, b.TempDir())
	all := manyAccounts(100_000)
	gone := make([]string, 0, len(all)/2)
	for i := 0; i < len(all); i += 2 {
		gone = append(gone, all[i].ExternalID)
	}
	for b.Loop() {
		b.StopTimer()
		rows, err := allRows(b.Context(), s)
		if err != nil {
			b.Fatal(err)
		}
		end := &End{Rows: rows, Observed: listed(all...), Absent: gone, Counts: true, Now: time.Now()}
		if err := s.Finish(b.Context(), Run{ID: begin(b, s), Status: Applied}, end, 0); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := s.Seen(b.Context(), func(string) bool { return true }); err != nil {
			b.Fatal(err)
		}
	}
}
