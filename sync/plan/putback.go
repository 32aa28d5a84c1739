package plan

import (
	"fmt"
	"slices"

	"cubesync/sync/user"
)

// getsBackFirst is why an operation isn't sent whose account gets back first what it gave up.
const getsBackFirst = "gets back first what it gave up in a swap that was broken off"

// giveBackFirst blocks the operations of those whom a run before found halfway and left so, and who would wait for others
// once more, perhaps every night: they get back what they gave up, and their swap begins anew, as a whole.
func (b *builder) giveBackFirst(g *graph) {
	if len(b.halfway) == 0 {
		return
	}
	taken := b.taking(g)
	for i := range g.ops {
		op := &g.ops[i]
		h, is := b.halfway[op.ExternalID]
		if !is || !h.gaveUp.Waits || h.leftAlone != "" || op.Blocked != "" || op.Kind != Update || len(op.WaitsFor) == 0 {
			continue
		}
		if back, _ := b.backOf(op.ExternalID, h, taken); back != nil {
			op.Blocked, op.Detail = WaitsForOther, getsBackFirst+"; its own values come in the next run"
			g.blockBehind(i, op.Detail)
		}
	}
}

// putBack returns the operations that give back what accounts gave up in a swap that was broken off, as far as it is
// free, where no operation of this plan brings the swap to its end: their own isn't sent, or their record was rejected or
// is gone. Whose login somebody else has by now gets the one that is computed from the external ID, so that nobody stays
// locked out. What ConnectyCube refused to take back isn't tried the same way again. Who goes on lacking something is
// remarked upon.
func (b *builder) putBack(g *graph) []Operation {
	if len(b.halfway) == 0 {
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
		if op != nil && op.Blocked == "" && op.Kind != Release {
			continue
		}
		if rejected[key] == Ambiguous && h.leftAlone == "" {
			h.leftAlone = "nobody knows whose it is"
		}
		first, left := b.backOf(key, h, taken)
		if left != "" {
			b.plan.Remarks = append(b.plan.Remarks, Remark{
				ExternalID: key, AccountID: h.account.ID, Position: h.position, Reason: LockedOut, Detail: left,
			})
		}
		if first == nil {
			continue
		}
		if op != nil && op.Kind == Release && op.Blocked == "" {
			op.Blocked, op.Detail = WaitsForOther, getsBackFirst+"; released in the next run"
		}
		back = append(back, *first)
	}
	return back
}

// backOf is the operation that gives back what is free, in the first way that wasn't refused, nil where there is none; and
// what the account goes on lacking, for people.
func (b *builder) backOf(key string, h halfway, taken func(field user.Field, value string, but int64) bool) (*Operation, string) {
	if h.leftAlone != "" {
		return nil, "is without what it gave up in a swap that was broken off, and doesn't get it back: " + h.leftAlone
	}
	op := Operation{
		Kind: Update, Step: PutBack, ExternalID: key, AccountID: h.account.ID, Position: h.position, Reason: BrokenSwap, Account: new(h.account),
	}
	var refused *Refusal
	for _, way := range h.ways(key, taken) {
		op.Changes = way
		op.Digest = b.digest(&op)
		before := h.gaveUp.refusal(op.Digest)
		if before == nil || b.in.RetryRefused {
			return &op, h.lacking(&op, refused, taken)
		}
		if refused = before; refused.Whatever {
			break
		}
	}
	return nil, h.lacking(nil, refused, taken)
}

// ways are those in which the account can get back what it gave up and is free, the best first. A value that isn't
// taken back mustn't stand in the way of the others.
func (h *halfway) ways(key string, taken func(field user.Field, value string, but int64) bool) [][]Change {
	var ways [][]Change
	var withEmail []Change
	login, email := h.gaveUp.lacks(h.account)
	if email && !h.noEmail && !taken(user.Email, h.gaveUp.Email, h.account.ID) {
		withEmail = []Change{{Field: user.Email, After: h.gaveUp.Email}}
	}
	if login {
		for _, value := range []string{h.gaveUp.Login, user.ComputedLogin(key)} {
			if value == "" || taken(user.Login, value, h.account.ID) {
				continue
			}
			alone := []Change{{Field: user.Login, Before: h.account.Values[user.Login].Text, After: value}}
			if len(ways) == 0 && len(withEmail) > 0 {
				ways = append(ways, slices.Concat(alone, withEmail))
			}
			ways = append(ways, alone)
		}
	}
	if len(withEmail) > 0 {
		ways = append(ways, withEmail)
	}
	return ways
}

// lacking says what the account goes on lacking after an operation that gives back, or without one, "" for nothing.
func (h *halfway) lacking(op *Operation, refused *Refusal, taken func(field user.Field, value string, but int64) bool) string {
	login, email := h.gaveUp.lacks(h.account)
	login = login && (op == nil || op.Changes[0].Field != user.Login)
	switch {
	case refused != nil && (op == nil || login):
		return "is without what it gave up in a swap that was broken off, and ConnectyCube refused to take it back (" + refused.Words +
			"): give its record a free login and e-mail, or send it again with --retry-failed"
	case email && !h.noEmail && taken(user.Email, h.gaveUp.Email, h.account.ID):
		return fmt.Sprintf("is without the e-mail %s, which it gave up in a swap that was broken off and somebody else has or is to get now", h.gaveUp.Email)
	case login:
		return "is without a login of its own since a swap that was broken off, and somebody else has or is to get those that it could have: give its record a free one"
	default:
		return ""
	}
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
