package avatar

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// fileStamp is the path with the file's size and time, or what is wrong with it.
func (a *Album) fileStamp(cell string) string {
	root, err := os.OpenRoot(a.options.Folder)
	if err != nil {
		return cell + "\x00" + why(err)
	}
	defer func() { _ = root.Close() }() // nothing was written
	info, err := root.Stat(filepath.FromSlash(cell))
	if err != nil {
		return cell + "\x00" + why(err)
	}
	return stampOf(cell, info)
}

func stampOf(cell string, info fs.FileInfo) string {
	return fmt.Sprintf("%s\x00%d\x00%d", cell, info.Size(), info.ModTime().UnixNano())
}

// readFile reads a file below the folder. One that changes meanwhile may be half a picture.
func (a *Album) readFile(cell string) ([]byte, error) {
	root, err := os.OpenRoot(a.options.Folder)
	if err != nil {
		return nil, problemf("the folder %s can't be opened: %s", a.options.Folder, why(err))
	}
	defer func() { _ = root.Close() }() // nothing was written
	name := filepath.FromSlash(cell)
	before, err := root.Stat(name)
	switch {
	case err != nil:
		return nil, problemf("the file %s can't be read: %s", cell, why(err))
	case !before.Mode().IsRegular(): // opening a pipe would wait for who writes into it
		return nil, problemf("%s isn't a file", cell)
	case before.Size() > int64(a.options.MaxBytes):
		return nil, a.tooLarge()
	}
	file, err := root.Open(name)
	if err != nil {
		return nil, problemf("the file %s can't be read: %s", cell, why(err))
	}
	defer func() { _ = file.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(file, int64(a.options.MaxBytes)+1))
	if err != nil {
		return nil, problemf("the file %s can't be read: %s", cell, why(err))
	}
	after, err := file.Stat()
	if err != nil || stampOf(cell, after) != stampOf(cell, before) {
		return nil, problemf("the file %s changed while it was read", cell)
	}
	return content, nil
}

// why is what the system says of a file, without its path. A path that leads out of the folder is one that isn't there.
func why(err error) string {
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is none"
	case errors.As(err, &path):
		return path.Err.Error()
	default:
		return err.Error()
	}
}
