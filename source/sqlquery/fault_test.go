package sqlquery_test

import (
	"context"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cubesync/source/sourcetest/servers"
	"cubesync/source/sqlquery"
	"cubesync/sync/record"
)

// numbers is a query of a million rows that are made while they are read.
var numbers = map[sqlquery.Driver]string{
	sqlquery.Postgres: "SELECT n AS id, repeat('x', 200) AS note FROM generate_series(1, 1000000) AS n",
	sqlquery.MySQL:    "SELECT seq AS id, repeat('x', 200) AS note FROM seq_1_to_1000000",
}

// killable are servers that a test may kill.
var killable = []struct {
	name  string
	start func(...string) (*servers.Database, error)
	at    func(testing.TB, *servers.Database) database
}{{"postgres", servers.StartPostgreSQL, postgresAt}, {"mariadb", servers.StartMariaDB, mariaDBAt}}

func TestServerKilledWhileRead(t *testing.T) {
	for _, each := range killable {
		t.Run(each.name, func(t *testing.T) {
			server, err := each.start()
			servers.Need(t, err)
			d := each.at(t, server)
			reader, err := d.source(t, numbers[d.driver]).Open(t.Context())
			if err != nil {
				server.Stop()
				t.Fatal(err)
			}
			for range 1000 {
				if _, err := reader.Next(t.Context()); err != nil {
					t.Error(err)
				}
			}
			server.Stop()
			got := readOn(t, reader)
			if got.err == nil || got.verdict.Completeness != record.Incomplete || !got.verdict.Retryable || !strings.Contains(got.verdict.Reason, "the connection was lost") {
				t.Errorf("%v, %+v; want incomplete, and to be tried again", got.err, got.verdict)
			}
			shows(t, d, got.verdict.Reason)
			if err := reader.Close(); err != nil {
				t.Error(err)
			}
			again := read(t, d.source(t, numbers[d.driver]))
			if again.err == nil {
				t.Error("it is read although the server is gone")
			} else {
				shows(t, d, again.err.Error())
			}
		})
	}
}

// shows reports secrets in a message.
func shows(t *testing.T, d database, text string) {
	t.Helper()
	for _, secret := range []string{d.dsn, servers.SuperuserPassword, "no-such-password"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q shows %q", text, secret)
		}
	}
	if strings.Contains(text, servers.Superuser+"@") || strings.Contains(text, "user="+servers.Superuser) || strings.Contains(text, `"`+servers.Superuser+`"`) {
		t.Errorf("%q shows the user", text)
	}
}

func TestRowsChangedWhileRead(t *testing.T) {
	const rows = 20_000 // more than any buffer holds
	for _, each := range databases {
		t.Run(each.name, func(t *testing.T) {
			d, name := each.open(t), table()
			series := map[sqlquery.Driver]string{
				sqlquery.Postgres: fmt.Sprintf("SELECT n FROM generate_series(1, %d) AS n", rows),
				sqlquery.MySQL:    fmt.Sprintf("SELECT seq FROM seq_1_to_%d", rows),
				sqlquery.SQLite:   fmt.Sprintf("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < %d) SELECT n FROM c", rows),
			}[d.driver]
			if d.driver == sqlquery.SQLite {
				d.exec(t, "PRAGMA journal_mode = wal") // otherwise nobody writes while it is read
			}
			d.exec(t, fmt.Sprintf("CREATE TABLE %s (id int, note varchar(500)); INSERT INTO %[1]s (id) %s; UPDATE %[1]s SET note = 'before'", name, series))
			reader, err := d.source(t, "SELECT id, note FROM "+name).Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = reader.Close() }()
			if _, err := reader.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
			d.exec(t, fmt.Sprintf("UPDATE %s SET note = 'after'; DELETE FROM %[1]s WHERE id > 10000; INSERT INTO %[1]s VALUES (0, 'new')", name))
			got := readOn(t, reader)
			if got.err != nil || len(got.records) != rows-1 || got.verdict.Completeness != record.Proven {
				t.Fatalf("%d records, %v, %+v", len(got.records), got.err, got.verdict)
			}
			for _, r := range got.records {
				if r.Value("note").Text() != "before" {
					t.Fatalf("%s: %s is of another moment", r.Position, r.Value("note").Text())
				}
			}
		})
	}
}

func TestWrongPassword(t *testing.T) {
	pg, err := postgres()
	servers.Need(t, err)
	my, err := mariaDB()
	servers.Need(t, err)
	for _, c := range []struct {
		driver      sqlquery.Driver
		dsn, remedy string
	}{
		{sqlquery.Postgres, fmt.Sprintf("postgres://%s:no-such-password@%s/postgres", servers.Superuser, pg.Address()), "check user and password in the DSN"},
		{sqlquery.Postgres, fmt.Sprintf("postgres://%s:%s@%s/nobody", servers.Superuser, servers.SuperuserPassword, pg.Address()), "check the database's name in the DSN"},
		{sqlquery.MySQL, fmt.Sprintf("%s:no-such-password@tcp(%s)/people", servers.Superuser, my.Address()), "check user and password in the DSN"},
		{sqlquery.MySQL, fmt.Sprintf("%s:%s@tcp(%s)/nobody", servers.Superuser, servers.SuperuserPassword, my.Address()), "check the database's name in the DSN"},
		{sqlquery.Postgres, "postgres://someone:no-such-password@127.0.0.1:1/people", "made: 127.0.0.1:1: connection refused: check host and port"},
		{sqlquery.Postgres, "postgres://someone:no-such-password@nowhere.invalid/people", "made: nowhere.invalid: "},
		{sqlquery.MySQL, "someone:no-such-password@tcp(127.0.0.1:1)/people", "made: 127.0.0.1:1: connection refused: check host and port"},
		{sqlquery.SQLServer, "sqlserver://someone:no-such-password@127.0.0.1:1?database=people", "127.0.0.1:1: connection refused: check host and port"},
	} {
		d := database{driver: c.driver, dsn: c.dsn}
		source := d.source(t, "SELECT 1 AS id")
		_, err := source.Open(t.Context())
		if err == nil || !strings.HasPrefix(err.Error(), source.Place()+": ") || strings.Contains(err.Error(), "someone") || !strings.Contains(err.Error(), c.remedy) {
			t.Errorf("%s: %v, want %q", d.driver, err, c.remedy)
			continue
		}
		shows(t, d, err.Error())
	}
}

// A server that has no TLS isn't spoken to where TLS is asked for.
func TestServerWithoutTLS(t *testing.T) {
	pg, err := postgres()
	servers.Need(t, err)
	my, err := mariaDB()
	servers.Need(t, err)
	for _, d := range []database{
		{driver: sqlquery.Postgres, dsn: fmt.Sprintf("postgres://%s:%s@%s/postgres", servers.Superuser, servers.SuperuserPassword, pg.Address())},
		{driver: sqlquery.MySQL, dsn: fmt.Sprintf("%s:%s@tcp(%s)/mysql", servers.Superuser, servers.SuperuserPassword, my.Address())},
	} {
		if got := read(t, d.source(t, "SELECT 1 AS id")); got.err != nil || got.verdict.Completeness != record.Proven {
			t.Errorf("%s, on this machine: %v", d.driver, got.err)
		}
		got := read(t, d.source(t, "SELECT 1 AS id", func(o *sqlquery.Options) { o.RootCAs = x509.NewCertPool() }))
		if got.err == nil || !strings.Contains(got.err.Error(), "the server offers no TLS: switch TLS on in the server") {
			t.Errorf("%s: %v, %+v", d.driver, got.err, got.verdict)
		} else {
			shows(t, d, got.err.Error())
		}
	}
}

func TestTimeout(t *testing.T) {
	for _, each := range []struct {
		name  string
		open  func(testing.TB) database
		query string
	}{
		{"postgres", openPostgres, "SELECT 1 AS id FROM pg_sleep(30)"},
		{"mariadb", openMariaDB, "SELECT 1 AS id, sleep(30) AS a"},
		{"sqlite", openSQLite, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n AS id FROM c WHERE n < 0"},
	} {
		t.Run(each.name, func(t *testing.T) {
			d := each.open(t)
			d.exec(t, "CREATE TABLE "+table()+" (id int)")
			began := time.Now()
			got := read(t, d.source(t, each.query, func(o *sqlquery.Options) { o.Timeout = time.Second }))
			if got.err == nil || got.verdict.Completeness.Usable() || got.verdict.Retryable || !strings.Contains(got.err.Error(), "took longer than its timeout of 1s") {
				t.Errorf("%v, %+v", got.err, got.verdict)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// A context that ends while the server keeps silent is heard all the same. SQLite is asked between rows only.
func TestCancelledWhileWaiting(t *testing.T) {
	for _, each := range databases[:2] {
		t.Run(each.name, func(t *testing.T) {
			d := each.open(t)
			query := map[sqlquery.Driver]string{
				sqlquery.Postgres: "SELECT n AS id, CASE WHEN n > 20000 THEN pg_sleep(30) END AS a FROM generate_series(1, 30000) AS n",
				sqlquery.MySQL:    "SELECT seq AS id, sleep(if(seq > 20000, 30, 0)) AS a FROM seq_1_to_30000",
			}[d.driver]
			reader, err := d.source(t, query).Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(500*time.Millisecond, cancel)
			began := time.Now()
			for err == nil {
				_, err = reader.Next(ctx)
			}
			if !errors.Is(err, context.Canceled) || reader.Verdict().Completeness.Usable() || time.Since(began) > 3*time.Second {
				t.Errorf("after %s: %v, %+v", time.Since(began), err, reader.Verdict())
			}
			if err := reader.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What a query must not do, the server refuses too.
func TestReadOnly(t *testing.T) {
	d, name := openPostgres(t), table()
	d.exec(t, fmt.Sprintf("CREATE TABLE %s (id int); CREATE FUNCTION write_%[1]s() RETURNS int LANGUAGE sql AS 'INSERT INTO %[1]s VALUES (1) RETURNING id'", name))
	for query, want := range map[string]string{
		"SELECT write_" + name + "() AS id":                       "it runs in a read-only transaction",
		"SELECT set_config('transaction_read_only', 'off', true)": "",
		"SELECT nextval(pg_get_serial_sequence('a', 'b')) AS id":  "",
		"SELECT $1::int AS id":                                    "a place for a parameter",
		"SELECT id FROM nowhere":                                  `relation "nowhere" does not exist (SQLSTATE 42P01)`,
		"SELECT 1 AS id, 2 AS id":                                 `column "id" stands twice`,
	} {
		got := read(t, d.source(t, query))
		if got.err == nil || got.verdict.Completeness.Usable() || !strings.Contains(got.err.Error(), want) {
			t.Errorf("%s: %v, %+v", query, got.err, got.verdict)
		}
	}
	my := openMariaDB(t)
	my.exec(t, fmt.Sprintf("CREATE TABLE %s (id int); CREATE FUNCTION write_%[1]s() RETURNS int MODIFIES SQL DATA BEGIN INSERT INTO %[1]s VALUES (1); RETURN 1; END", name))
	if got := read(t, my.source(t, "SELECT write_"+name+"() AS id")); got.err == nil || !strings.Contains(got.err.Error(), "it runs in a read-only transaction") {
		t.Errorf("%v, %+v", got.err, got.verdict)
	}
}

// A query that gives other rows each time proves nothing.
func TestCountThatDiffers(t *testing.T) {
	d := openPostgres(t)
	got := read(t, d.source(t, "SELECT n AS id FROM generate_series(1, 1000) AS n WHERE random() < 0.5"))
	if got.verdict.Completeness != record.Incomplete || got.verdict.Retryable || !strings.Contains(got.verdict.Reason, "and the same snapshot counts") {
		t.Errorf("%+v", got.verdict)
	}
}

// Tables without transactions have no snapshots, so that nothing is proven.
func TestTablesWithoutSnapshots(t *testing.T) {
	d := openMariaDB(t)
	name := table()
	d.exec(t, "CREATE TABLE "+name+" (id int) ENGINE=MyISAM; INSERT INTO "+name+" VALUES (1)")
	t.Cleanup(func() {
		db, err := sql.Open("mysql", d.dsn)
		if err == nil {
			_, err = db.ExecContext(context.Background(), "DROP TABLE "+name)
			_ = db.Close()
		}
		if err != nil {
			t.Error(err)
		}
	})
	got := read(t, d.source(t, "SELECT id FROM "+name))
	if got.verdict.Completeness != record.Plausible || !strings.Contains(got.verdict.Reason, "tables of the engine MyISAM, such as people."+name+", have no snapshots") {
		t.Errorf("%+v", got.verdict)
	}
}
