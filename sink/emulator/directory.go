package emulator

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
)

// operation is what a line of the data file does.
type operation string

const (
	opUser        operation = "user" // a seed, or carried over by compaction: not a counted write
	opSignUp      operation = "sign_up"
	opOnTheFly    operation = "on_the_fly"
	opUpdate      operation = "update"
	opDelete      operation = "delete"
	opAdminDelete operation = "admin_delete"
	opGuestEnd    operation = "guest_end" // nobody asked for it: not a counted write
)

// directory holds the users and finds them; safe for concurrent use.
//
// Ids are given in order and never again, so people is a slice by id, and the lists of a tag stay sorted by appending.
// A page of a tag costs the page; a change of an old user's tags, or its deletion, shifts one list.
type directory struct {
	options  *Options // never changed
	mu       sync.RWMutex
	people   []record // people[id-1]
	count    int
	indexes  []*index
	byTag    map[string][]int64 // sorted
	guests   guests
	written  Writes
	journal  *journal // nil in memory
	sequence uint64   // the journal's number of the last write
	lag      *lag     // nil: lists show every write at once

	answered atomic.Pointer[answered] // the last search that was filtered; nil since a user changed
}

func newDirectory(o *Options) *directory {
	return &directory{options: o, indexes: newIndexes(o), byTag: map[string][]int64{}}
}

// add signs a new user up. It gives it its id, and refuses it, with what was wrong before, when its keys are taken.
func (d *directory) add(op operation, p *person, wrong problems) error {
	line, err := json.Marshal(p) // before the id is known: it gets its own place in the line
	if err != nil {
		return broken(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.put(op, p, line, wrong)
}

// findOrAdd returns the user that has the same text as p in a field that has an index, or adds p and returns that.
func (d *directory) findOrAdd(op operation, by string, p *person) (*person, error) {
	line, err := json.Marshal(p)
	if err != nil {
		return nil, broken(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if known := d.at(d.indexOf(by).first(p.text(by))); known != nil {
		return known, nil
	}
	return p, d.put(op, p, line, problems{})
}

// put adds a user. The caller holds the lock.
func (d *directory) put(op operation, p *person, line []byte, wrong problems) error {
	d.checkUnique(p, wrong)
	if err := wrong.failure(); err != nil {
		return err
	}
	p.ID = int64(len(d.people)) + 1
	return d.commit(op, p.ID, p, line)
}

// change replaces a user by what edit makes of a copy of it. edit runs without the lock, and again if somebody was
// faster.
func (d *directory) change(id int64, edit func(*person, problems)) (*person, error) {
	for {
		p := d.byID(id)
		if p == nil {
			return nil, noUser()
		}
		wrong := problems{}
		edit(p, wrong)
		line, err := json.Marshal(p)
		if err != nil {
			return nil, broken(err)
		}
		done, err := d.replace(p, line, wrong)
		if done || err != nil {
			return p, err
		}
	}
}

// replace puts p in the place of what it was unpacked from; false if that isn't there any more.
func (d *directory) replace(p *person, line []byte, wrong problems) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.people[p.ID-1].packed != p.packed {
		return false, nil
	}
	d.checkUnique(p, wrong)
	if err := wrong.failure(); err != nil {
		return false, err
	}
	return true, d.commit(opUpdate, p.ID, p, line)
}

// remove deletes a user.
func (d *directory) remove(op operation, id int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.exists(id) {
		return noUser()
	}
	return d.commit(op, id, nil, nil)
}

// commit writes a line to the journal and then shows its effect. The caller holds the lock and has checked everything.
func (d *directory) commit(op operation, id int64, p *person, line []byte) error {
	if d.journal != nil {
		sequence, err := d.journal.append(op, id, line)
		if err != nil {
			return broken(err)
		}
		d.sequence = sequence
	}
	if p != nil {
		p.sequence = d.sequence
	}
	d.apply(op, id, p)
	if d.lag != nil {
		d.lag.note(id, d.people[id-1])
	}
	return nil
}

// apply shows the effect of a write: p takes the place of the user with that id; nil removes it.
func (d *directory) apply(op operation, id int64, p *person) {
	d.answered.Store(nil)
	if missing := int(id) - len(d.people); missing > 0 {
		d.people = append(d.people, make([]record, missing)...)
	}
	if old := d.at(id); old != nil {
		d.unindex(old, p)
		d.people[id-1] = record{}
		d.count--
	} else if p != nil && p.Guest {
		d.guests.add(id, p.Created)
	}
	if p != nil {
		d.people[id-1] = p.pack()
		d.index(d.at(id)) // what was packed, so that the indexes share its texts
		d.count++
	}
	d.written.count(op)
}

func (w *Writes) count(op operation) {
	switch op {
	case opSignUp:
		w.SignUp++
	case opOnTheFly:
		w.OnTheFly++
	case opUpdate:
		w.Update++
	case opDelete:
		w.Delete++
	case opAdminDelete:
		w.AdminDelete++
	case opUser, opGuestEnd:
	}
}

// exists needs the lock.
func (d *directory) exists(id int64) bool {
	return id >= 1 && id <= int64(len(d.people)) && d.people[id-1].packed != ""
}

// at unpacks a user, or returns nil. It needs the lock.
func (d *directory) at(id int64) *person {
	if !d.exists(id) {
		return nil
	}
	p := &person{}
	d.people[id-1].unpack(p)
	return p
}

func (d *directory) byID(id int64) *person {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.at(id)
}

// find looks a user up by login, or by e-mail when login is empty.
func (d *directory) find(login, email string) *person {
	if login != "" {
		return d.lookUp("login", login)
	}
	return d.lookUp("email", email)
}

// lookUp finds a user by a field that has an index.
func (d *directory) lookUp(field, text string) *person {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.at(d.indexOf(field).first(text))
}

// touch notes that a user sent a request, or signed in; false if there is no such user. It isn't a write, even where it
// moves updated_at: it doesn't last.
func (d *directory) touch(id, now int64, signsIn bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.exists(id) {
		return false
	}
	d.people[id-1].seen = now
	if d.options.ActivityUpdates || signsIn && d.options.SignInUpdates {
		d.people[id-1].updated = now
		d.answered.Store(nil)
	}
	if d.lag != nil {
		d.lag.shown.touch(id, now, signsIn)
	}
	return true
}

// settle waits until the given write, and all before it, are durable.
func (d *directory) settle(sequence uint64) error {
	if d.journal == nil {
		return nil
	}
	return d.journal.sync(sequence)
}

func (d *directory) lastSequence() uint64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.sequence
}

// writes returns the numbers of successful writes, and the number of the last one in the journal.
func (d *directory) writes() (Writes, uint64) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.written, d.sequence
}

// seed makes the users that don't exist yet.
func (d *directory) seed(users []SeedUser, now int64) error {
	for _, u := range users {
		if d.find(u.Login, "") != nil {
			continue
		}
		p, wrong := d.options.newPerson(map[string]value{
			"login": {text: u.Login}, "password": {text: u.Password}, "email": {text: u.Email},
			"full_name": {text: u.FullName}, "external_id": {text: u.ExternalID}, "tag_list": {list: u.Tags},
		}, now)
		if u.Login == "" {
			wrong.add("login", "can't be blank")
		}
		if err := d.add(opUser, p, wrong); err != nil {
			if len(wrong) > 0 {
				return fmt.Errorf("user %q to start with: %v", u.Login, wrong)
			}
			return err
		}
	}
	return d.settle(d.lastSequence())
}
