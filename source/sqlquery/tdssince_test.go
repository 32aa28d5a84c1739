package sqlquery

import (
	"encoding/binary"
	"encoding/hex"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"cubesync/sync/record"
)

// changedRows are two columns, id and changed, of these values; nil is NULL.
func changedRows(kind []byte, values ...[]byte) []byte {
	b := slices.Concat([]byte{0x81, 2, 0, 0, 0, 0, 0, 1, 0, 0x26, 8, 2, 'i', 0, 'd', 0, 0, 0, 0, 0, 1, 0}, kind, []byte{7})
	for _, letter := range []byte("changed") {
		b = append(b, letter, 0)
	}
	for n, value := range values {
		b = slices.Concat(b, number8(n+1), []byte{byte(len(value))}, value)
	}
	return b
}

// bigint is a number of a column that may be null.
func bigint(value int64) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(value)) } //nolint:gosec // as it is sent

// moment is a time as datetime2(7) has it.
func moment(at time.Time) []byte {
	const daysBefore1970 = 719_162
	day := at.Unix()/86_400 + daysBefore1970
	units := at.Sub(at.Truncate(24*time.Hour)).Nanoseconds() / 100
	b := binary.LittleEndian.AppendUint64(nil, uint64(units))[:5] //nolint:gosec // below a day
	return append(b, byte(day), byte(day>>8), byte(day>>16))      //nolint:gosec // below 2^24
}

// What SQL Server is asked for after a cursor: the rows from it on, less the overlap, and those without a value, in a call with a
// parameter. The first read asks for all, in the same query.
func TestSQLServerSince(t *testing.T) {
	at := time.Date(2026, 3, 10, 3, 0, 0, 123_456_700, time.UTC)
	since := time.Date(2026, 3, 10, 2, 45, 0, 0, time.UTC)
	zone := []byte{0, 0}
	for name, test := range map[string]struct {
		cursor   Cursor
		kind     []byte
		values   [][]byte
		declared string
		value    []byte // of the parameter, behind its length
		cursors  string
	}{
		"datetime2": {
			Cursor{Column: "changed", Overlap: 15 * time.Minute}, []byte{0x2a, 7}, [][]byte{moment(at.Add(-time.Hour)), moment(at), nil, moment(at)},
			"@cubesync_since datetimeoffset(7)", slices.Concat(moment(since), zone), `{"column":"changed","at":"2026-03-10T03:00:00.1234567Z"}`,
		},
		"datetimeoffset": {
			Cursor{Column: "changed", Overlap: 15 * time.Minute}, []byte{0x2b, 7},
			[][]byte{slices.Concat(moment(at), []byte{0x4c, 0xff}), nil, slices.Concat(moment(at.Add(-time.Minute)), []byte{60, 0})}, // kept in UTC
			"@cubesync_since datetimeoffset(7)", slices.Concat(moment(since), zone), `{"column":"changed","at":"2026-03-10T03:00:00.1234567Z"}`,
		},
		"datetime": {
			Cursor{Column: "changed", Overlap: 15 * time.Minute}, []byte{0x6f, 8},
			[][]byte{nil, slices.Concat(binary.LittleEndian.AppendUint32(nil, 46_089), binary.LittleEndian.AppendUint32(nil, 3*3600*300+1))},
			"@cubesync_since datetimeoffset(7)", slices.Concat(moment(since), zone), `{"column":"changed","at":"2026-03-10T03:00:00.003Z"}`,
		},
		"bigint": {
			Cursor{Column: "changed", Numbers: true, Back: 9}, []byte{0x26, 8}, [][]byte{bigint(1 << 60), nil, bigint(5), bigint(1 << 60)},
			"@cubesync_since bigint", bigint(1<<60 - 9), `{"column":"changed","number":1152921504606846976}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var value []byte
			rows, n := changedRows(test.kind, test.values...), len(test.values)
			s := startTDS(t, &tds{
				snapshots: 1,
				query: func(c net.Conn, _ []byte) {
					reply(c, slices.Concat(rows, done(more, n), heading(8), number8(n), done(last, 1)))
				},
				asks: func(c net.Conn, since []byte) {
					value = since
					reply(c, inCall(slices.Concat(rows, doneInCall(last, n), heading(8), number8(n), doneInCall(last, 1))))
				},
			})
			source := s.source(t, func(o *Options) { o.Query, o.Cursor = "SELECT id, changed FROM staff", &test.cursor })
			ids, v, err := through(t.Context(), t, source)
			if v.Completeness != record.Proven || len(ids) != n || v.Since != "" || v.Cursor != test.cursors {
				t.Fatalf("%q, %+v, %v", ids, v, err)
			}
			reader, err := source.OpenSince(t.Context(), v.Cursor)
			if err != nil {
				t.Fatal(err)
			}
			ids, v, err = readAll(t.Context(), t, reader)
			if v.Completeness != record.Proven || len(ids) != n || v.Since == "" || v.Cursor != test.cursors {
				t.Errorf("%q, %+v, %v", ids, v, err)
			}
			asked := strings.Join(s.all(), "|")
			const within = "SELECT * FROM (\nSELECT id, changed FROM staff\n) AS cubesync_rows"
			for _, want := range []string{
				within + "\n;SELECT ROWCOUNT_BIG()",
				within + "\nWHERE cubesync_rows.[changed] >= @cubesync_since OR cubesync_rows.[changed] IS NULL\n;SELECT ROWCOUNT_BIG()|" + test.declared,
			} {
				if !strings.Contains(asked, want) {
					t.Errorf("asked for %q, want %q", asked, want)
				}
			}
			if !slices.Equal(value, test.value) {
				t.Errorf("since %s, want %s", hex.EncodeToString(value), hex.EncodeToString(test.value))
			}
		})
	}
}

// An error in the middle of a call, another count and a further result are no end of the rows.
func TestSQLServerFailsSince(t *testing.T) {
	rows := changedRows([]byte{0x26, 8}, bigint(7), bigint(8))
	count := func(n int) []byte { return slices.Concat(heading(8), number8(n), doneInCall(last, 1)) }
	broken := slices.Concat(failed(8134, "no more of hr's rows"), doneInCall(2, 0))
	end := slices.Concat([]byte{0x79, 0, 0, 0, 0, 0xfe, 2, 0, 0xe0, 0}, make([]byte, 8))
	for name, test := range map[string]struct {
		answer []byte
		rows   int
		reason string
	}{
		"in-the-middle":         {slices.Concat(rows, broken, count(2), end), 2, "(error 8134)"},
		"before-the-first":      {slices.Concat(changedRows([]byte{0x26, 8}), broken, count(0), end), 0, "(error 8134)"},
		"and-nothing-after-it":  {slices.Concat(rows, broken, end), 2, "(error 8134)"},
		"another-count":         {inCall(slices.Concat(rows, doneInCall(last, 3), count(3))), 2, "gave 2 rows, and the same snapshot counts 3"},
		"a-third-result":        {inCall(slices.Concat(rows, doneInCall(last, 2), count(2), count(2))), 2, "more than one result"},
		"without-a-count":       {inCall(slices.Concat(rows, doneInCall(last, 2))), 2, "didn't say how many rows"},
		"nobody-changed-at-all": {inCall(slices.Concat(changedRows([]byte{0x26, 8}), doneInCall(last, 0), count(0))), 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := startTDS(t, &tds{snapshots: 1, asks: func(c net.Conn, _ []byte) { reply(c, test.answer) }})
			source := s.source(t, func(o *Options) { o.Cursor = &Cursor{Column: "changed", Numbers: true} })
			reader, err := source.OpenSince(t.Context(), `{"column":"changed","number":7}`)
			if err != nil {
				t.Fatal(err)
			}
			ids, v, err := readAll(t.Context(), t, reader)
			if test.reason == "" {
				if v.Completeness != record.Proven || v.Cursor != `{"column":"changed","number":7}` {
					t.Errorf("%+v, %v", v, err)
				}
				return
			}
			if len(ids) != test.rows || v.Completeness.Usable() || v.Cursor != "" || !strings.Contains(v.Reason, test.reason) || strings.Contains(v.Reason, "hr's") {
				t.Errorf("%q, %+v, %v", ids, v, err)
			}
		})
	}
}

// A column that SQL Server doesn't compare as times or whole numbers says so in the first read: a rowversion is bytes.
func TestSQLServerCursorsThatCannotBe(t *testing.T) {
	for name, test := range map[string]struct {
		kind    []byte
		numbers bool
		want    string
	}{
		"rowversion":       {[]byte{0xad, 8, 0}, true, "is of the type BINARY, and the overlap is a number"},
		"time-as-a-number": {[]byte{0x2a, 7}, true, "is of the type DATETIME2, and the overlap is a number"},
		"number-as-a-time": {[]byte{0x26, 8}, false, "is of the type BIGINT, and the overlap is a time"},
		"time-of-day":      {[]byte{0x29, 7}, false, "is of the type TIME, and the overlap is a time"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startTDS(t, &tds{snapshots: 1, query: func(c net.Conn, _ []byte) {
				reply(c, slices.Concat(changedRows(test.kind), done(more, 0), heading(8), number8(0), done(last, 1)))
			}})
			_, _, err := through(t.Context(), t, s.source(t, func(o *Options) { o.Cursor = &Cursor{Column: "changed", Numbers: test.numbers} }))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}
