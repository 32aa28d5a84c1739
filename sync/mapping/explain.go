package mapping

import (
	"slices"
	"strconv"
	"strings"

	"cubesync/sync/record"
	"cubesync/sync/user"
)

// Fields returns the fields that are mapped, in order.
func (m *Mapper) Fields() []user.Field {
	var fields []user.Field
	for _, f := range m.fields {
		fields = append(fields, f.field)
	}
	if len(m.tags) > 0 {
		fields = append(fields, user.Tags)
	}
	if len(m.customData) > 0 {
		fields = append(fields, user.CustomData)
	}
	slices.Sort(fields)
	return fields
}

// Columns returns the columns that decide about a record, each once: those that the rules read, in their order, and the
// filter's.
func (m *Mapper) Columns() []string { return m.columns() }

// KeyColumns returns the columns that the external ID is made of.
func (m *Mapper) KeyColumns() []string { return m.externalID.columns() }

// Step is one rule's way from a record to a value.
type Step struct {
	Field string // filter, external_id, a field, or a key such as custom_data.desk
	From  []Cell // the columns that it reads, none for a constant
	Rule  string // "trimmed, NFC", "the first that holds something", a template, an expression, "a constant", "split at ;"
	Value string // what comes of it
	Set   bool   // false: it says nothing about the field
}

// Cell is a column of a record as the record has it.
type Cell struct {
	Column string
	Value  record.Value
}

// Explain says step by step how User makes a user of the record, whatever is wrong with it.
func (m *Mapper) Explain(rec record.Record) []Step {
	var steps []Step
	p := m.at(rec)
	var found problems // Trace tells them
	if p.filter != nil {
		steps = append(steps, p.filter.decided(rec))
	}
	for _, r := range p.all() {
		text, known := r.explained(rec, &found)
		value := r.value(text, known)
		step := Step{Field: r.name, Rule: r.describe(), Value: value.Text, Set: value.Set}
		step.From = r.cells(rec)
		steps = append(steps, step)
	}
	first := len(steps) - len(p.customData) - len(p.tags)
	for i, t := range p.tags {
		if t.split != "" {
			steps[first+i].Rule += ", split at " + t.split
			steps[first+i].Value = user.JoinTags(strings.Split(steps[first+i].Value, t.split))
		}
	}
	return steps
}

// decided is what the filter says of the record: true leaves it out.
func (r *rule) decided(rec record.Record) Step {
	step := Step{Field: r.name, From: r.cells(rec), Rule: r.describe()}
	if out, err := r.expr.holds(rec); err == nil {
		step.Value, step.Set = strconv.FormatBool(out), true
	}
	return step
}

// cells are what the record has in the columns that the rule reads.
func (r *rule) cells(rec record.Record) []Cell {
	var cells []Cell
	for _, name := range r.columns() {
		cells = append(cells, Cell{name, rec.Value(name)})
	}
	return cells
}

// explained makes the rule's value as Step shows it: that of an expression that gives a list is written as tags.
func (r *rule) explained(rec record.Record, found *problems) (text string, known bool) {
	if r.name != user.Tags.String() || r.expr == nil {
		return r.read(rec, found)
	}
	tags, known := (&tagRule{rule: *r}).add(nil, rec, found)
	return user.JoinTags(tags), known
}

// describe names what the rule does to its columns.
func (r rule) describe() string {
	switch {
	case r.expr != nil:
		return "expression " + r.expr.shown()
	case len(r.columns()) == 0:
		return "a constant"
	case r.first:
		return "the first that holds something"
	case len(r.parts) == 1:
		return "trimmed, NFC"
	}
	var template strings.Builder
	braces := strings.NewReplacer("{", "{{", "}", "}}")
	for _, p := range r.parts {
		if p.column != "" {
			template.WriteString("{" + p.column + "}")
		} else {
			template.WriteString(braces.Replace(p.literal))
		}
	}
	return "template " + template.String()
}
