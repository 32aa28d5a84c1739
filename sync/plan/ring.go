package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"cubesync/sync/user"
)

// parkedPrefix begins the logins of accounts that gave theirs up until the end of their ring.
const parkedPrefix = "cubesync-swap-"

// ParkedLogin is the login of an account between the two steps of its swap: it says what it is, is always the same for
// an external ID, and never the same for two.
func ParkedLogin(externalID string) string {
	const bytesKept = 20
	sum := sha256.Sum256([]byte("cubesync swap\x00" + externalID))
	return parkedPrefix + hex.EncodeToString(sum[:bytesKept])
}

// parkedValue is what stands in a field between the two steps.
func parkedValue(field user.Field, externalID string) string {
	if field == user.Login {
		return ParkedLogin(externalID)
	}
	return ""
}

// isParked recognises the login of a swap that was broken off, whosever it is: only the value tells, when the state is
// lost.
func isParked(login string) bool {
	return strings.HasPrefix(login, parkedPrefix) && len(login) == len(ParkedLogin(""))
}

// Awaits reports whether the field of the account may still be as the operation's parking left it.
func (o *Operation) Awaits(field user.Field, current string) bool {
	return slices.ContainsFunc(o.Parked, func(g Given) bool { return g.Field == field }) &&
		field.Equal(current, parkedValue(field, o.ExternalID))
}

// breakRings lets rings of updates run, two people who swap their e-mails for one: a member gives up what others claim
// before them and gets its own values after them. Rings in which nobody can give way are blocked.
//
//	before     E1 ──waits for──▶ E2 ──waits for──▶ E1
//	after      E1 parked ◀── E2 ◀── E1's other half
func (b *builder) breakRings(g *graph) {
	for _, ring := range g.rings() {
		if !b.policy.Swaps {
			g.blockRing(ring)
			continue
		}
		parked := g.chooseParked(ring)
		if i := slices.IndexFunc(parked, func(i int) bool { return !g.mayPark(i) }); i >= 0 {
			g.blockRing(ring)
			continue
		}
		digest := g.ringDigest(ring)
		first := parked[0]
		if r := b.refusals[g.ops[first].ExternalID]; r != nil && r.Digest == digest && !b.in.RetryRefused {
			op := &g.ops[first]
			op.Blocked, op.Detail = RefusedBefore, r.Words+"; --retry-failed sends it again"
			continue
		}
		for _, i := range parked {
			g.park(i, digest)
			if i != first { // the first one looks whether the whole ring may be written, before any other gives way
				parking := g.parking[i]
				parking.WaitsFor = []string{g.ops[first].ExternalID}
				g.parking[i] = parking
			}
		}
	}
}

// giveLogins keeps nobody locked out by the login of a swap that was broken off. Where what its user should get isn't
// sent, the account gets the login that is computed from its external ID, and nothing else, until that is.
func (b *builder) giveLogins(g *graph) {
	for i := range g.ops {
		op := &g.ops[i]
		parked := op.Account.Values[user.Login].Text
		hindered := op.Blocked == WaitsForOther || op.Blocked == Cycle || op.Blocked == RefusedBefore
		if op.Kind != Update || !hindered || op.ExternalIDBefore != nil || !isParked(parked) {
			continue
		}
		why := fmt.Sprintf("%s: %s", op.Blocked, op.Detail)
		op.Changes = []Change{{Field: user.Login, Before: parked, After: user.ComputedLogin(op.ExternalID)}}
		op.Blocked, op.Detail, op.WaitsFor = "", "", nil
		b.judge(op, b.refusals[op.ExternalID])
		detail := "locked out by a swap that was broken off; gets its computed login until the record's can be written (" + why + ")"
		if op.Blocked != "" {
			detail = "locked out by a swap that was broken off until its record's login is changed to a free one (" + why + ")"
		}
		b.plan.Remarks = append(b.plan.Remarks, Remark{
			ExternalID: op.ExternalID, AccountID: op.AccountID, Position: op.Position, Field: user.Login.String(),
			Reason: LockedOut, Detail: detail,
		})
	}
}

// mayPark reports whether the operation can give up what it has: only an account that is ours already, and whose user
// can sign in all the while. An external ID can't be given up for a moment.
func (g *graph) mayPark(i int) bool {
	op := &g.ops[i]
	return op.Kind == Update && op.Account.Values[user.Login].Text != "" &&
		!slices.ContainsFunc(g.waiters[i], func(j int) bool { return op.ExternalIDBefore != nil && g.ops[j].ExternalID == *op.ExternalIDBefore })
}

// park makes the first step of an operation.
func (g *graph) park(i int, digest string) {
	op := &g.ops[i]
	first := Operation{
		Kind: op.Kind, Step: Park, ExternalID: op.ExternalID, AccountID: op.AccountID, Position: op.Position,
		Reason: op.Reason, Account: op.Account, Digest: digest,
	}
	for _, c := range op.Changes {
		to := g.claimants(i, c)
		for _, who := range to {
			op.Parked = append(op.Parked, Given{c.Field, who})
		}
		if len(to) > 0 {
			first.Changes = append(first.Changes, Change{Field: c.Field, Before: c.Before, After: parkedValue(c.Field, op.ExternalID)})
		}
	}
	g.parking[i] = first
}

// claimants returns the external IDs of those who claim what the change frees.
func (g *graph) claimants(i int, freed Change) []string {
	var all []string
	if !slices.Contains(claimed(), freed.Field) || freed.Before == "" {
		return nil
	}
	for _, j := range g.waiters[i] {
		if slices.Contains(claims(g.ops[j]), claimOf(freed.Field, freed.Before)) {
			all = append(all, g.ops[j].ExternalID)
		}
	}
	return all
}

// ringDigest recognises a ring: when any of its members' accounts, records or the configuration change, it is another.
func (g *graph) ringDigest(ring []int) string {
	sum := sha256.New()
	for _, i := range ring {
		fmt.Fprintln(sum, g.ops[i].Digest)
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// blockRing names a few members only: in every member's detail all names would be quadratic in their number.
func (g *graph) blockRing(ring []int) {
	const most = 5
	var names []string
	for _, i := range ring[:min(most, len(ring))] {
		names = append(names, g.ops[i].ExternalID)
	}
	who := strings.Join(names, ", ")
	if more := len(ring) - most; more > 0 {
		who += fmt.Sprintf(" and %d more", more)
	}
	detail := who + " each want a login, e-mail or external ID that another of them holds, and none can give it up first: change one of them to a free value"
	for _, i := range ring {
		g.ops[i].Blocked, g.ops[i].Detail = Cycle, detail
	}
}
