package emulator

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
)

// journal appends lines to the data file. Whoever waits for a line to be durable writes and fsyncs everything that has
// gathered, for all who wait; meanwhile the next lines gather. So n writers cost one or two fsyncs, and there is no
// goroutine to stop.
type journal struct {
	mu       sync.Mutex
	settled  sync.Cond // a flush is over
	file     disk
	gathered []byte
	spare    []byte // the buffer of the last flush, to be used again
	last     uint64 // number of the last line gathered
	durable  uint64 // number of the last line fsynced
	flushing bool
	err      error // why there will be no more writes
}

// disk is what a journal needs of an *os.File.
type disk interface {
	io.WriteCloser
	Sync() error
}

var errClosed = errors.New("the server is closed")

func newJournal(file disk) *journal {
	j := &journal{file: file}
	j.settled.L = &j.mu
	return j
}

// append gathers a line; it isn't durable before sync of the returned number. user is the user's JSON, or empty.
func (j *journal) append(op operation, id int64, user []byte) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return 0, j.err
	}
	j.gathered = appendLine(j.gathered, op, id, user)
	j.last++
	return j.last, nil
}

func appendLine(b []byte, op operation, id int64, user []byte) []byte {
	b = append(b, `{"op":"`...)
	b = append(b, op...)
	b = append(b, `","id":`...)
	b = strconv.AppendInt(b, id, 10)
	if len(user) > 0 {
		b = append(b, `,"user":`...)
		b = append(b, user...)
	}
	return append(b, '}', '\n')
}

// sync returns once the line of that number is on disk. After an error nothing is certain any more, so the journal
// takes no further lines; opening the file again shows what survived.
func (j *journal) sync(number uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.durable < number {
		if j.flushing {
			j.settled.Wait()
			continue
		}
		if j.err != nil {
			return j.err
		}
		j.flush()
	}
	return nil
}

// flush writes what has gathered. It gives the lock up meanwhile.
func (j *journal) flush() {
	lines, upTo := j.gathered, j.last
	j.gathered, j.flushing = j.spare[:0], true
	j.mu.Unlock()

	_, err := j.file.Write(lines)
	if err == nil {
		err = j.file.Sync()
	}

	j.mu.Lock()
	j.spare, j.flushing = lines, false
	if err != nil {
		j.err = fmt.Errorf("the data file can't be written, restart when that is mended: %w", err)
	} else {
		j.durable = upTo
	}
	j.settled.Broadcast()
}

// close makes everything durable and closes the file.
func (j *journal) close() error {
	j.mu.Lock()
	last := j.last
	j.mu.Unlock()
	err := j.sync(last)

	j.mu.Lock()
	defer j.mu.Unlock()
	if errors.Is(j.err, errClosed) {
		return nil
	}
	for j.flushing {
		j.settled.Wait()
	}
	j.err = errors.Join(errClosed, j.err)
	return errors.Join(err, j.file.Close())
}
