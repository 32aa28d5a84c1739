package sqlquery

import (
	"strings"
	"testing"
)

func TestQueriesThatAreTaken(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT 1": "",
		" \n select id from t ;  -- the end\n /* all */ ": "select id from t",
		"WITH a AS (SELECT 1 AS n) SELECT n FROM a":       "",
		"SELECT ';' AS a, 'it''s; DELETE' FROM t":         "",
		`SELECT "update", t.delete, 1.5e3, 0x1F FROM t`:   "",
		"SELECT updated_at, deleted FROM t -- ; DELETE":   "SELECT updated_at, deleted FROM t",
		"SELECT größe FROM t /* ; DROP */ WHERE a <> ''":  "",
		"SELECT a /* one */ FROM t /* two */ WHERE b = 1": "",
	} {
		if want == "" {
			want = query
		}
		for _, driver := range Drivers() {
			if got, err := checkQuery(Driver(driver), query); got != want || err != nil {
				t.Errorf("%s: %q is %q, %v", driver, query, got, err)
			}
		}
	}
	for _, each := range []struct {
		driver Driver
		query  string
	}{
		{Postgres, `SELECT E'it\'s; DELETE', $$ ; DELETE $$, $a$ ' $a$ FROM t WHERE a[1] = 2`},
		{Postgres, `SELECT E'a''b\'; DELETE' FROM t`},
		{MySQL, "SELECT `update` FROM t # ; DELETE"},
		{SQLServer, "SELECT [update], a.[drop] FROM t"},
		{SQLite, "SELECT [update] FROM t"},
	} {
		if _, err := checkQuery(each.driver, each.query); err != nil {
			t.Errorf("%s: %q: %v", each.driver, each.query, err)
		}
	}
}

func TestQueriesThatAreRefused(t *testing.T) {
	for query, want := range map[string]string{
		"":                       "is empty",
		" -- nothing\n":          "is empty",
		"DELETE FROM t":          "begins with DELETE",
		"EXPLAIN SELECT 1":       "begins with EXPLAIN",
		"(SELECT 1)":             "begins with (",
		"SELECT 1; SELECT 2":     "has more than one statement",
		"SELECT 1;;DROP TABLE t": "has more than one statement",
		"WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a": "has the word DELETE",
		"WITH a AS (INSERT INTO t VALUES (1)) SELECT 1":         "has the word INSERT",
		"SELECT id INTO copy FROM t":                            "has the word INTO",
		"SELECT id FROM t FOR UPDATE":                           "has the word UPDATE",
		"WITH a AS (SELECT 1) MERGE t USING a":                  "has the word MERGE",
		"SELECT 'a FROM t":                                      "isn't closed",
		`SELECT "a FROM t`:                                      "isn't closed",
		"SELECT 1 /* a":                                         "isn't closed",
		"SELECT 1 /* /* */ DELETE FROM t */":                    "comment within a comment",
		"SELECT 1DELETE FROM t":                                 "a number and a word in one",
		"SELECT 1.DELETE FROM t":                                "has the word DELETE",
		"SELECT a.1.DELETE FROM t":                              "has the word DELETE",
		"SELECT 1eDELETE FROM t":                                "a number and a word in one",
		"SELECT 0xDELETE FROM t":                                "a number and a word in one",
		"SELECT a\u00a0FROM t":                                  "looks like a space",
		"SELECT \xff":                                           "is not UTF-8",
		"SELECT 'a\x00'":                                        "is not UTF-8",
	} {
		for _, driver := range Drivers() {
			if got, err := checkQuery(Driver(driver), query); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q is taken as %q, %v; want %s", driver, query, got, err, want)
			}
		}
	}
	for _, each := range []struct {
		driver Driver
		query  string
		want   string
	}{
		{MySQL, "SELECT 1 /*! INTO OUTFILE '/tmp/a' */", "carries out"},
		{MySQL, "SELECT 1 /*M! ; DELETE */", "carries out"},
		{MySQL, `SELECT 'a\'' , 'b'`, "backslash"},
		{MySQL, `SELECT 'a\\'`, "backslash"},
		{MySQL, "SELECT 1 --1\n", "without a space"},
		{Postgres, "SELECT $$ a", "isn't closed"},
		{Postgres, `SELECT E'a\'`, "isn't closed"},
		{SQLServer, "SELECT 1 DROP TABLE t", "has the word DROP"},
		{SQLServer, "SELECT 1 EXEC sp_who", "has the word EXEC"},
		{SQLServer, "SELECT 'a'DELETE FROM t", "has the word DELETE"},
		{SQLServer, "SELECT [a FROM t", "isn't closed"},
	} {
		if got, err := checkQuery(each.driver, each.query); err == nil || !strings.Contains(err.Error(), each.want) {
			t.Errorf("%s: %q is taken as %q, %v; want %s", each.driver, each.query, got, err, each.want)
		}
	}
}

// FuzzQuery looks for a query that is taken and holds a semicolon, or a word that writes, outside of all that can hide one.
func FuzzQuery(f *testing.F) {
	f.Add("SELECT 1; DELETE FROM t")
	f.Add(`SELECT E'\'' || $a$;$a$ -- x`)
	f.Fuzz(func(t *testing.T, query string) {
		for _, driver := range Drivers() {
			got, err := checkQuery(Driver(driver), query)
			if err != nil {
				continue
			}
			if again, err := checkQuery(Driver(driver), got); err != nil || again != got {
				t.Errorf("%s: %q was taken as %q, which is %q, %v", driver, query, got, again, err)
			}
			if strings.ContainsAny(got, `'"[$`+"`") || strings.Contains(got, "/*") || strings.Contains(got, "--") || strings.Contains(got, "#") {
				continue
			}
			if strings.Contains(got, ";") {
				t.Errorf("%s: %q was taken as %q", driver, query, got)
			}
		}
	})
}
