package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"cubesync/source/sourcetest/servers"
)

// databaseConfig is the default configuration, with staff of a database: whoever left is deleted at once.
func databaseConfig(t *testing.T, driver, dsn, query, more string) string {
	t.Helper()
	text := shippedConfig(t)
	from, to := strings.Index(text, "      csv:\n"), strings.Index(text, "    passwords:\n")
	return strings.NewReplacer("leavers: keep", "leavers: delete", "grace: {reads: 3, span: 72h}", "grace: none").Replace(text[:from] + fmt.Sprintf(`      sql:
        driver: %s
        dsn: %q
        query: %q
        completeness: plausible
        %s
    mapping:
      external_id: {column: id}
      full_name: {column: name}
`, driver, dsn, query, more) + text[to:])
}

// startMariaDB starts a server with an empty database, and returns its DSN for a configuration, and what carries statements out.
func startMariaDB(t *testing.T) (dsn string, exec func(statement string)) {
	t.Helper()
	server, err := servers.StartMariaDB()
	servers.Need(t, err)
	t.Cleanup(server.Stop)
	t.Setenv("DB_PASSWORD", servers.SuperuserPassword)
	dsn = fmt.Sprintf("%s:${DB_PASSWORD}@unix(%s)/people", servers.Superuser, server.Socket)
	db, err := sql.Open("mysql", fmt.Sprintf("%s:%s@unix(%s)/?multiStatements=true", servers.Superuser, servers.SuperuserPassword, server.Socket))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	exec = func(statement string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE DATABASE people CHARACTER SET utf8mb4")
	exec("USE people")
	return dsn, exec
}

// startPostgres is startMariaDB with PostgreSQL.
func startPostgres(t *testing.T) (dsn string, exec func(statement string)) {
	t.Helper()
	server, err := servers.StartPostgreSQL()
	servers.Need(t, err)
	t.Cleanup(server.Stop)
	dsn = fmt.Sprintf("host=%s port=%d user=%s dbname=postgres", filepath.Dir(server.Socket), server.Port, servers.Superuser)
	return dsn, func(statement string) {
		t.Helper()
		conn, err := pgconn.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }()
		if _, err := conn.Exec(t.Context(), statement).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
}

// Of a database that says when each row was changed only those are read that changed. Who left is deleted when everything is
// read, and not before: guards and grace are off, so that nothing else spares anybody.
func TestDatabaseIncrementally(t *testing.T) {
	for driver, start := range map[string]func(*testing.T) (string, func(string)){"postgres": startPostgres, "mysql": startMariaDB} {
		t.Run(driver, func(t *testing.T) {
			dsn, exec := start(t)
			exec("CREATE TABLE staff (id varchar(9), name varchar(100), updated_at timestamp)")
			for i := range 10 {
				exec(fmt.Sprintf("INSERT INTO staff VALUES ('e%d', 'Person %[1]d', '2026-03-10 0%[1]d:00:00')", i))
			}
			p := newProgram(t, unguarded(databaseConfig(t, driver, dsn, "SELECT * FROM staff", "incremental: {column: updated_at, overlap: 1h}")))
			p.exits(t, 0, "sync")
			exec("UPDATE staff SET name = 'Another', updated_at = '2026-03-10 09:30:00' WHERE id = 'e4'")
			exec("DELETE FROM staff WHERE id IN ('e1', 'e8')")
			p.exits(t, 5, "plan", "--exit-code")
			p.exits(t, 0, "sync") // from 8 o'clock on
			for _, said := range []string{
				`(?m)^  records read +2  [a-z/]+, proven, incrementally since 2026-03-10T08:00:00Z$`, `(?m)^  not read +8 `, `(?m)^  updated +1$`, `(?m)^  unchanged +1$`,
			} {
				if text := p.stdout.String(); !regexp.MustCompile(said).MatchString(text) {
					t.Errorf("it doesn't say %s:\n%s", said, text)
				}
			}
			if left := len(p.accounts(t)); left != 10 {
				t.Fatalf("by what changed: %d accounts are left of 10", left)
			}
			p.exits(t, 0, "sync", "--format", "json")
			p.says(t, `"since":"2026-03-10T08:30:00Z"`, `"not_read":8`)
			p.exits(t, 0, "sync", "--list-all")
			if left := len(p.accounts(t)); left != 8 {
				t.Errorf("by everything: %d accounts are left of 10, want 8", left)
			}
		})
	}
}

// A read that may be of several moments is held at half of what the guards permit one of a snapshot.
func TestTableWithoutSnapshotsHalvesGuards(t *testing.T) {
	dsn, exec := startMariaDB(t)
	exec("CREATE TABLE staff (id int PRIMARY KEY, name varchar(100)) ENGINE=MyISAM AS SELECT seq AS id, concat('Person ', seq) AS name FROM seq_1_to_100")
	p := newProgram(t, databaseConfig(t, "mysql", dsn, "SELECT id, name FROM staff", ""))
	p.exits(t, 0, "sync")
	exec("DELETE FROM staff WHERE id <= 4") // 5 of 100 may leave
	p.exits(t, 3, "sync")
	p.says(t, "people, plausible: they may be of several moments, so that the guards are halved", "permitted 2, halved because the records may be of several moments")
	exec("ALTER TABLE staff ENGINE=InnoDB")
	p.exits(t, 0, "sync")
	if left := len(p.accounts(t)); left != 96 {
		t.Errorf("from a snapshot: %d accounts are left of 100, want 96", left)
	}
}
