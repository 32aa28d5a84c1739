package plan

import (
	"fmt"
	"slices"

	"cubesync/sync/account"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// halfway is an account that gave something up in a swap which was broken off, and has nothing in its place yet.
type halfway struct {
	account  account.Account
	position record.Position
	gaveUp   Parked
	settled  bool // the source has a record
	noEmail  bool // which wants no e-mail
	// leftAlone says why nothing is given back whatever is free; "" where it is.
	leftAlone string
}

// lacks reports what the account is without: a login says so by itself, an e-mail only by what is remembered.
func (p *Parked) lacks(a account.Account) (login, email bool) {
	return isParked(a.Values[user.Login].Text), p != nil && p.Email != "" && a.Values[user.Email].Text == ""
}

// LackedBy reports whether the account has nothing in the place of what it gave up.
func (p *Parked) LackedBy(a account.Account) bool {
	login, email := p.lacks(a)
	return login || email
}

// gaveUp is what an account of the row is known to have given up.
func (r row) gaveUp(a account.Account) Parked {
	if r.knows(a) && r.known.Parked != nil {
		return *r.known.Parked
	}
	return Parked{}
}

// notice remembers who of the row is halfway through a swap.
func (b *builder) notice(r row) {
	if !r.isHalfway() {
		return
	}
	have := b.halfwayOf(r)
	if have == nil || !have.HasTag(b.policy.OwnerTag) {
		return
	}
	h := halfway{account: *have, gaveUp: r.gaveUp(*have), settled: len(r.desired) > 0}
	if !h.gaveUp.LackedBy(*have) {
		return
	}
	switch other := b.otherOwner(*have); {
	case len(r.observed) > 1:
		h.leftAlone = accountNumbers(r.observed) + " have this external ID: take it off all but one"
	case b.policy.Protected.covers(*have):
		h.leftAlone = "the account is protected"
	case other != "":
		h.leftAlone = fmt.Sprintf("the account carries %q too, the owner tag of another pipeline", other)
	case b.policy.UpdatesOff:
		h.leftAlone = "updates: off"
	}
	if h.settled {
		email := r.desired[0].User.Values[user.Email]
		h.position = r.desired[0].Position
		h.noEmail = email.Set && email.Text == "" && b.policy.Owners[user.Email] == OwnedBySource
	}
	b.halfway[r.key] = h
}

// halfwayOf returns the account of the row that may be halfway through a swap; nil where there is none.
func (b *builder) halfwayOf(r row) *account.Account {
	if len(r.observed) > 1 {
		if i := slices.IndexFunc(r.observed, func(a account.Account) bool { gaveUp := r.gaveUp(a); return gaveUp.LackedBy(a) }); i >= 0 {
			return &r.observed[i]
		}
		return nil
	}
	have := b.own(r)
	if was, lost := b.lostBy(r); lost && !was.wanted {
		have = nil // it is whose external ID it carries
	}
	if have == nil && len(r.observed) == 1 && !b.belongsElsewhere(r.observed[0], r.key) {
		have = &r.observed[0]
	}
	return have
}

// refusal is what ConnectyCube said when it refused to take back exactly this, nil if it didn't.
func (p *Parked) refusal(digest string) *Refusal {
	if i := slices.IndexFunc(p.Refused, func(r Refusal) bool { return r.Digest == digest }); i >= 0 {
		return &p.Refused[i]
	}
	return nil
}

// isHalfway reports whether somebody of the row may be halfway through a swap.
func (r row) isHalfway() bool {
	return r.known != nil && r.known.Parked != nil ||
		slices.ContainsFunc(r.observed, func(a account.Account) bool { return isParked(a.Values[user.Login].Text) })
}
