package plan

import (
	"io"
	"strings"
)

// Break writes lines, each broken at spaces where a terminal of so many columns ends; what follows a break is indented
// further than its line. A width of 0 leaves them whole.
func Break(w io.Writer, lines string, width int) error {
	t := newTextWriter(w, TextOptions{Width: width})
	for line := range strings.Lines(lines) {
		text := strings.TrimLeft(strings.TrimSuffix(line, "\n"), " ")
		indent := len(strings.TrimSuffix(line, "\n")) - len(text)
		t.line(indent, indent+4, []span{{text: text}})
	}
	return t.Flush()
}
