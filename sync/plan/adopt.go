package plan

import (
	"fmt"
	"slices"
	"strings"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// mayAdopt reports whether accounts that aren't ours may be taken over by the key.
func (b *builder) mayAdopt(key account.Key) bool { return slices.Contains(b.policy.Adopt, key) }

// claimants returns which external IDs of the source claim which account.
func (b *builder) claimants(in map[string][]match) map[int64][]string {
	claimants := map[int64][]string{}
	if len(b.policy.Adopt) == 0 {
		return claimants
	}
	for _, externalID := range sortedKeys(in) {
		for _, m := range in[externalID] {
			if id := m.account.ID; !slices.Contains(claimants[id], externalID) {
				claimants[id] = append(claimants[id], externalID)
			}
		}
	}
	return claimants
}

// meets decides about a sign-up that meets accounts: it is rejected, or becomes the adoption of the only one.
//
//	the account                                       | decision
//	--------------------------------------------------+----------------------------------------------
//	a leaver's, or another record's of ours           | reject held-by-leaver, value-taken
//	no key that matches is permitted to adopt by      | reject not-ours
//	several accounts, by several keys                 | reject ambiguous
//	protected                                         | reject protected
//	claimed by several records, or known as another's | reject ambiguous
//	carries another external ID, or another owner tag | reject not-ours
//	has no room for the owner tag                     | reject no-room-for-tags
//	any other                                         | adopt; blocked where we may not write what we didn't make
func (b *builder) meets(op Operation, matches []match, claimants map[int64][]string) (Operation, *Reject) {
	for _, m := range matches {
		if m.account.HasTag(b.policy.OwnerTag) && m.account.ExternalID != "" {
			return op, b.taken(op, m)
		}
	}
	by := slices.IndexFunc(matches, func(m match) bool { return b.mayAdopt(m.key) })
	if by < 0 {
		return op, b.taken(op, matches[0])
	}
	m := matches[by]
	if reason, why := b.inadoptable(op, m, matches, claimants[m.account.ID]); why != "" {
		return op, &Reject{Position: op.Position, ExternalID: op.ExternalID, Reason: reason, Detail: why}
	}
	return b.adoption(op, m), nil
}

// inadoptable says why the account can't be taken over, "" if it can.
func (b *builder) inadoptable(op Operation, m match, matches []match, claimants []string) (Reason, string) {
	a := m.account
	other := slices.IndexFunc(matches, func(o match) bool { return o.account.ID != a.ID })
	switch {
	case other >= 0:
		o := matches[other]
		return Ambiguous, fmt.Sprintf("account %d has the %s %s and account %d the %s %s: neither is adopted", a.ID, m.key, m.value, o.account.ID, o.key, o.value)
	case b.policy.Protected.covers(a):
		return IsProtected, fmt.Sprintf("exists as account %d, which is protected and never adopted", a.ID)
	case len(claimants) > 1:
		return Ambiguous, fmt.Sprintf("exists as account %d, which %s all claim: none of them adopts it", a.ID, strings.Join(claimants, ", "))
	case b.belongsElsewhere(a, op.ExternalID):
		return Ambiguous, fmt.Sprintf("exists as account %d, which is known as that of %q: it isn't adopted", a.ID, b.lost[a.ID].externalID)
	case a.ExternalID != "" && a.ExternalID != op.ExternalID:
		return NotOurs, fmt.Sprintf("exists as account %d, which can't be adopted: it has the external ID %q, not %q", a.ID, a.ExternalID, op.ExternalID)
	case b.otherOwner(a) != "":
		return NotOurs, fmt.Sprintf("exists as account %d, which can't be adopted: it carries %q, the owner tag of another pipeline", a.ID, b.otherOwner(a))
	case !a.HasTag(b.policy.OwnerTag) && len(user.SplitTags(a.Values[user.Tags].Text)) >= account.MaxTags:
		return NoRoomForTags, fmt.Sprintf("exists as account %d, which can't be adopted: it carries %d tags already, so there is no room for %q", a.ID, account.MaxTags, b.policy.OwnerTag)
	}
	return "", ""
}

// adoption is the sign-up turned into a change of the account: every value that it would overwrite, and what makes it
// ours.
func (b *builder) adoption(op Operation, m match) Operation {
	d := b.adoptable[op.ExternalID]
	changes, remarks := diff(d.User, m.account, Known{}, b.policy)
	for _, remark := range remarks {
		remark.ExternalID, remark.AccountID, remark.Position = op.ExternalID, m.account.ID, op.Position
		b.plan.Remarks = append(b.plan.Remarks, remark)
	}
	reasons := map[account.Key]Reason{account.ByExternalID: MatchesID, account.ByLogin: MatchesLogin, account.ByEmail: MatchesEmail}
	adopt := Operation{
		Kind: Adopt, ExternalID: op.ExternalID, AccountID: m.account.ID, Position: op.Position, Reason: reasons[m.key],
		Changes: changes, ExternalIDBefore: externalIDBefore(d, Known{}, m.account), Account: new(m.account),
		Mine: op.Mine, WaitsFor: op.WaitsFor,
	}
	if b.policy.AdoptionsOff || b.policy.UpdatesOff {
		adopt.Blocked, adopt.Detail = UpdatesOff, "adopting writes an account that we didn't make, which needs updates: shared"
	}
	b.judge(&adopt, b.refusals[op.ExternalID])
	b.plan.Remarks = slices.DeleteFunc(b.plan.Remarks, func(r Remark) bool { return r.Reason == NoExternalID && r.AccountID == adopt.AccountID })
	return adopt
}
