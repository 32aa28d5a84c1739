package csvfile

import (
	"unicode"
	"unicode/utf8"

	"cubesync/sync/user"
)

// suspect reports whether a record's bytes hold anything that its cells must be looked at for: what isn't UTF-8, a
// control character, or a carriage return without line feed. Nearly every record is cleared here.
func suspect(raw []byte) bool {
	for {
		raw = raw[user.PlainLength(raw):]
		if len(raw) == 0 {
			return false
		}
		size := 1
		switch b := raw[0]; {
		case b == '\n' || b == '\t':
		case b == '\r':
			if len(raw) == 1 || raw[1] != '\n' {
				return true
			}
		case b < utf8.RuneSelf:
			return true
		default:
			var r rune
			if r, size = utf8.DecodeRune(raw); size == 1 || unicode.IsControl(r) {
				return true
			}
		}
		raw = raw[size:]
	}
}

// bareReturn reports whether a carriage return without line feed stands outside quotes. Old programs end lines so,
// which makes one record of several.
func bareReturn(raw []byte) bool {
	quoted := false
	for i, b := range raw {
		switch b {
		case '"':
			quoted = !quoted
		case '\r':
			last := i+1 == len(raw) // a line break that was cut in half
			if !quoted && !last && raw[i+1] != '\n' {
				return true
			}
		}
	}
	return false
}

// fault is what makes a cell's text unusable.
type fault struct {
	found   bool
	at      int  // byte of the cell
	control bool // what stands there is a control character, and not undecodable
}

func faultOf(cell string) fault {
	for i, r := range cell {
		switch {
		case r == utf8.RuneError && isBroken(cell[i:]):
			return fault{found: true, at: i}
		case unicode.IsControl(r) && r != '\t' && r != '\r' && r != '\n':
			return fault{found: true, at: i, control: true}
		}
	}
	return fault{}
}

// isBroken tells a byte that isn't UTF-8 from a replacement character that the file spells out.
func isBroken(text string) bool {
	_, size := utf8.DecodeRuneInString(text)
	return size == 1
}
