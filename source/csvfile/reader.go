package csvfile

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/gocarina/gocsv"

	"cubesync/sync/record"
	"cubesync/sync/user"
)

// errClosed is what Next returns after a Close before the end.
var errClosed = errors.New("the CSV file was closed before its end")

// reader is one read of the file.
//
// Rows come through gocsv's row decoder and not through its Unmarshaller: that makes structs, but these columns are
// known only at run time; it can't tell a missing cell from an empty one; and it is slower by half.
type reader struct {
	source   *Source
	input    *input
	ahead    *ahead
	current  *framed
	lines    *rowReader
	rows     gocsv.SimpleDecoder // of lines
	columns  *record.Columns
	header   []string
	exported bool // cubesync wrote the file
	keyIndex int
	narrow   *narrower       // nil: a text is of all columns
	suspect  bool            // what suspect says of the current record
	bare     bool            // and, of a suspect one, bareReturn
	place    []byte          // how every position begins
	places   strings.Builder // the last positions, with room for the next
	ended    error           // what every further Next returns; nil while reading
	verdict  record.Verdict
}

func newReader(s *Source, in *input) *reader {
	lines := newRowReader(s.delimiter)
	return &reader{
		source: s, input: in, ahead: newAhead(in), current: &framed{}, lines: lines,
		place:   append(make([]byte, 0, 64), s.base()+":"...),
		rows:    gocsv.NewSimpleDecoderFromCSVReader(lines),
		verdict: record.Verdict{Reason: s.base() + " wasn't read to its end", Evidence: in.evidence(false)},
	}
}

// Columns are the header's names, exactly as they are spelled; none for a file without header.
func (r *reader) Columns() *record.Columns { return r.columns }

// Verdict says how completely the file was read; plausible at best.
func (r *reader) Verdict() record.Verdict { return r.verdict }

// Close ends the read.
func (r *reader) Close() error {
	if r.input == nil {
		return nil
	}
	if r.ended == nil {
		r.end(errClosed)
	}
	r.ahead.close()
	err := r.input.close()
	r.input = nil
	return err
}

// Next returns the next record, or what is wrong with it.
func (r *reader) Next(ctx context.Context) (record.Record, error) {
	rec, _, err := r.Skim(ctx, func([]byte) bool { return false })
	return rec, err
}

// Skim asks about records on one line only.
func (r *reader) Skim(ctx context.Context, known func(text []byte) bool) (rec record.Record, passed bool, err error) {
	if r.ended != nil {
		return record.Record{}, false, r.ended
	}
	if err := r.frame(ctx); err != nil {
		r.end(err)
		return record.Record{}, false, err
	}
	if text := r.text(); text != nil && known(text) {
		r.verdict.Records++
		return record.Record{}, true, nil
	}
	rec, err = r.take()
	return rec, false, err
}

// take returns the framed record, or what is wrong with it.
func (r *reader) take() (record.Record, error) {
	row, err := r.row()
	if err != nil {
		r.end(err)
		return record.Record{}, err
	}
	if r.isHeader(row) {
		err := fmt.Errorf("%s: the header stands here once more, so several files were joined or one was written into another: "+
			"write one file with one header", r.position())
		r.end(err)
		return record.Record{}, err
	}
	if reject := r.judge(row); reject != nil {
		r.verdict.Rejects++
		return record.Record{}, reject
	}
	r.verdict.Records++
	rec := r.record(row)
	rec.Uncertain = r.current.severalLines()
	return rec, nil
}

func (r *reader) record(row []string) record.Record {
	if r.source.hasNull && slices.Contains(row, r.source.null) {
		values := make([]record.Value, len(row))
		for i, cell := range row {
			values[i] = record.Text(cell)
			if r.isNull(cell) {
				values[i] = record.Null()
			}
		}
		return record.New(r.position(), r.columns, values)
	}
	return record.OfTexts(r.position(), r.columns, row)
}

// isHeader reports whether the row is the header again, with or without the mark that a joined file begins with.
func (r *reader) isHeader(row []string) bool {
	withoutMark := func(name string) string { return strings.TrimPrefix(name, byteOrderMark) }
	return len(row) == len(r.header) && withoutMark(row[0]) == withoutMark(r.header[0]) && slices.Equal(row[1:], r.header[1:])
}

// row returns the cells of the framed line.
func (r *reader) row() ([]string, error) {
	// The CSV reader changes line breaks where they stand, so the bytes are judged before.
	r.suspect = suspect(r.current.raw)
	r.bare = r.suspect && bareReturn(r.current.raw)
	return r.parse()
}

// frame goes on to the next record.
func (r *reader) frame(ctx context.Context) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.current, err = r.ahead.next()
	if errors.Is(err, errTooLong) {
		return fmt.Errorf("%s: the record that begins here is %w: a quote in it may lack its partner", r.position(), err)
	}
	return err
}

// parse takes the framed record apart.
func (r *reader) parse() ([]string, error) {
	r.lines.frame = &r.current.frame
	row, err := r.rows.GetCSVRow()
	if err != nil {
		return nil, r.quoteError(err)
	}
	if r.exported {
		unquote(row)
	}
	return row, nil
}

// quoteError says where quoting breaks. It ends the read, because nobody knows where the next record begins.
func (r *reader) quoteError(err error) error {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		// The framer hands over whole records, so even an io.EOF here isn't the end of the file.
		return fmt.Errorf("%s: the record can't be parsed: %s", r.position(), err.Error())
	}
	line := r.current.line + parse.Line - parse.StartLine
	return fmt.Errorf("%s: quoting breaks at line %d, byte %d: %w: put cells that contain a quote in quotes and double the quote",
		r.position(), line, parse.Column, parse.Err)
}

// cells writes how many there are.
func cells(n int) string {
	if n == 1 {
		return "1 cell"
	}
	return fmt.Sprintf("%d cells", n)
}

// judge returns what makes the row unusable, or nil.
func (r *reader) judge(row []string) *record.RejectError {
	switch {
	case r.bare:
		return r.uncertain("", "a carriage return without line feed stands outside quotes: save the file with LF or CRLF line breaks")
	case len(row) != len(r.header):
		return r.uncertain(r.raggedKey(row), fmt.Sprintf(
			"the row has %s and the header %d: put cells that contain the delimiter in quotes, and write empty cells out",
			cells(len(row)), len(r.header)))
	case r.suspect:
		for i, cell := range row {
			if problem := fault(cell); problem != "" {
				return r.reject(r.key(row), r.header[i], problem)
			}
		}
	}
	return nil
}

func (r *reader) reject(key, field, problem string) *record.RejectError {
	return &record.RejectError{
		Position: r.position(), ExternalID: key, Uncertain: r.current.severalLines(), Field: field, Problem: problem,
	}
}

// uncertain rejects a row that isn't one record: a line break was lost, or a delimiter, or a cell.
func (r *reader) uncertain(key, problem string) *record.RejectError {
	reject := r.reject(key, "", problem)
	reject.Uncertain = true
	return reject
}

// key returns the row's key as the mapping normalises it, "" where it can't be read.
func (r *reader) key(row []string) string {
	if r.keyIndex < 0 || r.keyIndex >= len(row) {
		return ""
	}
	cell := row[r.keyIndex]
	if r.isNull(cell) || fault(cell) != "" {
		return ""
	}
	return user.Clean(cell)
}

// raggedKey is the key of a row with too many or too few cells. It is shown only from the first column: behind a stray
// or a missing delimiter every cell has moved, and what stands in the key's place is most likely no key at all.
func (r *reader) raggedKey(row []string) string {
	if r.keyIndex != 0 {
		return ""
	}
	return r.key(row)
}

func (r *reader) isNull(cell string) bool { return r.source.hasNull && cell == r.source.null }

// position says where the current record stands. Nearly nobody asks for the position of a record, so some of them share
// one piece of memory.
func (r *reader) position() record.Position {
	const piece = 256
	at := strconv.AppendInt(r.place, int64(r.current.line), 10)
	if r.places.Cap()-r.places.Len() < len(at) {
		r.places.Reset()
		r.places.Grow(max(piece, len(at)))
	}
	begin := r.places.Len()
	r.places.Write(at)
	return record.Position(r.places.String()[begin:])
}

// end settles the verdict. Only io.EOF, a line break before it and an unchanged file make it plausible.
func (r *reader) end(err error) {
	r.ended = err
	v, base := &r.verdict, r.source.base()
	atEnd := errors.Is(err, io.EOF)
	v.Evidence = r.input.evidence(atEnd)
	changed := r.input.changed()
	switch {
	case errors.Is(err, errClosed):
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		v.Reason = base + " wasn't read to its end: " + err.Error()
	case changed != "":
		v.Retryable = true
		v.Reason = base + " changed while it was read (" + changed + "): read it again when its writer is done"
	case !atEnd:
		_, v.Retryable = errors.AsType[*brokenError](err)
		v.Reason = err.Error()
	case len(r.header) == 0:
		v.Reason = base + " has no header: an empty file says nothing about anybody; check what writes it"
	case r.current.cut:
		v.Reason = base + " doesn't end in a line break and may be cut off: check what writes it; if it is whole, let what writes it end the last row with a line break"
	default:
		v.Completeness = record.Plausible
		v.Reason = base + " parses, ends in a line break and didn't change while it was read"
	}
}
