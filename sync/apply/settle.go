package apply

import (
	"context"
	"slices"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// Settle finds out what became of operations whose run was killed before their outcome was written down. It looks up, and
// whatever is still to be done, the plan that follows finds by itself. Only whom the service may have made of a sign-in, and
// whom nobody else would find, is removed: see expelMinted. expel is nil where nothing is done as an account's user.
func Settle(ctx context.Context, service account.Service, ownerTag string, pending []state.Intent, expel Expel) ([]state.Settled, error) {
	var ids []int64
	for _, intent := range pending {
		if intent.Kind != plan.Create {
			ids = append(ids, intent.AccountID)
		}
	}
	present, err := byID(ctx, service, ids...)
	if err != nil {
		return nil, err
	}
	made, err := signedUp(ctx, service, pending)
	if err != nil {
		return nil, err
	}
	settled := make([]state.Settled, len(pending))
	for i, intent := range pending {
		found, there := present[intent.AccountID]
		if intent.Kind == plan.Create {
			found, there = made[i], made[i].ID != 0
		}
		settled[i] = became(intent, found, there, ownerTag)
	}
	if expel != nil {
		err = expelMinted(ctx, service, ownerTag, present, settled, expel)
	}
	return settled, err
}

// signedUp returns the accounts that pending sign-ups may have made, by their places; the zero Account where there is none.
// They are looked up as apply does in doubt: by external ID, then by the login that was sent, then by the e-mail.
func signedUp(ctx context.Context, service account.Service, pending []state.Intent) ([]account.Account, error) {
	made := make([]account.Account, len(pending))
	for _, look := range []struct {
		key  account.Key
		sent func(*state.Intent) string
		is   func(a *account.Account, sent string) bool
	}{
		{account.ByExternalID, func(i *state.Intent) string { return i.ExternalID }, func(a *account.Account, sent string) bool { return a.ExternalID == sent }},
		{account.ByLogin, func(i *state.Intent) string { return i.Login }, func(a *account.Account, sent string) bool {
			return user.Login.Equal(a.Values[user.Login].Text, sent)
		}},
		{account.ByEmail, func(i *state.Intent) string { return i.Email }, func(a *account.Account, sent string) bool {
			return user.Email.Equal(a.Values[user.Email].Text, sent)
		}},
	} {
		var values []string
		open := map[int]string{} // what is still looked for, by place
		for i := range pending {
			if sent := look.sent(&pending[i]); pending[i].Kind == plan.Create && made[i].ID == 0 && sent != "" {
				values, open[i] = append(values, sent), sent
			}
		}
		if len(values) == 0 {
			continue
		}
		found, err := service.Find(ctx, look.key, values)
		if err != nil {
			return nil, err
		}
		for i, sent := range open {
			if at := slices.IndexFunc(found, func(a account.Account) bool { return look.is(&a, sent) }); at >= 0 {
				made[i] = found[at]
			}
		}
	}
	return made, nil
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
