package plan

import (
	"fmt"
	"slices"
	"strings"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// diff compares one user with their account and returns what has to be written and what is left alone.
//
//	field      | desired                         | compared as
//	-----------+---------------------------------+------------------------------------------------
//	any        | unset                           | not at all
//	login      | empty                           | not at all
//	any        | owned at create                 | not at all
//	any        | owned if empty                  | only while the account's is empty
//	login      | any, and the account's is       | as it is, or as a sign-up would compute it: the
//	           | parked from a broken-off swap   | swap is finished, whoever owns the field
//	tags       | ours: owner tag, mapped ones    | account's, less what we wanted before, plus ours
//	custom_data| merged                          | account's keys, less ours before, plus ours
//	custom_data| replaced                        | as it is
//
// A difference that an earlier answer explained, with the same value sent and the same value kept, is none.
func diff(u user.User, have account.Account, known Known, policy Policy) (changes []Change, remarks []Remark) {
	for _, field := range user.Fields() {
		before := have.Values[field].Text
		after, remark := target(field, u.Values[field], before, known, policy)
		if field == user.Login && isParked(before) {
			after = signUpLogin(u)
		}
		if remark != nil {
			remarks = append(remarks, *remark)
		}
		if field.Equal(before, after) {
			continue
		}
		if learned := learnedFrom(known, field, after, before); learned != nil {
			if learned.Ignored {
				remarks = append(remarks, Remark{
					Field: field.String(), Reason: Ignored,
					Detail: fmt.Sprintf("ConnectyCube kept %q when %q was sent; it isn't sent again until the source changes", before, after),
				})
			}
			continue
		}
		changes = append(changes, Change{Field: field, Before: before, After: after})
	}
	return changes, remarks
}

// target returns what the field should become; before itself where nothing is to be done.
func target(field user.Field, want user.Value, before string, known Known, policy Policy) (string, *Remark) {
	if field == user.Tags {
		return targetTags(want, before, known, policy)
	}
	if !want.Set || field == user.Login && want.Text == "" { // nobody loses their login by an empty one
		return before, nil
	}
	switch policy.Owners[field] {
	case OwnedAtCreate:
		return before, nil
	case OwnedIfEmpty:
		if before != "" {
			return before, nil
		}
	}
	if field == user.CustomData && !policy.ReplaceCustomData {
		if before != "" && want.Text == before && known.Mine.CustomData.Text == before {
			return before, nil // nothing to take off, nothing to add
		}
		merged, ok := user.MergeJSON(before, known.Mine.CustomData.Text, want.Text)
		if !ok {
			return before, &Remark{
				Field: field.String(), Reason: NotAnObject,
				Detail: "the account's custom_data isn't a JSON object, so it is left alone; set custom_data's mode to replace to overwrite it",
			}
		}
		return merged, nil
	}
	return want.Text, nil
}

// targetTags keeps the tags that aren't ours. The owner tag is always wanted; mapped tags give way to it.
func targetTags(want user.Value, before string, known Known, policy Policy) (string, *Remark) {
	have := user.SplitTags(before)
	if want.Set && policy.Owners[user.Tags] == OwnedBySource {
		kept := keptTags(known)
		mine := kept.all(known.Mine.Tags.Text)
		have = slices.DeleteFunc(have, func(tag string) bool { return slices.Contains(mine, tag) })
		all := slices.Concat(have, kept.all(want.Text), []string{policy.OwnerTag})
		joined := user.JoinTags(all)
		if len(user.SplitTags(joined)) <= account.MaxTags {
			return joined, nil
		}
		after, _ := targetTags(user.Value{}, before, known, policy)
		return after, &Remark{
			Field: user.Tags.String(), Reason: NoRoomForTags,
			Detail: fmt.Sprintf("an account carries at most %d tags, and %q together with the others are more; the mapped tags are left out", account.MaxTags, want.Text),
		}
	}
	withOwner := user.JoinTags(append(slices.Clone(user.SplitTags(before)), policy.OwnerTag))
	if len(user.SplitTags(withOwner)) > account.MaxTags {
		return before, &Remark{
			Field: user.Tags.String(), Reason: NoRoomForTags,
			Detail: fmt.Sprintf("the account carries %d tags of others already; take one off so that the owner tag finds room", account.MaxTags),
		}
	}
	return withOwner, nil
}

// tagSpelling is how the service keeps tags that it spells otherwise than they were sent.
type tagSpelling map[string]string

// keptTags learns from earlier answers tag by tag, because tags are sent together with those of others, and the whole
// is hardly ever sent twice. A tag is recognised by its letters, whatever their case, or as the only one that differs.
func keptTags(known Known) tagSpelling {
	kept := tagSpelling{}
	for _, l := range known.Learned {
		if l.Field != user.Tags || l.Ignored {
			continue
		}
		sent := slices.DeleteFunc(user.SplitTags(l.Sent), func(tag string) bool { return slices.Contains(user.SplitTags(l.Got), tag) })
		got := slices.DeleteFunc(user.SplitTags(l.Got), func(tag string) bool { return slices.Contains(user.SplitTags(l.Sent), tag) })
		for _, tag := range sent {
			i := slices.IndexFunc(got, func(other string) bool { return strings.EqualFold(tag, other) || len(sent) == 1 && len(got) == 1 })
			if i >= 0 {
				kept[tag] = got[i]
			}
		}
	}
	return kept
}

// all returns the tags as the service keeps them.
func (t tagSpelling) all(text string) []string {
	tags := user.SplitTags(text)
	for i, tag := range tags {
		if kept, otherwise := t[tag]; otherwise {
			tags[i] = kept
		}
	}
	return tags
}

func learnedFrom(known Known, field user.Field, sent, got string) *Learned {
	for i := range known.Learned {
		l := &known.Learned[i]
		if l.Field == field && l.Sent == sent && l.Got == got {
			return l
		}
	}
	return nil
}

// createChanges is everything a sign-up writes.
func createChanges(want user.User, policy Policy) []Change {
	var changes []Change
	for _, field := range user.Fields() {
		after := want.Values[field].Text
		switch field {
		case user.Login:
			after = signUpLogin(want)
		case user.Tags:
			after = user.JoinTags(append(user.SplitTags(after), policy.OwnerTag))
		}
		if after != "" {
			changes = append(changes, Change{Field: field, After: after})
		}
	}
	return changes
}

// signUpLogin is the login that a sign-up claims. It always has one, because a sign-up in doubt is recognised by it.
func signUpLogin(want user.User) string {
	if login := want.Values[user.Login].Text; login != "" {
		return login
	}
	return user.ComputedLogin(want.ExternalID)
}

// Onto carries the change over to a value that isn't the one it was planned from: for tags and custom_data, which
// others write too, what was added is added and what was taken off is taken off. It returns false for any other field,
// and where custom_data isn't a JSON object.
func (c Change) Onto(current string) (string, bool) {
	switch c.Field {
	case user.Tags:
		before, after := user.SplitTags(c.Before), user.SplitTags(c.After)
		tags := slices.DeleteFunc(user.SplitTags(current), func(tag string) bool {
			return slices.Contains(before, tag) && !slices.Contains(after, tag)
		})
		for _, tag := range after {
			if !slices.Contains(before, tag) {
				tags = append(tags, tag)
			}
		}
		joined := user.JoinTags(tags)
		return joined, len(user.SplitTags(joined)) <= account.MaxTags
	case user.CustomData:
		return user.RebaseJSON(c.Before, c.After, current)
	default:
		return "", false
	}
}
