package config

import (
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"

	"cubesync/sync/mapping"
	"cubesync/sync/merge"
)

// Part is one of several sources whose records are merged.
type Part struct {
	Name string
	Key  string // its column that the records are joined by
	Source
}

const sourcesRemedy = "begin each source with - name:"

// origin reads where the users of a pipeline come from.
func (c *checker) origin(group object, app application) Source {
	if !group.get("sources").given() {
		return c.source(group.need("source", "say where the users come from: csv, ldap or sql"), app)
	}
	if group.one("source", "sources") == "" {
		return Source{}
	}
	return Source{Parts: c.parts(group.get("sources"), app)}
}

// parts reads several sources.
func (c *checker) parts(n node, app application) []Part {
	items := n.list(sourcesRemedy)
	if len(items) == 1 {
		n.complain("is one source", "write it as source:, or add the others")
	}
	parts := make([]Part, len(items))
	names := map[string]bool{}
	for i, item := range items {
		group := item.object(sourcesRemedy, "name", "key", "csv", "ldap", "sql")
		if group.broken {
			continue
		}
		at := group.need("name", "name it, in small letters, digits and underscores: its columns are called NAME.COLUMN")
		parts[i].Name = at.sourceName()
		if parts[i].Name != "" && names[parts[i].Name] {
			at.complain(fmt.Sprintf("%q is another source's already", parts[i].Name), "choose another")
		}
		names[parts[i].Name] = true
		parts[i].Key, _ = group.need("key", "name its column that holds what the records of all sources are joined by").text()
		parts[i].Source = c.kind(group, app)
		group.get("csv").showsAbsence(parts[i].CSV)
		if q := parts[i].SQL; q != nil && q.Incremental != nil {
			group.get("sql").child("incremental").complain("can't be merged: what changed in one source says nothing of the others' records", "take it out")
		}
	}
	return parts
}

// showsAbsence complains of a CSV file that can't show who is missing from it: whom it lacks would be in doubt, each of them.
func (n node) showsAbsence(csv *CSV) {
	switch {
	case csv == nil:
	case csv.Lenient:
		n.complain("may lose records with quotes: lenient, so that whom it lacks couldn't be known by the other sources alone", "write quotes: strict")
	case !csv.AcceptPlausible && csv.Complete == (Complete{}):
		n.complain("can't prove that it is whole, so that whom it lacks couldn't be known by the other sources alone",
			"say what proves it with complete, or accept that with completeness: plausible")
	}
}

// sourceName returns the name of one of several sources: it stands before those of its columns, in expressions too.
func (n node) sourceName() string {
	text, ok := n.text()
	switch {
	case !ok:
		return ""
	case !regexp.MustCompile(`^[a-z_][a-z0-9_]*$`).MatchString(text):
		n.complain(fmt.Sprintf("%q is not a name", text), "use small letters, digits and underscores, a digit not first")
	case text == "record":
		n.complain("is what expressions call all columns by", "choose another")
	default:
		return text
	}
	return ""
}

// sourceUse checks that the mapping and the sources fit each other.
func (c *checker) sourceUse(group object, p *Pipeline) {
	used, ok := p.usedColumns()
	if !ok {
		return // there is a complaint of the mapping
	}
	if len(p.Source.Parts) == 0 {
		c.ldapUse(group.get("source").child("ldap"), p.Source.LDAP, "", used)
		return
	}
	var known []string
	for _, part := range p.Source.Parts {
		if part.Name == "" {
			return // there is a complaint
		}
		known = append(known, part.Name+".COLUMN")
	}
	known = append(known, merge.KeyColumn)
	for _, column := range used {
		if name, _, _ := strings.Cut(column, "."); column != merge.KeyColumn && !slices.Contains(known, name+".COLUMN") {
			group.get("mapping").complain(fmt.Sprintf("uses the column %q, which no source has", column), "write "+either(known))
		}
	}
	for i, item := range group.get("sources").list(sourcesRemedy) {
		part := p.Source.Parts[i]
		c.ldapUse(item.child("ldap"), part.LDAP, part.Name+".", append(part.Own(used), part.Key))
	}
}

// usedColumns are the columns that the mapping and the avatar are made of, and that of passwords; false where the mapping is none.
func (p Pipeline) usedColumns() ([]string, bool) {
	used, ok := p.mappedColumns()
	if secret := p.Passwords.Column; secret != "" && !slices.Contains(used, secret) {
		used = append(used, secret)
	}
	return used, ok
}

// mappedColumns are those that the mapping and the avatar are made of.
func (p Pipeline) mappedColumns() ([]string, bool) {
	mapper, err := mapping.New(p.Mapping)
	if err != nil {
		return nil, false
	}
	used := mapper.Columns()
	if p.Avatar != nil && !slices.Contains(used, p.Avatar.Column) {
		used = append(used, p.Avatar.Column)
	}
	return used, true
}

// UsedColumns are the columns of the source that the pipeline uses.
func (p Pipeline) UsedColumns() []string {
	used, _ := p.usedColumns() // Load has complained
	return used
}

// Own are those of the columns that the part has, by its own names.
func (p Part) Own(all []string) []string {
	var own []string
	for _, column := range all {
		if name, is := strings.CutPrefix(column, p.Name+"."); is {
			own = append(own, name)
		}
	}
	return own
}

// csvs yields the CSV sources that there are in it, by where they stand in the pipeline.
func (s Source) csvs() iter.Seq2[string, *CSV] {
	return func(yield func(string, *CSV) bool) {
		if s.CSV != nil {
			yield("source.csv", s.CSV)
		}
		for i, part := range s.Parts {
			if part.CSV != nil && !yield(fmt.Sprintf("sources[%d].csv", i), part.CSV) {
				return
			}
		}
	}
}
