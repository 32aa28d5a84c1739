package spool

import (
	"iter"

	"cubesync/sync/plan"
)

// SignUps puts sign-ups aside and gives them back as they came.
type SignUps struct {
	tape  tape
	one   []byte
	count int
}

// NewSignUps makes room for sign-ups. Its file lies in the folder, or among the system's temporary ones where none can be
// made there.
func NewSignUps(folder string) *SignUps { return &SignUps{tape: tape{folder: folder}} }

// Add puts an operation aside that IsSignUp.
func (s *SignUps) Add(op *plan.Operation) error {
	s.one = appendSignUp(s.one[:0], op)
	s.count++
	return s.tape.add(s.one)
}

// Len returns how many sign-ups were added.
func (s *SignUps) Len() int { return s.count }

// All yields the sign-ups, as often as it is asked; an error is the last. Nothing may be added meanwhile.
func (s *SignUps) All() iter.Seq2[*plan.Operation, error] {
	return func(yield func(*plan.Operation, error) bool) {
		for entry, err := range newEntries(s.tape.part(0, s.tape.size())).all() {
			var op plan.Operation
			if err == nil {
				op, err = readSignUp(entry)
			}
			if !yield(&op, err) || err != nil {
				return
			}
		}
	}
}

// Close frees what the sign-ups take. None of them can be read any more.
func (s *SignUps) Close() { s.tape.close() }
