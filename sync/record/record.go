// Package record holds what a source gives: records with their positions, the verdict on how completely they were
// read, and the contract of a source. It knows nothing of users, of ConnectyCube, or of any kind of source.
package record

import (
	"context"
	"fmt"
	"slices"
)

// Value is what a record says under one name: absent (the source has no such name), null, or text; text may be
// empty. The zero Value is absent.
type Value struct {
	text  string
	state state
}

type state uint8

const (
	absent state = iota
	null
	present
)

// Null is the value of a field that the source knows and has nothing for (SQL NULL, a missing LDAP attribute).
func Null() Value { return Value{state: null} }

// Text is a value that the source spelled out; "" is the empty value.
func Text(s string) Value { return Value{text: s, state: present} }

// IsAbsent reports whether the source has no such name at all.
func (v Value) IsAbsent() bool { return v.state == absent }

// IsNull reports whether the source has the name and holds nothing under it.
func (v Value) IsNull() bool { return v.state == null }

// Text returns the text, "" for an absent or null value.
func (v Value) Text() string { return v.text }

// Position says where a record stands in its source, as a person would look it up: "users.csv:12", a DN, "row 17".
type Position string

// Record is one entry of a source: values under the names of its Columns.
type Record struct {
	Position Position
	// Uncertain says that the source can't rule out that another record hides in this one. As long as the record can
	// be used, that is its own content; a reject of it is uncertain.
	Uncertain bool
	// Doubt says why nothing can be done by the record, although it says what it says: what belongs to it may be
	// missing. It may be left out; otherwise it is a reject. "" where there is no doubt.
	Doubt   string
	columns *Columns
	values  []Value
	texts   []string // instead of values where all of them are texts
}

// New makes a record; values are in the order of the columns, and missing ones at the end are absent.
// The record keeps values: the caller must not change them afterwards.
func New(at Position, columns *Columns, values []Value) Record {
	return Record{Position: at, columns: columns, values: values}
}

// OfTexts makes a record in which nothing is null. It keeps texts, as New keeps values, and takes less memory.
func OfTexts(at Position, columns *Columns, texts []string) Record {
	return Record{Position: at, columns: columns, texts: texts}
}

// Value returns what the record says under name; absent for a name that the source doesn't have.
func (r Record) Value(name string) Value { return r.At(r.columns.Index(name)) }

// At returns the value of the column with that index; absent for an index that the record doesn't have.
func (r Record) At(index int) Value {
	switch {
	case index < 0:
		return Value{}
	case index < len(r.texts):
		return Text(r.texts[index])
	case index < len(r.values):
		return r.values[index]
	}
	return Value{}
}

// Columns are the names that the record shares with the others of its reading.
func (r Record) Columns() *Columns { return r.columns }

// Columns are the names that the records of one reading share.
type Columns struct {
	names []string
	index map[string]int
}

// NewColumns makes columns of names; names that occur twice are an error.
func NewColumns(names []string) (*Columns, error) {
	c := &Columns{names: slices.Clone(names), index: make(map[string]int, len(names))}
	for i, name := range names {
		if first, twice := c.index[name]; twice {
			return nil, fmt.Errorf("column %q stands twice, as number %d and %d: rename one of them", name, first+1, i+1)
		}
		c.index[name] = i
	}
	return c, nil
}

// Names returns the names in the order of the source.
func (c *Columns) Names() []string { return slices.Clone(c.names) }

// Index returns where name stands among the columns, from 0; -1 for a name that isn't one of them.
func (c *Columns) Index(name string) int {
	if i, ok := c.index[name]; ok {
		return i
	}
	return -1
}

// Has reports whether name is one of the columns.
func (c *Columns) Has(name string) bool {
	_, ok := c.index[name]
	return ok
}

// RejectError is a record that can't be used. Reading goes on after it.
type RejectError struct {
	Position Position
	// ExternalID is the record's key where it could still be read. A reject that has one counts as present; one
	// without makes absence unknown for the whole read, so that nothing is deleted. Of a source that is merged with
	// others it is what they are joined by.
	ExternalID string
	// Uncertain says that the key may be another's, or that another record may hide in this one: the key counts as
	// present all the same, and absence is unknown for the whole read.
	Uncertain bool
	Field     string // the field or column concerned, "" for the whole record
	Problem   string // what is wrong and what to do about it
}

func (e *RejectError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%s: %s", e.Position, e.Problem)
	}
	return fmt.Sprintf("%s: %s: %s", e.Position, e.Field, e.Problem)
}

// Source is something that users can be read from. Implementations hold configuration only; each Open is a read of
// its own, and Open may be called again after a Reader was closed.
type Source interface {
	// Open begins a read. An error means that nothing could be read; it counts as an incomplete read.
	Open(ctx context.Context) (Reader, error)
}

// Follower is a Source that can read only what changed. It never shows who left: a record that it doesn't give may be as it
// was, or gone.
type Follower interface {
	Source

	// OpenSince begins a read of every record that may have changed since the read whose verdict gave the cursor, so of many
	// that haven't too. Where it can make nothing of the cursor, it reads all records. The verdict says which it did.
	OpenSince(ctx context.Context, cursor string) (Reader, error)
}

// Reader is one read of a source. It is used by one goroutine.
type Reader interface {
	// Columns are the names of this read, known from the start.
	Columns() *Columns

	// Next returns the next record. A *RejectError (found with errors.As) is a bad record, after which the caller
	// goes on; io.EOF is the end; any other error ends the read, and every later call returns it again.
	// When ctx ends, Next returns its error promptly. A record stays as it is, whatever is read after it.
	Next(ctx context.Context) (Record, error)

	// Verdict says how completely the source was read. Before Next has returned io.EOF, and after any other
	// ending, it is Incomplete or Stale, never better.
	Verdict() Verdict

	// Close ends the read and frees what it holds. It may be called at any time, and twice.
	Close() error
}

// Skimmer is a Reader that can pass over records by their text, without taking them apart. A source has no use for it
// whose records have no text.
type Skimmer interface {
	Reader

	// Leave names columns that nobody looks at: their cells are no part of a text. It is called before anything is
	// read, if at all.
	Leave(columns []string)

	// Form says everything about this read that, beside its text, decides what a record is: two records of the same
	// text and the same form are the same but for their positions and for what is left, and neither of them is bad. It
	// is known before anything is read.
	Form() string

	// Skim is Next, but it first asks whether the text of the record is known. One whose text is known is passed over,
	// and counts as returned. The text is good until known returns; where a record's text doesn't say all, known isn't
	// asked.
	Skim(ctx context.Context, known func(text []byte) bool) (rec Record, passed bool, err error)
}
