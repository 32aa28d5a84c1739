package reconcile_test

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"cubesync/source/ldapdir"
	"cubesync/source/sourcetest/servers"
	"cubesync/source/sqlquery"
	"cubesync/sync/mapping"
	"cubesync/sync/record"
	"cubesync/sync/state"
)

// disturbed is a source to which something happens after so many records of each read.
type disturbed struct {
	record.Source
	after   int
	happens func()
}

func (d *disturbed) Open(ctx context.Context) (record.Reader, error) {
	reader, err := d.Source.Open(ctx)
	return &disturbedReader{reader, d.after, d.happens}, err
}

type disturbedReader struct {
	record.Reader
	left    int
	happens func()
}

func (d *disturbedReader) Next(ctx context.Context) (record.Record, error) {
	if d.left == 0 {
		d.happens()
	}
	d.left--
	return d.Reader.Next(ctx)
}

// directoryColumns are the attributes that hold what columns do.
func directoryColumns() []string {
	return []string{"uid", "cn", "mail", "displayName", "telephoneNumber", "labeledURI", "businessCategory", "description"}
}

// inDirectory maps attributes in place of columns.
func (s *scene) inDirectory(t *testing.T) {
	t.Helper()
	spec, names := allColumns(), map[string]string{}
	for i, name := range directoryColumns() {
		names[columns[i]] = name
	}
	spec.ExternalID.Column = names[spec.ExternalID.Column]
	for field, rule := range spec.Fields {
		rule.Column = names[rule.Column]
		spec.Fields[field] = rule
	}
	spec.Tags[0].Column = names[spec.Tags[0].Column]
	mapper, err := mapping.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	s.Mapper = mapper
}

// served starts a directory of these people.
func served(t *testing.T, persons []person, identity *servers.Identity) *servers.Slapd {
	t.Helper()
	return servers.StartSlapd(t, servers.SlapdOptions{TLS: identity, Load: func(w io.Writer) error {
		for _, p := range persons {
			entry := fmt.Sprintf("dn: uid=%s,%s\nobjectClass: account\nobjectClass: extensibleObject\n", p[0], servers.Suffix)
			for i, name := range directoryColumns() {
				entry += name + ":: " + base64.StdEncoding.EncodeToString([]byte(p[i])) + "\n"
			}
			if _, err := io.WriteString(w, entry+"\n"); err != nil {
				return err
			}
		}
		return nil
	}})
}

// asked reads a directory.
func asked(t *testing.T, url string, change ...func(*ldapdir.Options)) record.Source {
	t.Helper()
	o := ldapdir.Options{
		URLs: []string{url}, Plain: true, Bind: ldapdir.Bind{DN: servers.ReaderDN, Password: servers.Password},
		Base: servers.Suffix, Filter: "(objectClass=account)", Columns: directoryColumns(), Key: "uid", PageSize: 10,
	}
	for _, c := range change {
		c(&o)
	}
	source, err := ldapdir.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// Whatever ends the read of a directory, nobody is deleted, and the leaver alone is by a read that ends well.
func TestFaultsOfADirectory(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.inDirectory(t)
	ca := servers.NewCA(t)
	slapd := served(t, s.directory.persons, ca.Issue(t, "localhost", time.Now().Add(-time.Hour)))
	through := servers.NewCutter(t, slapd)
	source := asked(t, through.URL)

	const pages = 4 // of ten, but for the last, which has nine
	for page := range pages {
		for _, entries := range []int{0, 1, 9} {
			through.After(page, entries)
			s.harmless(t, source)
			if through.Cuts() != 4 { // three of the run, whose last the look at what would be repeats
				t.Errorf("cut after %d pages and %d entries: %d times", page, entries, through.Cuts())
			}
		}
	}
	for _, code := range []byte{3, 4, 11, 51, 52, 53, 80} {
		for page := range pages {
			through.Answer(code, page, 5*(page%2))
			s.harmless(t, source)
		}
		if t.Failed() {
			t.Fatalf("result code %d", code)
		}
	}
	through.Never()
	s.harmless(t, asked(t, slapd.URL, func(o *ldapdir.Options) { o.Bind.Password = "a wrong one" }))
	s.harmless(t, asked(t, slapd.TLSURL, func(o *ldapdir.Options) { o.TLS.Roots = ca.Pool() }))
	s.harmless(t, asked(t, strings.Replace(slapd.URL, "127.0.0.1", "localhost", 1), func(o *ldapdir.Options) {
		o.Plain, o.StartTLS, o.TLS.Roots = false, true, ca.Pool()
	}))
	for _, believed := range []bool{false, true} {
		doomed := served(t, s.directory.persons, nil)
		killed := &disturbed{asked(t, doomed.URL), 5, doomed.Stop}
		if believed {
			s.costly(t, killed)
			continue
		}
		s.Source = killed
		s.untouched(t, state.Incomplete, 1)
	}
	s.Source = source
	s.recovers(t)
}

// relational is a server of databases with the people in it.
type relational struct {
	*servers.Database
	driver     sqlquery.Driver
	dsn        string // through its socket
	guarded    string // over TCP
	refused    string // likewise, with a wrong password
	statements func(t *testing.T, texts ...string)
}

func postgreSQL(t *testing.T, identity *servers.Identity) relational {
	t.Helper()
	certificate, key := servers.Lend(t, identity, "postgres", "nobody")
	d, err := servers.StartPostgreSQL("ssl=on", "ssl_cert_file="+certificate, "ssl_key_file="+key)
	servers.Need(t, err)
	t.Cleanup(d.Stop)
	at := func(password string) string {
		return fmt.Sprintf("postgres://%s:%s@localhost:%d/postgres", servers.Superuser, password, d.Port)
	}
	dsn := fmt.Sprintf("host=%s port=%d user=%s dbname=postgres", filepath.Dir(d.Socket), d.Port, servers.Superuser)
	return relational{d, sqlquery.Postgres, dsn, at(servers.SuperuserPassword), at("a-wrong-one"), func(t *testing.T, texts ...string) {
		t.Helper()
		conn, err := pgconn.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }()
		if _, err := conn.Exec(t.Context(), strings.Join(texts, "; ")).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}}
}

func mariaDB(t *testing.T, identity *servers.Identity) relational {
	t.Helper()
	certificate, key := servers.Lend(t, identity, "mysql", "nobody")
	// What was committed outlives the server.
	d, err := servers.StartMariaDB("--ssl-cert="+certificate, "--ssl-key="+key, "--innodb-flush-log-at-trx-commit=2")
	servers.Need(t, err)
	t.Cleanup(d.Stop)
	at := func(password string) string {
		return fmt.Sprintf("%s:%s@tcp(localhost:%d)/people", servers.Superuser, password, d.Port)
	}
	dsn := fmt.Sprintf("%s:%s@unix(%s)/people", servers.Superuser, servers.SuperuserPassword, d.Socket)
	statements := func(t *testing.T, texts ...string) {
		t.Helper()
		for _, text := range texts {
			execute(t, "mysql", dsn, text)
		}
	}
	execute(t, "mysql", strings.TrimSuffix(dsn, "people"), "CREATE DATABASE people")
	return relational{d, sqlquery.MySQL, dsn, at(servers.SuperuserPassword), at("a-wrong-one"), statements}
}

func execute(t *testing.T, driver, dsn, statement string) {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), statement)
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// rows are people as the values of a table whose rows are larger than what a connection holds.
func rows(persons []person) string {
	lines := make([]string, len(persons))
	for i, p := range persons {
		lines[i] = "('" + strings.Join(p[:], "', '") + "', repeat('x', 200000))"
	}
	return strings.Join(lines, ", ")
}

const tableOfPeople = "CREATE TABLE people (id varchar(60), login text, email text, name text, phone text, website text, tags text, data text, padding text)"

func (r relational) asked(t *testing.T, dsn string, change ...func(*sqlquery.Options)) record.Source {
	t.Helper()
	o := sqlquery.Options{Driver: r.driver, DSN: dsn, Query: "SELECT * FROM people", KeyColumn: "id"}
	for _, c := range change {
		c(&o)
	}
	source, err := sqlquery.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// Whatever ends the read of a database, nobody is deleted, and the leaver alone is by a read that ends well, even while rows move.
func TestFaultsOfADatabase(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T, *servers.Identity) relational{"postgres": postgreSQL, "mariadb": mariaDB} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			ca := servers.NewCA(t)
			r := start(t, ca.Issue(t, "localhost", time.Now().Add(-time.Hour)))
			padded := "padding text"
			if r.driver == sqlquery.MySQL {
				padded = "padding mediumtext" // text ends at 64 KB
			}
			r.statements(t, strings.Replace(tableOfPeople, "padding text", padded, 1), "INSERT INTO people VALUES "+rows(s.directory.persons))
			source := r.asked(t, r.dsn)

			for _, after := range []int{1, staffed - 8} {
				killed := &disturbed{source, after, r.Crash}
				s.Source, s.Accept = killed, record.Proven
				s.untouched(t, state.Incomplete, 1)
				if err := r.Restart(); err != nil {
					t.Fatal(err)
				}
				s.costly(t, killed)
				if err := r.Restart(); err != nil {
					t.Fatal(err)
				}
			}
			encrypted := func(o *sqlquery.Options) { o.RootCAs = ca.Pool() }
			s.harmless(t, r.asked(t, r.guarded, encrypted))
			if _, err := r.asked(t, r.guarded, encrypted).Open(t.Context()); err == nil || !strings.Contains(err.Error(), "expired") {
				t.Errorf("an expired certificate: %v", err)
			}
			s.harmless(t, r.asked(t, r.refused))

			if r.driver == sqlquery.MySQL { // tables without snapshots, of which nothing is proven
				r.statements(t, "CREATE TABLE elsewhere ENGINE=MyISAM SELECT * FROM people")
				without := r.asked(t, r.dsn, func(o *sqlquery.Options) { o.Query = "SELECT * FROM elsewhere" })
				s.Source = without
				s.untouched(t, state.Applied, 1)
				s.costly(t, without)
				r.statements(t, "DROP TABLE elsewhere")
			}

			moved := rows(s.directory.persons[20:])
			s.Source = &disturbed{source, 5, func() {
				r.statements(t, "DELETE FROM people WHERE id >= 'e0021'", "INSERT INTO people VALUES "+moved)
			}}
			s.recovers(t)
		})
	}
}

// A database's file is damaged where nobody has read yet.
func TestDamagedDatabaseFile(t *testing.T) {
	s := newScene(t)
	path := filepath.Join(s.StateDir, "people.db")
	text := strings.ReplaceAll(rows(s.directory.persons), "repeat('x', 200000)", "hex(zeroblob(5000))")
	execute(t, "sqlite", "file:"+path, tableOfPeople+"; INSERT INTO people VALUES "+text)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	source := relational{driver: sqlquery.SQLite}.asked(t, path)
	for part := 2; part < 8; part++ {
		damaged := append([]byte(nil), whole...)
		at := len(damaged) / page * part / 8 * page
		for i := range page {
			damaged[at+i] = 0xff
		}
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		s.harmless(t, source)
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Source = source
	s.recovers(t)
}
