package sqlquery

import (
	"slices"
	"strconv"
	"strings"

	"cubesync/sync/record"
)

// line gathers the texts of one row.
type line struct {
	text   []byte // of all cells, one after the other, and of the position
	cells  []cell
	nulls  int
	fault  *fault // the first
	faults []int  // the columns of all

	kept strings.Builder // the texts of the last records, with room for the next
	rows []string        // room for the next ones
}

type cell struct {
	end  int // of its text
	null bool
	own  string // its text, where the driver made a string of it already
}

// fault is a value that isn't text.
type fault struct {
	column  int
	problem string
}

func (l *line) reset() {
	l.text, l.cells, l.nulls, l.fault, l.faults = l.text[:0], l.cells[:0], 0, nil, nil
}

// null adds a NULL.
func (l *line) null() {
	l.nulls++
	l.cells = append(l.cells, cell{end: len(l.text), null: true})
}

// add adds a value, as the server spells it, with what makes text of it.
func (l *line) add(value []byte, as textOf) {
	before := len(l.text)
	text, problem := as(l.text, value)
	if problem == "" {
		problem = untextual(text[before:])
	}
	if problem != "" {
		text = text[:before]
	}
	l.text = text
	l.cell(cell{end: len(text)}, problem)
}

// addString adds a value that is a string already.
func (l *line) addString(value string) {
	problem := untextual(value)
	if problem != "" {
		value = ""
	}
	l.cell(cell{end: len(l.text), own: value}, problem)
}

func (l *line) cell(c cell, problem string) {
	if problem != "" {
		if l.fault == nil {
			l.fault = &fault{len(l.cells), problem}
		}
		l.faults = append(l.faults, len(l.cells))
	}
	l.cells = append(l.cells, c)
}

// faulty reports whether a cell is no text.
func (l *line) faulty(column int) bool { return slices.Contains(l.faults, column) }

// value returns a cell's text.
func (l *line) value(column int) (text string, null bool) {
	begin, c := 0, l.cells[column]
	if column > 0 {
		begin = l.cells[column-1].end
	}
	return c.own + string(l.text[begin:c.end]), c.null
}

// record makes a record of the row with that number.
func (l *line) record(number int, columns *record.Columns) record.Record {
	texts := len(l.text)
	l.text = appendPosition(l.text, number)
	all := l.keep(l.text)
	at := record.Position(all[texts:])
	begin := 0
	text := func(c *cell) string {
		from := begin
		begin = c.end
		if c.own != "" {
			return c.own
		}
		return all[from:c.end]
	}
	if l.nulls == 0 {
		row := l.row()
		for i := range l.cells {
			row[i] = text(&l.cells[i])
		}
		return record.OfTexts(at, columns, row)
	}
	row := make([]record.Value, len(l.cells))
	for i := range l.cells {
		row[i] = record.Text(text(&l.cells[i]))
		if l.cells[i].null {
			row[i] = record.Null()
		}
	}
	return record.New(at, columns, row)
}

// Some rows share pieces of memory: whoever keeps one keeps its neighbours, which are few.
const (
	pieceBytes = 4 << 10
	pieceRows  = 64
)

// keep copies a text to where it stays.
func (l *line) keep(text []byte) string {
	if l.kept.Cap()-l.kept.Len() < len(text) {
		l.kept.Reset()
		l.kept.Grow(max(pieceBytes, len(text)))
	}
	begin := l.kept.Len()
	l.kept.Write(text)
	return l.kept.String()[begin:]
}

// row returns room for the texts of a record.
func (l *line) row() []string {
	n := len(l.cells)
	if len(l.rows) < n {
		l.rows = make([]string, pieceRows*n)
	}
	row := l.rows[:n:n]
	l.rows = l.rows[n:]
	return row
}

// position says where a row stands: a query has no better place for it than its number.
func position(number int) record.Position { return record.Position(appendPosition(nil, number)) }

func appendPosition(to []byte, number int) []byte {
	return strconv.AppendInt(append(to, "row "...), int64(number), 10)
}
