package sqlquery

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// SQL Server permits some queries by themselves only.
func TestQueriesThatSQLServerDoesNotWrap(t *testing.T) {
	for query, word := range map[string]string{
		"WITH a AS (SELECT 1 AS id) SELECT id FROM a": "WITH",
		"SELECT id FROM t ORDER BY id":                "ORDER",
		"SELECT id FROM t OPTION (MAXDOP 1)":          "OPTION",
		"SELECT id FROM t FOR XML AUTO":               "FOR",
		"SELECT id, row_number() OVER (ORDER BY id) AS n, t.[order], t.option FROM (SELECT TOP 5 * FROM t WITH (NOLOCK) ORDER BY id) AS t": "",
	} {
		for driver, dsn := range map[Driver]string{SQLServer: "sqlserver://db.example.com?database=people", SQLite: "people.db"} {
			_, err := New(Options{Driver: driver, DSN: dsn, Query: query, Cursor: &Cursor{Column: "id"}})
			wrong, is := errors.AsType[*OptionError](err)
			if refused := driver == SQLServer && word != ""; is != refused || is && (wrong.Option != "incremental" || !strings.Contains(wrong.Problem, "has "+word+" on its outside")) {
				t.Errorf("%s: %s: %v", driver, query, err)
			}
		}
	}
}

// What SQL Server is asked for is a condition with a parameter of the driver's, on a name in its own quotes.
func TestSQLServerComparesWithAParameter(t *testing.T) {
	var server sqlServer
	for _, numbers := range []bool{true, false} {
		const want = "cubesync_rows.[odd]]name] >= @cubesync_since OR cubesync_rows.[odd]]name] IS NULL"
		if got := fmt.Sprintf(server.from(numbers).condition, rowsOf+"."+server.quoted("odd]name")); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
