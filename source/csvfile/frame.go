package csvfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxRecordBytes bounds what one record may take, because a lost quote makes the rest of the file one cell.
const maxRecordBytes = 1 << 20

// errTooLong ends a read whose current record is longer than maxRecordBytes.
var errTooLong = errors.New("longer than 1 MiB")

// frame is a record as it stands in the file.
type frame struct {
	raw    []byte // with its line break
	line   int    // that raw begins at, from 1
	breaks int    // line breaks up to raw's end
	quotes int    // in raw
	offset int64  // of raw's first byte in the file
	cut    bool   // raw doesn't end in a line break
	remark bool   // it is a comment
}

// framer finds the end of each record before the CSV reader gets it. So there is a cap on what is buffered, the record's
// own bytes are there to be judged, and its place in the file is known without asking.
//
// A record ends at the first line feed that an even number of quotes stands before. For strictly quoted CSV that is
// exactly its end; what isn't strictly quoted the CSV reader refuses, which ends the read. Where quotes may stand anywhere
// a record is a line, so that a stray one spoils no other.
type framer struct {
	frame   // the current record; raw is good until it is skipped
	in      *bufio.Reader
	end     int64  // of raw
	lenient bool   // quotes may stand anywhere
	comment []byte // how a line begins that is none; empty: every line is one
	trailer []byte // and how one begins that is one all the same
}

func newFramer(in io.Reader) *framer {
	// Little of it is used as long as records are short.
	return &framer{in: bufio.NewReaderSize(in, maxRecordBytes+1)}
}

// next goes on to the next record, blank lines included. It returns io.EOF only where nothing is left. Whoever calls it
// again has skipped the record.
func (f *framer) next() error {
	f.remark = f.atComment()
	return f.until(f.lenient || f.remark)
}

// skipLine passes over the next line, whatever stands in it.
func (f *framer) skipLine() error {
	if err := f.until(true); err != nil {
		return err
	}
	return f.skip()
}

// atComment reports whether the next line is none of CSV.
func (f *framer) atComment() bool {
	if len(f.comment) == 0 {
		return false
	}
	begins, _ := f.in.Peek(max(len(f.comment), len(f.trailer))) // a short file is one, too
	return bytes.HasPrefix(begins, f.comment) && (len(f.trailer) == 0 || !bytes.HasPrefix(begins, f.trailer))
}

// until goes on to the end of the record, or of the line if that is all that counts.
func (f *framer) until(lineEnds bool) error {
	f.line, f.offset = f.breaks+1, f.end
	f.quotes = 0
	size := 0
	for {
		buffered, _ := f.in.Peek(f.in.Buffered())
		piece := buffered[size:]
		lineBreak := bytes.IndexByte(piece, '\n')
		if lineBreak >= 0 {
			piece = piece[:lineBreak+1]
			f.breaks++
		}
		size += len(piece)
		f.quotes += bytes.Count(piece, []byte{'"'})
		f.raw, f.end = buffered[:size], f.offset+int64(size)
		switch {
		case size > maxRecordBytes:
			return errTooLong
		case lineBreak >= 0 && (lineEnds || f.quotes%2 == 0):
			f.cut = false
			return nil
		case lineBreak >= 0:
			continue
		}
		// Reading more moves what is buffered.
		if buffered, err := f.in.Peek(size + 1); errors.Is(err, io.EOF) && size > 0 {
			f.raw = buffered
			f.cut = f.raw[size-1] != '\n'
			return nil
		} else if err != nil {
			return err
		}
	}
}

// blank reports whether the CSV reader would skip the record, or should.
func (f *frame) blank() bool {
	if f.remark {
		return true
	}
	switch string(f.raw) {
	case "\n", "\r\n", "\r":
		return true
	}
	return false
}

// skip takes the current record from the buffer.
func (f *framer) skip() error {
	_, err := f.in.Discard(len(f.raw))
	return err
}

// severalLines reports whether the record has line breaks in its cells. A pair of stray quotes puts them there too,
// with another record behind them.
func (f *frame) severalLines() bool {
	breaks := f.breaks - f.line + 1
	return breaks > 1 || breaks == 1 && f.cut
}

// withoutBreak is a record of one line without its line break.
func (f *frame) withoutBreak() []byte {
	return bytes.TrimSuffix(f.raw[:len(f.raw)-1], []byte{'\r'})
}
