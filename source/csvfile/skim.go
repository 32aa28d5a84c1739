package csvfile

import (
	"bytes"
	"fmt"
	"slices"
)

// Leave makes texts of all columns but these.
func (r *reader) Leave(columns []string) {
	n := &narrower{splitter: newSplitter(r.delimiter), header: r.header}
	for i, name := range r.header {
		if slices.Contains(columns, name) && i != r.keyIndex && !slices.Contains(r.keyParts, i) { // which decide whether a record is refused
			n.left = append(n.left, i)
		}
	}
	if len(n.left) == 0 {
		return
	}
	r.narrow = n
	theirs := *n // it is used in another goroutine
	r.ahead.narrow.Store(&theirs)
}

// Form is made of the header, of what is left, and of how the file is written.
func (r *reader) Form() string {
	var left []int
	if r.narrow != nil {
		left = r.narrow.left
	}
	f, s := r.first, r.source
	return fmt.Sprintf("%q %v %q %q %t %t %t %d %v", f.header, left, f.delimiter, s.null, s.hasNull, f.exported, s.Lenient, r.keyIndex, r.keyParts)
}

// text returns the text of the current record, nil where it has none.
func (r *reader) text() []byte {
	switch f := r.current; {
	case r.source.Proof.marked(f.raw):
		return nil
	case r.narrow == nil && f.regular():
		return f.raw
	case r.narrow == nil:
		return nil
	case f.narrowed:
		return f.text
	default: // it was framed before it was known what is left
		return r.narrow.appendText(make([]byte, 0, len(f.raw)), &f.frame)
	}
}

// regular reports whether a record is a line, no more and no less, so that it may have a text.
func (f *frame) regular() bool { return !f.cut && !f.severalLines() }

// narrower makes texts without the columns that are left.
type narrower struct {
	splitter
	header []string
	left   []int // columns, rising
}

// appendText appends the text of a record; it returns nil where that has none: where a line may be more or less than a
// record, and where what is left may be bad, or may be the header's. What comes after the last cell that is left isn't
// taken apart: if the same text was a good record's once, it is good here, too.
func (n *narrower) appendText(to []byte, f *frame) []byte {
	cells := n.left[len(n.left)-1] + 1
	if n.comma == 0 || !f.regular() {
		return nil
	}
	line := f.withoutBreak()
	if !n.split(line, cells) || len(n.cells) != cells {
		return nil
	}
	if goesOn := n.cells[cells-1].next <= len(line); goesOn != (cells < len(n.header)) {
		return nil
	}
	at := 0 // where what isn't copied yet begins
	for _, i := range n.left {
		c := &n.cells[i]
		cell, unquoted, name := line[c.begin:c.end], c.from == c.begin, n.header[i]
		isName := string(cell[max(0, len(cell)-len(name)):]) == name // perhaps with the mark that a joined file begins with
		if isName || suspect(cell) || unquoted && bytes.IndexByte(cell, '"') >= 0 {
			return nil
		}
		to = append(to, line[at:c.from]...)
		at = min(c.next, len(line))
	}
	return append(to, line[at:]...)
}
