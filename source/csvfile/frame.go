package csvfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

const (
	// maxRecordBytes bounds what one record may take, because a lost quote makes the rest of the file one cell.
	maxRecordBytes = 1 << 20
	// bufferBytes is more than a usual record, so that most records are never copied together.
	bufferBytes = 64 << 10
)

// errTooLong ends a read whose current record is longer than maxRecordBytes.
var errTooLong = errors.New("longer than 1 MiB")

// framer cuts a file into records before the CSV reader sees them, and hands that one record at a time. So there is
// a cap on what the CSV reader buffers, the record's own bytes are there to be judged, and its place in the file is
// known without asking.
//
// A record ends at the first line feed that an even number of quotes stands before. For strictly quoted CSV that is
// exactly its end; what isn't strictly quoted the CSV reader refuses, which ends the read.
type framer struct {
	in     *bufio.Reader
	raw    []byte // the current record with its line break, until the next call of next
	joined []byte // room for a record that doesn't lie in one piece
	rest   []byte // what the CSV reader hasn't taken of raw yet
	line   int    // the line that raw begins at, from 1
	breaks int    // line breaks up to raw's end
	offset int64  // of raw's first byte in the file
	end    int64  // of raw's end
	cut    bool   // raw doesn't end in a line break
}

func newFramer(in io.Reader) *framer {
	return &framer{in: bufio.NewReaderSize(in, bufferBytes)}
}

// next goes on to the next record, blank lines included. It returns io.EOF only where nothing is left.
func (f *framer) next() error {
	f.raw, f.rest, f.joined = nil, nil, f.joined[:0]
	f.line, f.offset = f.breaks+1, f.end
	quotes := 0
	for {
		piece, err := f.in.ReadSlice('\n')
		atEnd := errors.Is(err, io.EOF)
		if err != nil && !atEnd && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		quotes += bytes.Count(piece, []byte{'"'})
		f.end += int64(len(piece))
		ends := atEnd || err == nil && quotes%2 == 0
		if err == nil {
			f.breaks++
		}
		if f.end-f.offset > maxRecordBytes {
			return errTooLong
		}
		if ends && len(f.joined) == 0 {
			f.raw = piece
		} else {
			f.joined = append(f.joined, piece...)
			f.raw = f.joined
		}
		if ends {
			break
		}
	}
	if len(f.raw) == 0 {
		return io.EOF
	}
	f.cut = f.raw[len(f.raw)-1] != '\n'
	f.rest = f.raw
	return nil
}

// blank reports whether the CSV reader would skip the current record.
func (f *framer) blank() bool {
	switch string(f.raw) {
	case "\n", "\r\n", "\r":
		return true
	}
	return false
}

// Read gives the CSV reader the current record and nothing beyond it.
func (f *framer) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}
