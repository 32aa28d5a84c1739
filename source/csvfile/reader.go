package csvfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"cubesync/sync/record"
	"cubesync/sync/user"
)

// errClosed is what Next returns after a Close before the end.
var errClosed = errors.New("the CSV file was closed before its end")

// errTrailer is what take returns for a row that is the trailer.
var errTrailer = errors.New("the row is the trailer")

// reader is one read of the source's files, one after the other.
type reader struct {
	source   *Source
	files    []string // that come after it
	*part             // that is read
	first    *part
	parts    []record.Evidence // of the files that were read to their end
	begun    []begunFile       // the same
	columns  *record.Columns
	keyIndex int
	keyParts []int     // the columns that a spreadsheet must not have damaged
	narrow   *narrower // nil: a text is of all columns
	suspect  bool      // what suspect says of the current record
	bare     bool      // and, of a suspect one, bareReturn
	flawed   string    // why one of the files isn't whole, "" if all may be
	ended    error     // what every further Next returns; nil while reading
	verdict  record.Verdict
}

// begunFile is a file as it was when its read began.
type begunFile struct {
	path string
	info fs.FileInfo
	rows bool // there are any
}

func newReader(s *Source, files []string) *reader {
	r := &reader{source: s, files: files}
	r.verdict = record.Verdict{Reason: s.base() + " wasn't read to its end", Evidence: record.Evidence{Name: s.evidenceName()}}
	if s.Lenient {
		r.verdict.AbsenceUnknown = "with quotes: lenient a stray quote may hide records"
	}
	return r
}

// begin opens the first file.
func (r *reader) begin(ctx context.Context) error {
	p, err := r.source.openPart(ctx, r.files[0])
	if err != nil {
		return err
	}
	r.part, r.first, r.files = p, p, r.files[1:]
	if r.source.Files == 0 {
		r.verdict.Evidence = p.input.evidence(false)
	}
	if r.columns, err = record.NewColumns(p.header); err != nil {
		return fmt.Errorf("%s: header: %w", r.position(), err)
	}
	r.keyIndex = slices.Index(p.header, r.source.KeyColumn)
	if !r.source.DamagedKeys {
		for i, name := range p.header {
			if i == r.keyIndex || slices.Contains(r.source.KeyParts, name) {
				r.keyParts = append(r.keyParts, i)
			}
		}
	}
	if len(p.header) == 0 {
		r.finish()
		r.end(io.EOF)
	}
	return nil
}

// Columns are the header's names, exactly as they are spelled; none for a file without header.
func (r *reader) Columns() *record.Columns { return r.columns }

// Verdict says how completely the file was read; plausible at best, unless there is a Proof.
func (r *reader) Verdict() record.Verdict { return r.verdict }

// Close ends the read.
func (r *reader) Close() error {
	if r.ended == nil {
		r.end(errClosed)
	}
	if r.part == nil {
		return nil
	}
	return r.close()
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
	for {
		if err := r.next(ctx); err != nil {
			r.end(err)
			return record.Record{}, false, err
		}
		if text := r.text(); text != nil && known(text) {
			r.verdict.Records++
			return record.Record{}, true, nil
		}
		if rec, err = r.take(); !errors.Is(err, errTrailer) {
			return rec, false, err
		}
	}
}

// next goes on to the next record, in the next file if need be.
func (r *reader) next(ctx context.Context) error {
	for {
		err := r.frame(ctx)
		switch {
		case err == nil && r.trailer.found:
			return fmt.Errorf("%s: there is a row after the trailer, so several files were joined or one was written into another: "+
				"write one file with one trailer", r.position())
		case !errors.Is(err, io.EOF):
			return err
		}
		if r.finish(); len(r.files) == 0 {
			return err
		}
		if err := r.goOn(ctx); err != nil {
			return err
		}
	}
}

// finish takes in that a file was read to its end.
func (r *reader) finish() {
	if flaw := r.flaw(r.rowsRead() - r.before); flaw != "" && r.flawed == "" {
		r.flawed = r.base + " " + flaw
	}
	read := r.input.evidence(true)
	if twin := r.copyOf(read.SHA256); twin != "" && r.flawed == "" {
		r.flawed = r.base + " " + twin
	}
	r.parts = append(r.parts, read)
	r.begun = append(r.begun, begunFile{r.input.path, r.input.begun, r.rowsRead() > r.before})
}

// copyOf says which file before it has the same content, "" if none has: it stands in the place of another one, whose
// people are missing.
func (r *reader) copyOf(sum string) string {
	for i, one := range r.parts {
		if one.SHA256 == sum && r.begun[i].rows {
			return fmt.Sprintf("has the same content as %s, so that one of them is missing: check what writes them", filepath.Base(one.Name))
		}
	}
	return ""
}

// goOn opens the next file.
func (r *reader) goOn(ctx context.Context) error {
	if err := r.close(); err != nil {
		return err
	}
	p, err := r.source.openPart(ctx, r.files[0])
	if err != nil {
		return err
	}
	p.before = r.rowsRead()
	r.part, r.files = p, r.files[1:]
	if r.narrow != nil {
		theirs := *r.narrow
		p.ahead.narrow.Store(&theirs)
	}
	return p.fits(r.first)
}

func (r *reader) rowsRead() int { return r.verdict.Records + r.verdict.Rejects }

// take returns the framed record, or what is wrong with it.
func (r *reader) take() (record.Record, error) {
	row, err := r.row()
	if err != nil {
		r.end(err)
		return record.Record{}, err
	}
	if proof := &r.source.Proof; proof.Trailer != "" && row[0] == proof.Trailer {
		r.trailer = proof.trailerOf(row)
		return record.Record{}, errTrailer
	}
	if r.isHeader(row) {
		err := r.headerAgain()
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

func (r *reader) headerAgain() error {
	if len(r.source.Columns) > 0 {
		return fmt.Errorf("%s: the row is what columns says, so that the file has a header: leave columns out", r.position())
	}
	return fmt.Errorf("%s: the header stands here once more, so several files were joined or one was written into another: "+
		"write one file with one header", r.position())
}

// row returns the cells of the framed line.
func (r *reader) row() ([]string, error) {
	// The CSV reader changes line breaks where they stand, so the bytes are judged before.
	raw := r.current.raw
	r.suspect = suspect(raw)
	r.bare = r.suspect && bareReturn(raw)
	if r.suspect {
		r.invalid = r.current.offset + int64(invalidAt(raw))
	}
	return r.parse()
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
			if f := faultOf(cell); f.found {
				return r.reject(r.key(row), r.header[i], r.problem(cell, f))
			}
		}
	}
	for _, i := range r.keyParts {
		if damage := spreadsheetDamage(row[i]); damage != "" {
			return r.reject(r.key(row), r.header[i], fmt.Sprintf("%q %s, as spreadsheets do to numbers: "+
				"let what makes the file write this column as text, or say damaged_keys: accept if these are the keys", row[i], damage))
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
	if r.isNull(cell) || faultOf(cell).found || !r.source.DamagedKeys && spreadsheetDamage(cell) != "" {
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
