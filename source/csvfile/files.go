package csvfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// files are the paths of what is read, in the order of their names.
func (s *Source) files() ([]string, error) {
	if s.Files == 0 {
		return []string{s.Path}, nil
	}
	folder, pattern := filepath.Split(s.Path)
	entries, err := os.ReadDir(filepath.Clean(folder)) // sorted
	if err != nil {
		return nil, openError(folder, err)
	}
	var files []string
	for _, entry := range entries {
		if matches, err := filepath.Match(pattern, entry.Name()); err != nil {
			return nil, err
		} else if matches {
			files = append(files, filepath.Join(folder, entry.Name()))
		}
	}
	if len(files) != s.Files {
		return nil, fmt.Errorf("%d files match %q and %d are expected: check what writes them, or files", len(files), s.Path, s.Files)
	}
	return files, nil
}

// mostSettles is how many times settle is waited for a file that still changes.
const mostSettles = 10

// settle waits until no file has changed for that long. It looks at the files and not at the clock: that of a file server
// may be another.
func (s *Source) settle(ctx context.Context, files []string) error {
	if s.Settle == 0 || s.standard != nil {
		return nil
	}
	before, err := stamps(files)
	for range mostSettles {
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(s.Settle):
		}
		now, statErr := stamps(files)
		if err = statErr; err == nil && same(before, now) {
			return nil
		}
		before = now
	}
	return errors.Join(err, fmt.Errorf("%s is still written to after %v: read it when its writer is done, or let that rename it when it is whole",
		s.base(), mostSettles*s.Settle))
}

func stamps(files []string) ([]fs.FileInfo, error) {
	all := make([]fs.FileInfo, len(files))
	for i, path := range files {
		info, err := os.Stat(path)
		if err != nil {
			return nil, openError(path, err)
		}
		all[i] = info
	}
	return all, nil
}

func same(before, now []fs.FileInfo) bool {
	for i := range before {
		if change(before[i], now[i]) != "" {
			return false
		}
	}
	return true
}

// change says how a file differs from what it was, "" if it doesn't.
func change(before, now fs.FileInfo) string {
	switch {
	case now.Size() != before.Size() || !now.ModTime().Equal(before.ModTime()):
		return "it was written to"
	case !os.SameFile(before, now):
		return "it was replaced or removed"
	}
	return ""
}

// standardName is what positions and messages call standard input.
const standardName = "standard input"

// standard is standard input. It can be read only once, and a read may have to be begun again; so it is put aside in a
// temporary file that has no name and is gone with the process.
type standard struct {
	from io.Reader
	file *os.File // nil: it wasn't read yet
	err  error    // why it can't be
}

// open returns what was put aside, from its beginning, and its size.
func (s *standard) open(most int64) (io.Reader, fs.FileInfo, error) {
	if s.file == nil && s.err == nil {
		s.file, s.err = putAside(s.from, most)
	}
	if s.err != nil {
		return nil, nil, s.err
	}
	info, err := s.file.Stat()
	if err != nil {
		return nil, nil, err
	}
	return io.NewSectionReader(s.file, 0, info.Size()), info, nil
}

func putAside(from io.Reader, most int64) (*os.File, error) {
	file, err := os.CreateTemp("", "cubesync-*")
	if err != nil {
		return nil, fmt.Errorf("put standard input aside: %w", err)
	}
	_ = os.Remove(file.Name()) // where an open file can't be removed it stays, for its owner only
	n, err := io.Copy(file, io.LimitReader(from, most+1))
	switch {
	case err != nil:
		err = fmt.Errorf("put standard input aside: %w", err)
	case n > most:
		err = fmt.Errorf("standard input is longer than %d bytes: if it should be, raise max_bytes", most)
	default:
		return file, nil
	}
	return nil, errors.Join(err, file.Close())
}
