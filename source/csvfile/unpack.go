package csvfile

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Files are recognised as packed by how they begin, and not by their names.
const (
	gzipMagic  = "\x1f\x8b"
	zstdMagic  = "\x28\xb5\x2f\xfd"
	pzstdMagic = "\x50\x2a\x4d\x18" // of a frame to be skipped, in which pzstd says how long the next is
	zipMagic   = "PK\x03\x04"
	zipEmpty   = "PK\x05\x06"
)

// zstdWindow is how far back a zstd archive may refer, which is what unpacking it takes of memory: as much as every program
// should take, says RFC 8878.
const zstdWindow = 8 << 20

// peek returns the beginning of what is read, up to n bytes, and a reader of all of it. What reading fails with comes from
// that reader.
func peek(in io.Reader, n int) (head []byte, all io.Reader) {
	head = make([]byte, n)
	got := 0
	for got < n {
		m, err := in.Read(head[got:])
		got += m
		if err != nil {
			break // and again when it is read
		}
	}
	head = head[:got]
	return head, io.MultiReader(bytes.NewReader(head), in)
}

// unpack returns what the input holds: itself, unless it is packed. Whoever is done with it calls close.
func unpack(in *input, name string, most int64) (text io.Reader, packed string, closeIt func(), err error) {
	head, all := peek(in, len(zstdMagic))
	u := &unpacked{raw: in, name: name, left: most, most: most, close: func() {}}
	switch begins := string(head); {
	case strings.HasPrefix(begins, gzipMagic):
		packed = "gzip"
		u.in, err = gzip.NewReader(all)
	case strings.HasPrefix(begins, zstdMagic), strings.HasPrefix(begins, pzstdMagic):
		packed = "zstd"
		var z *zstd.Decoder
		// In this goroutine, which is another one than parses already.
		z, err = zstd.NewReader(all, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		if err == nil {
			u.in, u.close = z, z.Close
		}
	case strings.HasPrefix(begins, zipMagic), strings.HasPrefix(begins, zipEmpty):
		packed = "zip"
		var entry io.ReadCloser
		if entry, err = in.zipEntry(); err == nil {
			u.in, u.close = entry, func() { _ = entry.Close() } // it was read, or nobody wants to
		}
	default:
		return all, "", u.close, nil
	}
	u.packed = packed
	if err != nil {
		return nil, packed, u.close, u.broken(err)
	}
	return u, packed, u.close, nil
}

// unpacked is what an archive holds.
type unpacked struct {
	in     io.Reader
	raw    io.Reader // the archive
	name   string    // its name in messages
	packed string
	left   int64 // that it may still hold
	most   int64
	err    error // what every further Read returns
	close  func()
}

func (u *unpacked) Read(p []byte) (n int, err error) {
	if u.err != nil {
		return 0, u.err
	}
	n, err = u.in.Read(p)
	switch u.left -= int64(n); {
	case u.left < 0:
		u.err = fmt.Errorf("%s: the %s archive holds more than %d bytes: if it should, raise max_bytes", u.name, u.packed, u.most)
		return 0, u.err
	case errors.Is(err, io.EOF):
		// What is behind the archive's end belongs to the file, and to its checksum.
		if _, u.err = io.Copy(io.Discard, u.raw); u.err == nil {
			u.err = io.EOF
		}
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, zstd.ErrMagicMismatch): // its own was well
		u.err = u.broken(&archiveError{"something stands behind it that isn't another", "write nothing behind it"})
	case err != nil:
		u.err = u.broken(err)
	}
	return n, u.err
}

// broken says what is wrong with the archive.
func (u *unpacked) broken(err error) error {
	if _, system := errors.AsType[*brokenError](err); system {
		return err
	}
	advice := "check what writes it, and what carries it here"
	problem := err.Error()
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		problem = "it breaks off"
	case errors.Is(err, zip.ErrFormat):
		problem = "it doesn't end in the list of what is in it, so that it was cut off, or something was written behind it"
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		advice = "pack it with --ultra and --long left out"
	}
	if advised, is := errors.AsType[*archiveError](err); is {
		problem, advice = advised.problem, advised.advice
	}
	return fmt.Errorf("%s: the %s archive can't be unpacked: %s: %s", u.name, u.packed, problem, advice)
}

// archiveError is what is wrong with an archive, and what to do.
type archiveError struct{ problem, advice string }

func (e *archiveError) Error() string { return e.problem + ": " + e.advice }

// zipEntry opens the only file in a zip archive.
func (in *input) zipEntry() (io.ReadCloser, error) {
	at, can := in.from.(io.ReaderAt)
	if !can {
		return nil, errors.New("it can't be read from any place")
	}
	archive, err := zip.NewReader(at, in.begun.Size())
	if err != nil {
		return nil, err
	}
	var files []*zip.File
	for _, file := range archive.File {
		switch {
		case file.Name == "[Content_Types].xml":
			return nil, &archiveError{"it is an Excel workbook", "save it as CSV (UTF-8)"}
		case !strings.HasSuffix(file.Name, "/"):
			files = append(files, file)
		}
	}
	const encrypted = 1
	switch {
	case len(files) != 1:
		return nil, &archiveError{fmt.Sprintf("it holds %d files", len(files)), "put one CSV file into it, and nothing else"}
	case files[0].Flags&encrypted != 0:
		return nil, &archiveError{"it is encrypted", "pack it without a password, and protect the folder instead"}
	}
	if fills, err := fillsFile(archive, at, in.begun.Size()); err != nil {
		return nil, err
	} else if !fills {
		return nil, &archiveError{"something stands before or behind it, such as another archive", "write one archive to the file, and nothing else"}
	}
	return files[0].Open()
}

// What stands in a zip archive beside its files, less what has a length of its own.
const (
	zipHeader = 30           // before a file
	zipListed = 46           // of a file, in the list
	zipEnd    = 22           // behind the list
	zipSpare  = 24 + 56 + 20 // a file's sums, and what one of 4 GiB has; two archives have more between their files and lists
)

// fillsFile reports whether nothing else is in the file: the archive is looked for from the end of that, and another one before it
// wouldn't show, nor would text behind it.
func fillsFile(archive *zip.Reader, at io.ReaderAt, size int64) (bool, error) {
	var first [zipHeader]byte
	var end [len(zipEmpty)]byte
	endsAt := size - zipEnd - int64(len(archive.Comment))
	_, err := at.ReadAt(first[:], 0)
	if _, endErr := at.ReadAt(end[:], endsAt); err != nil || endErr != nil {
		return false, errors.Join(err, endErr)
	}
	begins := int64(zipHeader) + int64(binary.LittleEndian.Uint16(first[26:])) + int64(binary.LittleEndian.Uint16(first[28:]))
	isFirst, last, list := false, int64(0), int64(0)
	for _, file := range archive.File {
		from, err := file.DataOffset()
		if err != nil {
			return false, err
		}
		isFirst = isFirst || from == begins
		last = max(last, from+int64(file.CompressedSize64))
		list += zipListed + int64(len(file.Name)+len(file.Extra)+len(file.Comment))
	}
	return isFirst && string(end[:]) == zipEmpty && endsAt-list-last <= zipSpare, nil
}
