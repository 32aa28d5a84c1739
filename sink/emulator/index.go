package emulator

import "slices"

func (d *directory) checkUnique(p *person, wrong problems) {
	for _, key := range d.keys(p) {
		if owner, taken := key.index[key.text]; key.text != "" && taken && owner != p.ID {
			wrong.add(key.field, "has already been taken")
		}
	}
}

// key is a text that only one user may have.
type key struct {
	field, text string
	index       map[string]int64
}

func (d *directory) keys(p *person) [6]key {
	external := p.ExternalID
	if d.sharedExternal {
		external = ""
	}
	return [...]key{
		{"login", p.Login, d.byLogin}, {"email", p.Email, d.byEmail}, {"external_id", external, d.byExternal},
		{"external_user_id", p.ExternalUserID, d.byUserID}, {"facebook_id", p.FacebookID, d.byFacebook},
		{"twitter_id", p.TwitterID, d.byTwitter},
	}
}

// index makes a user findable.
func (d *directory) index(p *person) {
	for _, key := range d.keys(p) {
		if key.text != "" {
			key.index[key.text] = p.ID
		}
	}
	for _, tag := range p.Tags {
		d.byTag[tag] = insert(d.byTag[tag], p.ID)
	}
	if d.sharedExternal && p.ExternalID != "" {
		d.byShared[p.ExternalID] = insert(d.byShared[p.ExternalID], p.ID)
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
	for _, key := range d.keys(old) {
		if key.index[key.text] == old.ID {
			delete(key.index, key.text)
		}
	}
	for _, tag := range old.Tags {
		if next != nil && slices.Contains(next.Tags, tag) {
			continue
		}
		drop(d.byTag, tag, old.ID)
	}
	if d.sharedExternal {
		drop(d.byShared, old.ExternalID, old.ID)
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
