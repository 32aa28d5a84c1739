// Package csvfile reads records from a CSV file: UTF-8, one header line, strict quoting. It streams; a file of any
// size takes the same memory.
//
// It doesn't know what the columns mean, and it doesn't decide whether a read is good enough to write by: it gives
// the verdict. A CSV file carries nothing that proves it is whole, so the best verdict is plausible.
package csvfile

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"unicode/utf8"

	"cubesync/sync/record"
)

// Options say what to read and how.
type Options struct {
	Path      string  // as the user gave it; positions carry its last element: users.csv:12
	Delimiter rune    // between cells; 0 is a comma
	NullValue *string // a cell equal to it, before any trimming, is null; nil: no cell is

	// KeyColumn is the column that holds the external ID, "" where none does by itself. It is only used to say whose
	// record was rejected.
	KeyColumn string
}

// Source is a CSV file that can be read any number of times.
type Source struct {
	path      string
	delimiter rune
	null      string
	hasNull   bool
	key       string
}

var _ record.Source = (*Source)(nil)

// New checks the options; it doesn't touch the file.
func New(options Options) (*Source, error) {
	if options.Path == "" {
		return nil, errors.New("CSV source: no path: name the file to read")
	}
	s := &Source{path: options.Path, delimiter: options.Delimiter, key: options.KeyColumn}
	if s.delimiter == 0 {
		s.delimiter = ','
	}
	switch s.delimiter {
	case '"', '\r', '\n', utf8.RuneError:
		return nil, fmt.Errorf("CSV source: delimiter %q can't separate cells: take a comma, a semicolon or a tab", s.delimiter)
	}
	if !utf8.ValidRune(s.delimiter) {
		return nil, fmt.Errorf("CSV source: delimiter %d isn't a character: take a comma, a semicolon or a tab", s.delimiter)
	}
	if options.NullValue != nil {
		s.null, s.hasNull = *options.NullValue, true
	}
	return s, nil
}

// Open begins a read: it opens the file and reads its header. A file without one is no error but an incomplete read
// without columns and records, because that is how a file looks that is just being written.
func (s *Source) Open(ctx context.Context) (record.Reader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in, err := openInput(s.path)
	if err != nil {
		return nil, err
	}
	r := newReader(s, in)
	if err := r.readHeader(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// base is the file's name in positions and messages.
func (s *Source) base() string { return filepath.Base(s.path) }
