package sqlquery

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"cubesync/sync/record"
)

// Cursor is a column of the query that grows with each change of its row: a time, or a whole number. A read of what changed
// takes the rows from the greatest value of the last read on, less an overlap: a transaction that began earlier may commit
// later, with a smaller value. Rows that were seen before cost no more than their reading.
type Cursor struct {
	Column  string
	Overlap time.Duration // of times
	Numbers bool          // the column holds whole numbers
	Back    int64         // the overlap of whole numbers
}

// mark is a value of the column.
type mark struct {
	known  bool
	at     time.Time // UTC
	number int64
}

// follower is a server that can be asked for the rows from a bound on.
type follower interface {
	// quoted spells a name.
	quoted(name string) string
	// from is how a column of times, or of whole numbers, is compared.
	from(numbers bool) comparison
	// openFrom is open with a bound: a time.Time in UTC of a whole second, an int64, or nil for all rows.
	openFrom(ctx context.Context, query string, bound any, timeout time.Duration) (session, error)
}

// comparison is how a column is compared with a bound.
type comparison struct {
	condition string   // of the rows in which the column, %[1]s, holds the bound or more, or nothing that can be compared
	types     []string // that the column may have; none: any
}

// rowsOf is how the user's query is called within ours.
const rowsOf = "cubesync_rows"

// wrapped is the query within one that can have a condition. All reads have it, so that what can't be wrapped fails in the
// first, and values are spelled alike.
func (s *Source) wrapped() (string, error) {
	refuse := func(problem, remedy string) (string, error) {
		return "", &OptionError{Option: "incremental", Problem: problem, Remedy: remedy}
	}
	if _, can := s.server.(follower); !can {
		return refuse("isn't possible with the driver "+string(s.options.Driver), "take it out")
	}
	if s.options.Driver == SQLServer {
		if word := unwrappable(s.query); word != "" {
			return refuse("isn't possible with a query that has "+word+" on its outside, which SQL Server doesn't permit within another query",
				"make a view of it, and write SELECT * FROM the view")
		}
	}
	return "SELECT * FROM (\n" + s.query + "\n) AS " + rowsOf, nil
}

// unwrappable returns the word of a query that SQL Server doesn't permit within another one, "" for none.
func unwrappable(query string) string {
	s := scanner{driver: SQLServer, text: query}
	for depth, first := 0, true; ; first = false {
		word, err := s.token()
		switch {
		case err != nil || word == "": // it was checked before
			return ""
		case s.quoted:
		case word == "(":
			depth++
		case word == ")":
			depth--
		case first && strings.EqualFold(word, "with"),
			depth == 0 && !s.dotted && slices.Contains([]string{"order", "option", "for"}, strings.ToLower(word)):
			return strings.ToUpper(word)
		}
	}
}

// open starts the query: for all rows, or for those from a mark on.
func (s *Source) open(ctx context.Context, last mark) (session, error) {
	bound := s.options.Cursor.since(last)
	if !bound.known {
		return s.server.open(ctx, s.query, s.options.Timeout)
	}
	server := s.server.(follower) //nolint:errcheck // wrapped saw to it
	condition := server.from(s.options.Cursor.Numbers).condition
	column := rowsOf + "." + server.quoted(s.options.Cursor.Column)
	return server.openFrom(ctx, s.query+"\nWHERE "+fmt.Sprintf(condition, column), bound.value(s.options.Cursor.Numbers), s.options.Timeout)
}

// since is the bound of a read after one that came to a mark. Of times it is a whole second, because servers compare
// fractions as finely as their types have them.
func (c *Cursor) since(last mark) mark {
	switch {
	case c == nil || !last.known:
		return mark{}
	case c.Numbers:
		return mark{known: true, number: max(last.number, math.MinInt64+c.Back) - c.Back}
	default:
		return mark{known: true, at: last.at.Add(-c.Overlap).Truncate(time.Second)}
	}
}

func (m mark) value(numbers bool) any {
	if numbers {
		return m.number
	}
	return m.at
}

// text is the mark for people, "" for none.
func (m mark) text() string {
	switch {
	case !m.known:
		return ""
	case m.at.IsZero():
		return strconv.FormatInt(m.number, 10)
	default:
		return m.at.Format(time.RFC3339Nano)
	}
}

// boundText spells a bound for a server that speaks UTC.
func boundText(bound any) string {
	if at, is := bound.(time.Time); is {
		return at.Format(time.DateTime)
	}
	return fmt.Sprint(bound)
}

// kept is a cursor as text.
type kept struct {
	Column string    `json:"column"`
	At     time.Time `json:"at,omitzero"`
	Number *int64    `json:"number,omitempty"`
}

// parse returns the mark of a cursor that was given out for the same column; an unknown one for any other text.
func (c *Cursor) parse(text string) mark {
	var k kept
	if c == nil || json.Unmarshal([]byte(text), &k) != nil || k.Column != c.Column {
		return mark{}
	}
	switch {
	case c.Numbers && k.Number != nil:
		return mark{known: true, number: *k.Number}
	case !c.Numbers && !k.At.IsZero():
		return mark{known: true, at: k.At.UTC()}
	}
	return mark{}
}

// toSecond is RFC 3339 without fractions and zone.
const toSecond = "2006-01-02T15:04:05"

// tracker finds the greatest value of the column that isn't of the future: by one that is, all rows until then would be passed
// over. Our clock isn't taken in its place, as the table's may be behind it.
type tracker struct {
	*Cursor
	column  int
	now     time.Time
	last    mark // of the read before
	most    mark
	reached bool   // a row has the last one's value, or more
	second  string // of the greatest time, as RFC 3339 spells it
	alike   bool   // a value was one
	other   string // the last value that was none
}

// track begins to look at the column.
func (s *Source) track(running session, columns *record.Columns, last mark, now time.Time) (*tracker, error) {
	t := &tracker{Cursor: s.options.Cursor, column: columns.Index(s.options.Cursor.Column), now: now, last: last, alike: last.known}
	if t.column < 0 {
		return nil, fmt.Errorf("the query has no column %q, which is to tell what changed; it has %q", t.Column, columns.Names())
	}
	types := s.server.(follower).from(t.Numbers).types //nolint:errcheck // wrapped saw to it
	if name := running.typeOf(t.column); len(types) > 0 && !slices.Contains(types, name) {
		return nil, errors.New(t.wrong("is of the type " + name))
	}
	t.take(last)
	return t, nil
}

// wrong says what to do about a column that can't be a cursor.
func (t *tracker) wrong(how string) string {
	overlap, choose := "a time", "choose a column of timestamps, or write the overlap as a whole number"
	if t.Numbers {
		overlap, choose = "a number", "choose a column of whole numbers, or write the overlap as a time, such as 15m"
	}
	return fmt.Sprintf("the column %s, which is to tell what changed, %s, and the overlap is %s: %s", t.Column, how, overlap, choose)
}

// see takes a row in. What isn't a value of its kind is left to the server, which compares it in its own way.
func (t *tracker) see(l *line) {
	if t == nil || l.faulty(t.column) {
		return
	}
	text, null := l.value(t.column)
	if null {
		return
	}
	const second = len(toSecond)
	if !t.Numbers && len(text) > second && text[len(text)-1] == 'Z' && text[len(dateOnly)] == 'T' && text[:second] < t.second {
		return // most rows are spelled so, and are older
	}
	if m := t.read(text); m.known {
		t.alike = true
		t.reached = t.reached || m.compare(t.last) >= 0
		t.take(m)
	} else {
		t.other = text
	}
}

func (t *tracker) take(m mark) {
	if !m.known || m.at.After(t.now) || t.most.known && m.compare(t.most) <= 0 {
		return
	}
	t.most, t.second = m, m.at.Format(toSecond)
}

// compare tells which of two values of one column comes first.
func (m mark) compare(other mark) int {
	return cmp.Or(cmp.Compare(m.number, other.number), m.at.Compare(other.at))
}

// receded reports whether the row is gone, or set back, that the last read came to: from its value on there is nothing.
func (t *tracker) receded() bool { return t != nil && t.last.known && !t.reached }

func (t *tracker) read(text string) mark {
	if t.Numbers {
		number, err := strconv.ParseInt(text, 10, 64)
		return mark{known: err == nil, number: number}
	}
	for _, layout := range []string{
		time.RFC3339Nano, dateOnly, // those of SQLite's texts follow
		"2006-01-02 15:04:05Z07:00", time.DateTime, toSecond, "2006-01-02 15:04Z07:00", "2006-01-02 15:04", "2006-01-02T15:04",
	} {
		if at, err := time.Parse(layout, text); err == nil {
			return mark{known: true, at: at.UTC()}
		}
	}
	return mark{}
}

// alien says that the column holds something else than the cursor is made of, "" where it doesn't. What it holds isn't
// shown: it may be anything.
func (t *tracker) alien() string {
	if t == nil || t.alike || t.other == "" {
		return ""
	}
	return t.wrong("holds other values")
}

// text is the cursor for the next read, "" where there is none.
func (t *tracker) text() string {
	if t == nil || !t.most.known {
		return ""
	}
	k := kept{Column: t.Column, At: t.most.at}
	if t.Numbers {
		k.Number = &t.most.number
	}
	text, err := json.Marshal(k)
	if err != nil {
		return "" // of a year that JSON doesn't know
	}
	return string(text)
}

// doubled is a name between quotes; those in it stand twice.
func doubled(begin, name, end string) string {
	return begin + strings.ReplaceAll(name, end, end+end) + end
}

func (p *postgres) quoted(name string) string   { return doubled(`"`, name, `"`) }
func (m *mariaDB) quoted(name string) string    { return doubled("`", name, "`") }
func (f *sqliteFile) quoted(name string) string { return doubled(`"`, name, `"`) }
func (s *sqlServer) quoted(name string) string  { return doubled("[", name, "]") }

// from says of a number how wide it is: one that is less than all that a narrower column holds would be an error.
func (p *postgres) from(numbers bool) comparison {
	if numbers {
		return comparison{"%[1]s >= $1::bigint OR %[1]s IS NULL", []string{"INT2", "INT4", "INT8", "NUMERIC"}}
	}
	return comparison{"%[1]s >= $1 OR %[1]s IS NULL", []string{"TIMESTAMP", "TIMESTAMPTZ", "DATE"}}
}

// from takes MySQL's zero date for none.
func (m *mariaDB) from(numbers bool) comparison {
	if !numbers {
		return comparison{"%[1]s >= CAST(@cubesync_since AS DATETIME) OR %[1]s IS NULL OR %[1]s < '0001-01-01'", []string{"TIMESTAMP", "DATETIME", "DATE"}}
	}
	c := comparison{"%[1]s >= @cubesync_since OR %[1]s IS NULL", []string{"DECIMAL"}}
	for _, name := range []string{"TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT"} {
		c.types = append(c.types, name, "UNSIGNED "+name)
	}
	return c
}

// from compares what SQLite takes for a number or a time, whatever the column was declared with.
func (f *sqliteFile) from(numbers bool) comparison {
	if numbers {
		return comparison{condition: "%[1]s >= ? OR typeof(%[1]s) NOT IN ('integer', 'real')"}
	}
	return comparison{condition: "julianday(%[1]s) >= julianday(?) OR julianday(%[1]s) IS NULL"}
}

func (s *sqlServer) from(numbers bool) comparison {
	c := comparison{"%[1]s >= @cubesync_since OR %[1]s IS NULL", []string{"DATE", "DATETIME", "SMALLDATETIME", "DATETIME2", "DATETIMEOFFSET"}}
	if numbers {
		c.types = []string{"TINYINT", "SMALLINT", "INT", "BIGINT", "DECIMAL"}
	}
	return c
}
