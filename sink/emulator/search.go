package emulator

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// search carries a query out and returns a page, how many users there are in all, and the number of the last write that
// the answer knows about.
//
// It starts from the condition that an index answers with the fewest users. When that is the only one and the order is
// by id, as when listing a tag, the page is cut from the index and nothing else is looked at.
func (d *directory) search(q query) (page []*person, total int, sequence uint64) {
	if d.lag != nil {
		d.mu.Lock()
		shown, sequence := d.lag.catchUp(d), d.sequence
		d.mu.Unlock()
		page, total, _ = shown.search(q)
		return page, total, sequence
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	ids, rest := d.narrow(d.folded(q.conditions))
	if len(rest) > 0 {
		ids = d.filtered(ids, rest, fmt.Sprint(q.conditions))
	}
	reversed := q.descending || q.sortBy == "" && d.options.NewestFirst
	if q.sortBy != "" && q.sortBy != "id" {
		ids, reversed = d.sorted(ids, q.sortBy, q.descending), false
	}
	for i := q.offset; i < len(ids) && i-q.offset < q.limit; i++ {
		at := i
		if reversed {
			at = len(ids) - 1 - i
		}
		page = append(page, d.at(ids[at]))
	}
	return page, len(ids), d.sequence
}

// folded are the conditions with the values of such fields in lower case whose case doesn't matter.
func (d *directory) folded(conditions []condition) []condition {
	folded := slices.Clone(conditions)
	for i := range folded {
		c := &folded[i]
		x := d.indexOf(c.field)
		if c.folds = x != nil && x.folds; !c.folds {
			continue
		}
		c.values = slices.Clone(c.values)
		for j, text := range c.values {
			c.values[j] = strings.ToLower(text)
		}
	}
	return folded
}

// answered are the users that met some conditions. Whoever asks for one page of them asks for the next one.
type answered struct {
	conditions string
	ids        []int64
}

// filtered is filter, done once for all pages as long as nothing changes. What requests move isn't kept.
func (d *directory) filtered(ids []int64, rest []condition, all string) []int64 {
	if last := d.answered.Load(); last != nil && last.conditions == all {
		return last.ids
	}
	ids = d.filter(ids, rest)
	if !slices.ContainsFunc(rest, func(c condition) bool { return c.field == "last_request_at" }) {
		d.answered.Store(&answered{all, ids})
	}
	return ids
}

// filter keeps the users that meet the conditions. The moments that stand beside the packed user are looked at first:
// who was changed lately is asked among a million, of whom nearly nobody was.
func (d *directory) filter(ids []int64, conditions []condition) (kept []int64) {
	var outside, inside []condition
	for _, c := range conditions {
		if c.field == "updated_at" || c.field == "last_request_at" {
			outside = append(outside, c)
		} else {
			inside = append(inside, c)
		}
	}
	var p person // unpacked again and again
	for _, id := range ids {
		r := &d.people[id-1]
		if p.Updated, p.LastRequest = r.updated, r.seen; !p.matches(outside) {
			continue
		}
		if len(inside) > 0 {
			if r.unpack(&p); !p.matches(inside) {
				continue
			}
		}
		kept = append(kept, id)
	}
	return kept
}

// narrow returns the users of the best indexed condition, sorted by id, and the conditions that are left to check.
func (d *directory) narrow(conditions []condition) (ids []int64, rest []condition) {
	best := -1
	for i, c := range conditions {
		if found, indexed := d.indexed(c); indexed && (best < 0 || len(found) < len(ids)) {
			best, ids = i, found
		}
	}
	if best < 0 {
		return d.everybody(), conditions
	}
	return ids, slices.Delete(slices.Clone(conditions), best, best+1)
}

// indexed returns the users that meet a condition if there is an index for it. The result must not be changed.
func (d *directory) indexed(c condition) ([]int64, bool) {
	if c.op != "equal" && c.op != "in" {
		return nil, false
	}
	switch c.field {
	case "id":
		return gather(c.values, func(text string) int64 {
			id, _ := strconv.ParseInt(text, 10, 64) // checked by the parser
			if !d.exists(id) {
				return 0
			}
			return id
		}), true
	case "user_tags":
		return withAny(d.byTag, c.values), true
	}
	if x := d.indexOf(c.field); x != nil {
		return x.find(c.values), true
	}
	return nil, false
}

// gather looks values up; 0 is nobody.
func gather(values []string, look func(string) int64) []int64 {
	var ids []int64
	for _, text := range values {
		if id := look(text); id != 0 {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func withAny(index map[string][]int64, keys []string) []int64 {
	var union []int64
	for _, key := range keys {
		if len(keys) == 1 {
			return index[key]
		}
		union = append(union, index[key]...)
	}
	slices.Sort(union)
	return slices.Compact(union)
}

func (d *directory) everybody() []int64 {
	ids := make([]int64, 0, d.count)
	for id := int64(1); id <= int64(len(d.people)); id++ {
		if d.exists(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (p *person) matches(conditions []condition) bool {
	for i := range conditions {
		if !p.meets(&conditions[i]) {
			return false
		}
	}
	return true
}

func (p *person) meets(c *condition) bool {
	switch c.op {
	case "start_with":
		return strings.HasPrefix(strings.ToLower(p.text(c.field)), strings.ToLower(c.values[0]))
	case "gt":
		return p.instant(c.field) > c.instant
	case "gte":
		return p.instant(c.field) >= c.instant
	case "lt":
		return p.instant(c.field) < c.instant
	case "lte":
		return p.instant(c.field) <= c.instant
	}
	if c.field == "user_tags" {
		return p.hasAnyTag(c.values) != (c.op == "nin")
	}
	if kindOf(c.field) == timeField {
		return (p.instant(c.field) == c.instant) == (c.op == "equal")
	}
	text := p.text(c.field)
	if c.folds {
		text = strings.ToLower(text)
	}
	switch c.op {
	case "ne", "nin":
		return !slices.Contains(c.values, text)
	case "contains":
		return strings.Contains(strings.ToLower(text), strings.ToLower(c.values[0]))
	}
	return text != "" && slices.Contains(c.values, text)
}

func (p *person) hasAnyTag(tags []string) bool {
	return slices.ContainsFunc(p.Tags, func(tag string) bool { return slices.Contains(tags, tag) })
}

func (p *person) instant(field string) int64 {
	switch field {
	case "created_at":
		return p.Created
	case "updated_at":
		return p.Updated
	case "id":
		return p.ID
	}
	return p.LastRequest
}

func (p *person) text(field string) string {
	switch field {
	case "id":
		return strconv.FormatInt(p.ID, 10)
	case "custom_id":
		return p.CustomID
	}
	return *p.field(field) // the parser lets no others through
}

// sorted sorts by a field; users with the same value stay in the order of their ids.
func (d *directory) sorted(ids []int64, field string, descending bool) []int64 {
	type key struct {
		id, instant int64
		text        string
	}
	keys := make([]key, len(ids))
	byTime := kindOf(field) == timeField
	var p person // unpacked again and again
	for i, id := range ids {
		d.people[id-1].unpack(&p)
		if keys[i].id = id; byTime {
			keys[i].instant = p.instant(field)
		} else {
			keys[i].text = p.text(field)
		}
	}
	slices.SortStableFunc(keys, func(a, b key) int {
		if descending {
			a, b = b, a
		}
		return cmp.Or(cmp.Compare(a.instant, b.instant), strings.Compare(a.text, b.text))
	})
	result := make([]int64, len(keys))
	for i, k := range keys {
		result[i] = k.id
	}
	return result
}
