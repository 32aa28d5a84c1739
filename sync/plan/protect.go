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

// Spares says why no operation of the kind may write the account as it is now, "" where it may: it is protected, or
// another pipeline owns it. Our tag may be taken off what another pipeline owns too.
func (p *Policy) Spares(kind Kind, a account.Account) string {
	switch other := p.otherOwner(a); {
	case p.Protected.covers(a):
		return fmt.Sprintf("account %d is protected", a.ID)
	case other != "" && kind != Release:
		return fmt.Sprintf("account %d carries %q, the owner tag of another pipeline", a.ID, other)
	}
	return ""
}

func (b *builder) otherOwner(a account.Account) string { return b.policy.otherOwner(a) }

// otherOwner returns the owner tag of another pipeline that the account carries, "" for none.
func (p *Policy) otherOwner(a account.Account) string {
	for _, tag := range p.OtherOwnerTags {
		if a.HasTag(tag) {
			return tag
		}
	}
	return ""
}
