package sqlquery_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cubesync/source/sqlquery"
	"cubesync/sync/record"
)

// One table for all servers: the package's documentation says it.
func TestTypes(t *testing.T) {
	for driver, values := range map[string][][2]string{
		"postgres": {
			{"true", "true"},
			{"false", "false"},
			{"42::bigint", "42"},
			{"12.50::numeric(10,4)", "12.5"},
			{"-0.00::numeric", "0"},
			{"100::numeric", "100"},
			{"0.1::float4", "0.1"},
			{"1e21::float8", "1e+21"},
			{"1e20::float8", "100000000000000000000"},
			{"'NaN'::float8", "NaN"},
			{"'-infinity'::float8", "-Infinity"},
			{"timestamptz '2026-03-10 04:00:00.120+01'", "2026-03-10T03:00:00.12Z"},
			{"timestamp '2026-03-10 03:00:00'", "2026-03-10T03:00:00Z"},
			{"'infinity'::timestamptz", "infinity"},
			{"date '2026-03-10'", "2026-03-10"},
			{"time '03:00:00'", "03:00:00"},
			{"interval '1 day 2 hours'", "P1DT2H"},
			{`bytea '\x00FFab'`, "00ffab"},
			{"'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
			{`'{"b": 1.0, "a": "<é>"}'::json`, `{"a":"<é>","b":1.0}`},
			{`'{"b": [1, null]}'::jsonb`, `{"b":[1,null]}`},
			{"ARRAY[1,NULL,3]", "[1,null,3]"},
			{`ARRAY['a b','c"d\e','NULL',NULL,'']`, `["a b","c\"d\\e","NULL",null,""]`},
			{"ARRAY[[1,2],[3,4]]", "[[1,2],[3,4]]"},
			{"'[0:1]={7,8}'::int[]", "[7,8]"},
			{"ARRAY[]::text[]", "[]"},
			{"ARRAY[true,false]", "[true,false]"},
			{"ARRAY[1.50,'NaN']::numeric[]", `[1.5,"NaN"]`},
			{"ARRAY['2026-03-10 04:00+01'::timestamptz]", `["2026-03-10T03:00:00Z"]`},
			{`ARRAY['{"a": 1}'::json]`, `[{"a":1}]`},
			{"'happy'::mood", "happy"},
			{"ARRAY['happy','so so']::mood[]", `["happy","so so"]`},
			{"''", ""},
			{"E'é\\t\\n😀'", "é\t\n😀"},
			{"NULL::int", "NULL"},
			{"'10.0.0.1'::inet", "10.0.0.1"},
		},
		"mariadb": {
			{"true", "1"},
			{"42", "42"},
			{"18446744073709551615", "18446744073709551615"},
			{"cast(12.50 as decimal(10,4))", "12.5"},
			{"cast(0.1 as float)", "0.1"},
			{"cast(1e21 as double)", "1e+21"},
			{"timestamp '2026-03-10 03:00:00'", "2026-03-10T03:00:00Z"},
			{"cast('2026-03-10 03:00:00.120' as datetime(3))", "2026-03-10T03:00:00.12Z"},
			{"from_unixtime(1773111600)", "2026-03-10T03:00:00Z"},
			{"date '2026-03-10'", "2026-03-10"},
			{"time '03:00:00'", "03:00:00"},
			{"cast('0000-00-00' as date)", "NULL"},
			{"x'00FFab'", "00ffab"},
			{"cast('a' as binary)", "61"},
			{"b'101'", "05"},
			{"''", ""},
			{"'é\t😀'", "é\t😀"},
			{"NULL", "NULL"},
			{"_latin1 x'e9'", "é"},
		},
		"sqlite": {
			{"42", "42"},
			{"0.1", "0.1"},
			{"1e21", "1e+21"},
			{"x'00FFab'", "00ffab"},
			{"''", ""},
			{"'é\t😀'", "é\t😀"},
			{"NULL", "NULL"},
			{"t.flag", "true"},
			{"t.at", "2026-03-10T03:00:00Z"},
			{"t.day", "2026-03-10"},
			{"max(t.at)", "2026-03-10 04:00:00+01:00"},
			{"t.number", "7"},
		},
	} {
		t.Run(driver, func(t *testing.T) {
			d := databases[slices.IndexFunc(databases, func(each struct {
				name string
				open func(testing.TB) database
			}) bool {
				return each.name == driver
			})].open(t)
			from := ""
			switch d.driver {
			case sqlquery.Postgres:
				d.exec(t, "CREATE TYPE mood AS ENUM ('happy', 'so so')")
			case sqlquery.SQLite:
				d.exec(t, "CREATE TABLE t (flag BOOLEAN, at TIMESTAMP, day DATE, number); INSERT INTO t VALUES (1, '2026-03-10 04:00:00+01:00', '2026-03-10', 7)")
				from = " FROM t"
			}
			var columns []string
			for i, value := range values {
				columns = append(columns, fmt.Sprintf("%s AS c%d", value[0], i))
			}
			got := read(t, d.source(t, "SELECT "+strings.Join(columns, ", ")+from))
			if got.err != nil || len(got.records) != 1 || got.verdict.Completeness != record.Proven {
				t.Fatalf("%+v", got)
			}
			for i, value := range values {
				v := got.records[0].At(i)
				text := v.Text()
				if v.IsNull() {
					text = "NULL"
				}
				if text != value[1] {
					t.Errorf("%s is %q, want %q", value[0], text, value[1])
				}
			}
		})
	}
}

// What can't be text rejects its own row, with its key.
func TestValuesThatAreNoText(t *testing.T) {
	for name, each := range map[string]struct {
		open  func(testing.TB) database
		query string
		want  string
	}{
		"control character": {openPostgres, `SELECT 1 AS id, E'a\x07' AS note`, `row 1: note: control character U+0007 at byte 2 of the value`},
		"in an array":       {openPostgres, `SELECT 1 AS id, ARRAY[E'a\x07'] AS note`, `row 1: note: in an element: control character U+0007`},
		"not utf-8":         {openSQLite, `SELECT '1' AS id, CAST(x'61ff' AS TEXT) AS note`, `row 1: note: byte 0xff at byte 2 of the value isn't UTF-8`},
		"nul":               {openSQLite, `SELECT 1 AS id, CAST(x'6100' AS TEXT) AS note`, `row 1: note: control character U+0000 at byte 2`},
		"mariadb":           {openMariaDB, `SELECT 1 AS id, concat('a', char(7 using utf8mb4)) AS note`, `row 1: note: control character U+0007`},
	} {
		t.Run(name, func(t *testing.T) {
			d := each.open(t)
			d.exec(t, "CREATE TABLE "+table()+" (id int)") // SQLite makes its file with it
			got := read(t, d.source(t, each.query))
			if len(got.rejects) != 1 || got.rejects[0].ExternalID != "1" || !strings.HasPrefix(got.rejects[0].Error(), each.want) || got.verdict.Completeness != record.Proven {
				t.Errorf("%+v; want %s", got, each.want)
			}
		})
	}
}

// Rows that are marked as deleted are left out and counted.
func TestDeletedRows(t *testing.T) {
	d := openSQLite(t)
	d.exec(t, `CREATE TABLE t (id, flag BOOLEAN, at TIMESTAMP);
		INSERT INTO t VALUES (1, 0, NULL), (2, 1, '2026-03-10 04:00:00'), (3, ' ', ''), (4, 'False', 0), (5, 'yes', 'soon')`)
	for column, want := range map[string]string{"flag": "1 3 4", "at": "1 3 4"} {
		got := read(t, d.source(t, "SELECT * FROM t", func(o *sqlquery.Options) { o.DeletedColumn = column }))
		var ids []string
		for _, r := range got.records {
			ids = append(ids, r.Value("id").Text())
		}
		if text := strings.Join(ids, " "); text != want || got.verdict.Completeness != record.Proven || got.verdict.Records != 3 ||
			!strings.HasSuffix(got.verdict.Reason, "; left out as deleted ("+column+"): 2") || got.verdict.Note != "left out as deleted ("+column+"): 2" {
			t.Errorf("%s: %s, %+v", column, text, got.verdict)
		}
	}
	if got := read(t, d.source(t, "SELECT id FROM t", func(o *sqlquery.Options) { o.DeletedColumn = "gone" })); got.err == nil || !strings.Contains(got.err.Error(), `no column "gone"`) {
		t.Errorf("without the column: %+v", got)
	}
}

// A column that somebody looks at, and that has no value in any row, is named: a join may have found nobody. What changed doesn't
// show what is in all rows.
func TestColumnsWithoutAnyValue(t *testing.T) {
	d := openSQLite(t)
	d.exec(t, `CREATE TABLE t (id, mail, phone, room, other, bad, gone, at TIMESTAMP);
		INSERT INTO t VALUES (1, NULL, '', NULL, NULL, CAST(x'61ff' AS TEXT), 0, '2026-03-10 04:00:00'), (2, 'b@example.com', NULL, NULL, NULL, NULL, 0, '2026-03-10 04:00:00'),
		(3, NULL, NULL, '7', NULL, NULL, 1, '2026-03-10 04:00:00')`)
	const want = "no row has a value in phone, room: check the query, such as what it joins"
	columns := func(o *sqlquery.Options) {
		o.Columns = []string{"id", "mail", "phone", "room", "bad", "gone", "nowhere"}
	}
	deleted := func(o *sqlquery.Options) { columns(o); o.DeletedColumn = "gone" }
	followed := func(o *sqlquery.Options) {
		columns(o)
		o.Cursor = &sqlquery.Cursor{Column: "at"}
	}
	for name, test := range map[string]struct {
		query string
		set   func(*sqlquery.Options)
		want  string
	}{
		"beside-deleted-rows": {"SELECT * FROM t", deleted, "left out as deleted (gone): 1; " + want},
		"in-a-deleted-row":    {"SELECT * FROM t", columns, strings.Replace(want, ", room", "", 1)},
		"nobody-looks":        {"SELECT * FROM t", func(*sqlquery.Options) {}, ""},
		"no-row":              {"SELECT * FROM t WHERE id = 0", columns, ""},
		"only-deleted-rows":   {"SELECT * FROM t WHERE id = 3", deleted, "left out as deleted (gone): 1"},
		"followed":            {"SELECT * FROM t", followed, strings.Replace(want, ", room", "", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := read(t, d.source(t, test.query, test.set)); got.err != nil || got.verdict.Note != test.want {
				t.Errorf("%v; it notes %q, want %q", got.err, got.verdict.Note, test.want)
			}
		})
	}
	source := d.source(t, "SELECT * FROM t", followed)
	if some := readSince(t, source, read(t, source).verdict.Cursor); some.verdict.Since == "" || some.verdict.Note != "" {
		t.Errorf("of what changed: %+v", some.verdict)
	}
}
