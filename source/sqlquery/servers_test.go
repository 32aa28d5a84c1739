package sqlquery_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"cubesync/source/sourcetest/servers"
	"cubesync/source/sqlquery"
	"cubesync/sync/record"
)

// The servers of all tests here, started by the first that needs them.
var (
	postgres = sync.OnceValues(func() (*servers.Database, error) { return started(servers.StartPostgreSQL()) })
	mariaDB  = sync.OnceValues(func() (*servers.Database, error) { return started(servers.StartMariaDB()) })

	running []*servers.Database
)

func started(d *servers.Database, err error) (*servers.Database, error) {
	if err == nil {
		running = append(running, d)
	}
	return d, err
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, d := range running {
		d.Stop()
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// database is where a test writes what is then read.
type database struct {
	driver sqlquery.Driver
	dsn    string
	exec   func(t testing.TB, statement string)
}

// tables numbers them, so that each test has its own.
var tables atomic.Int64

func table() string { return fmt.Sprintf("t%06d", tables.Add(1)) }

func openPostgres(t testing.TB) database {
	t.Helper()
	d, err := postgres()
	servers.Need(t, err)
	return postgresAt(t, d)
}

func postgresAt(t testing.TB, d *servers.Database) database {
	t.Helper()
	dsn := fmt.Sprintf("host=%s port=%d user=%s dbname=postgres", filepath.Dir(d.Socket), d.Port, servers.Superuser)
	return database{sqlquery.Postgres, dsn, func(t testing.TB, statement string) {
		t.Helper()
		conn, err := pgconn.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }()
		if _, err := conn.Exec(t.Context(), statement).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}}
}

func openMariaDB(t testing.TB) database {
	t.Helper()
	d, err := mariaDB()
	servers.Need(t, err)
	return mariaDBAt(t, d)
}

func mariaDBAt(t testing.TB, d *servers.Database) database {
	t.Helper()
	dsn := fmt.Sprintf("%s:%s@unix(%s)/people", servers.Superuser, servers.SuperuserPassword, d.Socket)
	exec := func(t testing.TB, statement string) {
		t.Helper()
		config, err := mysql.ParseDSN(strings.TrimSuffix(dsn, "people"))
		if err != nil {
			t.Fatal(err)
		}
		config.MultiStatements = true
		connector, err := mysql.NewConnector(config)
		if err != nil {
			t.Fatal(err)
		}
		write(t, sql.OpenDB(connector), "CREATE DATABASE IF NOT EXISTS people CHARACTER SET utf8mb4; USE people; "+statement)
	}
	exec(t, "")
	return database{sqlquery.MySQL, dsn, exec}
}

func openSQLite(t testing.TB) database {
	t.Helper()
	path := filepath.Join(t.TempDir(), "people?#%.db")
	return database{sqlquery.SQLite, path, func(t testing.TB, statement string) {
		t.Helper()
		db, err := sql.Open("sqlite", "file:"+strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)+"?_pragma=synchronous(0)")
		if err != nil {
			t.Fatal(err)
		}
		write(t, db, statement)
	}}
}

func write(t testing.TB, db *sql.DB, statement string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), statement)
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// databases are all that a test can have rows read from.
var databases = []struct {
	name string
	open func(t testing.TB) database
}{{"postgres", openPostgres}, {"mariadb", openMariaDB}, {"sqlite", openSQLite}}

func (d database) source(t testing.TB, query string, change ...func(*sqlquery.Options)) *sqlquery.Source {
	t.Helper()
	options := sqlquery.Options{Driver: d.driver, DSN: d.dsn, Query: query, KeyColumn: "id"}
	for _, c := range change {
		c(&options)
	}
	s, err := sqlquery.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// readThrough is a read from its beginning to its end.
type readThrough struct {
	records []record.Record
	rejects []*record.RejectError
	verdict record.Verdict
	err     error
}

func read(t testing.TB, source record.Source) readThrough {
	t.Helper()
	reader, err := source.Open(t.Context())
	if err != nil {
		return readThrough{err: err}
	}
	defer func() { _ = reader.Close() }()
	return readOn(t, reader)
}

func readOn(t testing.TB, reader record.Reader) readThrough {
	t.Helper()
	var got readThrough
	for {
		next, err := reader.Next(t.Context())
		if bad, is := errors.AsType[*record.RejectError](err); is {
			got.rejects = append(got.rejects, bad)
			continue
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				got.err = err
			}
			got.verdict = reader.Verdict()
			return got
		}
		got.records = append(got.records, next)
	}
}
