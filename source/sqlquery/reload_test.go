package sqlquery_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"cubesync/source/sourcetest/servers"
	"cubesync/sync/record"
)

// TestTablesReloadedWhileTheQueryWaits has a loader empty a table and fill it again in one transaction, as loaders do at
// night, while a query waits for its lock. The query's snapshot is older than the lock: it finds the table empty.
func TestTablesReloadedWhileTheQueryWaits(t *testing.T) {
	for name, reload := range map[string]string{
		"truncated": "TRUNCATE %[1]s; INSERT INTO %[1]s VALUES (1), (2)",
		"swapped":   "CREATE TABLE %[1]s_new (id int); INSERT INTO %[1]s_new VALUES (1), (2); DROP TABLE %[1]s; ALTER TABLE %[1]s_new RENAME TO %[1]s",
		"renamed":   "DELETE FROM %[1]s_next; INSERT INTO %[1]s_next VALUES (1), (2); ALTER TABLE %[1]s RENAME TO %[1]s_last; ALTER TABLE %[1]s_next RENAME TO %[1]s",
		"rewritten": "ALTER TABLE %[1]s ALTER id TYPE bigint",
	} {
		t.Run(name, func(t *testing.T) {
			d, staff, others := openPostgres(t), table(), table()
			d.exec(t, fmt.Sprintf("CREATE TABLE %s (id int); INSERT INTO %[1]s VALUES (1), (2); CREATE TABLE %[1]s_next (id int); "+
				"CREATE TABLE %s (id int); INSERT INTO %[2]s VALUES (3)", staff, others))
			loader, err := pgconn.Connect(t.Context(), d.dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = loader.Close(context.Background()) }()
			if _, err := loader.Exec(t.Context(), "BEGIN; "+fmt.Sprintf(reload, staff)).ReadAll(); err != nil {
				t.Fatal(err)
			}
			committed := make(chan error, 1)
			go func() {
				committed <- commitOnceAwaited(t.Context(), loader)
			}()
			source := d.source(t, fmt.Sprintf("SELECT id FROM %s UNION ALL SELECT id FROM %s", staff, others))
			got := read(t, source)
			if err := <-committed; err != nil {
				t.Fatal(err)
			}
			if v := got.verdict; v.Completeness != record.Incomplete || !v.Retryable || !strings.Contains(v.Reason, staff) {
				t.Errorf("%d of 3 records, %+v; want incomplete, to be tried again, and the table named", len(got.records), v)
			}
			if again := read(t, source); len(again.records) != 3 || again.verdict.Completeness != record.Proven {
				t.Errorf("then %d of 3 records, %+v; want all, proven", len(again.records), again.verdict)
			}
		})
	}
}

// TestJournalLeftBehind reads a file whose writer was interrupted: what it half wrote isn't read.
func TestJournalLeftBehind(t *testing.T) {
	d := openSQLite(t)
	d.exec(t, "CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2)")
	writer, err := sql.Open("sqlite", "file:"+strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(d.dsn)+"?_pragma=cache_size(1)")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close() }()
	begun, err := writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, half := range []string{
		"DELETE FROM t WHERE id = 1", "CREATE TABLE more (note)",
		"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 300) INSERT INTO more SELECT hex(zeroblob(1000)) FROM c",
	} {
		if _, err := begun.ExecContext(t.Context(), half); err != nil {
			t.Fatal(err)
		}
	}
	copied := filepath.Join(t.TempDir(), "people.db") // as a power failure leaves it
	for _, name := range []string{"", "-journal"} {
		text, err := os.ReadFile(d.dsn + name)
		if err == nil {
			err = os.WriteFile(copied+name, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := begun.Rollback(); err != nil {
		t.Fatal(err)
	}
	d.dsn = copied
	got := read(t, d.source(t, "SELECT id FROM t"))
	if got.err == nil || !strings.Contains(got.err.Error(), "what writes the file was interrupted") {
		t.Errorf("%d records, %v, %+v; want none, and why", len(got.records), got.err, got.verdict)
	}
}

// TestRowSecurity has the DSN say that hidden rows are an error.
func TestRowSecurity(t *testing.T) {
	d, staff := openPostgres(t), table()
	d.exec(t, fmt.Sprintf("CREATE TABLE %s (id int); INSERT INTO %[1]s VALUES (1), (2); CREATE ROLE reader_%[1]s LOGIN PASSWORD '%s'; "+
		"GRANT SELECT ON %[1]s TO reader_%[1]s; ALTER TABLE %[1]s ENABLE ROW LEVEL SECURITY; CREATE POLICY half ON %[1]s USING (id = 1)",
		staff, servers.SuperuserPassword))
	server, err := postgres()
	servers.Need(t, err)
	d.dsn = fmt.Sprintf("postgres://reader_%s:%s@%s/postgres", staff, servers.SuperuserPassword, server.Address())
	for settings, want := range map[string]int{"": 1, "?row_security=off": 0} {
		at := d
		at.dsn += settings
		got := read(t, at.source(t, "SELECT id FROM "+staff))
		if refused := got.err != nil; len(got.records) != want || refused != (want == 0) {
			t.Errorf("%q: %d records, %v; want %d", settings, len(got.records), got.err, want)
		}
	}
}

// TestSettingsThatCutOff has MariaDB answer as it does to other clients: in another character set, and not entirely.
func TestSettingsThatCutOff(t *testing.T) {
	d, staff := openMariaDB(t), table()
	long := strings.Repeat("x", 40)
	d.exec(t, fmt.Sprintf("CREATE TABLE %s (id varchar(9), note varchar(40)) CHARACTER SET utf8mb4; "+
		"SET NAMES utf8mb4; INSERT INTO %[1]s VALUES ('Ł1😀', '%s'), ('Ł2', '%[2]s')", staff, long))
	for settings, query := range map[string]string{
		"?charset=latin1":                            "SELECT id FROM %s WHERE id LIKE 'Ł%%' ORDER BY id",
		"?charset=utf8":                              "SELECT id FROM %s ORDER BY id",
		"?collation=utf8mb4_bin":                     "SELECT CASE WHEN 'a' = 'A' THEN 'another collation' ELSE id END AS id FROM %s ORDER BY id",
		"?sql_select_limit=1":                        "SELECT id FROM %s ORDER BY id",
		"?group_concat_max_len=50":                   "SELECT group_concat(note SEPARATOR '') AS id FROM %s",
		"?sql_select_limit=1&group_concat_max_len=9": "SELECT id, (SELECT group_concat(note) FROM %[1]s) FROM %[1]s ORDER BY 1",
	} {
		at := d
		at.dsn += settings
		got := read(t, at.source(t, fmt.Sprintf(query, staff)))
		var ids []string
		for _, r := range got.records {
			ids = append(ids, r.Value("id").Text())
		}
		want := "Ł1😀 Ł2"
		if strings.Contains(query, "note SEPARATOR") {
			want = long + long
		}
		if text := strings.Join(ids, " "); text != want || got.verdict.Completeness != record.Proven {
			t.Errorf("%s: %q, %+v; want %q", settings, text, got.verdict, want)
		}
	}
}

// commitOnceAwaited commits when another session waits for a lock of this one's transaction.
func commitOnceAwaited(ctx context.Context, loader *pgconn.PgConn) error {
	for range 1000 {
		waits, err := loader.Exec(ctx, "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))").ReadAll()
		if err != nil {
			return err
		}
		if len(waits[0].Rows) > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	_, err := loader.Exec(ctx, "COMMIT").ReadAll()
	return err
}
