package mapping

import (
	"slices"
	"strings"

	"cubesync/sync/record"
	"cubesync/sync/user"
)

// User makes a user of a record. The error is a *record.RejectError that holds everything that is wrong with it.
func (m *Mapper) User(rec record.Record) (user.User, error) {
	p := m.at(rec)
	var found problems
	var u user.User
	id, _ := p.externalID.text(rec)
	readable := found.checkExternalID(id, p.externalID.firstEmpty(rec))
	u.ExternalID = id

	for _, f := range p.fields {
		text, known := f.text(rec)
		if f.field == user.CustomData {
			text = found.object(text)
		} else {
			found.checkField(f.field, text)
		}
		u.Values[f.field] = f.value(text, known)
	}
	if len(p.tags) > 0 {
		u.Values[user.Tags] = p.tagValue(rec, &found)
	}
	if len(p.customData) > 0 {
		u.Values[user.CustomData] = p.customDataValue(rec, &found)
	}
	if len(found) > 0 {
		if !readable {
			id = ""
		}
		return user.User{}, found.reject(rec, id)
	}
	return u, nil
}

func (p *placed) tagValue(rec record.Record, found *problems) user.Value {
	var room [2 * maxTags]string
	tags := room[:0]
	known, clears := false, false
	for _, r := range p.tags {
		text, here := r.text(rec)
		known = known || here
		clears = clears || here && r.clear
		if r.split == "" {
			tags = appendTag(tags, text)
			continue
		}
		for tag := range strings.SplitSeq(text, r.split) {
			tags = appendTag(tags, tag)
		}
	}
	slices.Sort(tags)
	tags = slices.Compact(tags)
	found.checkTags(tags)
	all := rule{clear: clears}
	return all.value(user.JoinTags(tags), known)
}

func appendTag(tags []string, tag string) []string {
	if tag = user.Clean(tag); tag != "" {
		tags = append(tags, tag)
	}
	return tags
}

// customDataValue writes an object as user.CustomData.Canonical does, without a way through the decoder.
func (p *placed) customDataValue(rec record.Record, found *problems) user.Value {
	var room [256]byte
	object := room[:0]
	known, clears := false, false
	member, key := 0, "" // where the last one begins, and its key
	for _, k := range p.customData {
		text, here := k.text(rec)
		known = known || here
		clears = clears || here && k.clear
		found.checkUTF8(k.name, text)
		if text == "" {
			continue
		}
		if k.key == key { // two that are one when composed
			object = object[:member]
		}
		member, key = len(object), k.key
		object = append(object, ',')
		object = append(object, k.encoded...)
		object = append(object, ':')
		object = user.AppendJSON(object, text)
	}
	all := rule{clear: clears}
	if len(object) == 0 {
		return all.value("", known)
	}
	object[0] = '{'
	return all.value(string(append(object, '}')), known)
}
