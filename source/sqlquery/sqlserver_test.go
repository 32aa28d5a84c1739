package sqlquery

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/microsoft/go-mssqldb/msdsn"

	"cubesync/sync/record"
)

// recorded stands in for SQL Server's driver: there is no server of it to test with, so that this shows what is asked of the
// driver, and what becomes of its answers, but not that a server answers so.
type recorded struct {
	asked     []string
	snapshots int64 // what the database says of them
	rows      [][]driver.Value
	count     int64
	more      bool // a third result
}

func (r *recorded) Connect(context.Context) (driver.Conn, error) { return r, nil }
func (r *recorded) Driver() driver.Driver                        { return nil }
func (r *recorded) Prepare(string) (driver.Stmt, error) {
	return nil, errors.New("nothing is prepared")
}
func (r *recorded) Close() error              { return nil }
func (r *recorded) Begin() (driver.Tx, error) { return nil, errors.New("without a level") }
func (r *recorded) Commit() error             { r.asked = append(r.asked, "commit"); return nil }
func (r *recorded) Rollback() error           { r.asked = append(r.asked, "rollback"); return nil }

func (r *recorded) BeginTx(_ context.Context, o driver.TxOptions) (driver.Tx, error) {
	r.asked = append(r.asked, "begin "+sql.IsolationLevel(o.Isolation).String())
	if o.ReadOnly {
		return nil, errors.New("read-only transactions are not supported")
	}
	return r, nil
}

func (r *recorded) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	r.asked = append(r.asked, query)
	if strings.Contains(query, "snapshot_isolation_state") {
		return &results{names: []string{"a"}, sets: [][][]driver.Value{{{r.snapshots}}}}, nil
	}
	sets := [][][]driver.Value{r.rows, {{r.count}}}
	if r.more {
		sets = append(sets, [][]driver.Value{{int64(1)}})
	}
	return &results{names: []string{"id", "note", "at", "day", "guid", "pay", "share", "blob", "on"}, sets: sets}, nil
}

type results struct {
	names []string
	sets  [][][]driver.Value
}

func (r *results) Columns() []string { return r.names[:max(1, len(r.sets[0][0]))] }
func (r *results) Close() error      { return nil }
func (r *results) Next(to []driver.Value) error {
	if len(r.sets[0]) == 0 {
		return io.EOF
	}
	copy(to, r.sets[0][0])
	r.sets[0] = r.sets[0][1:]
	return nil
}
func (r *results) HasNextResultSet() bool { return len(r.sets) > 1 }
func (r *results) NextResultSet() error {
	if len(r.sets) < 2 {
		return io.EOF
	}
	r.sets, r.names = r.sets[1:], []string{"n"}
	return nil
}
func (r *results) ColumnTypeDatabaseTypeName(i int) string {
	return []string{"BIGINT", "NVARCHAR", "DATETIMEOFFSET", "DATE", "UNIQUEIDENTIFIER", "MONEY", "REAL", "VARBINARY", "BIT"}[i]
}

func readRecorded(t *testing.T, r *recorded) ([]record.Record, record.Verdict) {
	t.Helper()
	s, err := New(Options{Driver: SQLServer, DSN: "sqlserver://hr:secret-word@db.example.com?database=people", Query: "SELECT * FROM staff ORDER BY id;"})
	if err != nil {
		t.Fatal(err)
	}
	server, is := s.server.(*sqlServer)
	if !is {
		t.Fatalf("it is %T", s.server)
	}
	server.connect = func() *sql.DB { return sql.OpenDB(r) }
	reader, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []record.Record
	for {
		next, err := reader.Next(t.Context())
		if err != nil {
			return all, reader.Verdict()
		}
		all = append(all, next)
	}
}

func TestSQLServer(t *testing.T) {
	guid := []byte{0x9c, 0xbc, 0xee, 0xa0, 0x0b, 0x9c, 0xf8, 0x4e, 0xbb, 0x6d, 0x6b, 0xb9, 0xbd, 0x38, 0x0a, 0x11} // three parts of it are little-endian
	at := time.Date(2026, 3, 10, 4, 0, 0, 120e6, time.FixedZone("", 3600))
	row := []driver.Value{int64(7), "é", at, at, guid, []byte("12.5000"), float64(float32(0.1)), []byte{0xff}, true}
	for name, each := range map[string]struct {
		recorded recorded
		level    string
		verdict  record.Completeness
		reason   string
	}{
		"snapshot":      {recorded{snapshots: 1, count: 1}, "Snapshot", record.Proven, "in one snapshot, in which the server counts as many"},
		"no-snapshot":   {recorded{count: 1}, "Read Committed", record.Plausible, "ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON"},
		"another-count": {recorded{snapshots: 1, count: 2}, "Snapshot", record.Incomplete, "gave 1 rows, and the same snapshot counts 2"},
		"third-result":  {recorded{snapshots: 1, count: 1, more: true}, "Snapshot", record.Incomplete, "more than one result"},
	} {
		t.Run(name, func(t *testing.T) {
			each.recorded.rows = [][]driver.Value{row}
			all, verdict := readRecorded(t, &each.recorded)
			if verdict.Completeness != each.verdict || !strings.Contains(verdict.Reason, each.reason) {
				t.Errorf("%+v", verdict)
			}
			var texts []string
			for i := range row {
				texts = append(texts, all[0].At(i).Text())
			}
			want := []string{"7", "é", "2026-03-10T03:00:00.12Z", "2026-03-10", "a0eebc9c-9c0b-4ef8-bb6d-6bb9bd380a11", "12.5", "0.1", "ff", "true"}
			if !slices.Equal(texts, want) {
				t.Errorf("%q, want %q", texts, want)
			}
			asked := each.recorded.asked[1:]
			if !slices.Equal(asked, []string{"begin " + each.level, "SELECT * FROM staff ORDER BY id\n;SELECT ROWCOUNT_BIG()", "rollback"}) {
				t.Errorf("asked for %q", asked)
			}
		})
	}
}

func TestPlace(t *testing.T) {
	for want, options := range map[string]Options{
		"postgres db.example.com:5433/people":  {Driver: Postgres, DSN: "postgres://hr:secret-word@db.example.com:5433/people"},
		"mysql db.example.com:3306/people":     {Driver: MySQL, DSN: "hr:secret-word@tcp(db.example.com)/people"},
		"sqlserver db.example.com:1433/people": {Driver: SQLServer, DSN: "sqlserver://hr:secret-word@db.example.com:1433?database=people"},
		`sqlserver db.example.com\HR/people`:   {Driver: SQLServer, DSN: "sqlserver://hr:secret-word@db.example.com/HR?database=people"},
		"sqlite people.db":                     {Driver: SQLite, DSN: "people.db"},
	} {
		options.Query = "SELECT 1"
		s, err := New(options)
		if err != nil {
			t.Error(err)
			continue
		}
		if s.Place() != want || options.Driver != SQLite && s.User() != "hr" {
			t.Errorf("%s, %s; want %s", s.Place(), s.User(), want)
		}
	}
}

// A DSN that can't be used is never shown.
func TestDSNsThatAreRefused(t *testing.T) {
	for _, options := range []Options{
		{Driver: Postgres, DSN: "postgres://hr:secret-word@db.example.com:port/people"},
		{Driver: Postgres, DSN: "host=db.example.com password=secret-word port=x"},
		{Driver: MySQL, DSN: "hr:secret-word@db.example.com/people"},
		{Driver: MySQL, DSN: "mysql://hr:secret-word@db.example.com/people"},
		{Driver: SQLServer, DSN: "server=db.example.com;password=secret-word"},
		{Driver: SQLServer, DSN: "sqlserver://hr:secret-word@db.example.com?encrypt=perhaps"},
		{Driver: SQLite, DSN: ""},
		{Driver: SQLite, DSN: "file:secret-word"},
		{Driver: "oracle", DSN: "secret-word"},
	} {
		options.Query = "SELECT 1"
		_, err := New(options)
		var wrong *OptionError
		if !errors.As(err, &wrong) || strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%s %s: %v", options.Driver, options.DSN, err)
		}
	}
}

// Beyond this machine there is TLS with a certificate that is checked, whatever the DSN says.
func TestTLSIsTheDefault(t *testing.T) {
	for _, host := range []string{"db.example.com", "192.0.2.7", "localhost", "127.0.0.1"} {
		for _, dsn := range []Options{
			{Driver: Postgres, DSN: "postgres://hr@HOST,HOST:5433/people"},
			{Driver: Postgres, DSN: "postgres://hr@HOST/people?sslmode=disable"},
			{Driver: Postgres, DSN: "postgres://hr@HOST/people?sslmode=require"},
			{Driver: MySQL, DSN: "hr@tcp(HOST)/people"},
			{Driver: MySQL, DSN: "hr@tcp(HOST)/people?tls=skip-verify"},
			{Driver: SQLServer, DSN: "sqlserver://hr@HOST"},
			{Driver: SQLServer, DSN: "sqlserver://hr@HOST?encrypt=disable&trustservercertificate=true"},
		} {
			local := !strings.Contains(host, "example") && !strings.HasPrefix(host, "192")
			for _, plain := range []bool{false, true} {
				options := dsn
				options.DSN, options.Query, options.Plaintext = strings.ReplaceAll(dsn.DSN, "HOST", host), "SELECT 1", plain
				s, err := New(options)
				if err != nil {
					t.Error(err)
					continue
				}
				if problem := unsafe(s, host); problem != "" && !local && !plain {
					t.Errorf("%s: %s", options.DSN, problem)
				}
			}
		}
	}
}

// unsafe says what about a connection can be overheard or forged.
func unsafe(s *Source, host string) string {
	switch server := s.server.(type) {
	case *postgres:
		for i, next := range append([]*pgconn.FallbackConfig{{TLSConfig: server.config.TLSConfig}}, server.config.Fallbacks...) {
			if c := next.TLSConfig; c == nil || c.InsecureSkipVerify || c.ServerName != host {
				return fmt.Sprintf("try %d has %+v", i, c)
			}
		}
	case *mariaDB:
		if c := server.config.TLS; c == nil || c.InsecureSkipVerify || c.ServerName != host || server.config.AllowFallbackToPlaintext {
			return fmt.Sprintf("it has %+v", c)
		}
	case *sqlServer:
		if c := server.config.TLSConfig; c == nil || c.InsecureSkipVerify || c.ServerName != host || server.config.Encryption != msdsn.EncryptionRequired || server.config.TrustServerCertificate {
			return fmt.Sprintf("it has %+v, %v", c, server.config.Encryption)
		}
	}
	return ""
}

func TestScrubbed(t *testing.T) {
	for _, each := range []struct{ text, secret, want string }{
		{`auth failed for user "hr", through`, "hr", `auth failed for user "[secret]", through`},
		{"a secret-word.", "secret-word", "a [secret]."},
		{"xsecret-wordx", "secret-word", "x[secret]x"},
		{"nothing", "", "nothing"},
	} {
		if got := without(each.text, each.secret); got != each.want {
			t.Errorf("%q", got)
		}
	}
}
