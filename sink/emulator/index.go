package emulator

import (
	"slices"
	"strings"
)

// index finds users by the text of one field. Nobody shares a text with somebody else, unless shared says so.
type index struct {
	field  string
	folds  bool               // texts that differ in case only are one
	shared bool               // several users may have one text
	owner  map[string]int64   // of a text
	owners map[string][]int64 // of a text that may be shared, sorted
}

// newIndexes are those of all fields that identify a user. external_user_id is the deprecated number, custom_id the uid of a
// Custom Identity Provider.
func newIndexes(o *Options) []*index {
	indexes := []*index{
		{field: "login", folds: o.AnyCaseLogins}, {field: "email", folds: true, shared: o.SharedEmails},
		{field: "external_id", shared: o.SharedExternalIDs}, {field: "external_user_id"},
		{field: "facebook_id", shared: o.SharedSocialIDs}, {field: "twitter_id", shared: o.SharedSocialIDs}, {field: "custom_id"},
	}
	for _, x := range indexes {
		x.owner, x.owners = map[string]int64{}, map[string][]int64{}
	}
	return indexes
}

// indexOf returns the index of a field, or nil.
func (d *directory) indexOf(field string) *index {
	for _, x := range d.indexes {
		if x.field == field {
			return x
		}
	}
	return nil
}

func (x *index) key(text string) string {
	if x.folds {
		return strings.ToLower(text)
	}
	return text
}

// find returns who has one of the texts, sorted. The result must not be changed.
func (x *index) find(texts []string) []int64 {
	if x.shared {
		keys := make([]string, len(texts))
		for i, text := range texts {
			keys[i] = x.key(text)
		}
		return withAny(x.owners, keys)
	}
	return gather(texts, func(text string) int64 { return x.owner[x.key(text)] })
}

// first returns who has the text, the one with the lowest id of several, or 0.
func (x *index) first(text string) int64 {
	if !x.shared {
		return x.owner[x.key(text)]
	}
	if ids := x.owners[x.key(text)]; len(ids) > 0 {
		return ids[0]
	}
	return 0
}

func (x *index) add(text string, id int64) {
	switch key := x.key(text); {
	case text == "":
	case x.shared:
		x.owners[key] = insert(x.owners[key], id)
	default:
		x.owner[key] = id
	}
}

func (x *index) remove(text string, id int64) {
	key := x.key(text)
	if x.shared {
		drop(x.owners, key, id)
	} else if x.owner[key] == id {
		delete(x.owner, key)
	}
}

func (d *directory) checkUnique(p *person, wrong problems) {
	for _, x := range d.indexes {
		text := p.text(x.field)
		if owner, taken := x.owner[x.key(text)]; text != "" && taken && owner != p.ID {
			wrong.add(x.field, "has already been taken")
		}
	}
}

// index makes a user findable.
func (d *directory) index(p *person) {
	for _, x := range d.indexes {
		x.add(p.text(x.field), p.ID)
	}
	for _, tag := range p.Tags {
		d.byTag[tag] = insert(d.byTag[tag], p.ID)
	}
}

func insert(ids []int64, id int64) []int64 {
	at, found := slices.BinarySearch(ids, id)
	if found {
		return ids
	}
	return slices.Insert(ids, at, id)
}

// unindex makes a user unfindable, except by the tags that its next version has too.
func (d *directory) unindex(old, next *person) {
	for _, x := range d.indexes {
		x.remove(old.text(x.field), old.ID)
	}
	for _, tag := range old.Tags {
		if next != nil && slices.Contains(next.Tags, tag) {
			continue
		}
		drop(d.byTag, tag, old.ID)
	}
}

func drop(index map[string][]int64, key string, id int64) {
	ids := index[key]
	if at, found := slices.BinarySearch(ids, id); found {
		ids = slices.Delete(ids, at, at+1)
	}
	if index[key] = ids; len(ids) == 0 {
		delete(index, key)
	}
}
