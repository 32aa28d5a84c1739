package mapping

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"cubesync/sync/record"
	"cubesync/sync/user"
)

// User makes a user of a record. The error is a *record.RejectError that holds everything that is wrong with it.
func (m *Mapper) User(rec record.Record) (user.User, error) {
	p := m.at(rec)
	var found problems
	var u user.User
	id, readable := p.key(rec, &found)
	u.ExternalID = id
	if rec.Doubt != "" {
		found.add("", "%s", rec.Doubt)
	}

	for i := range p.fields {
		f := &p.fields[i]
		text, known := f.read(rec, &found)
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
		if problem := p.unfit(rec); problem != "" {
			found.add(passwordName, "%s", problem)
		}
		if !readable {
			id = ""
		}
		return user.User{}, found.reject(rec, id)
	}
	return u, nil
}

func (p *placed) tagValue(rec record.Record, found *problems) user.Value {
	var tags []string
	known, clears := false, false
	for i := range p.tags {
		r := &p.tags[i]
		var here bool
		tags, here = r.add(tags, rec, found)
		known = known || here
		clears = clears || here && r.clear
	}
	for i := range tags {
		tags[i] = user.Clean(tags[i])
	}
	found.checkTags(tags)
	all := rule{clear: clears}
	return all.value(user.JoinTags(tags), known)
}

// add appends the tags of one rule.
func (r *tagRule) add(tags []string, rec record.Record, found *problems) (all []string, known bool) {
	if r.expr != nil {
		more, err := r.expr.texts(rec)
		if err != nil {
			found.add(r.name, "%s", err.Error())
			return tags, false
		}
		return append(tags, more...), len(more) > 0 || r.expr.known(rec)
	}
	text, known := r.text(rec)
	if r.split == "" {
		return append(tags, text), known
	}
	return append(tags, strings.Split(text, r.split)...), known
}

func (p *placed) customDataValue(rec record.Record, found *problems) user.Value {
	object := map[string]string{}
	known, clears := false, false
	for i := range p.customData {
		r := &p.customData[i]
		text, here := r.read(rec, found)
		known = known || here
		clears = clears || here && r.clear
		found.checkUTF8(r.name, text)
		if text != "" {
			object[p.keys[i]] = text
		}
	}
	all := rule{clear: clears}
	if len(object) == 0 {
		return all.value("", known)
	}
	return all.value(objectText(object), known)
}

// objectText writes an object as user.CustomData.Canonical does, without a way back through the decoder: the encoder
// sorts the keys, and the values are normalised already.
func objectText(object map[string]string) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(object); err != nil {
		panic(fmt.Sprintf("encoding strings as JSON: %v", err)) // strings are always encodable
	}
	return strings.TrimSuffix(out.String(), "\n")
}
