// Package mapping makes users of records: it says which column, constant or template fills which field, normalises
// the values, and rejects what ConnectyCube would refuse, with everything that is wrong with a record at once.
//
// It is pure. It doesn't know where records come from, nor what the accounts look like, and it doesn't add the owner
// tag.
package mapping

import (
	"errors"
	"fmt"
	"maps"
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
}

// Rule says where a value comes from: exactly one of Column, Constant and Template.
type Rule struct {
	Column   string
	Constant string
	Template string // text with {column} in it; {{ and }} are braces

	// Clear makes an empty or null value empty the field. Otherwise the field is left as it is. A column that the
	// record lacks always leaves it. Tags and the keys of CustomData are one field each: it is emptied where all its
	// rules give nothing and one of them has Clear. It has no meaning for the external ID and the login.
	Clear bool
}

// TagRule gives tags.
type TagRule struct {
	Rule
	Split string // what separates the tags in the value; "": the value is one tag
}

// externalIDName is the external ID's name in messages, beside those of the fields.
const externalIDName = "external_id"

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
	compile := func(name string, r Rule) rule {
		compiled, err := compileRule(name, r)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
		return compiled
	}

	m.externalID = compile(externalIDName, spec.ExternalID)
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
		m.tags = append(m.tags, tagRule{compile(user.Tags.String(), r.Rule), r.Split})
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
		return fmt.Errorf("%s: as a whole it comes from a column; for constants and templates give its keys", field)
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
