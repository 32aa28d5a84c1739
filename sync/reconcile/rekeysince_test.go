package reconcile_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// Keys change in a table that is read as far as it changed, before or after the accounts get them, some of whose changes are
// broken off, while people come, change and leave. Whoever stands in the table keeps their account, and has no other one.
func TestRekeyBetweenReadsOfChanges(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 2))
			table := newStaffTable(t)
			table.hire(staff(40)...)
			w := &rekeyed{world: following(t, table, time.Hour)}
			w.restart(t)
			w.ReadAllEvery, w.Guards.Rekeyed = 5, plan.DefaultLimits().Rekeyed
			key := map[string]string{} // by login, of those who are there
			for _, p := range staff(40) {
				key[p[1]] = p[0]
			}
			hired, partial := 40, 0
			ids := map[string]int64{}
			check := func(when string) {
				t.Helper()
				logins := map[string]int64{}
				for _, a := range w.everybody(t) {
					logins[a.Values[user.Login].Text] = a.ID
				}
				for login := range key {
					if id := logins[login]; ids[login] != 0 && id != ids[login] {
						t.Fatalf("%s: %s has account %d, and had %d", when, login, id, ids[login])
					} else if id != 0 {
						ids[login] = id
					}
				}
				if n := w.server.Counters().Written.SignUp; n > int64(hired) {
					t.Fatalf("%s: %d sign-ups of %d", when, n, hired)
				}
			}
			sync := func(when string) {
				t.Helper()
				result := w.sync(t)
				if result.Run.Verdict.Since != "" {
					partial++
				}
				check(fmt.Sprintf("%s, since %q, %s", when, result.Run.Verdict.Since, result.Run.Status))
			}
			sync("at first")
			for round := range 8 {
				table.now = table.now.Add(24 * time.Hour)
				logins := make([]string, 0, len(key))
				for login := range key {
					logins = append(logins, login)
				}
				slices.Sort(logins)
				random.Shuffle(len(logins), func(i, j int) { logins[i], logins[j] = logins[j], logins[i] })
				var wanted []plan.Rename
				var change []func()
				for i, login := range logins[:8] {
					old, now := key[login], fmt.Sprintf("n%d-%s", round, login)
					wanted = append(wanted, plan.Rename{Old: old, New: now, Position: "map.csv:2"})
					stamped := i < 4 || round%2 == 0
					change = append(change, func() {
						if stamped {
							table.exec("UPDATE staff SET id = ?, updated_at = ? WHERE id = ?", now, table.stamp(), old)
						} else {
							table.exec("UPDATE staff SET id = ? WHERE id = ?", now, old)
						}
						key[login] = now
					})
				}
				changeAll := func() {
					for _, c := range change {
						c()
					}
				}
				rekey := func() {
					result, err := w.Rekey(t.Context(), "map.csv", wanted, reconcile.Order{})
					if err != nil {
						t.Fatal(err)
					}
					check(fmt.Sprintf("round %d, rekey", round))
					wantStatus(t, result, state.Applied)
				}
				switch random.IntN(4) {
				case 0: // the accounts first
					rekey()
					sync(fmt.Sprintf("round %d, between", round))
					changeAll()
				case 1: // the table first
					changeAll()
					sync(fmt.Sprintf("round %d, between", round))
					rekey()
				case 2: // killed after the first
					changeAll()
					w.brokenOff(t, wanted)
					w.restart(t)
					sync(fmt.Sprintf("round %d, broken off", round))
					rekey()
				case 3: // answers are lost
					w.service.after = 3
					changeAll()
					rekey()
				}
				switch left := logins[8]; random.IntN(3) {
				case 0:
					table.exec("DELETE FROM staff WHERE id = ?", key[left])
					delete(key, left)
				case 1:
					table.hire(staff(hired + 1)[hired])
					key[staff(hired + 1)[hired][1]] = staff(hired + 1)[hired][0]
					hired++
				}
				table.change(key[logins[0]], "name", fmt.Sprint("Name ", round))
				table.change(key[logins[9]], "email", fmt.Sprintf("%s.%d@example.com", logins[9], round))
				sync(fmt.Sprintf("round %d", round))
				sync(fmt.Sprintf("round %d, again", round))
			}
			w.order(t, reconcile.Order{ListAll: true})
			check("at last")
			if accounts := w.everybody(t); len(accounts) != len(key) {
				t.Errorf("%d accounts of %d", len(accounts), len(key))
			}
			if partial < 4 {
				t.Errorf("only %d reads were of what changed", partial)
			}
		})
	}
}

// everybody are the owned accounts.
func (w *world) everybody(t *testing.T) []account.Account {
	t.Helper()
	var all []account.Account
	err := w.Service.List(context.Background(), ownerTag, func(a account.Account) error {
		all = append(all, a)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
