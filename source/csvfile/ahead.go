package csvfile

import (
	"errors"
	"sync"
	"sync/atomic"
)

// A few batches of records are framed ahead, so that another processor finds where records end than recognises them and
// takes them apart.
const (
	batchBytes = 256 << 10 // of records, unless a single one is longer
	batches    = 3
)

// framed is a record that was framed ahead.
type framed struct {
	frame
	narrowed bool   // it was known what is left
	text     []byte // then: see narrower
}

// batch is some records in a row.
type batch struct {
	room    []byte // for their bytes
	texts   []byte // room for their texts
	records []framed
	err     error // what comes after them, nil if that is another batch
	after   frame // where that is
}

// ahead frames the records of a file in a goroutine of its own. Blank lines are passed over.
type ahead struct {
	frames  *framer
	pending bool // the framer's record isn't in any batch yet
	narrow  atomic.Pointer[narrower]

	filled chan *batch // in the order of the file; the last has an error
	free   chan *batch
	stop   chan struct{}
	done   sync.WaitGroup

	batch *batch // whose records are given out
	given int
}

func newAhead(frames *framer) *ahead {
	return &ahead{
		frames: frames,
		filled: make(chan *batch, batches), free: make(chan *batch, batches), stop: make(chan struct{}),
	}
}

// begin starts the goroutine; until then the framer is the caller's.
func (a *ahead) begin() {
	for range batches {
		a.free <- &batch{}
	}
	a.done.Go(func() {
		for {
			select {
			case b := <-a.free:
				b.err = a.fill(b)
				a.filled <- b
				if b.err != nil {
					return
				}
			case <-a.stop:
				return
			}
		}
	})
}

// fill makes a batch of the next records. An error is what comes after them.
func (a *ahead) fill(b *batch) error {
	b.room, b.texts, b.records = b.room[:0], b.texts[:0], b.records[:0]
	narrow := a.narrow.Load()
	for {
		if !a.pending {
			if err := a.frames.next(); err != nil {
				b.after = a.frames.frame
				if !errors.Is(err, errTooLong) { // whose quotes are looked at
					b.after.raw = nil // nobody needs it, and it moves
				}
				return err
			}
			a.pending = true
		}
		if !a.frames.blank() && !b.add(&a.frames.frame, narrow) {
			return nil
		}
		if err := a.frames.skip(); err != nil {
			return err
		}
		a.pending = false
	}
}

// add copies a record, false where there is no room for it.
func (b *batch) add(f *frame, narrow *narrower) bool {
	from := len(b.room)
	switch {
	case cap(b.room)-from >= len(f.raw):
	case from > 0:
		return false
	default:
		b.room = make([]byte, 0, max(batchBytes, len(f.raw)))
		b.texts = make([]byte, 0, cap(b.room)) // what is handed out mustn't move
	}
	b.room = append(b.room, f.raw...)
	copied := framed{frame: *f}
	copied.raw = b.room[from:]
	if narrow != nil {
		copied.narrowed = true
		if texts := narrow.appendText(b.texts, f); texts != nil {
			copied.text, b.texts = texts[len(b.texts):], texts
		}
	}
	b.records = append(b.records, copied)
	return true
}

// next returns the next record, or what comes instead, and where. A record is good until the next.
func (a *ahead) next() (*framed, error) {
	for a.batch == nil || a.given == len(a.batch.records) {
		if a.batch != nil {
			if err := a.batch.err; err != nil {
				return &framed{frame: a.batch.after}, err
			}
			a.free <- a.batch
		}
		a.batch, a.given = <-a.filled, 0
	}
	a.given++
	return &a.batch.records[a.given-1], nil
}

// close ends the goroutine. It is called once.
func (a *ahead) close() {
	close(a.stop)
	a.done.Wait()
}
