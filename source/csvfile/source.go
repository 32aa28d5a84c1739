// Package csvfile reads records from CSV files: in any encoding that is declared or marked, packed or not, one header line
// each, strict quoting unless told otherwise. It streams; a file of any size takes the same memory.
//
// It doesn't know what the columns mean, and it doesn't decide whether a read is good enough to write by: it gives
// the verdict. A CSV file carries nothing that proves it is whole, so the verdict is plausible at best, unless something
// beside the rows does: see Proof.
package csvfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"cubesync/sync/record"
)

// StandardInput is the path that means standard input.
const StandardInput = "-"

// DefaultMaxBytes is how much an archive may hold, unless told otherwise: tens of millions of users.
const DefaultMaxBytes = 4 << 30

// Options say what to read and how. What is zero is as usual.
type Options struct {
	Path  string    // as the user gave it; positions carry its last element: users.csv:12
	Files int       // how many files the last element of Path, a pattern, matches; 0: Path is a file
	Input io.Reader // what StandardInput is

	Encoding string // a name of the WHATWG's list; "" is UTF-8, or UTF-16 with a byte order mark
	MaxBytes int64  // that an archive may hold; 0: DefaultMaxBytes

	Delimiter rune     // between cells; 0: the one that the header shows
	NullValue *string  // a cell equal to it, before any trimming, is null; nil: no cell is
	SkipRows  int      // lines before the header
	Comment   string   // lines that begin with it are passed over; "": none is
	Columns   []string // their names, where the file has no header
	Lenient   bool     // quotes may stand anywhere, and each line is a record: nobody's absence can be told

	// KeyColumn is the column that says whose record one is: it holds the external ID, or what several sources are joined by. ""
	// where none does by itself. It is only used to say whose record was rejected, and to refuse keys that a spreadsheet has damaged.
	KeyColumn   string
	KeyParts    []string // other columns that the external ID is made of
	DamagedKeys bool     // they are keys all the same

	Proof  Proof
	Settle time.Duration // the files must not have changed for so long before they are read
	MaxAge time.Duration // a file that was written longer ago is stale; 0: none is
}

// Source is a CSV file, or several with the same header, that can be read any number of times.
type Source struct {
	Options
	null     string
	hasNull  bool
	standard *standard // nil: it reads files
}

var _ record.Source = (*Source)(nil)

// New checks the options; it doesn't touch the file.
func New(options Options) (*Source, error) {
	s := &Source{Options: options}
	if s.MaxBytes == 0 {
		s.MaxBytes = DefaultMaxBytes
	}
	if options.NullValue != nil {
		s.null, s.hasNull = *options.NullValue, true
	}
	if options.Path == StandardInput && options.Input != nil {
		s.standard = &standard{from: options.Input}
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("CSV source: %w", err)
	}
	return s, nil
}

func (s *Source) check() error {
	switch {
	case s.Path == "":
		return errors.New("no path: name the file to read")
	case s.Delimiter == 0 && len(s.Columns) > 0:
		return errors.New("columns without a delimiter: say which it is, for there is no header to show it")
	case slices.Contains([]rune{'"', '\r', '\n', utf8.RuneError}, s.Delimiter):
		return fmt.Errorf("delimiter %q can't separate cells: take a comma, a semicolon or a tab", s.Delimiter)
	case !utf8.ValidRune(s.Delimiter):
		return fmt.Errorf("delimiter %d isn't a character: take a comma, a semicolon or a tab", s.Delimiter)
	case strings.ContainsAny(s.Comment, "\"\r\n"):
		return fmt.Errorf("comments can't begin with %q: take a character such as #", s.Comment)
	case strings.ContainsAny(s.Proof.Trailer, "\"\r\n") || s.Delimiter != 0 && strings.ContainsRune(s.Proof.Trailer, s.Delimiter):
		return fmt.Errorf("%q can't be the first cell of a trailer: it has no quotes, line breaks and delimiters in it", s.Proof.Trailer)
	}
	if _, err := filepath.Match(s.base(), ""); s.Files > 0 && err != nil {
		return fmt.Errorf("pattern %q: %w", s.base(), err)
	}
	if _, err := record.NewColumns(s.Columns); err != nil {
		return err
	}
	_, err := encodingNamed(s.Encoding)
	return err
}

// Open begins a read: it opens the file and reads its header. A file without one is no error but an incomplete read
// without columns and records, because that is how a file looks that is just being written.
func (s *Source) Open(ctx context.Context) (record.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	files, err := s.files()
	if err != nil {
		return nil, err
	}
	if err := s.settle(ctx, files); err != nil {
		return nil, err
	}
	r := newReader(s, files)
	if err := r.begin(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// base is the file's name in messages.
func (s *Source) base() string {
	if s.standard != nil {
		return standardName
	}
	return filepath.Base(s.Path)
}
