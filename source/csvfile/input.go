package csvfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"cubesync/sync/record"
)

// input is the open file, and what identifies the data in it.
type input struct {
	path  string
	file  *os.File
	begun fs.FileInfo // as it was when the read began
	hash  hash.Hash
	read  int64
	broke bool // the file system failed while reading
}

func openInput(path string) (*input, error) {
	// The kind is checked before opening, because opening a named pipe waits for its writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, openError(path, err)
	}
	switch {
	case info.IsDir():
		return nil, fmt.Errorf("open CSV file %q: it is a folder: name the file in it", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("open CSV file %q: it isn't a regular file, so its end proves nothing: write the data to a file first", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, openError(path, err)
	}
	if info, err = file.Stat(); err != nil {
		return nil, errors.Join(openError(path, err), file.Close())
	}
	return &input{path: path, file: file, begun: info, hash: sha256.New()}, nil
}

func openError(path string, err error) error {
	var inner *fs.PathError
	if errors.As(err, &inner) {
		err = inner.Err // the path is said once, as it was given
	}
	advice := "check the path and the file system it is on"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		advice = "check the path, and that whatever writes the file has run"
	case errors.Is(err, fs.ErrPermission):
		advice = "give the user that cubesync runs as the right to read it"
	}
	return fmt.Errorf("open CSV file %q: %w: %s", path, err, advice)
}

// Read hashes what it reads.
func (in *input) Read(p []byte) (int, error) {
	n, err := in.file.Read(p)
	in.hash.Write(p[:n])
	in.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		in.broke = true
		err = fmt.Errorf("read CSV file %q: %w", in.path, err)
	}
	return n, err
}

// changed says how the file differs from what it was when the read began, "" if it doesn't.
func (in *input) changed() string {
	now, err := in.file.Stat()
	if err != nil {
		return "it could no longer be examined"
	}
	if now.Size() != in.begun.Size() || !now.ModTime().Equal(in.begun.ModTime()) {
		return "it was written to"
	}
	there, err := os.Stat(in.path)
	if err != nil || !os.SameFile(there, in.begun) {
		return "it was replaced or removed"
	}
	return ""
}

// evidence identifies the file; its content only when whole says that all of it was read.
func (in *input) evidence(whole bool) record.Evidence {
	e := record.Evidence{Name: in.path, ModTime: in.begun.ModTime(), Size: in.begun.Size()}
	if whole {
		e.Size = in.read
		e.SHA256 = hex.EncodeToString(in.hash.Sum(nil))
	}
	return e
}

func (in *input) close() error { return in.file.Close() }
