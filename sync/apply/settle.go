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
	settled := make([]state.Settled, len(pending))
	for i, intent := range pending {
		found, there := byID[intent.AccountID]
		if intent.Kind == plan.Create {
			found, there = byExternalID[intent.ExternalID]
		}
		settled[i] = became(intent, found, there, ownerTag)
	}
	return settled, nil
}

// became says what an intent came to, by the account that was looked up for it.
func became(intent state.Intent, found account.Account, there bool, ownerTag string) state.Settled {
	settled := state.Settled{Intent: intent}
	// Somebody else's has no such tag. What carried our tag before it was to be adopted has no such external ID.
	ours := there && found.HasTag(ownerTag) && found.ExternalID == intent.ExternalID
	if ours {
		settled.Account = &found
	}
	switch intent.Kind {
	case plan.Create, plan.Adopt: // before it there was none, or it had no such tag
		settled.Applied = ours
	case plan.Delete:
		settled.Applied, settled.Account = !there, nil
	case plan.Release:
		settled.Applied, settled.Account = there && !found.HasTag(ownerTag), nil
	default: // whether an update arrived shows when the plan compares again
	}
	return settled
}
