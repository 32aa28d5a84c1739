package plan

import (
	"fmt"
	"slices"

	"cubesync/sync/account"
)

// settleClaims finds, for every operation that claims a login or an e-mail, who holds it. Where an operation of this
// plan frees it, the claim waits for that operation; where nothing does, a sign-up becomes an adoption or is rejected, and
// an update that would make two accounts carry one external ID is blocked. Any other claim of an update that nothing in
// the plan frees is left to the service to judge.
func (b *builder) settleClaims() {
	freedBy := b.freed()
	holders := b.holders()
	in := map[string][]match{} // the accounts that stand in the way of a sign-up, by its external ID
	for i := range b.plan.Operations {
		op := &b.plan.Operations[i]
		b.awaits(op, freedBy)
		for _, c := range claims(*op) {
			held, taken := holders[c]
			_, freed := freedBy[c]
			switch {
			case freed:
			case taken && op.Kind == Create:
				in[op.ExternalID] = append(in[op.ExternalID], match{c.key, c.value, held})
			case taken && c.key == account.ByExternalID && op.Blocked == "":
				op.Blocked, op.Detail = Ambiguous, fmt.Sprintf("account %d carries this external ID now, and nothing takes it off", held.ID)
			}
		}
	}
	claimants := b.claimants(in)
	kept := b.plan.Operations[:0]
	for _, op := range b.plan.Operations {
		if matches := in[op.ExternalID]; len(matches) > 0 {
			var refusal *Reject
			if op, refusal = b.meets(op, matches, claimants); refusal != nil {
				b.plan.Rejects = append(b.plan.Rejects, *refusal)
				continue
			}
		}
		if why := b.unfit[op.ExternalID]; why != "" && op.Kind == Create && op.Blocked == "" { // whoever is adopted needs none
			b.plan.Rejects = append(b.plan.Rejects, Reject{Position: op.Position, ExternalID: op.ExternalID, Reason: BadPassword, Detail: "password: " + why})
			continue
		}
		kept = append(kept, op)
	}
	b.plan.Operations = kept
	b.awaitAdoptions()
}

// awaits lets the operation wait for those that free what it claims, and judges it anew.
func (b *builder) awaits(op *Operation, freedBy map[claim]string) {
	for _, c := range claims(*op) {
		if other, freed := freedBy[c]; freed {
			op.WaitsFor = append(op.WaitsFor, other)
		}
	}
	if len(op.WaitsFor) == 0 {
		return
	}
	slices.Sort(op.WaitsFor)
	op.WaitsFor = slices.Compact(op.WaitsFor)
	if op.Blocked == RefusedBefore {
		op.Blocked, op.Detail = "", ""
	}
	b.judge(op, b.refusals[op.ExternalID])
}

// awaitAdoptions lets updates wait for the adoptions that free what they claim. A sign-up that claims it is rejected.
func (b *builder) awaitAdoptions() {
	freedBy := map[claim]string{}
	for i := range b.plan.Operations {
		if op := &b.plan.Operations[i]; op.Kind == Adopt {
			freedByChanges(freedBy, op)
		}
	}
	for i := range b.plan.Operations {
		op := &b.plan.Operations[i]
		if op.Kind != Update || len(freedBy) == 0 {
			continue
		}
		for _, c := range claims(*op) {
			if other, freed := freedBy[c]; freed {
				op.WaitsFor = append(op.WaitsFor, other)
			}
		}
		slices.Sort(op.WaitsFor)
		op.WaitsFor = slices.Compact(op.WaitsFor)
	}
}

// freedByChanges adds what the changes of an operation free.
func freedByChanges(freedBy map[claim]string, op *Operation) {
	for _, c := range op.Changes {
		if slices.Contains(claimed(), c.Field) && c.Before != "" {
			freedBy[claimOf(c.Field, c.Before)] = op.ExternalID
		}
	}
}

// match is an account that holds something which a sign-up would claim.
type match struct {
	key     account.Key
	value   string
	account account.Account
}

// freed returns which operation frees which value, by the operation's external ID.
func (b *builder) freed() map[claim]string {
	freedBy := map[claim]string{}
	for i := range b.plan.Operations {
		op := &b.plan.Operations[i]
		switch op.Kind {
		case Delete:
			for _, field := range claimed() {
				if value := op.Was().Values[field].Text; value != "" {
					freedBy[claimOf(field, value)] = op.ExternalID
				}
			}
		case Update:
			if id := op.ExternalIDBefore; id != nil && *id != "" {
				freedBy[claim{account.ByExternalID, *id}] = op.ExternalID
			}
			freedByChanges(freedBy, op)
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
				holders[claimOf(field, value)] = a
			}
		}
		if a.ExternalID != "" {
			holders[claim{account.ByExternalID, a.ExternalID}] = a
		}
	}
	return holders
}

func claims(op Operation) []claim {
	var all []claim
	if op.Kind == Release || op.Kind == Delete {
		return nil
	}
	if op.Kind == Create || op.ExternalIDBefore != nil {
		all = append(all, claim{account.ByExternalID, op.ExternalID})
	}
	for _, c := range op.Changes {
		if slices.Contains(claimed(), c.Field) && c.After != "" {
			all = append(all, claimOf(c.Field, c.After))
		}
	}
	return all
}

// taken rejects a sign-up whose login, e-mail or external ID somebody else has.
func (b *builder) taken(op Operation, m match) *Reject {
	by := m.account
	until, isLeaver := b.leavers[by.ID]
	reject := func(reason Reason, format string, args ...any) *Reject {
		return &Reject{Position: op.Position, ExternalID: op.ExternalID, Reason: reason, Detail: fmt.Sprintf(format, args...)}
	}
	what := fmt.Sprintf("the %s %s", m.key, m.value)
	switch {
	case isLeaver:
		return reject(HeldByLeaver, "%s is held by leaver %s (account %d) until %s; same person? `cubesync rekey`", what, by.ExternalID, by.ID, until)
	case b.policy.Protected.covers(by):
		return reject(IsProtected, "%s belongs to account %d, which is protected", what, by.ID)
	case by.HasTag(b.policy.OwnerTag) && by.ExternalID == "":
		return reject(ValueTaken, "%s belongs to account %d, which carries the tag %q and no external ID: give it this one, or take the tag off", what, by.ID, b.policy.OwnerTag)
	case by.HasTag(b.policy.OwnerTag):
		return reject(ValueTaken, "%s belongs to %s (account %d): give one of them another", what, by.ExternalID, by.ID)
	case m.key == account.ByExternalID:
		return reject(NotOurs, "exists as account %d, not ours: it doesn't carry the tag %q", by.ID, b.policy.OwnerTag)
	default:
		return reject(NotOurs, "exists as account %d, not ours: it holds %s and doesn't carry the tag %q", by.ID, what, b.policy.OwnerTag)
	}
}
