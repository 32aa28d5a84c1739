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

// notice remembers who of the row is halfway through a swap.
func (b *builder) notice(r row) {
	if !r.isHalfway() || len(r.observed) > 1 {
		return
	}
	have := b.own(r)
	if was, lost := b.lostBy(r); lost && !was.wanted {
		have = nil // it is whose external ID it carries
	}
	if have == nil && len(r.observed) == 1 && !b.belongsElsewhere(r.observed[0], r.key) {
		have = &r.observed[0]
	}
	if have == nil || !have.HasTag(b.policy.OwnerTag) || b.otherOwner(*have) != "" || b.policy.Protected.covers(*have) {
		return
	}
	h := halfway{account: *have, settled: len(r.desired) > 0}
	if r.knows(*have) && r.known.Parked != nil {
		h.gaveUp = *r.known.Parked
	}
	if login, email := h.gaveUp.lacks(*have); !login && !email {
		return
	}
	if h.settled {
		email := r.desired[0].User.Values[user.Email]
		h.position = r.desired[0].Position
		h.noEmail = email.Set && email.Text == "" && b.policy.Owners[user.Email] == OwnedBySource
	}
	b.halfway[r.key] = h
}

// putBack returns the operations that give back what accounts gave up in a swap that was broken off, as far as it is
// free, where no operation of this plan brings the swap to its end: their own isn't sent, or their record was rejected or
// is gone. Whose login somebody else has by now gets the one that is computed from the external ID, so that nobody stays
// locked out. What ConnectyCube refused to take back isn't tried again.
func (b *builder) putBack(g *graph) []Operation {
	if len(b.halfway) == 0 || b.policy.UpdatesOff {
		return nil
	}
	own := map[string]*Operation{}
	for i := range g.ops {
		own[g.ops[i].ExternalID] = &g.ops[i]
	}
	rejected := map[string]Reason{}
	for _, r := range b.plan.Rejects {
		rejected[r.ExternalID] = r.Reason
	}
	taken := b.taking(g)
	var back []Operation
	for _, key := range sortedKeys(b.halfway) {
		h, op := b.halfway[key], own[key]
		switch {
		case rejected[key] == Ambiguous: // nobody knows whose it is
			continue
		case op != nil && op.Blocked == "" && op.Kind != Release:
			continue
		}
		first := b.backOf(key, h, taken)
		if first == nil {
			continue
		}
		if op != nil && op.Kind == Release && op.Blocked == "" {
			op.Blocked, op.Detail = WaitsForOther, "gets back first what it gave up in a swap that was broken off; released in the next run"
		}
		back = append(back, *first)
	}
	return back
}

// backOf is the operation that gives back what is free; nil where nothing is, or nothing is taken back.
func (b *builder) backOf(key string, h halfway, taken func(field user.Field, value string, but int64) bool) *Operation {
	op := Operation{
		Kind: Update, Step: PutBack, ExternalID: key, AccountID: h.account.ID, Position: h.position, Reason: BrokenSwap, Account: h.account,
	}
	left := ""
	login, email := h.gaveUp.lacks(h.account)
	if login {
		for _, value := range []string{h.gaveUp.Login, user.ComputedLogin(key)} {
			if len(op.Changes) == 0 && value != "" && !taken(user.Login, value, h.account.ID) {
				op.Changes = []Change{{Field: user.Login, Before: h.account.Values[user.Login].Text, After: value}}
			}
		}
	}
	switch {
	case !email || h.noEmail:
	case taken(user.Email, h.gaveUp.Email, h.account.ID):
		left = fmt.Sprintf("is without the e-mail %s, which it gave up in a swap that was broken off and somebody else has or is to get now", h.gaveUp.Email)
	default:
		op.Changes = append(op.Changes, Change{Field: user.Email, After: h.gaveUp.Email})
	}
	op.Digest = b.digest(&op)
	if r := h.gaveUp.Refusal; len(op.Changes) > 0 && r != nil && r.Digest == op.Digest && !b.in.RetryRefused {
		op.Changes, left = nil, "is without what it gave up in a swap that was broken off, and ConnectyCube refused to take it back ("+r.Words+"): give its record a free login and e-mail"
	}
	if left != "" {
		b.plan.Remarks = append(b.plan.Remarks, Remark{
			ExternalID: key, AccountID: h.account.ID, Position: h.position, Reason: LockedOut, Detail: left,
		})
	}
	if len(op.Changes) == 0 {
		return nil
	}
	return &op
}

// taking tells who is in the way of giving a value back: another account that has it, or an operation that is to be sent
// and claims it.
func (b *builder) taking(g *graph) func(field user.Field, value string, but int64) bool {
	wanted := map[claim]map[int64]bool{} // by whom, by account id
	for key, h := range b.halfway {
		for _, c := range h.gaveUp.claims(key) {
			wanted[c] = map[int64]bool{}
		}
	}
	hold := func(c claim, id int64) {
		if by := wanted[c]; by != nil {
			by[id] = true
		}
	}
	for _, a := range b.foundByID {
		for _, field := range claimed() {
			hold(claimOf(field, a.Values[field].Text), a.ID)
		}
	}
	for i := range g.ops {
		if g.ops[i].Blocked != "" {
			continue
		}
		for _, c := range claims(g.ops[i]) {
			hold(c, g.ops[i].AccountID)
		}
	}
	return func(field user.Field, value string, but int64) bool {
		for id := range wanted[claimOf(field, value)] {
			if id != but {
				return true
			}
		}
		return false
	}
}

// claims are what giving it back may claim.
func (p *Parked) claims(externalID string) []claim {
	all := []claim{claimOf(user.Login, user.ComputedLogin(externalID))}
	if p.Login != "" {
		all = append(all, claimOf(user.Login, p.Login))
	}
	if p.Email != "" {
		all = append(all, claimOf(user.Email, p.Email))
	}
	return all
}

// lookUpParked adds what is claimed where somebody of the row gets back what they gave up in a swap that was broken off.
func (l *Lookups) lookUpParked(r row) {
	if !r.isHalfway() {
		return
	}
	l.Logins = append(l.Logins, user.ComputedLogin(r.key))
	if r.known == nil || r.known.Parked == nil {
		return
	}
	if login := r.known.Parked.Login; login != "" {
		l.Logins = append(l.Logins, login)
	}
	if email := r.known.Parked.Email; email != "" {
		l.Emails = append(l.Emails, email)
	}
}

// isHalfway reports whether somebody of the row may be halfway through a swap.
func (r row) isHalfway() bool {
	return r.known != nil && r.known.Parked != nil ||
		slices.ContainsFunc(r.observed, func(a account.Account) bool { return isParked(a.Values[user.Login].Text) })
}
