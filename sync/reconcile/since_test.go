package reconcile_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/sink/emulator"
	"cubesync/source/sqlquery"
	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// staffTable is a table of people that tells when each row was changed, by a clock that stands until it is told to go on.
type staffTable struct {
	t    *testing.T
	db   *sql.DB
	path string
	now  time.Time
}

func newStaffTable(t *testing.T) *staffTable {
	t.Helper()
	path := filepath.Join(t.TempDir(), "people.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(0)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	table := &staffTable{t, db, path, time.Now().UTC().Truncate(24 * time.Hour).Add(-1000 * 24 * time.Hour)}
	table.exec("CREATE TABLE staff (id TEXT, login TEXT, email TEXT, name TEXT, phone TEXT, website TEXT, tags TEXT, data TEXT, gone INTEGER, updated_at TEXT)")
	return table
}

func (s *staffTable) exec(statement string, args ...any) {
	s.t.Helper()
	if _, err := s.db.ExecContext(s.t.Context(), statement, args...); err != nil {
		s.t.Fatal(err)
	}
}

// stamp is the time of the table's clock as it stands in a row.
func (s *staffTable) stamp() string { return s.now.Format("2006-01-02 15:04:05.000") }

func (s *staffTable) hire(persons ...person) {
	s.t.Helper()
	for _, p := range persons {
		s.exec("INSERT INTO staff VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)", p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], s.stamp())
	}
}

// change sets a column of somebody's row, and when it was changed.
func (s *staffTable) change(id, column, value string) {
	s.t.Helper()
	s.exec("UPDATE staff SET "+column+" = ?, updated_at = ? WHERE id = ?", value, s.stamp(), id)
}

// source reads the table; with an overlap, what changed.
func (s *staffTable) source(overlap time.Duration) record.Source {
	s.t.Helper()
	source, err := sqlquery.New(sqlquery.Options{
		Driver: sqlquery.SQLite, DSN: s.path, Query: "SELECT * FROM staff", KeyColumn: "id", DeletedColumn: "gone",
		Cursor: &sqlquery.Cursor{Column: "updated_at", Overlap: overlap},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return source
}

// wholly hides from a pipeline that its source can read less.
type wholly struct{ record.Source }

// following is a world that reads what changed in the table. Whoever left is deleted at once, and no guard holds anything.
func following(t *testing.T, table *staffTable, overlap time.Duration) *world {
	t.Helper()
	w := newWorldOf(t, t.TempDir(), emulator.Options{})
	w.Source, w.ReadAllEvery, w.Guards = table.source(overlap), 1000, plan.Limits{
		Deletes: plan.Ceiling{Floor: 1e6}, WeekDeletes: plan.Ceiling{Floor: 1e6}, Updates: plan.Ceiling{Floor: 1e6},
		Creates: plan.Ceiling{Floor: 1e6}, Field: plan.Ceiling{Floor: 1e6}, Rekeyed: plan.Ceiling{Floor: 1e6}, Shrink: 1,
	}
	return w
}

// accounts are the owned accounts as text, by external ID.
func (w *world) accounts(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := w.Service.List(context.Background(), ownerTag, func(a account.Account) error {
		var values []string
		for _, field := range user.Fields() {
			values = append(values, fmt.Sprintf("%s %q", field, a.Values[field].Text))
		}
		all[a.ExternalID] = strings.Join(values, ", ")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Night after night a table changes, and one pipeline reads what changed, another one everything. Whoever stands in the
// table is the same for both, and nobody is deleted by what changed; after each read of everything, both are alike.
func TestIncrementalIsAsGoodAsFull(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			const overlap, every, nights = time.Hour, 4, 12
			random := rand.New(rand.NewPCG(seed, 1))
			table := newStaffTable(t)
			hired := 50
			table.hire(staff(hired)...)
			some, all := following(t, table, overlap), following(t, table, overlap)
			some.ReadAllEvery, all.Source = every, wholly{all.Source}
			var late []func() // transactions that are under way while the pipelines read
			partial := 0
			for night := range nights {
				for _, commit := range late {
					commit()
				}
				late = nil
				table.now = table.now.Add(24 * time.Hour)
				table.exec("UPDATE staff SET email = id || '.' || ?1 || '@example.com', updated_at = ?2 WHERE email IN (SELECT email FROM staff GROUP BY email HAVING count(*) > 1)",
					night, table.stamp()) // who shared an e-mail, doesn't any more
				for range random.IntN(8) {
					if random.IntN(3) > 0 { // otherwise at the same moment as the last change
						table.now = table.now.Add(time.Duration(random.IntN(1000)) * time.Millisecond)
					}
					id, other := fmt.Sprintf("e%04d", random.IntN(hired)), fmt.Sprintf("e%04d", random.IntN(hired))
					value := fmt.Sprintf("%d-%d", night, random.IntN(1000))
					switch random.IntN(20) {
					case 0, 1:
						table.hire(staff(hired + 1)[hired])
						hired++
					case 2:
						table.exec("DELETE FROM staff WHERE id = ?", id)
					case 3:
						table.change(id, "gone", "1")
					case 4:
						table.exec("UPDATE staff SET phone = ?, updated_at = NULL WHERE id = ?", "+1 555 "+value, id)
					case 5, 6:
						stamp := table.stamp()
						late = append(late, func() { table.exec("UPDATE staff SET name = ?, updated_at = ? WHERE id = ?", "Late "+value, stamp, id) })
						table.now = table.now.Add(time.Duration(random.IntN(int(overlap / 8))))
					case 7: // they swap
						table.exec("UPDATE staff SET email = CASE id WHEN ?1 THEN (SELECT email FROM staff WHERE id = ?2) ELSE (SELECT email FROM staff WHERE id = ?1) END, "+
							"updated_at = ?3 WHERE id IN (?1, ?2) AND (SELECT count(*) FROM staff WHERE id IN (?1, ?2)) = 2", id, other, table.stamp())
					case 8: // they share
						table.exec("UPDATE staff SET email = coalesce((SELECT email FROM staff WHERE id = ?1), email), updated_at = ?3 WHERE id = ?2", id, other, table.stamp())
					case 9:
						table.change(id, "email", id+"."+value+"@example.com")
					default:
						table.change(id, "name", "Name "+value)
					}
				}
				result, _ := some.sync(t), all.sync(t)
				wantStatus(t, result, state.Applied)
				got, want := some.accounts(t), all.accounts(t)
				if result.Run.Verdict.Since != "" {
					partial++
					if gone := result.Plan.Count(plan.Delete) + len(result.Plan.Leavers); gone > 0 {
						t.Fatalf("night %d: by what changed, %d are gone", night, gone)
					}
					for externalID := range got { // who left is still there
						if want[externalID] == "" {
							delete(got, externalID)
						}
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("night %d, since %q: (-all +some)\n%s", night, result.Run.Verdict.Since, diff)
				}
			}
			if partial < nights/4 {
				t.Errorf("only %d of %d reads were of what changed", partial, nights)
			}
		})
	}
}
