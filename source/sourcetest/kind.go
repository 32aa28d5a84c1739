// Package sourcetest is the conformance suite of record.Source: each case proves one promise of the contract, on the same
// rows for every kind. Cases return errors instead of failing a test, so that the suite itself can be proven to fail.
package sourcetest

import (
	"context"

	"cubesync/sync/record"
)

// The columns of every table of the suite. The key is the external ID, unless a row's fault says otherwise.
const (
	Key  = "id"
	Name = "name"
	Note = "note"
)

// Columns are the names of all of them, in the order of a row's values.
func Columns() []string { return []string{Key, Name, Note} }

// Kind is a kind of source, as the suite uses it.
type Kind struct {
	// Hold makes a source of exactly these rows. It may be asked for many, one after the other.
	Hold func(ctx context.Context, rows []Row) (record.Source, error)
	// Best is the verdict of a whole read.
	Best record.Completeness
	// NoEmpty says that the kind knows no empty text apart from null.
	NoEmpty bool
	// Many makes a source of n rows like those of Crowd, for reads in flat memory; n is Size, so that a kind may prepare it
	// once.
	Many func(ctx context.Context) (record.Source, error)
	Size int
	// Cut makes a source of the rows whose reads are cut off at the place with that number, counted from 0; nil where there is no such
	// place. Inside says that it lies within a record.
	Cut func(ctx context.Context, rows []Row, place int) (source record.Source, inside bool, err error)
}

// Row is one row of a table.
type Row struct {
	Values [3]record.Value // in the order of Columns
	Fault  Fault
}

// Fault is what is wrong with a row, in whatever way a kind can have it wrong.
type Fault uint8

// The faults; the zero value is none.
const (
	Sound   Fault = iota
	BadNote       // its note can't be used, its key can
	BadKey        // its key can't be read
)

// Crowd returns the row with that number, of a table of any size.
func Crowd(n int) Row {
	id := number(n)
	return Row{Values: [3]record.Value{record.Text("E" + id), record.Text("Person " + id), record.Text("note of " + id)}}
}
