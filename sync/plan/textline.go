package plan

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// style is how a terminal shows a span: the parameters of the escape sequence that begins it.
type style string

const (
	plain style = ""
	bold  style = "1"
	faint style = "2"
)

// styleOf is the colour of a kind of operation: the sixteen that every terminal has, and that people set to what they
// can read.
func styleOf(kind Kind) style {
	switch kind {
	case Create:
		return "32" // green
	case Update:
		return "33" // yellow
	case Adopt:
		return "36" // cyan
	case Release:
		return "35" // magenta
	default:
		return "31" // red
	}
}

// span is a piece of a line in one style. Its text is Printable.
type span struct {
	text string
	style
}

func say(text string) span { return span{text: text} }

// entry is something that is told in one line or, where that is longer than the terminal is wide, in a line for the
// head with the tail and one for each field.
type entry struct {
	head, tail []span
	fields     []fieldSpans
}

type fieldSpans struct {
	name  string
	value []span
}

// textWriter writes groups of entries and cuts each at a number of them.
type textWriter struct {
	*bufio.Writer
	TextOptions
	count   int // entries of the group
	entries int // of them, so far
}

func newTextWriter(w io.Writer, o TextOptions) *textWriter {
	return &textWriter{Writer: bufio.NewWriter(w), TextOptions: o}
}

func (t *textWriter) group(name string, style style, count int) {
	t.end()
	t.count = count
	if count > 0 {
		t.line(0, 0, []span{{text: name, style: joinStyles(bold, style)}, {text: " " + Number(count), style: bold}})
	}
}

func (t *textWriter) end() {
	if left := t.count - t.entries; left > 0 {
		t.line(2, 2, []span{{text: fmt.Sprintf("… and %s more; --all shows every one", Number(left)), style: faint}})
	}
	t.count, t.entries = 0, 0
}

// full reports whether the group shows as many entries as it may.
func (t *textWriter) full() bool { return t.Most > 0 && t.entries >= t.Most }

func (t *textWriter) entry(e entry) {
	if t.full() {
		return
	}
	t.entries++
	const indent, deeper = 2, 4
	whole := append([]span(nil), e.head...)
	for _, f := range e.fields {
		whole = append(append(whole, say("  "+f.name+": ")), f.value...)
	}
	whole = append(whole, e.tail...)
	if len(e.fields) == 0 || t.Width == 0 || indent+widthOf(whole) <= t.Width {
		t.line(indent, deeper, whole)
		return
	}
	t.line(indent, deeper, append(append([]span(nil), e.head...), e.tail...))
	names := 0
	for _, f := range e.fields {
		names = max(names, len(f.name)+len(": "))
	}
	for _, f := range e.fields {
		name := fmt.Sprintf("%-*s", names, f.name+":")
		t.line(deeper, deeper+names, append([]span{{text: strings.ReplaceAll(name, " ", noBreak)}}, f.value...))
	}
}

// noBreak stands for a space at which a line isn't broken. Values can't hold it: it is a control character.
const noBreak = "\x00"

// line writes spans, broken at spaces where the terminal ends; what follows a break is indented by hanging.
func (t *textWriter) line(indent, hanging int, spans []span) {
	fmt.Fprintf(t, "%*s", indent, "")
	if t.Width == 0 || indent+widthOf(spans) <= t.Width {
		for _, s := range spans {
			t.span(s)
		}
		_ = t.WriteByte('\n') // Flush tells
		return
	}
	column, begun := indent, false
	for _, word := range words(spans) {
		long := widthOf(word)
		room := t.Width - column - 1
		switch {
		case !begun:
		case long <= room || hanging+long > t.Width && room > 0: // what fits nowhere begins here
			_ = t.WriteByte(' ')
			column++
		default:
			fmt.Fprintf(t, "\n%*s", hanging, "")
			column = hanging
		}
		column, begun = t.word(word, column, hanging), true
	}
	_ = t.WriteByte('\n')
}

// word writes a word and breaks it only where it is longer than the rest of its line.
func (t *textWriter) word(word []span, column, hanging int) int {
	for _, s := range word {
		from := 0
		for i, r := range s.text {
			w := runeWidth(r)
			if column+w > t.Width && w > 0 && column > hanging {
				t.span(span{s.text[from:i], s.style})
				fmt.Fprintf(t, "\n%*s", hanging, "")
				from, column = i, hanging
			}
			column += w
		}
		t.span(span{s.text[from:], s.style})
	}
	return column
}

func (t *textWriter) span(s span) {
	text := strings.ReplaceAll(s.text, noBreak, " ")
	if !t.Colour || s.style == plain || text == "" {
		_, _ = t.WriteString(text)
		return
	}
	fmt.Fprintf(t, "\x1b[%sm%s\x1b[0m", s.style, text)
}

// words splits spans at single spaces; a word may be made of several spans.
func words(spans []span) [][]span {
	all := [][]span{nil}
	for _, s := range spans {
		for i, piece := range strings.Split(s.text, " ") {
			if i > 0 {
				all = append(all, nil)
			}
			if piece != "" {
				all[len(all)-1] = append(all[len(all)-1], span{piece, s.style})
			}
		}
	}
	return all
}

func joinStyles(a, b style) style {
	if b == plain {
		return a
	}
	return a + ";" + b
}

// widthOf returns how many columns of a terminal the spans take.
func widthOf(spans []span) int {
	n := 0
	for _, s := range spans {
		for _, r := range s.text {
			n += runeWidth(r)
		}
	}
	return n
}

func runeWidth(r rune) int {
	switch {
	case r >= ' ' && r <= '~':
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf): // they join the character before them
		return 0
	}
	if kind := width.LookupRune(r).Kind(); kind == width.EastAsianWide || kind == width.EastAsianFullwidth {
		return 2
	}
	return 1
}
