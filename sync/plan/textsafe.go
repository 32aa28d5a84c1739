package plan

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Printable makes a value safe to show on a terminal: control characters are spelled out, and bytes that aren't UTF-8
// replaced, since some terminals take them for control characters.
func Printable(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if !strings.ContainsFunc(s, unsafeRune) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case unsafeRune(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unsafeRune reports whether a character could move the cursor, hide or reorder text.
func unsafeRune(r rune) bool {
	const zeroWidthJoiner = 0x200d // holds emoji together
	if ' ' <= r && r <= '~' {      // nearly all
		return false
	}
	return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) || (unicode.Is(unicode.Cf, r) && r != zeroWidthJoiner)
}

// Moment writes a time for people: everywhere in UTC and to the minute, so that what two machines say can be compared. It
// is "" for the zero time.
func Moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04 MST")
}

// Counted writes how many there are of something: "1 account", "2,000 accounts".
func Counted(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + one + "s"
}

// Number writes n with commas between thousands.
func Number(n int) string {
	digits := fmt.Sprint(n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
