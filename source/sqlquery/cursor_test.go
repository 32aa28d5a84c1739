package sqlquery_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/source/sqlquery"
	"cubesync/sync/record"
)

// from is a source that follows a column.
func (d database) from(t testing.TB, query string, cursor sqlquery.Cursor) *sqlquery.Source {
	t.Helper()
	return d.source(t, query, func(o *sqlquery.Options) { o.Cursor = &cursor })
}

func readSince(t testing.TB, source *sqlquery.Source, cursor string) readThrough {
	t.Helper()
	reader, err := source.OpenSince(t.Context(), cursor)
	if err != nil {
		return readThrough{err: err}
	}
	defer func() { _ = reader.Close() }()
	return readOn(t, reader)
}

// ids are those of the records, sorted.
func (r *readThrough) ids() string {
	var ids []string
	for _, rec := range r.records {
		ids = append(ids, rec.Value("id").Text())
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// What is read after a cursor are the rows from it on, ties included, those before it within the overlap, and those of which
// nobody knows when they were changed.
func TestSince(t *testing.T) {
	const times = "('a', '2026-03-10 02:00:00'), ('b', '2026-03-10 02:44:59'), ('c', '2026-03-10 02:45:00'), ('d', '2026-03-10 03:00:00'), ('e', '2026-03-10 03:00:00'), ('f', NULL)"
	const numbers = "('a', 100), ('b', 110), ('c', 111), ('d', 120), ('e', 120), ('f', NULL)"
	for _, each := range databases {
		t.Run(each.name, func(t *testing.T) {
			d := each.open(t)
			types := map[sqlquery.Driver]map[string]string{
				sqlquery.Postgres: {"timestamptz": times, "timestamp(0)": times, "bigint": numbers, "smallint": numbers, "numeric(20)": numbers},
				sqlquery.MySQL:    {"timestamp(6) NULL": times, "datetime": times, "bigint unsigned": numbers, "int": numbers, "decimal(20)": numbers},
				sqlquery.SQLite:   {"TIMESTAMP": times, "TEXT": times, "INTEGER": numbers, "BLOB": numbers},
			}[d.driver]
			for kind, rows := range types {
				t.Run(kind, func(t *testing.T) {
					name := table()
					d.exec(t, fmt.Sprintf("CREATE TABLE %s (id varchar(9), changed %s); INSERT INTO %[1]s VALUES %[3]s", name, kind, rows))
					cursor := sqlquery.Cursor{Column: "changed", Overlap: 15 * time.Minute}
					want, more, latest := "2026-03-10T02:45:00Z", "('g', '2026-03-10 03:00:01'), ('h', '2026-03-10 02:50:00')", "2026-03-10T02:45:01Z"
					if rows == numbers {
						cursor = sqlquery.Cursor{Column: "changed", Numbers: true, Back: 9}
						want, more, latest = "111", "('g', 121), ('h', 115)", "112"
					}
					source := d.from(t, "SELECT * FROM "+name+" ORDER BY id", cursor)
					all := read(t, source)
					if all.err != nil || all.verdict.Completeness != record.Proven || all.verdict.Since != "" || all.ids() != "a b c d e f" {
						t.Fatalf("%+v", all)
					}
					some := readSince(t, source, all.verdict.Cursor)
					if some.err != nil || some.verdict.Completeness != record.Proven || some.verdict.Since != want || some.ids() != "c d e f" {
						t.Fatalf("since %s: %s, %+v", some.verdict.Since, some.ids(), some)
					}
					if all.verdict.Receded || some.verdict.Receded {
						t.Error("it says that the greatest value went back")
					}
					if some.verdict.Cursor != all.verdict.Cursor {
						t.Errorf("nothing changed, and the cursor went from %s to %s", all.verdict.Cursor, some.verdict.Cursor)
					}
					d.exec(t, "INSERT INTO "+name+" VALUES "+more)
					if some = readSince(t, source, some.verdict.Cursor); some.ids() != "c d e f g h" {
						t.Errorf("%s", some.ids())
					}
					if some = readSince(t, source, some.verdict.Cursor); some.verdict.Since != latest || !strings.Contains(some.verdict.Reason, "rows with a changed from "+latest+" on") {
						t.Errorf("%+v, want %s", some.verdict, latest)
					}
					if some.verdict.Receded {
						t.Error("a row with a greater value came, and it says that the greatest went back")
					}
					d.exec(t, "DELETE FROM "+name+" WHERE id = 'g'")
					if some = readSince(t, source, some.verdict.Cursor); some.ids() != "d e f h" || !some.verdict.Receded {
						t.Errorf("without the last row: %s, %+v", some.ids(), some.verdict)
					}
					d.exec(t, "DELETE FROM "+name)
					if none := readSince(t, source, some.verdict.Cursor); !none.verdict.Receded || none.verdict.Cursor != some.verdict.Cursor || none.verdict.Completeness != record.Proven {
						t.Errorf("of nothing: %+v", none.verdict)
					}
				})
			}
		})
	}
}

// An overlap may reach below the least number that the column can hold.
func TestSinceBelowTheLeast(t *testing.T) {
	for _, each := range databases {
		t.Run(each.name, func(t *testing.T) {
			d := each.open(t)
			for _, kind := range map[sqlquery.Driver][]string{
				sqlquery.Postgres: {"smallint", "integer", "bigint", "numeric(3)"},
				sqlquery.MySQL:    {"tinyint unsigned", "int unsigned", "bigint unsigned", "decimal(3)"},
				sqlquery.SQLite:   {"INTEGER"},
			}[d.driver] {
				t.Run(kind, func(t *testing.T) {
					name := table()
					d.exec(t, fmt.Sprintf("CREATE TABLE %s (id varchar(9), changed %s); INSERT INTO %[1]s VALUES ('a', 0), ('b', 1), ('c', 100)", name, kind))
					source := d.from(t, "SELECT id, changed FROM "+name, sqlquery.Cursor{Column: "changed", Numbers: true, Back: 10_000_000_000})
					all := read(t, source)
					if some := readSince(t, source, all.verdict.Cursor); some.err != nil || some.ids() != "a b c" {
						t.Errorf("%s, %v", some.ids(), some.err)
					}
				})
			}
		})
	}
}

// A time is kept as finely as the server tells it, and without an overlap rows of the same second are read again.
func TestSinceTheSameSecond(t *testing.T) {
	for _, each := range databases {
		t.Run(each.name, func(t *testing.T) {
			d, name := each.open(t), table()
			kind := map[sqlquery.Driver]string{sqlquery.Postgres: "timestamptz", sqlquery.MySQL: "datetime(6)", sqlquery.SQLite: "TEXT"}[d.driver]
			d.exec(t, fmt.Sprintf("CREATE TABLE %s (id varchar(9), changed %s); INSERT INTO %[1]s VALUES ('a', '2026-03-10 02:59:59.999999'), ('b', '2026-03-10 03:00:00.000001'), ('c', '2026-03-10 03:00:00.123456')", name, kind))
			source := d.from(t, "SELECT id, changed FROM "+name, sqlquery.Cursor{Column: "changed"})
			all := read(t, source)
			if !strings.Contains(all.verdict.Cursor, "2026-03-10T03:00:00.123456Z") {
				t.Errorf("the cursor is %s", all.verdict.Cursor)
			}
			if some := readSince(t, source, all.verdict.Cursor); some.ids() != "b c" {
				t.Errorf("%s, %+v", some.ids(), some.verdict)
			}
		})
	}
}

// What no calendar has is read each time, and a row of the future doesn't take the cursor along.
func TestSinceOddTimes(t *testing.T) {
	for _, each := range databases {
		t.Run(each.name, func(t *testing.T) {
			d, name := each.open(t), table()
			kind := map[sqlquery.Driver]string{sqlquery.Postgres: "timestamp", sqlquery.MySQL: "datetime", sqlquery.SQLite: "TEXT"}[d.driver]
			odd := map[sqlquery.Driver]string{sqlquery.Postgres: "infinity", sqlquery.MySQL: "0000-00-00", sqlquery.SQLite: "soon"}[d.driver]
			if d.driver == sqlquery.MySQL {
				d.exec(t, "SET GLOBAL sql_mode = ''")
			}
			d.exec(t, fmt.Sprintf("CREATE TABLE %s (id varchar(9), changed %s); INSERT INTO %[1]s VALUES ('a', '2001-03-10 03:00:00'), ('b', '%[3]s'), ('c', '2999-01-01 00:00:00'), ('d', '2001-03-10 04:00:01')", name, kind, odd))
			source := d.from(t, "SELECT id, changed FROM "+name, sqlquery.Cursor{Column: "changed", Overlap: time.Hour})
			some := readSince(t, source, read(t, source).verdict.Cursor)
			if some.ids() != "b c d" || some.verdict.Since != "2001-03-10T03:00:01Z" {
				t.Errorf("%s, %+v", some.ids(), some.verdict)
			}
		})
	}
}

// A row of the future doesn't put our clock in the place of the table's: one that is behind ours, as local time is west of
// Greenwich, would have all later changes passed over.
func TestSinceByTheClockOfTheTable(t *testing.T) {
	for _, each := range databases {
		t.Run(each.name, func(t *testing.T) {
			d, name := each.open(t), table()
			kind := map[sqlquery.Driver]string{sqlquery.Postgres: "timestamp", sqlquery.MySQL: "datetime", sqlquery.SQLite: "TEXT"}[d.driver]
			local := func(more time.Duration) string { return time.Now().UTC().Add(more - 5*time.Hour).Format(time.DateTime) }
			d.exec(t, fmt.Sprintf("CREATE TABLE %s (id varchar(9), changed %s); INSERT INTO %[1]s VALUES ('a', '%[3]s'), ('b', '%[4]s'), ('c', '2999-01-01 00:00:00')", name, kind, local(-24*time.Hour), local(0)))
			source := d.from(t, "SELECT id, changed FROM "+name, sqlquery.Cursor{Column: "changed", Overlap: time.Hour})
			all := read(t, source)
			d.exec(t, "INSERT INTO "+name+" VALUES ('d', '"+local(time.Second)+"')")
			some := readSince(t, source, all.verdict.Cursor)
			if some.ids() != "b c d" {
				t.Errorf("%s, %+v", some.ids(), some.verdict)
			}
			d.exec(t, "INSERT INTO "+name+" VALUES ('e', '"+local(2*time.Second)+"')")
			if some = readSince(t, source, some.verdict.Cursor); some.ids() != "b c d e" {
				t.Errorf("%s, %+v", some.ids(), some.verdict)
			}
			d.exec(t, "DELETE FROM "+name+" WHERE id <> 'c'")
			if some = read(t, source); some.verdict.Cursor != "" {
				t.Errorf("of nothing but the future, the cursor is %s", some.verdict.Cursor)
			}
		})
	}
}

// A record says the same, whether all or only what changed was read, or nobody asked for what changed at all: otherwise
// everybody would seem to have changed.
func TestSinceSpellsAlike(t *testing.T) {
	for _, each := range databases {
		t.Run(each.name, func(t *testing.T) {
			d, name := each.open(t), table()
			columns := map[sqlquery.Driver]string{
				sqlquery.Postgres: "a numeric(9,4) DEFAULT 12.50, b float4 DEFAULT 0.1, c float8 DEFAULT 1e21, e bool DEFAULT true, f date DEFAULT '2026-03-10', g time DEFAULT '03:00', h bytea DEFAULT '\\x00ff', i jsonb DEFAULT '{\"b\": 1}', j text[] DEFAULT '{a,b}', k interval DEFAULT '26 hours'",
				sqlquery.MySQL:    "a decimal(9,4) DEFAULT 12.50, b float DEFAULT 0.123456789, c double DEFAULT 1e21, e bit(3) DEFAULT b'101', f date DEFAULT '2026-03-10', g time(3) DEFAULT '03:00:00.120', h varbinary(9) DEFAULT x'00ff', i year DEFAULT 2026, j enum('a', 'b') DEFAULT 'b', k int(7) unsigned zerofill DEFAULT 42, l datetime(6) DEFAULT '2026-03-10 03:00:00.12'",
				sqlquery.SQLite:   "a DEFAULT 12.50, b REAL DEFAULT 0.1, e BOOLEAN DEFAULT 1, f DATE DEFAULT '2026-03-10', h BLOB DEFAULT x'00ff', l TIMESTAMP DEFAULT '2026-03-10 04:00:00+01:00'",
			}[d.driver]
			kind := map[sqlquery.Driver]string{sqlquery.Postgres: "timestamptz", sqlquery.MySQL: "datetime", sqlquery.SQLite: "TIMESTAMP"}[d.driver]
			d.exec(t, fmt.Sprintf("CREATE TABLE %s (id varchar(9), changed %s, %s); INSERT INTO %[1]s (id, changed) VALUES ('a', '2026-03-10 03:00:00')", name, kind, columns))
			query := "WITH everybody AS (SELECT * FROM " + name + ") SELECT *, 1.50 AS m, 'é' AS n FROM everybody"
			following := d.from(t, query, sqlquery.Cursor{Column: "changed"})
			plain, all := read(t, d.source(t, query)), read(t, following)
			some := readSince(t, following, all.verdict.Cursor)
			if some.verdict.Since == "" || len(some.records) != 1 {
				t.Fatalf("%+v", some)
			}
			if diff := cmp.Diff(spelled(plain), spelled(all)); diff != "" {
				t.Errorf("(-plain +all)\n%s", diff)
			}
			if diff := cmp.Diff(spelled(plain), spelled(some)); diff != "" {
				t.Errorf("(-plain +since)\n%s", diff)
			}
		})
	}
}

// spelled are the values of the first record.
func spelled(r readThrough) (all []string) {
	for _, name := range r.records[0].Columns().Names() {
		all = append(all, fmt.Sprintf("%s %q %t", name, r.records[0].Value(name).Text(), r.records[0].Value(name).IsNull()))
	}
	return all
}

// A column that can't tell what changed says so in the first read.
func TestCursorsThatCannotBe(t *testing.T) {
	const times, numbers = "choose a column of timestamps, or write the overlap as a whole number", "choose a column of whole numbers, or write the overlap as a time"
	for _, each := range databases {
		t.Run(each.name, func(t *testing.T) {
			d, name := each.open(t), table()
			kind := map[sqlquery.Driver]string{sqlquery.Postgres: "timestamptz", sqlquery.MySQL: "datetime", sqlquery.SQLite: "TEXT"}[d.driver]
			d.exec(t, fmt.Sprintf("CREATE TABLE %s (id varchar(9), n int, changed %s, said varchar(30)); INSERT INTO %[1]s VALUES ('secret', 1, '2026-03-10 03:00:00', '2026-03-10T03:00:00Z')", name, kind))
			for _, test := range []struct {
				cursor sqlquery.Cursor
				want   string
			}{
				{sqlquery.Cursor{Column: "n"}, times},
				{sqlquery.Cursor{Column: "id"}, times},
				{sqlquery.Cursor{Column: "said"}, times},
				{sqlquery.Cursor{Column: "changed", Numbers: true}, numbers},
				{sqlquery.Cursor{Column: "id", Numbers: true}, numbers},
				{sqlquery.Cursor{Column: "Changed"}, `the query has no column "Changed", which is to tell what changed`},
			} {
				if test.cursor.Column == "said" && d.driver == sqlquery.SQLite {
					continue // which has no other times than texts
				}
				got := read(t, d.from(t, "SELECT * FROM "+name, test.cursor))
				if got.err == nil || !strings.Contains(got.err.Error(), test.want) || got.verdict.Completeness.Usable() || strings.Contains(got.err.Error(), "secret") {
					t.Errorf("%+v: %v, %+v", test.cursor, got.err, got.verdict)
				}
			}
			odd := `we"ird`
			quoted := `"we""ird"`
			if d.driver == sqlquery.MySQL {
				quoted = "`we\"ird`"
			}
			source := d.from(t, "SELECT id, changed AS "+quoted+" FROM "+name, sqlquery.Cursor{Column: odd})
			some := readSince(t, source, read(t, source).verdict.Cursor)
			if some.verdict.Since == "" || some.ids() != "secret" {
				t.Errorf("%+v", some)
			}
		})
	}
}

// A cursor that says nothing to the source leads to all rows.
func TestCursorsOfOthers(t *testing.T) {
	d, name := openSQLite(t), table()
	d.exec(t, "CREATE TABLE "+name+" (id, n INTEGER, changed TEXT); INSERT INTO "+name+" VALUES ('a', 1, '2026-03-10 03:00:00')")
	query := "SELECT * FROM " + name
	source := d.from(t, query, sqlquery.Cursor{Column: "changed"})
	number := read(t, d.from(t, query, sqlquery.Cursor{Column: "n", Numbers: true})).verdict.Cursor
	for _, cursor := range []string{"", "{}", "nonsense", number, strings.Replace(number, `"n"`, `"changed"`, 1), `{"column":"changed"}`} {
		if got := readSince(t, source, cursor); got.verdict.Since != "" || got.ids() != "a" || got.verdict.Completeness != record.Proven {
			t.Errorf("%q: %+v", cursor, got.verdict)
		}
	}
	if got := readSince(t, d.source(t, query), read(t, source).verdict.Cursor); got.verdict.Since != "" || got.verdict.Cursor != "" {
		t.Errorf("without a column: %+v", got.verdict)
	}
}
