package sqlquery_test

import (
	"database/sql"
	"errors"
	"io"
	"net/url"
	"runtime"
	"testing"

	"github.com/jackc/pgx/v5"

	"cubesync/source/sqlquery"
)

// BenchmarkMillion reads a million rows of three texts, beside a bare loop of the driver over the same query.
func BenchmarkMillion(b *testing.B) {
	const query = "SELECT id, name, note FROM crowd"
	for _, each := range []struct {
		name string
		open func(testing.TB) database
		bare func(b *testing.B, d database) int
	}{
		{"postgres", openPostgres, func(b *testing.B, d database) int { return barePgx(b, d, query) }},
		{"sqlite", openSQLite, func(b *testing.B, d database) int { return bareSQLite(b, d, query) }},
	} {
		d := each.open(b)
		d.exec(b, "DROP TABLE IF EXISTS crowd; "+crowds[d.driver])
		b.Run(each.name+"/bare", func(b *testing.B) { perRow(b, func() int { return each.bare(b, d) }) })
		b.Run(each.name+"/source", func(b *testing.B) { perRow(b, func() int { return readAll(b, d.source(b, query)) }) })
	}
}

func perRow(b *testing.B, read func() int) {
	b.Helper()
	rows := 0
	for b.Loop() {
		rows += read()
	}
	if rows != b.N*crowd {
		b.Fatalf("read %d rows", rows)
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	b.ReportMetric(float64(memory.HeapSys)/(1<<20), "heap-MB")
}

func readAll(b *testing.B, source *sqlquery.Source) (rows int) {
	reader, err := source.Open(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for ; ; rows++ {
		if _, err = reader.Next(b.Context()); err != nil {
			break
		}
	}
	if !errors.Is(err, io.EOF) {
		b.Fatal(err)
	}
	return rows
}

func barePgx(b *testing.B, d database, query string) (n int) {
	conn, err := pgx.Connect(b.Context(), d.dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(b.Context()) }()
	rows, err := conn.Query(b.Context(), query)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	var id, name, note string
	for ; rows.Next(); n++ {
		if err := rows.Scan(&id, &name, &note); err != nil {
			b.Fatal(err)
		}
	}
	return n
}

func bareSQLite(b *testing.B, d database, query string) (n int) {
	address := url.URL{Scheme: "file", Path: d.dsn, RawQuery: "mode=ro"}
	db, err := sql.Open("sqlite", address.String())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(b.Context(), query)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var id, name, note string
	for ; rows.Next(); n++ {
		if err := rows.Scan(&id, &name, &note); err != nil {
			b.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	return n
}
