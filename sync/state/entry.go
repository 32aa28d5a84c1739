package state

import (
	"slices"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// entry is what is known under one external ID. An entry without an account is kept for a refusal, and, until the
// end of the run that made it so, to tell that its account left in this run.
type entry struct {
	number     int64 // of its row; 0 before it has one
	externalID string
	account    account.Account // ID 0: has none; its external ID may be another one
	written    int64           // the run that wrote the account last
	notes      notes
}

// notes are what runs taught about an external ID.
type notes struct {
	Mine    valuesCopy     `json:"mine,omitzero"`
	Learned []plan.Learned `json:"learned,omitempty"`
	Refusal *plan.Refusal  `json:"refusal,omitempty"`
	Absence *plan.Absence  `json:"absence,omitempty"`
	KeptID  *string        `json:"kept_id,omitempty"`
	Parked  *plan.Parked   `json:"parked,omitempty"`
	Avatar  *plan.Uploaded `json:"avatar,omitempty"`
	Reset   *Reset         `json:"reset,omitempty"`
}

func (n *notes) empty() bool {
	return n.Mine == valuesCopy{} && len(n.Learned) == 0 && n.Refusal == nil && n.Absence == nil && n.KeptID == nil && n.Parked == nil &&
		n.Avatar == nil && n.Reset == nil
}

// end takes in how an operation ended, at this time on the axis.
func (e *entry) end(run int64, o *Outcome, at time.Time) {
	if o.Ending != DoneApplied {
		switch {
		case !o.Refused:
		case o.Operation.Step == plan.PutBack:
			e.notTakenBack(o)
		default:
			e.refuse(o, at)
		}
		return
	}
	e.applied(run, o.Operation.Kind, o.Account, o.Operation.Mine)
	written := make([]user.Field, 0, len(o.Operation.Changes))
	for _, change := range o.Operation.Changes {
		written = append(written, change.Field)
	}
	if len(e.notes.Learned) > 0 {
		e.notes.Learned = slices.DeleteFunc(e.notes.Learned, func(l plan.Learned) bool {
			return slices.Contains(written, l.Field) && (l.Field != user.Tags || l.Ignored)
		})
	}
	e.notes.Learned = append(e.notes.Learned, o.Learned...)
	if o.KeptID != nil {
		e.notes.KeptID = o.KeptID
	}
}

// refuse remembers that an operation was refused. What keeps somebody from what nobody else keeps passes: another's work, or a
// call that comes late. After plan.LateAtMost it doesn't any more.
func (e *entry) refuse(o *Outcome, at time.Time) {
	refusal := plan.Refusal{Digest: o.Operation.Digest, Words: o.Words, Taken: o.Taken, Open: o.Open}
	if refusal.Open {
		refusal.Since = at
		if before := e.notes.Refusal; before != nil && before.Open && before.Digest == refusal.Digest {
			refusal.Since = before.Since
			refusal.Open = at.Sub(before.Since) < plan.LateAtMost
		}
	}
	e.notes.Refusal = &refusal
}

// applied takes in that an operation happened: written is the account afterwards, nil where the answer is lost. One
// that was signed up and never seen becomes known by the next list.
func (e *entry) applied(run int64, kind plan.Kind, written *account.Account, mine plan.Mine) {
	if leaves(kind) {
		*e = entry{number: e.number, externalID: e.externalID, written: run}
		return
	}
	e.notes.Refusal = nil
	if written != nil {
		e.show(*written)
	}
	e.written = run
	e.remember(mine, written)
}

// mayCarry takes in that an update of the account may have happened, or happen yet: what it would have set is ours too.
func (e *entry) mayCarry(accountID int64, now *account.Account, mine plan.Mine) {
	if now != nil && e.account.ID == 0 {
		e.show(*now)
	}
	if e.account.ID == accountID {
		e.remember(mine, nil)
	}
}

// show takes in what the service told of the account. What is known of another account, its absence too, isn't carried over.
func (e *entry) show(now account.Account) {
	if e.account.ID != now.ID {
		e.notes = notes{Refusal: e.notes.Refusal}
	}
	e.account = now
	e.unpark(now)
}

// forget takes in that the account is gone.
func (e *entry) forget() {
	e.account, e.notes = account.Account{}, notes{Refusal: e.notes.Refusal}
}

// leaves reports whether the operation ends our ownership of the account.
func leaves(kind plan.Kind) bool { return kind == plan.Release || kind == plan.Delete }

func sameAccount(a, b account.Account) bool {
	if a.ID != b.ID || a.ExternalID != b.ExternalID || !a.CreatedAt.Equal(b.CreatedAt) || !a.UpdatedAt.Equal(b.UpdatedAt) {
		return false
	}
	for field := range a.Values {
		if a.Values[field].Text != b.Values[field].Text {
			return false
		}
	}
	return true
}
