package user

import (
	"math/bits"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Clean is how every value is normalised: no white space around it, and composed Unicode.
func Clean(text string) string {
	text = strings.TrimSpace(text)
	if Plain(text) || isComposed(text) {
		return text
	}
	return norm.NFC.String(text)
}

// isComposed knows texts whose characters all come before the first that composes, U+0300: most that are written in
// Latin letters.
func isComposed(text string) bool {
	const firstByte = 0xcc // of U+0300 and everything after it, and of none before
	for i := range len(text) {
		if text[i] >= firstByte {
			return false
		}
	}
	return true
}

// Plain reports whether a text has printable ASCII characters only. Most have, and then they are composed, valid UTF-8,
// without control characters, and as many as there are bytes.
func Plain(text string) bool { return PlainLength(text) == len(text) }

// PlainLength returns how many printable ASCII characters a text begins with. It looks at eight together.
func PlainLength[T string | []byte](text T) int {
	const (
		ones = 0x0101010101010101 // one in each of the bytes
		tops = ones << 7          // their top bits
	)
	n := 0
	for ; len(text)-n >= 8; n += 8 {
		t := text[n : n+8]
		word := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 |
			uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
		low := word &^ tops
		atLeastSpace, deleted := low+(0x80-' ')*ones, low+ones // as the top bits say, of ASCII characters
		if odd := (word | ^atLeastSpace | deleted) & tops; odd != 0 {
			return n + bits.TrailingZeros64(odd)/8
		}
	}
	for n < len(text) && ' ' <= text[n] && text[n] <= '~' {
		n++
	}
	return n
}
