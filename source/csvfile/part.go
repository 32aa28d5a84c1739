package csvfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gocarina/gocsv"

	"cubesync/sync/record"
)

// part is one file of a read.
//
// Rows come through gocsv's row decoder and not through its Unmarshaller: that makes structs, but these columns are
// known only at run time; it can't tell a missing cell from an empty one; and it is slower by half.
type part struct {
	source    *Source
	base      string // its name in positions
	input     *input
	packed    string // how, "" if it isn't
	closeText func() // of what is unpacked
	encoding  string
	ahead     *ahead
	framing   bool // ahead was begun
	closed    bool
	current   *framed
	lines     *rowReader
	rows      gocsv.SimpleDecoder // of lines
	delimiter rune
	header    []string
	exported  bool            // cubesync wrote the file
	places    strings.Builder // the last positions, with room for the next
	place     []byte          // how every position begins
	trailer   trailer
	before    int   // rows of the files before it
	invalid   int64 // where in the file the current record isn't text; of a suspect one
}

// openPart opens a file and reads up to the end of its header, which is empty where the file has none.
func (s *Source) openPart(ctx context.Context, path string) (*part, error) {
	p := &part{source: s, base: filepath.Base(path), current: &framed{}, delimiter: s.Delimiter}
	var err error
	if s.standard != nil {
		p.base = standardName
		p.input, err = openStandard(s.standard, s.MaxBytes)
	} else {
		p.input, err = openInput(path)
	}
	if err != nil {
		return nil, err
	}
	p.place = append(make([]byte, 0, 64), p.base+":"...)
	if err = p.openText(); err == nil {
		err = p.readHeader(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// openText unpacks and decodes, and goes to the first line that may be the header.
func (p *part) openText() error {
	s := p.source
	unpacked, packed, closeIt, err := unpack(p.input, p.base, s.MaxBytes)
	p.packed, p.closeText = packed, closeIt
	if err != nil {
		return err
	}
	text, name, mark, err := decode(unpacked, s.Encoding)
	if err != nil {
		return fmt.Errorf("CSV file %q %w", p.input.path, err)
	}
	p.encoding = name
	head, text := peek(text, headBytes)
	if returnsAlone(head) {
		head, text = bytes.ReplaceAll(head, []byte{'\r'}, []byte{'\n'}), lineFeeds{text}
	}
	frames := newFramer(text)
	frames.lenient, frames.comment, frames.trailer = s.Lenient, []byte(s.Comment), []byte(s.Proof.Trailer)
	frames.end = int64(mark)
	p.ahead = newAhead(frames)
	skip := s.SkipRows
	if delimiter, found := separatorLine(head); found {
		if s.Delimiter != 0 && s.Delimiter != delimiter {
			return fmt.Errorf("%s:1: the line sep=%c contradicts the delimiter %q: leave delimiter out, or take the line out", p.base, delimiter, s.Delimiter)
		}
		p.delimiter = delimiter
		skip++
	}
	for range skip {
		if err := frames.skipLine(); errors.Is(err, io.EOF) {
			return nil // there is no header, as reading it will show
		} else if err != nil {
			return fmt.Errorf("%s:%d: the line that begins here is %w", p.base, frames.line, err)
		}
	}
	return nil
}

// readHeader reads it, or takes the columns that were given.
func (p *part) readHeader(ctx context.Context) error {
	p.ahead.begin()
	p.framing = true
	if columns := p.source.Columns; len(columns) > 0 {
		p.header = columns
		p.open()
		return nil
	}
	err := p.frame(ctx)
	if errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return err
	}
	raw := p.current.raw // until it is parsed
	if err := p.checkText(raw); err != nil {
		return fmt.Errorf("%s: header: %w", p.position(), err)
	}
	if p.delimiter == 0 {
		if p.delimiter, err = delimiterOf(raw); err != nil {
			return fmt.Errorf("%s: header: %w", p.position(), err)
		}
	}
	p.open()
	names, err := p.parse()
	if err != nil {
		return err
	}
	if slices.Contains(names, exportColumn) {
		p.exported = true
		unquote(names)
	}
	if err := p.checkNames(names); err != nil {
		return fmt.Errorf("%s: header: %w", p.position(), err)
	}
	p.header = slices.Clone(names)
	return nil
}

// open makes what takes rows apart, once the delimiter is known.
func (p *part) open() {
	p.lines = newRowReader(p.delimiter, p.source.Lenient)
	p.rows = gocsv.NewSimpleDecoderFromCSVReader(p.lines)
}

// close may be called twice.
func (p *part) close() error {
	if p.closed {
		return nil
	}
	p.closed = true
	if p.framing {
		p.ahead.close()
	}
	if p.closeText != nil {
		p.closeText()
	}
	return p.input.close()
}

// fits reports where the file isn't a continuation of the first.
func (p *part) fits(first *part) error {
	switch {
	case !slices.Equal(p.header, first.header):
		return fmt.Errorf("%s has the columns %s and %s has %s: files that are read together have the same, in the same order",
			p.base, strings.Join(p.header, ", "), first.base, strings.Join(first.header, ", "))
	case p.delimiter != first.delimiter:
		return fmt.Errorf("%s is separated by %q and %s by %q: write them alike", p.base, p.delimiter, first.base, first.delimiter)
	}
	return nil
}

// flaw says why the file, read to its end, isn't whole, "" if it may be. Rows are its own.
func (p *part) flaw(rows int) string {
	proof := &p.source.Proof
	switch {
	case len(p.header) == 0:
		return "has no header: an empty file says nothing about anybody; check what writes it"
	case len(p.source.Columns) > 0 && rows == 0 && !p.trailer.found:
		return "has no rows: an empty file says nothing about anybody; check what writes it"
	case p.current.cut && proof.Checksum == "": // which shows that the end is as it was written
		return "doesn't end in a line break and may be cut off: check what writes it; if it is whole, let what writes it end the last row with a line break"
	case proof.Trailer != "":
		return p.trailer.problem(proof.Trailer, rows)
	}
	return ""
}

// frame goes on to the next record.
func (p *part) frame(ctx context.Context) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.current, err = p.ahead.next()
	if !errors.Is(err, errTooLong) {
		return err
	}
	if strict := !p.source.Lenient && !p.current.remark && p.delimiter != 0; strict {
		if misquoted := p.quoteError(); misquoted != nil {
			return misquoted
		}
	}
	return fmt.Errorf("%s: the record that begins here is %w: a line break is missing, or a quote lacks its partner: check what writes the file",
		p.position(), err)
}

// parse takes the framed record apart.
func (p *part) parse() ([]string, error) {
	p.lines.frame = &p.current.frame
	row, err := p.rows.GetCSVRow()
	if err != nil {
		if misquoted := p.quoteError(); misquoted != nil {
			return nil, misquoted
		}
		// The framer hands over whole records, so even an io.EOF here isn't the end of the file.
		return nil, fmt.Errorf("%s: the record can't be parsed: %s: check what writes the file", p.position(), err.Error())
	}
	if p.exported {
		unquote(row)
	}
	return row, nil
}

// position says where the current record stands. Nearly nobody asks for the position of a record, so some of them share
// one piece of memory.
func (p *part) position() record.Position {
	const piece = 256
	at := strconv.AppendInt(p.place, int64(p.current.line), 10)
	if p.places.Cap()-p.places.Len() < len(at) {
		p.places.Reset()
		p.places.Grow(max(piece, len(at)))
	}
	begin := p.places.Len()
	p.places.Write(at)
	return record.Position(p.places.String()[begin:])
}

// problem says what is wrong with a cell.
func (p *part) problem(cell string, f fault) string {
	if f.control {
		r, _ := utf8.DecodeRuneInString(cell[f.at:])
		return fmt.Sprintf("control character %U at byte %d of the cell: remove it", r, f.at+1)
	}
	return p.undecodable(fmt.Sprintf("%s at byte %d of the cell", p.found(cell[f.at]), f.at+1), p.invalid)
}
