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
	folded := strings.ToLower(login) // as a service may spell it
	return strings.HasPrefix(folded, parkedPrefix) && len(login) == len(ParkedLogin(""))
}

// Awaits reports whether the field of the account may still be as the operation's parking left it.
func (o *Operation) Awaits(field user.Field, current string) bool {
	return slices.ContainsFunc(o.Parked, func(g Given) bool { return g.Field == field }) &&
		strings.EqualFold(current, parkedValue(field, o.ExternalID)) // a service may spell logins otherwise
}

// breakRings makes a unit of each ring of updates, two people who swap their e-mails for one: a member gives up what others
// claim before them and gets its own values after them. Apply carries a ring out as a whole or not at all. Rings in which
// nobody can give way are blocked, and so is the beginning of one that couldn't be begun before.
//
//	before     E1 ──waits for──▶ E2 ──waits for──▶ E1
//	after      E1 parked ◀── E2 ◀── E1's other half
func (b *builder) breakRings(g *graph) {
	for _, ring := range g.rings() {
		for _, i := range ring {
			g.ringOf[i] = ring
		}
		if !b.breakRing(g, ring) {
			for _, i := range ring {
				delete(g.ringOf, i)
			}
		}
	}
}

func (b *builder) breakRing(g *graph, ring []int) bool {
	parked := g.chooseParked(ring)
	if slices.ContainsFunc(parked, func(i int) bool { return !g.mayPark(i) }) {
		g.blockRing(ring)
		return false
	}
	digest, waits := g.ringDigest(ring), g.waitsOutside(ring)
	for _, i := range parked {
		if r := b.refusals[g.ops[i].ExternalID]; r.bars(digest, waits) && !b.in.RetryRefused {
			g.refuseRing(ring, r.Words)
			return false
		}
	}
	for _, i := range ring {
		g.ops[i].Ring = g.ops[parked[0]].ExternalID
	}
	for _, i := range parked {
		g.park(i, digest)
	}
	return true
}

// waitsOutside reports whether a ring waits for somebody who doesn't stand in it.
func (g *graph) waitsOutside(ring []int) bool {
	return slices.ContainsFunc(ring, func(i int) bool {
		return slices.ContainsFunc(g.waits[i], func(j int) bool { return !g.together(i, j) })
	})
}

// refuseRing blocks a ring that couldn't be begun. The words name the member who can't be written; everybody has them, as it
// is remembered of one who is parked, and that may be another.
func (g *graph) refuseRing(ring []int, words string) {
	for _, i := range ring {
		g.ops[i].Blocked, g.ops[i].Detail = RefusedBefore, words+"; --retry-failed sends it again"
	}
}

// together reports whether both stand in one ring.
func (g *graph) together(i, j int) bool {
	a, b := g.ringOf[i], g.ringOf[j]
	return len(a) > 0 && len(b) > 0 && a[0] == b[0]
}

// ringInOrder returns the operations of a ring in the order in which they are carried out.
func (g *graph) ringInOrder(ring []int) []Operation {
	var ops []Operation
	for _, i := range ring {
		if parking, parked := g.parking[i]; parked {
			ops = append(ops, parking)
			op := &g.ops[i]
			op.WaitsFor = append(op.WaitsFor, op.ExternalID)
			slices.Sort(op.WaitsFor)
		}
	}
	seen := map[int]bool{}
	var visit func(i int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, j := range g.waits[i] {
			if _, parked := g.parking[j]; !parked && g.together(i, j) {
				visit(j)
			}
		}
		ops = append(ops, g.ops[i])
	}
	for _, i := range ring {
		visit(i)
	}
	return ops
}

// mayPark reports whether the operation can give up what it has: only an account that carries our tag already, or nobody
// would find it again without its record, and whose user can sign in all the while. An external ID can't be given up for a moment.
func (g *graph) mayPark(i int) bool {
	op := &g.ops[i]
	return op.Kind == Update && op.Reason != LostTag && op.Was().Values[user.Login].Text != "" &&
		!slices.ContainsFunc(g.waiters[i], func(j int) bool {
			return op.ExternalIDBefore != nil && g.together(i, j) && g.ops[j].ExternalID == *op.ExternalIDBefore
		})
}

// park makes the first step of an operation.
func (g *graph) park(i int, digest string) {
	op := &g.ops[i]
	first := Operation{
		Kind: op.Kind, Step: Park, ExternalID: op.ExternalID, AccountID: op.AccountID, Position: op.Position,
		Reason: op.Reason, Ring: op.Ring, Account: op.Account, Digest: digest,
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

// claimants returns the external IDs of those in the ring who claim what the change frees. Who stands outside comes after
// the whole ring.
func (g *graph) claimants(i int, freed Change) []string {
	var all []string
	if !slices.Contains(claimed(), freed.Field) || freed.Before == "" {
		return nil
	}
	for _, j := range g.waiters[i] {
		if g.together(i, j) && slices.Contains(claims(g.ops[j]), claimOf(freed.Field, freed.Before)) {
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
