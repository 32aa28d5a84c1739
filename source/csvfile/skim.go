package csvfile

import (
	"bytes"
	"fmt"
	"slices"
)

// Leave makes texts of all columns but these.
func (r *reader) Leave(columns []string) {
	r.left = r.left[:0]
	for i, name := range r.header {
		if slices.Contains(columns, name) {
			r.left = append(r.left, i)
		}
	}
}

// Form is made of the header, of what is left, and of how the file is written.
func (r *reader) Form() string {
	return fmt.Sprintf("%q %v %q %q %t %t", r.header, r.left, r.source.delimiter, r.source.null, r.source.hasNull, r.exported)
}

// skimmed returns the text of the framed record, nil where it has none: where a line may be more or less than a record,
// and where what is left may be bad, or may be the header's. What comes after the last cell that is left isn't taken
// apart: if the same text was a good record's once, it is good here, too.
func (r *reader) skimmed() []byte {
	switch {
	case r.frames.cut || r.frames.severalLines():
		return nil
	case len(r.left) == 0:
		return r.frames.raw
	}
	line := r.lines.line()
	cells := r.left[len(r.left)-1] + 1
	if r.lines.comma == 0 || !r.lines.split(line, cells) || len(r.lines.cells) != cells {
		return nil
	}
	if goesOn := r.lines.cells[cells-1].next <= len(line); goesOn != (cells < len(r.header)) {
		return nil
	}
	r.text = r.text[:0]
	at := 0 // where what isn't copied yet begins
	for _, i := range r.left {
		c := &r.lines.cells[i]
		cell, unquoted := line[c.begin:c.end], c.from == c.begin
		if suspect(cell) || unquoted && bytes.IndexByte(cell, '"') >= 0 || string(cell) == r.header[i] {
			return nil
		}
		r.text = append(r.text, line[at:c.from]...)
		at = min(c.next, len(line))
	}
	r.text = append(r.text, line[at:]...)
	return r.text
}
