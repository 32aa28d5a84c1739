package csvfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"cubesync/sync/record"
)

const byteOrderMark = "\xef\xbb\xbf"

// readHeader reads up to the end of the header. A file without one leaves the reader at its end, without columns.
func (r *reader) readHeader(ctx context.Context) error {
	if err := r.skipMark(); err != nil {
		return err
	}
	r.ahead.begin()
	err := r.frame(ctx)
	raw := bytes.Clone(r.current.raw)
	var names []string
	if err == nil {
		names, err = r.parse()
	}
	switch {
	case errors.Is(err, io.EOF):
		r.columns, err = record.NewColumns(nil)
		r.end(io.EOF)
		return err
	case err != nil:
		return err
	}
	if slices.Contains(names, exportColumn) {
		r.exported = true
		unquote(names)
	}
	if err := r.checkHeader(raw, names); err != nil {
		return fmt.Errorf("%s: header: %w", r.position(), err)
	}
	if r.columns, err = record.NewColumns(names); err != nil {
		return fmt.Errorf("%s: header: %w", r.position(), err)
	}
	r.header = r.columns.Names()
	r.keyIndex = slices.Index(names, r.source.key)
	return nil
}

// skipMark passes over UTF-8's byte order mark and refuses what begins like something else than UTF-8 text.
func (r *reader) skipMark() error {
	start, err := r.ahead.frames.in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if bytes.HasPrefix(start, []byte(byteOrderMark)) {
		n, err := r.ahead.frames.in.Discard(len(byteOrderMark))
		r.ahead.frames.end += int64(n)
		return err
	}
	for _, other := range []struct{ signature, is string }{
		{"\xff\xfe", "is UTF-16: save it as UTF-8"},
		{"\xfe\xff", "is UTF-16: save it as UTF-8"},
		{"PK\x03\x04", "is a zip archive or an Excel workbook: save it as CSV (UTF-8)"},
		{"\x1f\x8b", "is compressed with gzip: decompress it first"},
	} {
		if bytes.HasPrefix(start, []byte(other.signature)) {
			return fmt.Errorf("CSV file %q %s", r.source.path, other.is)
		}
	}
	return nil
}

func (r *reader) checkHeader(raw []byte, names []string) error {
	switch {
	case bytes.IndexByte(raw, 0) >= 0:
		return errors.New("it contains NUL bytes, so the file is UTF-16 or no text: save it as CSV in UTF-8")
	case !utf8.Valid(raw):
		i := invalidAt(raw)
		return fmt.Errorf("byte %#02x at offset %d of the file isn't UTF-8: save the file as UTF-8", raw[i], r.current.offset+int64(i))
	case bareReturn(raw):
		return errors.New("lines end in a carriage return alone: save the file with LF or CRLF line breaks")
	}
	for i, name := range names {
		if strings.TrimSpace(name) == "" {
			return fmt.Errorf("column number %d has no name: give it one, or remove it from every row", i+1)
		}
		if problem := fault(name); problem != "" {
			return fmt.Errorf("column number %d: %s", i+1, problem)
		}
	}
	return nil
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
