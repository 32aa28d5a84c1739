package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// settled checks how everything stands in the end.
func (n *network) settled() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.wanted {
		if !n.squats[p.id] {
			n.has(p)
		}
	}
	n.strangersAsBefore()
	for _, p := range n.before {
		if !slices.ContainsFunc(n.wanted, func(q person) bool { return q.id == p.id }) && n.tale == night {
			n.left(p)
		}
	}
	for _, a := range n.truth.live {
		if n.truth.made[a.ID] {
			n.breaks("account %d, which a sign-in made, is left behind: %+v", a.ID, *a)
		}
	}
	n.sameAsShown()
}

// has checks that a person has one account, which is as the source wants it.
func (n *network) has(p person) {
	all := n.truth.holding(p.id)
	if len(all) != 1 || !all[0].ours() {
		n.breaks("%s has %d accounts in the end: %+v", p.id, len(all), all)
		return
	}
	a := all[0]
	want := map[user.Field]string{user.Login: n.loginOf(p), user.Email: p.email, user.FullName: p.name, user.Website: p.website}
	if p.login == "" && n.taken["#"+fmt.Sprint(a.ID)] {
		delete(want, user.Login) // it keeps what it had
	}
	for _, field := range slices.Sorted(maps.Keys(want)) {
		if want[field] != "" && !field.Equal(want[field], a.value(field)) {
			n.breaks("%s has the %s %q in the end, want %q", p.id, field, a.value(field), want[field])
		}
	}
	if tags := strings.Split(p.tags, ";"); p.tags != "" && slices.ContainsFunc(tags, func(tag string) bool { return !slices.Contains(a.Tags, tag) }) {
		n.breaks("%s has the tags %s in the end, want %s too", p.id, a.Tags, p.tags)
	}
}

// left checks what has become of a leaver.
func (n *network) left(p person) {
	all := n.truth.holding(p.id)
	switch {
	case n.gone[p.id] && n.leavers == plan.DeleteLeavers:
		if len(all) > 0 {
			n.breaks("%s has left, and is still there: %+v", p.id, *all[0])
		}
	case len(all) != 1:
		n.breaks("%s has left, and has %d accounts", p.id, len(all))
	case all[0].ours() == n.gone[p.id]:
		n.breaks("%s has left, and carries our tag: %t", p.id, all[0].ours())
	}
}

// strangersAsBefore checks that nobody wrote what isn't ours.
func (n *network) strangersAsBefore() {
	for _, u := range n.world.server.Users {
		if slices.Contains(u.Tags, ownerTag) || n.taken[u.Login] {
			continue
		}
		same := func(a *truly) bool {
			return a.Login == u.Login && a.Email == u.Email && a.FullName == u.FullName && a.ExternalID == u.ExternalID && slices.Equal(a.Tags, u.Tags)
		}
		if !slices.ContainsFunc(slices.Collect(maps.Values(n.truth.live)), same) {
			n.breaks("%s, who isn't ours, isn't as before", u.Login)
		}
	}
}

// sameAsShown compares the truth with what the service shows.
func (n *network) sameAsShown() {
	shown := n.shown("user_tags", ownerTag)
	ours := 0
	for _, a := range n.truth.live {
		if a.ours() {
			ours++
		}
	}
	if len(shown) != ours {
		n.breaks("the service shows %d accounts of ours, and %d were made", len(shown), ours)
	}
	for _, a := range shown {
		if b := n.truth.live[a.ID]; b == nil || a.Login != b.Login || a.Email != b.Email || a.FullName != b.FullName || a.ExternalID != b.ExternalID {
			n.breaks("the service shows %+v, and the truth is %+v", *a, b)
		}
	}
}
