package csvfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const byteOrderMark = "\xef\xbb\xbf"

// checkText refuses a header that isn't text, as far as that shows before it is taken apart.
func (p *part) checkText(raw []byte) error {
	nul := bytes.IndexByte(raw, 0)
	switch {
	case nul >= 0 && p.encoding == utf8Name:
		likely := utf16LEName
		if nul%2 == 0 {
			likely = utf16BEName
		}
		return fmt.Errorf("it contains NUL bytes, so the file is UTF-16 or no text: save it as CSV in UTF-8, or say encoding: %s if it is that", likely)
	case !utf8.Valid(raw):
		i := invalidAt(raw)
		return errors.New(p.undecodable(p.found(raw[i]), p.current.offset+int64(i)))
	case bareReturn(raw):
		return errors.New("a line ends in a carriage return alone: save the file with LF or CRLF line breaks, or with carriage returns throughout")
	}
	return nil
}

func (p *part) checkNames(names []string) error {
	for i, name := range names {
		if strings.TrimSpace(name) == "" {
			return fmt.Errorf("column number %d has no name: give it one, or remove it from every row", i+1)
		}
		if f := faultOf(name); f.found {
			return fmt.Errorf("column number %d: %s", i+1, p.problem(name, f))
		}
	}
	return nil
}

// found names what can't be decoded. Of an encoding that was decoded there is nothing left to be shown.
func (p *part) found(b byte) string {
	if p.encoding != utf8Name {
		return "something"
	}
	return fmt.Sprintf("byte %#02x", b)
}

// undecodable says that something isn't in the encoding that the file should be in, and where.
func (p *part) undecodable(what string, offset int64) string {
	switch {
	case p.encoding != utf8Name && p.source.Encoding == "":
		return what + " isn't " + strings.ToUpper(p.encoding) + ": check what writes the file"
	case p.encoding != utf8Name:
		return fmt.Sprintf("%s isn't %s: check encoding, and what writes the file", what, p.encoding)
	}
	of := "file"
	if p.packed != "" {
		of = "unpacked file"
	}
	return fmt.Sprintf("%s, at offset %d of the %s, isn't UTF-8: save it as UTF-8, or declare what it is, such as encoding: windows-1252", what, offset, of)
}

// invalidAt returns the index of the first byte that isn't UTF-8.
func invalidAt(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(text)
}
