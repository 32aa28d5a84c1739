package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// object is a group of keys. One that couldn't be read has no key at all and is broken: nothing is missing in it.
type object struct {
	node
	children map[string]node
	names    []string // in the order of the file
	strange  []string // those of names that nobody expects
	broken   bool
}

// object reads a group of the known keys; a missing one is a group without keys.
func (n node) object(remedy string, known ...string) object {
	o := n.anyKeys(remedy)
	for _, name := range o.names {
		if !slices.Contains(known, name) {
			o.strange = append(o.strange, name)
			o.checker.complain(o.keyPlace(name), n.path(shownKey(name)), "unknown key", unknownRemedy(name, known))
		}
	}
	return o
}

// anyKeys reads a group whose keys are names of the user's.
func (n node) anyKeys(remedy string) object {
	o := object{node: n, children: map[string]node{}}
	if !n.given() {
		return o
	}
	if !n.is(objectKind, remedy) {
		o.broken = true
		return o
	}
	lines := map[string]int{}
	for i := range n.value.entries {
		e := &n.value.entries[i]
		if !e.plain {
			n.checker.complain(e.at, n.key, "this key uses a merge, anchor, alias or tag of YAML", "write the keys out")
			continue
		}
		path := n.path(e.key)
		if first, twice := lines[e.key]; twice {
			n.checker.complain(e.at, path, fmt.Sprintf("stands twice, first in line %d", first), "keep one of them")
			continue
		}
		lines[e.key] = e.at.line
		o.names = append(o.names, e.key)
		o.children[e.key] = node{checker: n.checker, key: path, at: e.value.at, value: &e.value}
	}
	return o
}

// get returns what stands under the key, or the place where it would.
func (o object) get(name string) node {
	if child, ok := o.children[name]; ok {
		return child
	}
	return node{checker: o.checker, key: o.path(name), at: o.at}
}

// need returns what stands under the key and complains where there is nothing.
func (o object) need(name, remedy string) node {
	n := o.get(name)
	if !n.given() && !o.broken && !o.meant(name) {
		n.complain("is missing", remedy)
	}
	return n
}

// one returns the only key of names that the group has; "" after a complaint, and in a broken group.
func (o object) one(names ...string) string {
	var found []string
	for _, name := range names {
		if o.get(name).given() {
			found = append(found, name)
		}
	}
	switch {
	case o.broken:
		return ""
	case len(found) == 1:
		return found[0]
	case len(found) == 0:
		if !o.meant(names...) {
			o.complain("says none of "+strings.Join(names, ", "), "add one of them")
		}
	default:
		o.complain("says "+strings.Join(found, " and "), "keep one of them")
	}
	return ""
}

// meant reports whether one of the names seems to be there, misspelt: there is a complaint of that already.
func (o object) meant(names ...string) bool {
	return slices.ContainsFunc(o.strange, func(name string) bool {
		_, near := nearestOf(name, names)
		return near
	})
}

// path is the path of a key below n.
func (n node) path(name string) string {
	return strings.TrimPrefix(n.key+"."+name, ".")
}

// shownKey is what a complaint shows of a key that nobody expects: its first word, for where a colon is missing, the
// value is part of the key.
func shownKey(name string) string {
	other := func(r rune) bool { return r != '_' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	if i := strings.IndexFunc(name, other); i >= 0 {
		return name[:i] + "…"
	}
	return name
}

// keyPlace is where a key itself stands.
func (o object) keyPlace(name string) position {
	i := slices.IndexFunc(o.value.entries, func(e entry) bool { return e.key == name })
	return o.value.entries[i].at
}

func unknownRemedy(name string, known []string) string {
	if len(known) == 0 {
		return "take it out"
	}
	if nearest, near := nearestOf(name, known); near {
		return fmt.Sprintf("did you mean %s?", nearest)
	}
	return "the keys here are " + strings.Join(known, ", ")
}

// nearestOf returns the known key that a name is most like, and whether that is likely what was meant.
func nearestOf(name string, known []string) (nearest string, near bool) {
	nearest = slices.MinFunc(known, func(a, b string) int { return distance(name, a) - distance(name, b) })
	return nearest, distance(name, nearest) <= max(1, len(nearest)/3)
}

// either lists options as a choice: "a, b or c".
func either(options []string) string {
	if len(options) == 1 {
		return options[0]
	}
	last := len(options) - 1
	return strings.Join(options[:last], ", ") + " or " + options[last]
}

// distance is how many letters must be put in, taken out or replaced to make b of a (Levenshtein's).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
