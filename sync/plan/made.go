package plan

import (
	"slices"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// DropMade takes the sign-ups out of a saved plan that an earlier try at it has carried out already, and counts their
// records as unchanged. It knows them by their account: the only one with the external ID, with the owner tag and the
// login that was to be sent. Of any other Recheck says that it stands in the way. Those that the plan doesn't hold stay: see Revise.
func (p *Plan) DropMade(ownerTag string, found []account.Account) {
	byExternalID := map[string]map[int64]account.Account{} // an account may be found by several keys
	for _, a := range found {
		if byExternalID[a.ExternalID] == nil {
			byExternalID[a.ExternalID] = map[int64]account.Account{}
		}
		byExternalID[a.ExternalID][a.ID] = a
	}
	made := func(op Operation) bool {
		if op.Kind != Create || op.Blocked != "" || len(byExternalID[op.ExternalID]) != 1 {
			return false
		}
		for _, a := range byExternalID[op.ExternalID] {
			return a.HasTag(ownerTag) && slices.ContainsFunc(op.Changes, func(c Change) bool {
				return c.Field == user.Login && c.Field.Equal(c.After, a.Values[user.Login].Text)
			})
		}
		return false
	}
	held := p.Operations
	p.Operations = p.Operations[:0]
	for i := range held {
		if made(held[i]) {
			p.Unchanged++
			continue
		}
		if p.SignUps != nil {
			p.SignUps.before[len(p.Operations)] = p.SignUps.before[i]
		}
		p.Operations = append(p.Operations, held[i])
	}
	clear(held[len(p.Operations):])
	if p.SignUps != nil {
		p.SignUps.before = p.SignUps.before[:len(p.Operations)]
	}
}
