package csvfile

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// headBytes is how much of a text is looked at before it is read.
const headBytes = 64 << 10

// delimiters are those that are found without being declared.
const delimiters = ",;\t|"

// delimiterOf finds the delimiter of a header: the only one of the usual that stands outside its quotes, a comma where none
// does.
func delimiterOf(header []byte) (rune, error) {
	found := ""
	quoted := false
	for _, b := range header {
		switch {
		case b == '"':
			quoted = !quoted
		case !quoted && strings.IndexByte(delimiters, b) >= 0 && strings.IndexByte(found, b) < 0:
			found += string(rune(b))
		}
	}
	switch len(found) {
	case 0:
		return ',', nil
	case 1:
		return rune(found[0]), nil
	}
	named := make([]string, len(found))
	for i := range found {
		named[i] = fmt.Sprintf("%q", found[i:i+1])
	}
	last := len(named) - 1
	return 0, fmt.Errorf("each of %s and %s may separate its cells: say which one does, as delimiter",
		strings.Join(named[:last], ", "), named[last])
}

// separatorLine returns the delimiter of a line such as sep=; that Excel writes and reads before the header.
func separatorLine(head []byte) (delimiter rune, found bool) {
	line, _, ended := bytes.Cut(head, []byte{'\n'})
	line = bytes.TrimSuffix(line, []byte{'\r'})
	const key = "sep="
	if !ended || len(line) <= len(key) || !strings.EqualFold(string(line[:len(key)]), key) {
		return 0, false
	}
	r, size := utf8.DecodeRune(line[len(key):])
	return r, size == len(line)-len(key) && r != utf8.RuneError && !strings.ContainsRune("\"\r", r)
}

// returnsAlone reports whether lines end in a carriage return alone, as old programs wrote them. It takes one before more
// text to show it, and nothing that speaks for another line break: the end of a file that was cut off may look so, too.
func returnsAlone(head []byte) bool {
	quoted, alone := false, false
	for i, b := range head {
		switch {
		case b == '"':
			quoted = !quoted
		case b == '\n' && (!quoted || i > 0 && head[i-1] == '\r'):
			return false
		case b == '\r' && !quoted && i+1 < len(head) && head[i+1] != '\n':
			alone = true
		}
	}
	return alone
}

// lineFeeds makes line feeds of carriage returns.
type lineFeeds struct{ in io.Reader }

func (l lineFeeds) Read(p []byte) (int, error) {
	n, err := l.in.Read(p)
	for i, b := range p[:n] {
		if b == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}
