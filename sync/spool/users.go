// Package spool puts aside what a run reads and plans, where that is too much for memory: the users of a source, to be
// given back sorted; the records of several sources, to be merged; and the sign-ups that a plan doesn't hold. What is little
// stays in memory; the rest lies in a file without a name, for its owner only, so that nothing of it is left whatever becomes
// of the process. It holds what plans hold, and the columns that they are made of, but no password.
package spool

import (
	"iter"

	"cubesync/sync/plan"
)

// room is how many bytes of users are sorted at once, in memory.
const room = 16 << 20

// Users puts users aside and gives them back sorted by external ID, byte by byte; those with the same one as they came.
type Users struct {
	sorter
	one []byte
}

// NewUsers makes room for users. Its file lies in the folder, or among the system's temporary ones where none can be made
// there.
func NewUsers(folder string) *Users { return &Users{sorter: newSorter(folder, room)} }

// Add puts a user aside.
func (u *Users) Add(d *plan.Desired) error {
	u.one = appendDesired(u.one[:0], d)
	return u.add(u.one)
}

// Len returns how many users were added.
func (u *Users) Len() int { return u.count }

// Sorted yields the users, as often as it is asked; an error is the last. Nothing may be added meanwhile. After the first time
// it may be asked by several goroutines.
func (u *Users) Sorted() iter.Seq2[plan.Desired, error] {
	return func(yield func(plan.Desired, error) bool) {
		live, err := u.walks()
		if err != nil {
			yield(plan.Desired{}, err)
			return
		}
		for len(live) > 0 {
			d, err := readDesired(live[0].entry)
			if err == nil {
				err = live.next()
			}
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}

// Close forgets the users and frees what they take. Others may be added then.
func (u *Users) Close() { u.close() }
