package apply

import (
	"context"
	"strconv"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// Settle finds out what became of operations whose run was killed before their outcome was written down. It only looks
// up: whatever is still to be done, the plan that follows finds by itself.
func Settle(ctx context.Context, service account.Service, ownerTag string, pending []state.Intent) ([]state.Settled, error) {
	var externalIDs, ids []string
	for _, intent := range pending {
		if intent.Kind == plan.Create {
			externalIDs = append(externalIDs, intent.ExternalID)
		} else {
			ids = append(ids, strconv.FormatInt(intent.AccountID, 10))
		}
	}
	byExternalID := map[string]account.Account{}
	byID := map[int64]account.Account{}
	for _, look := range []struct {
		key    account.Key
		values []string
	}{{account.ByExternalID, externalIDs}, {account.ByID, ids}} {
		if len(look.values) == 0 {
			continue
		}
		found, err := service.Find(ctx, look.key, look.values)
		if err != nil {
			return nil, err
		}
		for _, a := range found {
			byExternalID[a.ExternalID] = a
			byID[a.ID] = a
		}
	}
	settled := make([]state.Settled, 0, len(pending))
	for _, intent := range pending {
		s := state.Settled{Intent: intent}
		switch intent.Kind {
		case plan.Create:
			if a, found := byExternalID[intent.ExternalID]; found && a.HasTag(ownerTag) { // somebody else's has no such tag
				s.Applied, s.Account = true, &a
			}
		case plan.Delete:
			_, there := byID[intent.AccountID]
			s.Applied = !there
		case plan.Release:
			a, there := byID[intent.AccountID]
			s.Applied = there && !a.HasTag(ownerTag)
		default: // whether an update arrived shows when the plan compares again
		}
		settled = append(settled, s)
	}
	return settled, nil
}
