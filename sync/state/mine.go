package state

import (
	"slices"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// remember takes in what the source wants of the fields that are merged, and reports whether that changed anything.
// Of what we had set before, all that the account carries still stays ours until it is taken off; everything, where
// carried is nil, because nobody knows what the account carries.
func (e *entry) remember(want plan.Mine, carried *account.Account) (changed bool) {
	for field, value := range want.All() {
		now := e.notes.Mine.fields()[field]
		before := *now
		if value == before {
			continue
		}
		have := before
		if carried != nil {
			have = carried.Values[field].Text
		}
		mine := ours(field, before, value, have)
		if mine == before {
			continue
		}
		*now = mine
		changed = true
	}
	return changed
}

// ours is what is wanted, and what was ours before and the account still carries.
func ours(field user.Field, before, want, have string) string {
	switch {
	case before == "":
		return want
	case field == user.Tags:
		carried := user.SplitTags(have)
		left := slices.DeleteFunc(user.SplitTags(before), func(tag string) bool { return !slices.Contains(carried, tag) })
		return user.JoinTags(append(left, user.SplitTags(want)...))
	case field == user.CustomData:
		gone, readable := user.MergeJSON(before, have, "")
		if !readable {
			return want // nothing of the account's was merged
		}
		left, _ := user.MergeJSON(before, gone, "")
		mine, readable := user.MergeJSON(left, "", want)
		if !readable {
			return want
		}
		return mine
	default:
		return want
	}
}

// mine is what a note says is ours: of what is empty nothing is.
func (v *valuesCopy) mine() (mine plan.Mine) {
	for field, text := range v.fields() {
		if *text != "" {
			mine.Set(user.Field(field), *text)
		}
	}
	return mine
}

// intended is what the journal holds of an operation's Mine.
func intended(set map[user.Field]string) (mine plan.Mine) {
	for field, text := range set {
		mine.Set(field, text)
	}
	return mine
}
