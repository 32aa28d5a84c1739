package csvfile

import (
	"bytes"
	"encoding/csv"
	"math"
	"unicode/utf8"
)

// recordsAtOnce is how many records get room for their cells in one piece. Whoever keeps one of them keeps the piece.
const recordsAtOnce = 32

// rowReader is the CSV reader below gocsv's decoder. It takes regular lines apart itself, which is quicker, and leaves
// everything else to the standard library's: records of several lines, lines that aren't strictly quoted, a file's end
// without line break, wide delimiters. A test holds the two against each other.
type rowReader struct {
	*csv.Reader
	splitter
	feed  *bytes.Reader // of the standard library's
	frame *frame        // that is read next
	room  []string      // for the next rows
}

// splitter finds the cells of a line.
type splitter struct {
	comma byte // 0 for a delimiter of several bytes, which it doesn't know
	cells []cell
	found int // quotes
}

// cell is where a cell's text stands in its line.
type cell struct {
	from       int // with its first quote
	begin, end int
	next       int  // where the next one is, behind the end of the line for the last
	doubled    bool // there are quotes in it, which are written twice
}

func newRowReader(comma rune, lenient bool) *rowReader {
	feed := &bytes.Reader{}
	r := &rowReader{Reader: csv.NewReader(feed), feed: feed}
	r.Comma, r.LazyQuotes = comma, lenient
	r.FieldsPerRecord = -1 // counted where the key is known
	r.splitter = newSplitter(comma)
	return r
}

func newSplitter(comma rune) splitter {
	if comma < utf8.RuneSelf {
		return splitter{comma: byte(comma)}
	}
	return splitter{}
}

// Read takes the record apart. The row stays as it is.
func (r *rowReader) Read() ([]string, error) {
	if f := r.frame; r.comma != 0 && !f.cut && !f.severalLines() {
		if line := f.withoutBreak(); r.split(line, math.MaxInt) && r.found == f.quotes {
			return r.row(line), nil
		}
	}
	r.feed.Reset(r.frame.raw)
	return r.Reader.Read()
}

// split finds the cells of a line, as many as are wanted, false where a quoted one doesn't end as it should. Quotes within
// unquoted cells aren't looked for: found is how many stand where they may.
func (r *splitter) split(line []byte, most int) bool {
	r.cells = r.cells[:0]
	r.found = 0
	for at := 0; ; {
		c := cell{from: at, begin: at, end: len(line)}
		next := len(line) // where the delimiter stands
		if at < len(line) && line[at] == '"' {
			n := c.quoted(line)
			r.found += n
			next = c.end + 1
			if n == 0 || next < len(line) && line[next] != r.comma {
				return false
			}
		} else if i := bytes.IndexByte(line[at:], r.comma); i >= 0 {
			next = at + i
			c.end = next
		}
		at = next + 1
		c.next = at
		r.cells = append(r.cells, c)
		if at > len(line) || len(r.cells) == most {
			return true
		}
	}
}

// quoted goes from a cell's first quote to its last, and returns how many there are, 0 where the last is missing.
func (c *cell) quoted(line []byte) (quotes int) {
	c.begin++
	for at := c.begin; ; at = c.end + 2 {
		i := bytes.IndexByte(line[at:], '"')
		if i < 0 {
			return 0
		}
		c.end = at + i
		quotes += 2
		if c.end+1 == len(line) || line[c.end+1] != '"' {
			return quotes
		}
		c.doubled = true
	}
}

// row makes texts of the cells that split found. It changes the line.
func (r *rowReader) row(line []byte) []string {
	for i := range r.cells {
		if r.cells[i].doubled {
			r.cells[i].undouble(line)
		}
	}
	width := len(r.cells)
	if len(r.room) < width {
		r.room = make([]string, recordsAtOnce*width)
	}
	row := r.room[:width:width]
	r.room = r.room[width:]
	text := string(line)
	for i, c := range r.cells {
		row[i] = text[c.begin:c.end]
	}
	return row
}

// undouble writes each pair of quotes as one.
func (c *cell) undouble(line []byte) {
	to := c.begin
	for at := c.begin; at < c.end; at++ {
		line[to] = line[at]
		to++
		if line[at] == '"' {
			at++
		}
	}
	c.end = to
}
