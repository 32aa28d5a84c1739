package csvfile

import (
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
// and where what is left may be bad, or may be the header's.
func (r *reader) skimmed() []byte {
	switch {
	case r.frames.cut || r.frames.severalLines():
		return nil
	case len(r.left) == 0:
		return r.frames.raw
	}
	line := r.lines.line()
	if r.lines.comma == 0 || !r.lines.split(line) || len(r.lines.cells) != len(r.header) {
		return nil
	}
	r.text = r.text[:0]
	at := 0 // where what isn't copied yet begins
	for _, i := range r.left {
		c := r.lines.cells[i]
		if cell := line[c.begin:c.end]; suspect(cell) || string(cell) == r.header[i] {
			return nil
		}
		r.text = append(r.text, line[at:c.from]...)
		if at = len(line); i+1 < len(r.lines.cells) {
			at = r.lines.cells[i+1].from
		}
	}
	r.text = append(r.text, line[at:]...)
	return r.text
}
