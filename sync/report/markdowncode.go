package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"cubesync/sync/plan"
)

// valueMost is how many characters of a value are shown.
const valueMost = 200

func markdownValue(value string) string {
	if value == "" {
		return "_empty_"
	}
	return markdownCode(value)
}

// markdownCode shows a value as it is, whatever it is. In <code> nobody is mentioned, and no link, issue or emoji made
// of it; as character references, its marks neither end a cell nor begin markup. A code span with backticks would do
// the first, but in a table a pipe after a backslash ends it.
func markdownCode(value string) string {
	if value == "" {
		return ""
	}
	shown, cut := clip(plan.Printable(value))
	text := "<code>" + markdownText(shown) + "</code>"
	if cut {
		text += fmt.Sprintf(" … (%s characters)", plan.Number(utf8.RuneCountInString(value)))
	}
	return text
}

// clip returns the beginning of a value that is longer than a comment has room for.
func clip(value string) (shown string, cut bool) {
	n := 0
	for i := range value {
		if n == valueMost {
			return value[:i], true
		}
		n++
	}
	return value, false
}

// markdownText spells every mark as a character reference, and spaces that would be lost in HTML.
func markdownText(text string) string {
	var b strings.Builder
	before := ' '
	for i, r := range text {
		switch {
		case r == ' ' && (before == ' ' || i == len(text)-1):
			b.WriteString("&#160;")
		case r > '~', r == ' ', r == ',', r == '-', '0' <= r && r <= '9', 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z':
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "&#%d;", r)
		}
		before = r
	}
	return b.String()
}
