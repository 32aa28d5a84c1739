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
	"path/filepath"
	"strings"
	"sync"

	"cubesync/sync/record"
)

// A few blocks are read ahead, so that reading and hashing keep another processor busy than parsing does.
const (
	blockBytes = 256 << 10
	blocks     = 3
)

// input is the open file, and what identifies the data in it.
type input struct {
	path   string
	file   *os.File    // nil: it isn't this read's to close
	from   io.Reader   // what is read ahead
	begun  fs.FileInfo // as it was when the read began
	closed bool

	ahead chan block  // in the order of the file; the last has an error
	free  chan []byte // room for blocks
	stop  chan struct{}
	done  sync.WaitGroup // the goroutine that reads ahead

	block block     // what Read gives next
	room  []byte    // where that stands
	hash  hash.Hash // of what was read ahead, to be asked after the last block was received
	read  int64     // bytes given out
}

// brokenError is a file system that failed while reading.
type brokenError struct {
	path string
	err  error
}

func (e *brokenError) Error() string { return fmt.Sprintf("read CSV file %q: %v", e.path, e.err) }
func (e *brokenError) Unwrap() error { return e.err }

type block struct {
	text []byte
	err  error // what comes after the text, nil if that is another block
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
	in := &input{path: path, file: file, from: file, begun: info}
	in.begin()
	return in, nil
}

// openStandard opens what was put aside of standard input.
func openStandard(s *standard, most int64) (*input, error) {
	from, info, err := s.open(most)
	if err != nil {
		return nil, err
	}
	in := &input{path: standardName, from: from, begun: info}
	in.begin()
	return in, nil
}

// begin starts the goroutine that reads ahead.
func (in *input) begin() {
	in.hash = sha256.New()
	in.ahead, in.free, in.stop = make(chan block, blocks), make(chan []byte, blocks), make(chan struct{})
	room := min(blockBytes, in.begun.Size()+1) // small files need no more, and one byte to find their end
	for range blocks {
		in.free <- make([]byte, room)
	}
	in.done.Go(in.readAhead)
}

// readAhead reads and hashes block after block until the file ends, fails or is closed.
func (in *input) readAhead() {
	for {
		select {
		case room := <-in.free:
			n, err := in.from.Read(room)
			in.hash.Write(room[:n])
			in.ahead <- block{room[:n], err}
			if err != nil {
				return
			}
		case <-in.stop:
			return
		}
	}
}

func openError(path string, err error) error {
	err = pathless(err) // the path is said once, as it was given
	advice := "check the path and the file system it is on"
	switch {
	case errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(filepath.Base(path), "*?["):
		advice = "if it is a pattern, say with files how many match it"
	case errors.Is(err, fs.ErrNotExist):
		advice = "check the path, and that whatever writes the file has run"
	case errors.Is(err, fs.ErrPermission):
		advice = "give the user that cubesync runs as the right to read it"
	}
	return fmt.Errorf("open CSV file %q: %w: %s", path, err, advice)
}

// Read gives what was read ahead. After the last of it, it gives the same error always.
func (in *input) Read(p []byte) (int, error) {
	for len(in.block.text) == 0 {
		if in.block.err != nil {
			return 0, in.block.err
		}
		if in.room != nil {
			in.free <- in.room
		}
		in.block = <-in.ahead
		in.room = in.block.text[:cap(in.block.text)]
		if err := in.block.err; err != nil && !errors.Is(err, io.EOF) {
			in.block.err = &brokenError{in.path, err}
		}
	}
	n := copy(p, in.block.text)
	in.block.text = in.block.text[n:]
	in.read += int64(n)
	return n, nil
}

// changed says how the file differs from what it was when the read began, "" if it doesn't.
func (in *input) changed() string {
	if in.file == nil || in.closed {
		return ""
	}
	now, err := in.file.Stat()
	if err != nil {
		return "it could no longer be examined"
	}
	if how := change(in.begun, now); how != "" {
		return how
	}
	there, err := os.Stat(in.path)
	if err != nil {
		return "it was replaced or removed"
	}
	return change(in.begun, there)
}

// evidence identifies the file; its content only when whole says that all of it was read.
func (in *input) evidence(whole bool) record.Evidence {
	e := record.Evidence{Name: in.path, Size: in.begun.Size()}
	if in.file != nil {
		e.ModTime = in.begun.ModTime()
	}
	if whole {
		e.Size = in.read
		e.SHA256 = hex.EncodeToString(in.hash.Sum(nil))
	}
	return e
}

// close is called once.
func (in *input) close() error {
	in.closed = true
	close(in.stop)
	in.done.Wait()
	if in.file == nil {
		return nil
	}
	return in.file.Close()
}

func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// pathless is an error of the file system without the path that it repeats.
func pathless(err error) error {
	var inner *fs.PathError
	if errors.As(err, &inner) {
		return inner.Err
	}
	return err
}
