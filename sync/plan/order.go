package plan

import (
	"fmt"
	"slices"
	"strings"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// settleClaims finds, for every operation that claims a login or an e-mail, who holds it. Where an operation of this
// plan frees it, the claim waits for that operation; where nothing does, a sign-up is rejected. A claim of an update
// that nothing in the plan frees is left to the service to judge.
func (b *builder) settleClaims() {
	freedBy := b.freed()
	holders := b.holders()
	kept := b.plan.Operations[:0]
	for _, op := range b.plan.Operations {
		var refusal *Reject
		for _, c := range claims(op) {
			if other, freed := freedBy[c]; freed {
				op.WaitsFor = append(op.WaitsFor, other)
			} else if held, taken := holders[c]; taken && op.Kind == Create && refusal == nil {
				refusal = b.taken(op, c, held)
			}
		}
		if refusal != nil {
			b.plan.Rejects = append(b.plan.Rejects, *refusal)
			continue
		}
		slices.Sort(op.WaitsFor)
		op.WaitsFor = slices.Compact(op.WaitsFor)
		kept = append(kept, op)
	}
	b.plan.Operations = kept
}

// freed returns which operation frees which value, by the operation's external ID.
func (b *builder) freed() map[claim]string {
	freedBy := map[claim]string{}
	free := func(field user.Field, value, externalID string) {
		if value != "" {
			freedBy[claim{field, field.Canonical(value)}] = externalID
		}
	}
	for i := range b.plan.Operations {
		op := &b.plan.Operations[i]
		switch op.Kind {
		case Delete:
			for _, field := range claimed() {
				free(field, op.Account.Values[field].Text, op.ExternalID)
			}
		case Update:
			for _, c := range op.Changes {
				if slices.Contains(claimed(), c.Field) {
					free(c.Field, c.Before, op.ExternalID)
				}
			}
		}
	}
	return freedBy
}

// holders returns which of the looked-up accounts holds which value.
func (b *builder) holders() map[claim]account.Account {
	holders := map[claim]account.Account{}
	for _, a := range sortedByID(b.foundByID) {
		for _, field := range claimed() {
			if value := a.Values[field].Text; value != "" {
				holders[claim{field, field.Canonical(value)}] = a
			}
		}
	}
	return holders
}

func claims(op Operation) []claim {
	var all []claim
	if op.Kind != Create && op.Kind != Update {
		return nil
	}
	for _, c := range op.Changes {
		if slices.Contains(claimed(), c.Field) && c.After != "" {
			all = append(all, claim{c.Field, c.Field.Canonical(c.After)})
		}
	}
	return all
}

func (b *builder) taken(op Operation, c claim, by account.Account) *Reject {
	r := &Reject{Position: op.Position, ExternalID: op.ExternalID}
	until, isLeaver := b.leavers[by.ID]
	switch {
	case isLeaver:
		r.Reason = HeldByLeaver
		r.Detail = fmt.Sprintf("the %s %s is held by leaver %s (account %d) until %s; if it is the same person, give the record its old external ID",
			c.field, c.value, by.ExternalID, by.ID, until)
	case by.HasTag(b.policy.OwnerTag):
		r.Reason = ValueTaken
		r.Detail = fmt.Sprintf("the %s %s belongs to %s (account %d): give one of them another", c.field, c.value, by.ExternalID, by.ID)
	default:
		r.Reason = NotOurs
		r.Detail = fmt.Sprintf("exists as account %d, not ours: it holds the %s %s and doesn't carry the tag %q", by.ID, c.field, c.value, b.policy.OwnerTag)
	}
	return r
}

// order puts every operation after those it waits for, and deletes last unless a claim waits for one. Operations that
// wait for each other in a ring, or for one that isn't sent, are blocked.
func (b *builder) order() {
	ops := b.plan.Operations
	byID := make(map[string]int, len(ops))
	awaited := map[string]bool{}
	for i := range ops {
		byID[ops[i].ExternalID] = i
		for _, other := range ops[i].WaitsFor {
			awaited[other] = true
		}
	}
	w := waves{ops: ops, byID: byID, state: make([]visit, len(ops))}
	last := 0
	for i := range ops {
		w.visit(i, nil)
		last = max(last, ops[i].Wave)
	}
	for i := range ops {
		if op := &ops[i]; op.Kind == Delete && !awaited[op.ExternalID] && last+1 > op.Wave {
			op.Wave = last + 1
		}
	}
	slices.SortStableFunc(ops, func(a, b Operation) int { return a.Wave - b.Wave })
}

type visit uint8

const (
	unseen visit = iota
	open
	closed
)

// waves walks the operations along what they wait for.
type waves struct {
	ops   []Operation
	byID  map[string]int
	state []visit
}

// visit gives the operation its wave, and blocks it if it stands in a ring. path are those that wait for it.
func (w *waves) visit(i int, path []int) {
	if w.state[i] == closed {
		return
	}
	if w.state[i] == open {
		ring := path[slices.Index(path, i):]
		w.blockRing(ring)
		return
	}
	w.state[i] = open
	op := &w.ops[i]
	for _, other := range op.WaitsFor {
		j := w.byID[other]
		w.visit(j, append(path, i))
		op.Wave = max(op.Wave, w.ops[j].Wave+1)
		if w.ops[j].Blocked != "" && op.Blocked == "" {
			op.Blocked, op.Detail = WaitsForOther, fmt.Sprintf("waits for %s, which isn't sent", other)
		}
	}
	w.state[i] = closed
}

func (w *waves) blockRing(ring []int) {
	names := make([]string, len(ring))
	for n, i := range ring {
		names[n] = w.ops[i].ExternalID
	}
	slices.Sort(names)
	for _, i := range ring {
		if w.ops[i].Blocked != "" {
			continue // for a reason of its own, which blocks the rest
		}
		w.ops[i].Blocked = Cycle
		w.ops[i].Detail = fmt.Sprintf("%s each want a login or e-mail that the next one holds: change one of them to a free value first", strings.Join(names, ", "))
	}
}
