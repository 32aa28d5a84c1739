package emulator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gofrs/flock"
)

// header is the first line of a data file: what it is, and what compaction must not forget.
type header struct {
	Version int    `json:"cubesync_emulator"`
	LastID  int64  `json:"last_id"`
	Written Writes `json:"written"`
}

const dataVersion = 1

// maxID is more than there is memory for: a larger one is a slip, not a user.
const maxID = 100_000_000

// entry is any further line.
type entry struct {
	Op   operation `json:"op"`
	ID   int64     `json:"id"`
	User *person   `json:"user"`
}

// datafile is an open data file and the lock on it, a file of its own beside it.
type datafile struct {
	path  string
	lock  *flock.Flock
	lines int // lines after the header
}

// ErrInUse is the data file of an emulator that runs already.
var ErrInUse = errors.New("in use by another process")

// ErrNoFolder is a data file whose folder can't be made, because the folder that this is in is missing.
var ErrNoFolder = errors.New("there is no such folder")

// makeFolder makes one folder. If more than that is missing, the path is a slip.
func makeFolder(path string) error {
	if isFolder(path) {
		return nil
	}
	if above := filepath.Dir(path); !isFolder(above) {
		return fmt.Errorf("%s: %w: make it, or write another path for the data file", above, ErrNoFolder)
	}
	if err := os.Mkdir(path, 0o700); !errors.Is(err, os.ErrExist) { // another process may have been faster
		return err
	}
	return nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// openData reads the users of a data file into d and leaves d with a journal that appends to it. The file and its
// folder are made when missing.
func openData(path string, d *directory) (*datafile, error) {
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	f := &datafile{path: path, lock: flock.New(path+".lock", flock.SetPermissions(0o600))}
	locked, err := f.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", f.lock.Path(), err)
	}
	if !locked {
		return nil, fmt.Errorf("%s: %w: stop it, or choose another data file (the lock is %s)", path, ErrInUse, f.lock.Path())
	}
	file, err := f.load(d)
	if err != nil {
		return nil, errors.Join(err, f.lock.Unlock())
	}
	d.journal = newJournal(file)
	return f, nil
}

func (f *datafile) load(d *directory) (*os.File, error) {
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	fresh, err := f.replay(file, d)
	if err == nil && !fresh && !f.worthCompacting(d) {
		return file, nil
	}
	err = errors.Join(err, file.Close())
	if err != nil {
		return nil, err
	}
	return f.rewrite(d)
}

// replay reads the file line by line. A last line without its line break was cut off by a crash, before anybody was
// told that it was written: it is dropped. Anything else that can't be read is an error, never a guess.
func (f *datafile) replay(file *os.File, d *directory) (fresh bool, err error) {
	r := bufio.NewReaderSize(file, 1<<16)
	var whole int64 // bytes of whole lines
	for number := 1; ; number++ {
		line, err := readLine(r)
		if errors.Is(err, io.EOF) {
			return number == 1, f.dropTail(file, whole, line)
		}
		if err != nil {
			return false, fmt.Errorf("read %s: %w", f.path, err)
		}
		if number == 1 {
			err = readHeader(line, d)
		} else {
			err = readEntry(line, d)
			f.lines++
		}
		if err != nil {
			return false, fmt.Errorf("%s:%d: %w; repair the line or move the file away", f.path, number, err)
		}
		whole += int64(len(line))
	}
}

func (f *datafile) dropTail(file *os.File, whole int64, tail []byte) error {
	if len(tail) == 0 {
		return nil
	}
	if whole == 0 && !bytes.HasPrefix(tail, []byte(`{"cubesync_emulator":`)) {
		return fmt.Errorf("%s:1: not a data file of this server; choose another one", f.path)
	}
	if err := file.Truncate(whole); err != nil {
		return err
	}
	return file.Sync()
}

// readLine returns a line with its line break, or what is left and io.EOF.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	long := bytes.Clone(line)
	rest, err := r.ReadBytes('\n')
	return append(long, rest...), err
}

func readHeader(line []byte, d *directory) error {
	var h header
	if err := json.Unmarshal(line, &h); err != nil {
		return fmt.Errorf("not a data file of this server: %w", err)
	}
	if h.Version != dataVersion {
		return fmt.Errorf("data file version %d, this server reads version %d", h.Version, dataVersion)
	}
	if h.LastID < 0 || h.LastID > maxID {
		return fmt.Errorf("damaged: last_id %d", h.LastID)
	}
	d.people = make([]record, h.LastID)
	d.written = h.Written
	return nil
}

func readEntry(line []byte, d *directory) error {
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		return fmt.Errorf("damaged: %w", err)
	}
	exists := d.exists(e.ID)
	switch e.Op {
	case opUser, opSignUp, opOnTheFly:
		if e.ID < 1 || e.ID > maxID || exists || e.User == nil {
			return fmt.Errorf("damaged: %s of user %d can't come here", e.Op, e.ID)
		}
	case opUpdate:
		if !exists || e.User == nil {
			return fmt.Errorf("damaged: %s of user %d can't come here", e.Op, e.ID)
		}
	case opDelete, opAdminDelete, opGuestEnd:
		if !exists {
			return fmt.Errorf("damaged: %s of user %d can't come here", e.Op, e.ID)
		}
		e.User = nil
	default:
		return fmt.Errorf("damaged: unknown operation %q", e.Op)
	}
	if e.User != nil {
		e.User.ID = e.ID
		if other := d.indexOf("login").first(e.User.Login); other != 0 && other != e.ID {
			return fmt.Errorf("damaged: user %d has the login %q too", other, e.User.Login)
		}
	}
	d.apply(e.Op, e.ID, e.User)
	return nil
}

// worthCompacting is true when most of the file is history.
func (f *datafile) worthCompacting(d *directory) bool { return f.lines > 2*d.count+1000 }

// rewrite puts a file with only the present in place of the old one, whole or not at all.
func (f *datafile) rewrite(d *directory) (*os.File, error) {
	temporary := f.path + ".new"
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	err = writeAll(file, d)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(temporary))
	}
	if err := os.Rename(temporary, f.path); err != nil {
		return nil, err
	}
	if err := syncFolder(filepath.Dir(f.path)); err != nil {
		return nil, err
	}
	return os.OpenFile(f.path, os.O_RDWR|os.O_APPEND, 0o600)
}

func writeAll(file io.Writer, d *directory) error {
	w := bufio.NewWriterSize(file, 1<<16)
	first, err := json.Marshal(header{Version: dataVersion, LastID: int64(len(d.people)), Written: d.written})
	if err != nil {
		return err
	}
	_, _ = w.Write(append(first, '\n')) // the first error stays and is Flush's
	var line []byte
	for id := range int64(len(d.people)) {
		p := d.at(id + 1)
		if p == nil {
			continue
		}
		user, err := json.Marshal(p)
		if err != nil {
			return err
		}
		line = appendLine(line[:0], opUser, p.ID, user)
		_, _ = w.Write(line)
	}
	return w.Flush()
}

// syncFolder makes a rename in a folder durable. Windows has no such call, and needs none.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
