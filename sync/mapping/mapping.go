// Package mapping makes users of records: it says which column, constant, template or expression fills which field,
// normalises the values, and rejects what ConnectyCube would refuse, with everything that is wrong with a record at once.
// A filter leaves records out.
//
// It is pure. It doesn't know where records come from, nor what the accounts look like, and it doesn't add the owner
// tag.
//
// # Expressions
//
// Expressions are those of expr-lang, with the functions of function.go and no others: without a clock, chance, files or a
// network, so that the same record makes the same user every night. A column stands in them by its name, or as
// record["Odd name"], and is text, trimmed and composed like every cell, or nil:
//
//	absent   the record lacks the column     nil
//	null     the source says there is none   nil
//	empty    the cell is there, and empty    ""
//
// Functions, and +, take nil as they find it: a function gives nil for nil, and + counts it as the empty text. a ?? b is b
// where a is nil, default(a, b) also where a is empty. In the external ID, + and join give nil where any part is nil or
// empty: half a key is another person's.
//
// An expression that gives nil or "" leaves its field as an empty cell does: alone, unless the rule says Clear. One all of
// whose columns are absent never clears. One that fails rejects the record.
package mapping

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync/atomic"

	"golang.org/x/text/unicode/norm"

	"cubesync/sync/user"
)

// Spec says how a user is made of a record. Fields that it doesn't name are unset. So is an empty login: nobody loses
// theirs by it, and for a sign-up the planner computes one.
type Spec struct {
	ExternalID Rule                // of a template, every column must hold something
	Fields     map[user.Field]Rule // custom_data by column only, as the text of a JSON object; tags stand in Tags
	Tags       []TagRule
	CustomData map[string]Rule // the keys of custom_data, whose values are strings; instead of Fields[user.CustomData]

	// Filter is an expression that is true of the records to leave out; "": none is. Of FilterPlace see Rule.Place.
	Filter      string `json:",omitempty"`
	FilterPlace string `json:"-"`
	// Tables are those that expressions look values up in, by their names.
	Tables map[string]map[string]string `json:",omitempty"`

	// Password is the column with the password of whoever is signed up; "": none. It decides nothing about a record.
	Password string `json:"-"`
}

// Rule says where a value comes from: exactly one of Column, First, Constant, Template and Expr.
//
// Specs are recognised by their JSON: what none of them had before is left out of it where there is none.
type Rule struct {
	Column   string
	First    []string `json:",omitempty"` // the first of these columns that holds something; not for the external ID
	Constant string
	Template string // text with {column} in it; {{ and }} are braces
	Expr     string `json:",omitempty"` // an expression that gives text, a number, true or false, or nil; for tags a list of them, too
	Place    string `json:"-"`          // where the expression stands, for messages, such as config.yaml:31; "" where nobody knows

	// Clear makes an empty or null value empty the field. Otherwise the field is left as it is. A column that the
	// record lacks always leaves it. Tags and the keys of CustomData are one field each: it is emptied where all its
	// rules give nothing and one of them has Clear. It has no meaning for the external ID and the login.
	Clear bool
}

// TagRule gives tags.
type TagRule struct {
	Rule
	Split string // what separates the tags in the value; "": the value is one tag. An expression splits by itself
}

// externalIDName is the external ID's name in messages, beside those of the fields.
const externalIDName = "external_id"

// filterName is the filter's.
const filterName = "filter"

// Mapper makes users. It may be used by many goroutines.
type Mapper struct {
	rules
	last atomic.Pointer[placed] // for the columns of the last record, because the next has the same
}

// rules say how each part of a user is made.
type rules struct {
	externalID rule
	fields     []fieldRule // in the order of the fields
	tags       []tagRule
	customData []rule // in the order of the keys
	keys       []string
	filter     *rule  // nil: no record is left out
	password   string // a column; "": none
}

type fieldRule struct {
	rule
	field user.Field
}

type tagRule struct {
	rule
	split string
}

// New compiles a spec. The error holds everything that is wrong with it, each problem with the field concerned.
func New(spec Spec) (*Mapper, error) {
	m := &Mapper{}
	var problems []error
	usual := functions{tables: spec.Tables, patterns: map[string]*regexp.Regexp{}}
	key := usual
	key.key = true
	compileWith := func(name string, r Rule, gives result, functions functions) rule {
		compiled, err := compileRule(name, r, gives, functions)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
		return compiled
	}
	compile := func(name string, r Rule) rule { return compileWith(name, r, oneText, usual) }

	if spec.Filter != "" {
		filter := compileWith(filterName, Rule{Expr: spec.Filter, Place: spec.FilterPlace}, condition, usual)
		m.filter = &filter
	}
	m.password = spec.Password
	m.externalID = compileWith(externalIDName, spec.ExternalID, oneText, key)
	if m.externalID.expr != nil && len(m.externalID.columns()) == 0 {
		problems = append(problems, fmt.Errorf("%s: an expression of no column would give every user the same: take a column", externalIDName))
	}
	if len(spec.ExternalID.First) > 0 {
		problems = append(problems, fmt.Errorf("%s: the first of several columns may be another one tomorrow, and the user with it: take one column", externalIDName))
	}
	if spec.ExternalID.Constant != "" {
		problems = append(problems, fmt.Errorf("%s: a constant would give every user the same: take a column", externalIDName))
	}
	for _, field := range slices.Sorted(maps.Keys(spec.Fields)) {
		r := spec.Fields[field]
		if err := checkField(field, r, spec); err != nil {
			problems = append(problems, err)
			continue
		}
		r.Clear = r.Clear && field != user.Login
		m.fields = append(m.fields, fieldRule{compile(field.String(), r), field})
	}
	for _, r := range spec.Tags {
		m.tags = append(m.tags, tagRule{compileWith(user.Tags.String(), r.Rule, texts, usual), r.Split})
		if r.Expr != "" && r.Split != "" {
			problems = append(problems, fmt.Errorf("%s: an expression splits by itself: write split(…, %q) in it", user.Tags, r.Split))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(spec.CustomData)) {
		if key == "" {
			problems = append(problems, fmt.Errorf("%s: a key has no name", user.CustomData))
			continue
		}
		m.keys = append(m.keys, norm.NFC.String(key))
		m.customData = append(m.customData, compile(user.CustomData.String()+"."+key, spec.CustomData[key]))
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return m, nil
}

func checkField(field user.Field, r Rule, spec Spec) error {
	switch {
	case field == user.Tags:
		return fmt.Errorf("%s: tags have rules of their own, with a separator", field)
	case field != user.CustomData:
		return nil
	case len(spec.CustomData) > 0:
		return fmt.Errorf("%s: it is given both as a whole and key by key: take one of the two", field)
	case r.Column == "":
		return fmt.Errorf("%s: as a whole it comes from a column; for anything else give its keys", field)
	}
	return nil
}

// all returns every rule, in a fixed order.
func (rs *rules) all() []rule {
	all := []rule{rs.externalID}
	for _, f := range rs.fields {
		all = append(all, f.rule)
	}
	for _, t := range rs.tags {
		all = append(all, t.rule)
	}
	return append(all, rs.customData...)
}

// columns returns the columns that decide about a record, each once, in the order of the rules.
func (rs *rules) columns() []string {
	var names []string
	for _, r := range rs.deciding() {
		for _, name := range r.columns() {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// deciding returns every rule and the filter.
func (rs *rules) deciding() []rule {
	if rs.filter == nil {
		return rs.all()
	}
	return append(rs.all(), *rs.filter)
}
