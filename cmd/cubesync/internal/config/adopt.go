package config

import (
	"math"
	"slices"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// refuseAdoption is the answer to adopt where accounts that exist already aren't taken over.
const refuseAdoption = "refuse"

// others reads what may become of accounts that this pipeline didn't make.
func (c *checker) others(group object, p *Pipeline) {
	adopt := group.get("adopt")
	p.Policy.Adopt = adopt.adoption()
	p.Policy.AdoptionsOff = p.Updates != AsShared
	if len(p.Policy.Adopt) > 0 && (p.Updates == AsOwner || p.Updates == Off) {
		adopt.complain("writes accounts that we didn't make, whose passwords nobody knows, so only updates: shared can adopt",
			"write updates: shared where the service user may write others, or adopt: refuse")
	}
	p.Policy.Protected = group.get("protected").protection(p.OwnerTag)
}

// adoption returns what accounts may be taken over by, in the same order however the file has them.
func (n node) adoption() []account.Key {
	keys := []string{string(account.ByExternalID), string(account.ByLogin), string(account.ByEmail)}
	var given []string
	if n.given() && n.value.kind == listKind {
		given = texts(n.list("write one such as [external_id, login, email]"), func(item node) string { return item.choice("", keys...) })
	} else {
		given = []string{n.choice(refuseAdoption, append([]string{refuseAdoption}, keys...)...)}
	}
	var permitted []account.Key
	for _, key := range keys {
		if slices.Contains(given, key) {
			permitted = append(permitted, account.Key(key))
		}
	}
	return permitted
}

// protection returns the accounts that are never written, sorted.
func (n node) protection(ownerTag string) plan.Protected {
	group := n.object("write ids, logins or tags under it", "ids", "logins", "tags")
	var all plan.Protected
	for _, item := range group.get("ids").list("write account ids such as [17, 4711]") {
		if id := item.integer(0, 1, math.MaxInt); id > 0 {
			all.IDs = append(all.IDs, int64(id))
		}
	}
	slices.Sort(all.IDs)
	all.IDs = slices.Compact(all.IDs)
	all.Logins = texts(group.get("logins").list("write logins such as [root, support]"), func(item node) string {
		login, _ := item.text()
		return user.Login.Canonical(login)
	})
	all.Tags = texts(group.get("tags").list("write tags such as [vip]"), func(item node) string {
		tag := item.ownerTag()
		if tag != "" && tag == ownerTag {
			item.complain("is this pipeline's owner tag, so none of its accounts could be written", "take it out")
		}
		return tag
	})
	return all
}

// texts returns what the items are read as, sorted and each once, without those that are wrong.
func texts(items []node, read func(node) string) []string {
	var all []string
	for _, item := range items {
		if text := read(item); text != "" {
			all = append(all, text)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
