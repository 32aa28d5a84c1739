package spool

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// What lies on a tape are entries, each with its length before it: a user of the source, who begins with the external ID; a
// row of one of several sources, which begins with its key; or a sign-up. None holds a password.

var errDamaged = errors.New("what was put aside on the disk is damaged")

// appendEntry appends an entry with its length.
func appendEntry(to, entry []byte) []byte {
	return append(binary.AppendUvarint(to, uint64(len(entry))), entry...)
}

// entries reads entries one after another.
type entries struct {
	in  *bufio.Reader
	one []byte
}

func newEntries(in io.Reader) *entries { return &entries{in: bufio.NewReaderSize(in, 64<<10)} }

// next returns the next entry; io.EOF is the end.
func (e *entries) next() (string, error) {
	size, err := binary.ReadUvarint(e.in)
	if err != nil {
		if errors.Is(err, io.EOF) {
			return "", io.EOF
		}
		return "", fmt.Errorf("%w: %w", errDamaged, err)
	}
	if uint64(cap(e.one)) < size {
		e.one = make([]byte, size)
	}
	e.one = e.one[:size]
	if _, err := io.ReadFull(e.in, e.one); err != nil {
		return "", errDamaged // without the error, which may be io.EOF and would be an end
	}
	return string(e.one), nil
}

// all yields what is left; an error is the last.
func (e *entries) all() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for {
			entry, err := e.next()
			if errors.Is(err, io.EOF) || !yield(entry, err) || err != nil {
				return
			}
		}
	}
}

func appendText(to []byte, text string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}

// appendValue appends a value, that of an unset one too.
func appendValue(to []byte, v user.Value) []byte {
	if !v.Set {
		return append(to, 0)
	}
	return append(binary.AppendUvarint(to, uint64(len(v.Text))+1), v.Text...)
}

func appendDesired(to []byte, d *plan.Desired) []byte {
	to = appendText(to, d.User.ExternalID)
	to = appendText(to, string(d.Position))
	to = binary.AppendUvarint(to, uint64(d.Digest))
	for _, v := range d.User.Values {
		to = appendValue(to, v)
	}
	p := &d.Picture
	for _, text := range []string{p.Stamp, p.SHA256, p.Source, p.Problem} {
		to = appendText(to, text)
	}
	return appendText(binary.AppendUvarint(to, uint64(p.Bytes)), d.Unfit) //nolint:gosec // a length
}

func readDesired(entry string) (d plan.Desired, err error) {
	in := cursor{rest: entry}
	d.User.ExternalID, d.Position, d.Digest = in.text(), record.Position(in.text()), user.Digest(in.number())
	for i := range d.User.Values {
		d.User.Values[i] = in.value()
	}
	d.Picture = plan.Picture{Stamp: in.text(), SHA256: in.text(), Source: in.text(), Problem: in.text()}
	d.Picture.Bytes = int(in.number()) //nolint:gosec // it was one
	d.Unfit = in.text()
	return d, in.end()
}

// appendSignUp appends an operation that IsSignUp; everything else that an operation may say is as in all of them.
func appendSignUp(to []byte, op *plan.Operation) []byte {
	to = appendText(to, op.ExternalID)
	to = appendText(to, string(op.Position))
	to = appendText(to, op.Digest)
	to = binary.AppendUvarint(to, uint64(op.Record))
	to = appendValue(appendValue(to, op.Mine.CustomData), op.Mine.Tags)
	to = binary.AppendUvarint(to, uint64(len(op.Changes)))
	for _, c := range op.Changes {
		to = appendText(append(to, byte(c.Field)), c.After)
	}
	return to
}

func readSignUp(entry string) (op plan.Operation, err error) {
	in := cursor{rest: entry}
	op = plan.Operation{
		Kind: plan.Create, Reason: plan.NewRecord,
		ExternalID: in.text(), Position: record.Position(in.text()), Digest: in.text(), Record: user.Digest(in.number()),
	}
	op.Mine.CustomData, op.Mine.Tags = in.value(), in.value()
	count := in.number()
	if count > uint64(len(in.rest)) { // each takes some of it
		return op, errDamaged
	}
	op.Changes = make([]plan.Change, count)
	for i := range op.Changes {
		op.Changes[i].Field, op.Changes[i].After = user.Field(in.letter()), in.text()
	}
	return op, in.end()
}

// cursor takes an entry apart. What isn't there reads as nothing, and end tells.
type cursor struct {
	rest string
	bad  bool
}

func (c *cursor) number() uint64 {
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		b := c.letter()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	c.bad = true
	return 0
}

func (c *cursor) letter() byte {
	if c.rest == "" {
		c.bad = true
		return 0
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	return b
}

func (c *cursor) text() string { return c.take(c.number()) }

func (c *cursor) take(size uint64) string {
	if size > uint64(len(c.rest)) {
		c.bad = true
		return ""
	}
	text := c.rest[:size]
	c.rest = c.rest[size:]
	return text
}

func (c *cursor) value() user.Value {
	size := c.number()
	if size == 0 {
		return user.Value{}
	}
	return user.Text(c.take(size - 1))
}

func (c *cursor) end() error {
	if c.bad || c.rest != "" {
		return errDamaged
	}
	return nil
}
