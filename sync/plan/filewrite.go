package plan

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"cubesync/sync/record"
)

// Write writes the file. It fills in the header's version, counts and sum; of the counts, only how many records were
// read is taken as it is. The sum stands before what it is of: where w can go back, it is filled in at the end, and
// otherwise the plan is encoded twice. It is never held as a whole.
func (f *File) Write(w io.Writer) error {
	h := &f.Header
	*h = h.inUTC()
	h.Version, h.Counts, h.SHA256 = FileVersion, f.Plan.Counts(h.Counts.Read), ""
	if file, ok := w.(io.WriteSeeker); ok {
		if start, err := file.Seek(0, io.SeekCurrent); err == nil {
			return f.writeAndSum(file, start)
		}
	}
	sum := sha256.New()
	if err := f.writeLines(sum); err != nil {
		return err
	}
	h.SHA256 = hex.EncodeToString(sum.Sum(nil))
	out := bufio.NewWriter(w)
	if err := f.writeLines(out); err != nil {
		return err
	}
	return out.Flush()
}

// inUTC is the header as it is spelled.
func (h Header) inUTC() Header {
	h.MadeAt, h.ExpiresAt, h.Watermark = utcTime(h.MadeAt), utcTime(h.ExpiresAt), utcTime(h.Watermark)
	h.Source.Evidence = h.Source.Evidence.With(func(e *record.Evidence) { e.ModTime = utcTime(e.ModTime) })
	return h
}

// writeAndSum writes the file with room for the sum, and then the sum.
func (f *File) writeAndSum(file io.WriteSeeker, start int64) error {
	sum := sha256.New()
	if err := writeLine(sum, f.Header); err != nil {
		return fmt.Errorf("the plan's header: %w", err)
	}
	f.Header.SHA256 = strings.Repeat("0", hex.EncodedLen(sha256.Size))
	header, err := encodeLine(f.Header)
	if err != nil {
		return fmt.Errorf("the plan's header: %w", err)
	}
	out := bufio.NewWriterSize(file, 64<<10)
	if _, err := out.Write(append(header, '\n')); err != nil {
		return err
	}
	if err := f.writeBody(io.MultiWriter(sum, out)); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	f.Header.SHA256 = hex.EncodeToString(sum.Sum(nil))
	if header, err = encodeLine(f.Header); err != nil {
		return fmt.Errorf("the plan's header: %w", err)
	}
	if _, err := file.Seek(start, io.SeekStart); err != nil {
		return err
	}
	if _, err := file.Write(header); err != nil {
		return err
	}
	_, err = file.Seek(0, io.SeekEnd)
	return err
}

func (f *File) writeLines(w io.Writer) error {
	if err := writeLine(w, f.Header); err != nil {
		return fmt.Errorf("the plan's header: %w", err)
	}
	return f.writeBody(w)
}

// writeBody writes the lines after the header.
func (f *File) writeBody(w io.Writer) error {
	var text []byte
	for line, err := range f.Plan.lines() {
		if err != nil {
			return err
		}
		if text, err = appendLine(text[:0], line); err != nil {
			return fmt.Errorf("a line of the plan: %w", err)
		}
		if _, err := w.Write(append(text, '\n')); err != nil {
			return err
		}
	}
	return nil
}

func writeLine(w io.Writer, value any) error {
	text, err := encodeLine(value)
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// encodeLine is the one spelling of a value.
func encodeLine(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
