package config

import (
	"fmt"
	"strings"

	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// The words of a field's rule.
const (
	externalID  = "external_id"
	keepEmpty   = "keep"
	clearEmpty  = "clear"
	ownerSource = "source"
	ownerCreate = "create"
	ownerEmpty  = "if_empty"
	mergeData   = "merge"
	replaceData = "replace"
)

const ruleRemedy = `write {column: NAME}, {first: [NAME, NAME]}, {constant: TEXT}, {template: "{given_name} {family_name}"} or {expr: "lower(email)"}`

// Beside the fields, under mapping.
const (
	filterKey = "filter"
	tablesKey = "tables"
)

// exprRemedy says where the language is described.
const exprRemedy = "correct it: docs/mapping.md describes expressions"

// mapping reads how a record becomes a user and into policy what the fields say about who decides them, and where the
// avatar comes from, nil where none does.
func (c *checker) mapping(n node, policy *plan.Policy) (mapping.Spec, *Avatar) {
	known := []string{externalID}
	for _, field := range user.Fields() {
		known = append(known, field.String())
	}
	group := n.object("write the fields under it", append(known, avatarField, filterKey, tablesKey)...)
	spec := mapping.Spec{Fields: map[user.Field]mapping.Rule{}}
	policy.Owners = map[user.Field]plan.Ownership{}
	if !n.given() || group.broken {
		return spec, nil
	}
	before := len(c.complaints)
	spec.Tables = c.tables(group.get(tablesKey))
	c.filter(group.get(filterKey), &spec)
	spec.ExternalID = c.keyRule(group.need(externalID, "name the column that tells persons apart: {column: NAME}"), spec.Tables)
	mapped := 0
	for _, field := range user.Fields() {
		at := group.get(field.String())
		if !at.given() {
			continue
		}
		mapped++
		switch field {
		case user.Tags:
			spec.Tags = c.tags(at, spec.Tables)
		case user.CustomData:
			c.customData(at, &spec, policy)
		default:
			spec.Fields[field] = c.field(at, field, policy, spec.Tables)
		}
	}
	avatar := c.avatar(group.get(avatarField), &spec, policy)
	if mapped == 0 {
		group.complain("maps no field", "add at least one, such as email: {column: email}")
	}
	if len(c.complaints) == before {
		if _, err := mapping.New(spec); err != nil { // what can't be said of a single rule
			group.complain(err.Error(), "correct it")
		}
	}
	return spec, avatar
}

// keyRule reads the rule of the external ID.
func (c *checker) keyRule(n node, tables tables) mapping.Rule {
	group := n.object("write {column: NAME}", "column", "template", "expr", "constant")
	if constant := group.get("constant"); constant.given() {
		constant.complain("gives every record the same external ID", "name the column that tells persons apart: {column: NAME}")
		return mapping.Rule{}
	}
	if !group.given() || group.one("column", "template", "expr") == "" {
		return mapping.Rule{}
	}
	return c.rule(group, func(r mapping.Rule) mapping.Spec { return mapping.Spec{ExternalID: r, Tables: tables} })
}

// field reads the rule of one field and its owner.
func (c *checker) field(n node, field user.Field, policy *plan.Policy, tables tables) mapping.Rule {
	group := n.object(ruleRemedy, "column", "first", "constant", "template", "expr", "empty", "owner")
	c.owner(group, field, policy)
	return c.rule(group, plainField(tables))
}

// tables are those that expressions look values up in.
type tables = map[string]map[string]string

// plainField returns a mapping in which a rule is alone, as that of a field with one text.
func plainField(tables tables) func(mapping.Rule) mapping.Spec {
	return func(r mapping.Rule) mapping.Spec {
		return mapping.Spec{ExternalID: aColumn(), Fields: map[user.Field]mapping.Rule{user.FullName: r}, Tables: tables}
	}
}

func aColumn() mapping.Rule { return mapping.Rule{Column: "id"} }

// rule reads where a value comes from. The caller has checked the keys. By alone, an expression is compiled by itself, so
// that the complaint stands where the expression does.
func (c *checker) rule(group object, alone func(mapping.Rule) mapping.Spec) mapping.Rule {
	var rule mapping.Rule
	if !group.given() {
		return rule
	}
	from := group.one("column", "first", "constant", "template", "expr")
	if from == "" {
		return rule
	}
	text := ""
	if from != "first" {
		text, _ = group.get(from).text()
	}
	switch from {
	case "first":
		rule.First = group.get(from).names()
	case "column":
		rule.Column = text
	case "constant":
		rule.Constant = strings.TrimSpace(text)
		if text != "" && rule.Constant == "" {
			group.get(from).complain("is only white space", "write the text, or take the field out")
		}
	case "template":
		rule.Template = text
		group.get(from).checkTemplate(text)
	case "expr":
		at := group.get(from)
		at.compile(text, alone(mapping.Rule{Expr: text}))
		rule.Expr, rule.Place = text, at.place()
	}
	rule.Clear = group.get("empty").choice(defaultEmptyCell, keepEmpty, clearEmpty) == clearEmpty
	return rule
}

// checkTemplate has the template compiled by itself, as the mapping's most plain field, so that the complaint stands
// where the template does.
func (n node) checkTemplate(text string) {
	if text == "" {
		return
	}
	if _, err := mapping.New(mapping.Spec{ExternalID: mapping.Rule{Template: text}}); err != nil {
		n.complain(strings.TrimPrefix(err.Error(), externalID+": "), "write {column} for a cell, {{ and }} for braces")
	}
}

// compile complains of a mapping whose only expression is text.
func (n node) compile(text string, alone mapping.Spec) {
	switch {
	case text == "":
		return // there is a complaint
	case strings.TrimSpace(text) == "":
		n.complain("is only white space", "write an expression, or take the field out")
		return
	}
	if _, err := mapping.New(alone); err != nil {
		_, problem, _ := strings.Cut(err.Error(), ": ") // the name of the field: the complaint has it
		n.complain(problem, exprRemedy)
	}
}

// place is where a value stands, as messages of a run name it.
func (n node) place() string { return fmt.Sprintf("%s:%d", n.file, n.at.line) }

// filter reads which records are left out.
func (c *checker) filter(n node, spec *mapping.Spec) {
	text, ok := n.text()
	if !ok {
		return
	}
	n.compile(text, mapping.Spec{ExternalID: aColumn(), Filter: text, Tables: spec.Tables})
	spec.Filter, spec.FilterPlace = text, n.place()
}

// tables reads the tables that expressions look values up in.
func (c *checker) tables(n node) tables {
	const remedy = "write a name and what belongs to it, such as offices: {B: Berlin}"
	group := n.anyKeys(remedy)
	var all tables
	for _, name := range group.names {
		table := group.get(name).anyKeys(remedy)
		if all == nil {
			all = tables{}
		}
		all[name] = map[string]string{}
		for _, key := range table.names {
			if value := table.get(key); value.is(textKind, "write one value") {
				all[name][key] = value.value.text
			}
		}
	}
	return all
}

// owner reads who decides a field after sign-up.
func (c *checker) owner(group object, field user.Field, policy *plan.Policy) {
	switch group.get("owner").choice(defaultOwner, ownerSource, ownerCreate, ownerEmpty) {
	case ownerCreate:
		policy.Owners[field] = plan.OwnedAtCreate
	case ownerEmpty:
		policy.Owners[field] = plan.OwnedIfEmpty
	}
}

func (c *checker) tags(n node, tables tables) []mapping.TagRule {
	items := n.list(`write a list such as [{column: tags, split: ";"}]`)
	rules := make([]mapping.TagRule, len(items))
	for i, item := range items {
		group := item.object(ruleRemedy, "column", "first", "constant", "template", "expr", "empty", "split")
		rules[i].Rule = c.rule(group, func(r mapping.Rule) mapping.Spec {
			return mapping.Spec{ExternalID: aColumn(), Tags: []mapping.TagRule{{Rule: r}}, Tables: tables}
		})
		split := group.get("split")
		rules[i].Split, _ = split.text()
		if rules[i].Split != "" && rules[i].Expr != "" {
			split.complain("has no use beside expr, which splits by itself", "write split(column, \";\") into the expression")
			rules[i].Split = ""
		}
	}
	return rules
}

// customData reads custom_data: one rule for the whole of it, or one for each of its keys.
func (c *checker) customData(n node, spec *mapping.Spec, policy *plan.Policy) {
	group := n.object("write {column: NAME}, or keys: with a rule for each",
		"column", "keys", "mode", "empty", "owner")
	c.owner(group, user.CustomData, policy)
	policy.ReplaceCustomData = group.get("mode").choice(defaultDataMode, mergeData, replaceData) == replaceData
	if !group.given() {
		return
	}
	switch group.one("column", "keys") {
	case "column":
		spec.Fields[user.CustomData] = c.rule(group, plainField(nil))
	case "keys":
		spec.CustomData = c.dataKeys(group, spec.Tables)
	}
}

// dataKeys reads a rule for each key of custom_data.
func (c *checker) dataKeys(group object, tables tables) map[string]mapping.Rule {
	keys := group.get("keys")
	if empty := group.get("empty"); empty.given() {
		empty.complain("says nothing about single keys", "write it into their rules")
	}
	rules := keys.anyKeys("write a rule for each key")
	if len(rules.names) == 0 && !rules.broken {
		keys.complain("has no key", "add one, such as department: {column: department}")
	}
	found := map[string]mapping.Rule{}
	for _, name := range rules.names {
		found[name] = c.rule(rules.get(name).object(ruleRemedy, "column", "first", "constant", "template", "expr", "empty"), plainField(tables))
	}
	return found
}
