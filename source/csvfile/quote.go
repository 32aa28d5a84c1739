package csvfile

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// misquote is the first quote of a record that stands where none may.
type misquote struct {
	found bool
	at    int // byte of the record; of a cell that doesn't end, where it begins
	begin int // where its cell does
	ends  bool
}

// misquoteOf finds what the CSV reader refuses, which doesn't say where the cell begins: most often that is where the mistake is.
func misquoteOf(raw []byte, comma rune) misquote {
	delimiter := []byte(string(comma))
	for at := 0; ; {
		m := misquote{found: true, at: at, begin: at}
		if !bytes.HasPrefix(raw[at:], []byte{'"'}) {
			cell, _, _ := bytes.Cut(raw[at:], []byte{'\n'})
			cell, _, more := bytes.Cut(cell, delimiter)
			if i := bytes.IndexByte(cell, '"'); i >= 0 {
				m.at += i
				return m
			}
			if !more {
				return misquote{}
			}
			at += len(cell) + len(delimiter)
			continue
		}
		if m.at, m.ends = closing(raw, at); !m.ends {
			return m
		}
		behind := raw[m.at+1:]
		switch {
		case bytes.HasPrefix(behind, delimiter):
			at = m.at + 1 + len(delimiter)
		case strings.TrimSuffix(strings.TrimSuffix(string(behind), "\n"), "\r") == "":
			return misquote{}
		default:
			return m
		}
	}
}

// closing returns where the quoted cell ends that begins there: with a quote that isn't written twice.
func closing(raw []byte, begin int) (at int, ends bool) {
	for at = begin + 1; ; at += 2 {
		i := bytes.IndexByte(raw[at:], '"')
		if i < 0 {
			return begin, false
		}
		if at += i; !bytes.HasPrefix(raw[at+1:], []byte{'"'}) {
			return at, true
		}
	}
}

// quoteError says which quote of the current record stands where none may; nil if none does. It ends the read, because nobody knows
// where the next record begins.
func (p *part) quoteError() error {
	m := misquoteOf(p.current.raw, p.delimiter)
	problem := ""
	switch {
	case !m.found:
		return nil
	case m.ends:
		problem = fmt.Sprintf("the cell in quotes that begins at %s ends with the quote here, and more follows: ", p.placeOf(m.begin))
	case m.at == m.begin && len(p.current.raw) > maxRecordBytes:
		problem = "the cell in quotes that begins here doesn't end within 1 MiB: "
	case m.at == m.begin:
		problem = "the cell in quotes that begins here doesn't end: if the file wasn't cut off, "
	default:
		problem = "a quote stands in a cell that doesn't begin with one: "
	}
	return fmt.Errorf("%s: %swrite the cell in quotes and each quote within it twice, as in \"a \"\"b\"\" c\", "+
		"or say quotes: lenient, by which each line is a record and nobody is taken for a leaver", p.placeOf(m.at), problem)
}

// placeOf says where a byte of the current record stands: users.csv:12:34. The last is a number of characters, as editors count.
func (p *part) placeOf(at int) string {
	before := p.current.raw[:at]
	line := p.current.line + bytes.Count(before, []byte{'\n'})
	return fmt.Sprintf("%s:%d:%d", p.base, line, utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])+1)
}
