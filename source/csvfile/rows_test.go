package csvfile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzRows reads the same with the standard library's reader and with the one that knows a shorter way.
func FuzzRows(f *testing.F) {
	for _, seed := range []string{
		"a,b\n1,2\n", "a,b\r\n\"1\",\"2,\"\"3\"\"\"\r\n", "\"\",\n,\"\"\n", "a\"b,c\n", "\"a\"b,c\n", "\"a\n", "\"a\nb\",c\n", "\"a\r\nb\"\r\n",
		"a\r\r\n", "\"a\"\r\r\n", "a\rb\n", ",,\n", "\n\r\n\ra", "a,b", "\"a\",\"b\"", "a\r", "\"\"\"\"\n", "\"\"\"\n\"\n", "\"\"a\",b\n",
		"a,\"b\"\"\n", "é,\"東\"\"京\",\xff\n", "a\x00,b\n", strings.Repeat("x,", 40) + "\ny,z\n", "\"a\",b\"\"c\n", "a;\"b;c\"\n",
	} {
		for _, comma := range ",;\t¦ " {
			f.Add([]byte(strings.ReplaceAll(seed, ",", string(comma))), comma)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte, comma int32) {
		if comma <= 0 || !utf8.ValidRune(comma) || strings.ContainsRune("\"\r\n\ufffd", comma) {
			return // refused when the source is made
		}
		strict := csv.NewReader(bytes.NewReader(content))
		strict.Comma, strict.FieldsPerRecord = comma, -1
		frames := newFramer(bytes.NewReader(content))
		rows := newRowReader(comma, false)
		var kept, want [][]string
		for {
			row, err := strict.Read()
			got, m, gotErr := nextRow(frames, rows)
			if errors.Is(err, io.EOF) != errors.Is(gotErr, io.EOF) || (err == nil) != (gotErr == nil) {
				t.Fatalf("after %d rows: %v, and the standard library: %v", len(want), gotErr, err)
			}
			if parse, is := errors.AsType[*csv.ParseError](err); is != m.found || is && !agree(parse, frames, m) {
				t.Fatalf("the quote is %+v of %q, and the standard library says %v", m, frames.raw, err)
			}
			if err != nil {
				break
			}
			kept, want = append(kept, got), append(want, row)
		}
		for i := range want {
			if !slices.Equal(kept[i], want[i]) {
				t.Fatalf("row %d is %q, and the standard library's %q", i, kept[i], want[i])
			}
		}
	})
}

// agree reports whether the quote is where the standard library stops, which for a cell that doesn't end is the end of the file.
func agree(parse *csv.ParseError, frames *framer, m misquote) bool {
	at, kind := m.at, csv.ErrQuote
	switch {
	case m.ends:
	case m.at == m.begin:
		return errors.Is(parse, kind) && frames.quotes%2 == 1
	default:
		kind = csv.ErrBareQuote
	}
	before := frames.raw[:at]
	line, column := frames.line+bytes.Count(before, []byte{'\n'}), at-bytes.LastIndexByte(before, '\n')
	return errors.Is(parse, kind) && parse.Line == line && parse.Column == column
}

// nextRow returns the next row, or what is wrong with its quotes.
func nextRow(frames *framer, rows *rowReader) ([]string, misquote, error) {
	for {
		if err := frames.next(); err != nil {
			return nil, misquote{}, err
		}
		if !frames.blank() {
			m := misquoteOf(frames.raw, rows.Comma)
			rows.frame = &frames.frame
			row, err := rows.Read()
			if err != nil {
				return nil, m, err
			}
			return row, m, frames.skip()
		}
		if err := frames.skip(); err != nil {
			return nil, misquote{}, err
		}
	}
}
