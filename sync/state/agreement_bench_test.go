package state

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// agreeing is a store of n rows that all have an agreement.
func agreeing(b *testing.B, n int) (*Store, []account.Account) {
	s := openStore(b, b.TempDir())
	all := manyAccounts(n)
	end := &End{Observed: listed(all...), Agreed: make(map[string]plan.Agreement, n), Now: monday}
	for _, a := range all {
		end.Agreed[a.ExternalID] = agreementOf(a)
	}
	start := time.Now()
	if err := s.Finish(b.Context(), Run{ID: begin(b, s), Status: Applied}, end, 0); err != nil {
		b.Fatal(err)
	}
	b.Logf("first, all written: %v", time.Since(start))
	return s, all
}

func BenchmarkAgreements(b *testing.B) {
	for _, n := range []int64{1_000_000, 5_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := openStore(b, b.TempDir())
			err := s.write(b.Context(), "making many", func(ctx context.Context, tx *sql.Tx) error {
				book, err := openBook(ctx, tx)
				if err != nil {
					return err
				}
				rows := make([]agreed, n)
				for i := range rows {
					a := plan.Agreement{Login: user.Digest(rand.Uint64()), Email: user.Digest(rand.Uint64())}
					a.Key = user.Digest(rand.Uint64())
					rows[i] = agreed{row: int64(i + 1), agreement: a}
				}
				return book.set(ctx, rows)
			})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if a, err := s.Agreements(b.Context()); err != nil || int64(a.Len()) != n {
					b.Fatal(a.Len(), err)
				}
			}
		})
	}
}

func BenchmarkClaiming(b *testing.B) {
	s, all := agreeing(b, 1_000_000)
	for _, n := range []int{1, 10_000} {
		claims := map[user.Digest]bool{}
		for len(claims) < n {
			claims[user.Digest(rand.Uint64())] = true
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			a, err := s.Agreements(b.Context())
			if err != nil || a.Len() != len(all) {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Claiming(b.Context(), claims); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFind(b *testing.B) {
	s, all := agreeing(b, 1_000_000)
	agreements, err := s.Agreements(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	keys := make([]plan.Agreement, 0, len(all))
	for _, i := range rand.Perm(len(all)) {
		keys = append(keys, agreementOf(all[i]))
	}
	for i := 0; b.Loop(); i++ {
		if _, found := agreements.Find(keys[i%len(keys)].Key); !found {
			b.Fatal("not found")
		}
	}
}

func BenchmarkRemember(b *testing.B) {
	s, all := agreeing(b, 1_000_000)
	for _, n := range []int{30_000, len(all)} {
		rows := make([]int64, n)
		for i, at := range rand.Perm(len(all))[:n] {
			rows[i] = int64(at + 1)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got, err := s.Remember(b.Context(), rows); err != nil || len(got) != n {
					b.Fatal(len(got), err)
				}
			}
		})
	}
}

// One in a hundred is concerned; half of these agree again.
func BenchmarkFinishConcerned(b *testing.B) {
	s, all := agreeing(b, 1_000_000)
	for b.Loop() {
		b.StopTimer()
		run := begin(b, s)
		end := &End{Agreed: map[string]plan.Agreement{}, Now: monday, Counts: true}
		var observed []account.Account
		for i := rand.IntN(100); i < len(all); i += 1 + rand.IntN(200) {
			end.Rows = append(end.Rows, int64(i+1))
			observed = append(observed, all[i])
			if i%2 == 0 {
				a := agreementOf(all[i])
				a.Record = 8
				end.Agreed[all[i].ExternalID] = a
			}
		}
		end.Observed = listed(observed...)
		b.StartTimer()
		if err := s.Finish(b.Context(), Run{ID: run, Status: Applied}, end, 0); err != nil {
			b.Fatal(err)
		}
	}
}
