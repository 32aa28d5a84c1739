package plan

import (
	"fmt"
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

// Advise writes a line of words and the command that they lead to. The command is there to be copied, so it is never
// broken: where a terminal of so many columns ends before it, it gets a line of its own.
func Advise(w io.Writer, words, command string, width int) error {
	if line := words + " " + command; width == 0 || widthOf([]span{say(line)}) <= width {
		_, err := fmt.Fprintln(w, line)
		return err
	}
	if err := Break(w, words+"\n", width); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "    %s\n", command)
	return err
}
