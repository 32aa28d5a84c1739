package config

import (
	"fmt"
	"strconv"
	"strings"
)

// places are the lines of the file's keys, by their paths. They hold no value: a Config keeps no secret as raw text.
type places struct {
	file  string // as it was given to Load
	lines map[string]int
}

// Where returns the place of a key as "config.yaml:12", or where it would go, as "under config.yaml:5", where the file
// doesn't say it. An item of a list is known by its name, or by its number where it has none:
//
//	Where("connectycube", "admin_key")   Where("pipelines", "staff", "updates")
func (c *Config) Where(keys ...string) string {
	under := ""
	for n := len(keys); n > 0; n-- {
		if line, said := c.places.lines[pathOf(keys[:n])]; said {
			return fmt.Sprintf("%s%s:%d", under, c.places.file, line)
		}
		under = "under "
	}
	return c.places.file + ":1"
}

// pathOf joins keys, which may have dots in them.
func pathOf(keys []string) string { return strings.Join(keys, "\x00") }

// placesOf gathers the lines of all keys.
func placesOf(file string, root *value) places {
	p := places{file: file, lines: map[string]int{}}
	p.gather(nil, root)
	return p
}

func (p places) gather(path []string, v *value) {
	for i := range v.entries {
		e := &v.entries[i]
		p.add(path, e.key, e.at.line, &e.value)
	}
	for i := range v.items {
		item := &v.items[i]
		p.add(path, item.nameOr(i), item.at.line, item)
	}
}

func (p places) add(path []string, key string, line int, v *value) {
	path = append(path[:len(path):len(path)], key)
	p.lines[pathOf(path)] = line
	p.gather(path, v)
}

// nameOr is what an item of a list is known by.
func (v *value) nameOr(i int) string {
	for _, e := range v.entries {
		if e.key == "name" && e.value.kind == textKind {
			return e.value.text
		}
	}
	return strconv.Itoa(i)
}
