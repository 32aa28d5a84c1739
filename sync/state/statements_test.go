package state

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"modernc.org/sqlite"
)

// counted counts what connections prepare.
type counted struct {
	driver.Connector
	prepared map[string]int
}

func (c counted) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := c.Connector.Connect(ctx)
	plain, fits := opened.(plainConn)
	if !fits {
		return nil, fmt.Errorf("%T, %w", opened, err)
	}
	return countedConn{plain, c.prepared}, nil
}

type countedConn struct {
	plainConn
	prepared map[string]int
}

func (c countedConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	c.prepared[text]++
	return c.plainConn.PrepareContext(ctx, text)
}

// openCounted opens a database with one connection that keeps statements, and counts them.
func openCounted(t *testing.T) (db *sql.DB, prepared map[string]int) {
	t.Helper()
	connector, err := sqlite.NewConnector(filepath.Join(t.TempDir(), "kept.db") + "?_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	prepared = map[string]int{}
	db = sql.OpenDB(keeping{counted{connector, prepared}})
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, prepared
}

func TestStatementsAreKept(t *testing.T) {
	db, prepared := openCounted(t)
	const insert, query = "INSERT INTO t VALUES (?, 1 / ?)", "SELECT a FROM t WHERE a >= ? ORDER BY a"
	numbers := func(from any, doing *sql.Tx) (got []int) {
		err := each(t.Context(), doing, func(rows *sql.Rows) error {
			got = append(got, 0)
			return rows.Scan(&got[len(got)-1])
		}, query, from)
		if err != nil {
			t.Error(err)
		}
		return got
	}
	within := func(do func(*sql.Tx)) {
		t.Helper()
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		do(tx)
		if err := tx.Commit(); err != nil {
			t.Error(err)
		}
	}
	execute := func(tx *sql.Tx, text string, args ...any) {
		t.Helper()
		if _, err := tx.ExecContext(t.Context(), text, args...); err != nil {
			t.Error(err)
		}
	}
	within(func(tx *sql.Tx) { execute(tx, "CREATE TABLE t (a INTEGER PRIMARY KEY, b NOT NULL)") })
	for i := range 3 {
		within(func(tx *sql.Tx) { execute(tx, insert, i, 1) })
		within(func(tx *sql.Tx) {
			if got := numbers(0, tx); len(got) != i+1 {
				t.Errorf("%d rows, want %d", len(got), i+1)
			}
		})
	}
	if prepared[insert] != 1 || prepared[query] != 1 {
		t.Errorf("they were prepared anew: %v", prepared)
	}

	t.Run("within-itself", func(t *testing.T) { // a statement that is in use isn't given out again
		within(func(tx *sql.Tx) {
			var got [][]int
			err := each(t.Context(), tx, func(rows *sql.Rows) error {
				var a int
				err := rows.Scan(&a)
				got = append(got, numbers(a, tx))
				return err
			}, query, 0)
			if want := "[[0 1 2] [1 2] [2]]"; err != nil || fmt.Sprint(got) != want {
				t.Errorf("got %v, %v; want %s", got, err, want)
			}
		})
	})
	t.Run("after-an-error", func(t *testing.T) { // and one that failed isn't used again
		before := prepared[insert]
		within(func(tx *sql.Tx) {
			if _, err := tx.ExecContext(t.Context(), insert, 0, 1); codeOf(err)&0xff != 19 {
				t.Errorf("a second row 0: %v", err)
			}
			execute(tx, insert, 7, 1)
		})
		if got := prepared[insert]; got != before+1 {
			t.Errorf("prepared %d times, want once more than %d", got, before)
		}
	})
	t.Run("another-schema", func(t *testing.T) {
		within(func(tx *sql.Tx) { execute(tx, "ALTER TABLE t ADD COLUMN c DEFAULT 5") })
		const all = "SELECT * FROM t WHERE a = 7"
		for range 2 {
			within(func(tx *sql.Tx) {
				var a, b, c int
				if err := tx.QueryRowContext(t.Context(), all).Scan(&a, &b, &c); err != nil || c != 5 {
					t.Errorf("%d, %v", c, err)
				}
			})
			within(func(tx *sql.Tx) { execute(tx, "CREATE TABLE IF NOT EXISTS other (a)") })
		}
	})
	t.Run("bounded", func(t *testing.T) {
		for i := range 2 * mostIdle {
			within(func(tx *sql.Tx) { execute(tx, fmt.Sprintf("DELETE FROM t WHERE a = -%d", i)) })
		}
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = conn.Raw(func(raw any) error {
			if kept, is := raw.(*keepingConn); !is || len(kept.idle) != mostIdle {
				t.Errorf("%d are kept, want %d", len(kept.idle), mostIdle)
			}
			return nil
		})
		if err := errors.Join(err, conn.Close()); err != nil {
			t.Error(err)
		}
	})
}
