package sqlquery_test

import (
	"context"
	"testing"
	"time"

	"cubesync/source/sqlquery"
)

// endless is a query that nobody could read to its end.
var endless = map[sqlquery.Driver]string{
	sqlquery.Postgres: "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id FROM n",
	sqlquery.MySQL:    "SELECT seq AS id FROM seq_1_to_1000000000000",
	sqlquery.SQLite:   "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id FROM n",
}

// Whoever wants some rows gets them, and the others are never fetched.
func TestLeftEarly(t *testing.T) {
	for _, each := range databases {
		t.Run(each.name, func(t *testing.T) {
			d := each.open(t)
			d.exec(t, "CREATE TABLE "+table()+" (id INTEGER)") // SQLite wants a file
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			reader, err := d.source(t, endless[d.driver]).Open(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for range 20 {
				if _, err := reader.Next(ctx); err != nil {
					t.Fatal(err)
				}
			}
			began := time.Now()
			if err := reader.Close(); err != nil || time.Since(began) > 5*time.Second {
				t.Errorf("closed after %s: %v", time.Since(began), err)
			}
			if v := reader.Verdict(); v.Completeness.Usable() {
				t.Errorf("the verdict is %+v", v)
			}
		})
	}
}
