package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/source/sqlquery"
)

func sqlConfig(t *testing.T, sql string) *config.Config {
	t.Helper()
	path := write(t, "{csv: {path: users.csv}}", "{sql: {"+sql+"}}")
	word := "hunter2-hunter2"
	got, err := config.Load(path, func(name string) (string, bool) {
		switch name {
		case "PW":
			return word, true
		case "NEW_PW":
			return word + "-new", true
		}
		return "postgres://hr:" + word + "@db.example.com/people", name == "DSN"
	}, schedule)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%+v %#v", got, *got.Pipelines[0].Source.SQL); strings.Contains(text, word) {
		t.Errorf("the password shows: %s", text)
	}
	return got
}

func TestSQL(t *testing.T) {
	got := sqlConfig(t, `driver: postgres, dsn: "${DSN}", query: SELECT id FROM people, deleted: gone, timeout: 90s, allow_plaintext: true, completeness: plausible`)
	want := &config.SQL{
		Driver: sqlquery.Postgres, DSN: config.NewSecret("postgres://hr:hunter2-hunter2@db.example.com/people"),
		Place: "postgres db.example.com:5432/people", User: "hr", Query: "SELECT id FROM people", DeletedColumn: "gone",
		AcceptPlausible: true, Timeout: 90 * time.Second, Plaintext: true,
	}
	if diff := cmp.Diff(got.Pipelines[0].Source.SQL, want, revealed(), named()); diff != "" {
		t.Errorf("(-got +want)\n%s", diff)
	}
	got = sqlConfig(t, `driver: sqlite, dsn: people.db, query: SELECT id FROM people`)
	want = &config.SQL{
		Driver: sqlquery.SQLite, DSN: config.NewSecret(filepath.Join(filepath.Dir(got.Path), "people.db")), Query: "SELECT id FROM people",
		Place: "sqlite " + filepath.Join(filepath.Dir(got.Path), "people.db"), Timeout: sqlquery.DefaultTimeout,
	}
	if diff := cmp.Diff(got.Pipelines[0].Source.SQL, want, revealed()); diff != "" {
		t.Errorf("(-got +want)\n%s", diff)
	}
}

func TestSQLIncremental(t *testing.T) {
	for given, want := range map[string]config.Incremental{
		"{column: updated_at}":                             {Cursor: sqlquery.Cursor{Column: "updated_at", Overlap: 15 * time.Minute}, FullEvery: 7},
		"{column: updated_at, overlap: 1h, full_every: 1}": {Cursor: sqlquery.Cursor{Column: "updated_at", Overlap: time.Hour}, FullEvery: 1},
		"{column: updated_at, overlap: 0s}":                {Cursor: sqlquery.Cursor{Column: "updated_at"}, FullEvery: 7},
		"{column: version, overlap: 500}":                  {Cursor: sqlquery.Cursor{Column: "version", Numbers: true, Back: 500}, FullEvery: 7},
		"{column: version, overlap: 0}":                    {Cursor: sqlquery.Cursor{Column: "version", Numbers: true}, FullEvery: 7},
	} {
		q := sqlConfig(t, `driver: sqlite, dsn: people.db, query: SELECT id FROM people, incremental: `+given).Pipelines[0].Source.SQL
		if diff := cmp.Diff(q.Incremental, &want); diff != "" {
			t.Errorf("%s: (-got +want)\n%s", given, diff)
		}
		if got := q.Options(nil, "id").Cursor; !cmp.Equal(*got, want.Cursor) {
			t.Errorf("%s: %+v", given, got)
		}
	}
}

// Another database, another user, other settings of the session or another query is another source; another password, or another
// way there, is not.
func TestWhatMakesAnotherDatabase(t *testing.T) {
	of := func(sql string) string { return sqlConfig(t, sql).Pipelines[0].Settings["source"] }
	const rest = ", query: SELECT id FROM people"
	base := of(`driver: postgres, dsn: "postgres://hr:${PW}@db.example.com/people"` + rest)
	for sql, same := range map[string]bool{
		`driver: postgres, dsn: "postgres://hr:${NEW_PW}@db.example.com/people"` + rest:                        true,
		`driver: postgres, dsn: "host=db.example.com user=hr password=${PW} dbname=people"` + rest:             true,
		`driver: postgres, timeout: 5s, dsn: "postgres://hr:${PW}@db.example.com/people"` + rest:               true,
		`driver: postgres, incremental: {column: id}, dsn: "postgres://hr:${PW}@db.example.com/people"` + rest: true,
		`driver: postgres, dsn: "postgres://hr:${PW}@db2.example.com/people"` + rest:                           false,
		`driver: postgres, dsn: "postgres://other:${PW}@db.example.com/people"` + rest:                         false,
		`driver: postgres, dsn: "postgres://hr:${PW}@db.example.com/people", query: SELECT 1`:                  false,
		`driver: postgres, deleted: id, dsn: "postgres://hr:${PW}@db.example.com/people"` + rest:               false,
		`driver: mysql, dsn: "hr:${PW}@tcp(db.example.com:5432)/people"` + rest:                                false,
	} {
		if got := of(sql) == base; got != same {
			t.Errorf("%s: the same source: %v, want %v", sql, got, same)
		}
	}
	for _, pair := range []struct {
		driver, one, other string
		same               bool
	}{
		{"postgres", "postgres://hr@db.example.com/p", "postgres://hr@db.example.com/p?search_path=archive", false},
		{"postgres", "postgres://hr@db.example.com/p?row_security=off", "postgres://hr@db.example.com/p", false},
		{"postgres", "postgres://hr@db.example.com/p", "postgres://hr@db.example.com/p?options=-csearch_path%3Darchive", false},
		{"postgres", "postgres://hr@db.example.com,db2.example.com/p", "postgres://hr@db.example.com,db3.example.com/p", false},
		{"postgres", "postgres://hr@db.example.com/p?row_security=off&search_path=a", "host=db.example.com user=hr dbname=p search_path=a row_security=off", true},
		{"postgres", "postgres://hr@localhost/p", "postgres://hr@localhost/p?sslmode=disable&connect_timeout=5&application_name=sync", true},
		{"mysql", "hr@tcp(db.example.com:3306)/p", "hr@tcp(db.example.com:3306)/p?sql_mode=PIPES_AS_CONCAT", false},
		{"mysql", "hr@tcp(db.example.com:3306)/p", "hr@tcp(db.example.com:3306)/p?collation=utf8mb4_bin", false},
		{"mysql", "hr@tcp(db.example.com:3306)/p?a=1&b=2", "hr@tcp(db.example.com:3306)/p?b=2&a=1&timeout=5s", true},
		{"sqlserver", "sqlserver://hr@db.example.com?database=p", "sqlserver://hr@db.example.com?database=p&failoverpartner=db2", false},
		{"sqlserver", "sqlserver://hr@db.example.com?database=p", "sqlserver://hr@db.example.com?database=p&app+name=sync", true},
	} {
		with := func(dsn string) string { return of("driver: " + pair.driver + `, dsn: "` + dsn + `"` + rest) }
		if got := with(pair.one) == with(pair.other); got != pair.same {
			t.Errorf("%s and %s: the same source: %v, want %v", pair.one, pair.other, got, pair.same)
		}
	}
}

// Every configuration of the page is one.
func TestSQLManual(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/sources.md")
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile("testdata/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	found := map[sqlquery.Driver]bool{}
	for _, block := range regexp.MustCompile("(?s)```yaml\n(source:\n  sql:.*?)```").FindAllStringSubmatch(string(page), -1) {
		source, mapping, _ := strings.Cut(strings.ReplaceAll(block[1], "\n", "\n    "), "mapping:")
		path := write(t, "source: {csv: {path: users.csv}}", strings.TrimSpace(source))
		text, err := os.ReadFile(path)
		if err == nil {
			const minimal = "mapping:\n      external_id: {column: id}\n      email: {column: email}"
			if !strings.Contains(string(text), minimal) {
				t.Fatal("the fixture has another mapping")
			}
			text = []byte(strings.Replace(string(text), minimal, "mapping:"+strings.TrimRight(mapping, " \n"), 1))
			err = errors.Join(os.WriteFile(path, text, 0o600), os.WriteFile(filepath.Join(filepath.Dir(path), "company-ca.pem"), ca, 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := config.Load(path, func(name string) (string, bool) { return "hunter2", name == "DB_PASSWORD" }, schedule)
		if err != nil {
			t.Errorf("%v\n%s", err, text)
			continue
		}
		found[got.Pipelines[0].Source.SQL.Driver] = true
	}
	if len(found) != len(sqlquery.Drivers()) {
		t.Errorf("there are configurations of %v, want one of each driver", found)
	}
}
