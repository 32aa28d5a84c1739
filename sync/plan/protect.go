package plan

import (
	"fmt"
	"slices"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// covers reports whether the account is protected.
func (p Protected) covers(a account.Account) bool {
	login := user.Login.Canonical(a.Values[user.Login].Text)
	return slices.Contains(p.IDs, a.ID) ||
		login != "" && slices.ContainsFunc(p.Logins, func(l string) bool { return user.Login.Canonical(l) == login }) ||
		slices.ContainsFunc(p.Tags, a.HasTag)
}

func protectedDetail(a account.Account) string {
	return fmt.Sprintf("its account %d is protected, so nothing is written to it: take it off the protected ones, or the record out of the source", a.ID)
}

// otherOwner returns the owner tag of another pipeline that the account carries, "" for none.
func (b *builder) otherOwner(a account.Account) string {
	for _, tag := range b.policy.OtherOwnerTags {
		if a.HasTag(tag) {
			return tag
		}
	}
	return ""
}
