package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// tapeRoom is how much a tape holds before it goes to the disk.
const tapeRoom = 4 << 20

// tape is a row of entries: they are added at its end, and then read, any number of times. What is little stays in memory.
// Where a file in use can't lose its name, close removes it.
type tape struct {
	folder string // of the file; where none can be made there, it is made among the system's temporary ones
	file   *os.File
	filed  int64 // bytes in the file
	rest   []byte
}

func (t *tape) size() int64 { return t.filed + int64(len(t.rest)) }

func (t *tape) add(entry []byte) error {
	t.rest = appendEntry(t.rest, entry)
	if len(t.rest) < tapeRoom {
		return nil
	}
	if t.file == nil {
		if err := t.open(); err != nil {
			return err
		}
	}
	n, err := t.file.Write(t.rest)
	t.filed += int64(n)
	t.rest = t.rest[:copy(t.rest, t.rest[n:])]
	if err != nil {
		return fmt.Errorf("putting aside on the disk what memory has no room for: %w; see that there is room", err)
	}
	return nil
}

func (t *tape) open() error {
	const pattern = "cubesync-*.part"
	file, err := os.CreateTemp(t.folder, pattern) // made with mode 0600
	if err != nil {
		var instead error
		if file, instead = os.CreateTemp("", pattern); instead != nil {
			return fmt.Errorf("putting aside on the disk what memory has no room for: %w", errors.Join(err, instead))
		}
	}
	_ = os.Remove(file.Name()) // close tries again
	t.file = file
	return nil
}

// part reads from one place to another. Several parts may be read at once, when nothing is added any more.
func (t *tape) part(from, to int64) io.Reader {
	var parts []io.Reader
	if from < t.filed {
		parts = append(parts, io.NewSectionReader(t.file, from, min(to, t.filed)-from))
	}
	if to > t.filed {
		parts = append(parts, bytes.NewReader(t.rest[max(0, from-t.filed):to-t.filed]))
	}
	return io.MultiReader(parts...)
}

// close frees what the tape takes.
func (t *tape) close() {
	if t.file != nil {
		_ = t.file.Close()           // nobody needs it again
		_ = os.Remove(t.file.Name()) // mostly it is gone already
	}
	*t = tape{folder: t.folder}
}
