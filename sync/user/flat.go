package user

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// member is a key and its value as their JSON text spells them.
type member struct{ key, value string }

// flatObject writes a JSON object as canonicalJSON does, without decoding it. It knows only objects whose values are
// numbers, words and strings without escapes, which most are; ok is false for every other text.
func flatObject(text string) (canonical string, ok bool) {
	var room [16]member
	members, ok := flatMembers(text, room[:0])
	switch {
	case !ok:
		return "", false
	case len(members) == 0:
		return "", true
	}
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(unquoted(a.key), unquoted(b.key)) })
	size := 1
	for i, m := range members {
		if i > 0 && m.key == members[i-1].key {
			return "", false
		}
		size += len(m.key) + len(m.value) + 2
	}
	var out strings.Builder
	out.Grow(size)
	separator := byte('{')
	for _, m := range members {
		out.WriteByte(separator)
		out.WriteString(m.key)
		out.WriteByte(':')
		out.WriteString(m.value)
		separator = ','
	}
	out.WriteByte('}')
	return out.String(), true
}

func unquoted(text string) string { return text[1 : len(text)-1] }

// flatMembers appends the object's members in their order.
func flatMembers(text string, members []member) ([]member, bool) {
	rest, ok := after(text, '{')
	if !ok {
		return nil, false
	}
	if end, ok := after(rest, '}'); ok {
		return members, end == ""
	}
	for {
		var m member
		if m.key, rest = cutString(rest); m.key == "" {
			return nil, false
		}
		if rest, ok = after(rest, ':'); !ok {
			return nil, false
		}
		if m.value, rest = cutScalar(rest); m.value == "" {
			return nil, false
		}
		members = append(members, m)
		if end, ok := after(rest, '}'); ok {
			return members, end == ""
		}
		if rest, ok = after(rest, ','); !ok {
			return nil, false
		}
	}
}

// after passes over a character of JSON's own and the white space around it.
func after(text string, c byte) (rest string, ok bool) {
	text = skipSpace(text)
	if text == "" || text[0] != c {
		return text, false
	}
	return skipSpace(text[1:]), true
}

func skipSpace(text string) string {
	for text != "" && (text[0] == ' ' || text[0] == '\n' || text[0] == '\r' || text[0] == '\t') {
		text = text[1:]
	}
	return text
}

// cutScalar takes a string, number or word off the beginning; "" if none stands there.
func cutScalar(text string) (scalar, rest string) {
	if text != "" && text[0] == '"' {
		return cutString(text)
	}
	for _, word := range []string{"true", "false", "null"} {
		if strings.HasPrefix(text, word) {
			return word, text[len(word):]
		}
	}
	return cutNumber(text)
}

// cutString takes off a string that is spelled as the encoder spells it: composed, and with nothing to escape in it.
func cutString(text string) (quoted, rest string) {
	if text == "" || text[0] != '"' {
		return "", text
	}
	end := strings.IndexByte(text[1:], '"') + 1
	if end == 0 || !spelledAsIs(text[1:end]) {
		return "", text
	}
	return text[:end+1], text[end+1:]
}

// spelledAsIs reports whether the encoder writes a text as it stands: it has nothing to escape and is valid and composed.
func spelledAsIs(text string) bool {
	ascii := true
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c == '"', c == '\\':
			return false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	if ascii {
		return true
	}
	lineBreak := strings.Contains(text, "\u2028") || strings.Contains(text, "\u2029") // escaped for JavaScript's sake
	return !lineBreak && utf8.ValidString(text) && (isComposed(text) || norm.NFC.IsNormalString(text))
}

// cutNumber takes off a number: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func cutNumber(text string) (number, rest string) {
	at := 0
	digits := func() bool {
		begin := at
		for at < len(text) && '0' <= text[at] && text[at] <= '9' {
			at++
		}
		return at > begin
	}
	is := func(characters string) bool {
		if at < len(text) && strings.IndexByte(characters, text[at]) >= 0 {
			at++
			return true
		}
		return false
	}
	is("-")
	if !is("0") && !digits() || is(".") && !digits() {
		return "", text
	}
	if is("eE") {
		is("+-")
		if !digits() {
			return "", text
		}
	}
	return text[:at], text[at:]
}
