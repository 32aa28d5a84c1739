package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"cubesync/sync/mapping"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// Tests are records, and what the mapping of a pipeline is to make of them.
type Tests struct {
	all []test
}

// Len returns how many there are.
func (t Tests) Len() int { return len(t.all) }

// test is one of them: exactly one of wants, rejected and filtered says what is to come of the record.
type test struct {
	at       node // without its value
	names    []string
	values   []record.Value
	wants    []wanted
	rejected *string // a part of why; "": whatever it is
	filtered bool
}

// wanted is what is to become of one field.
type wanted struct {
	at    node // without its value
	name  string
	field user.Field // of no meaning for the external ID
	value user.Value
}

const testRemedy = "write {record: {employee_id: E1}, user: {external_id: E1}}"

// tests reads the tests of a mapping.
func (c *checker) tests(n node) Tests {
	var tests Tests
	for _, item := range n.list("begin each test with - record:") {
		group := item.object(testRemedy, "record", "user", "rejected", "filtered")
		if group.broken {
			continue
		}
		t := test{at: item.bare()}
		cells := group.need("record", "write the cells of a record under it, by their columns").anyKeys("write the cells under it, by their columns")
		for _, name := range cells.names {
			if value, ok := cells.get(name).cell(); ok {
				t.names, t.values = append(t.names, name), append(t.values, value)
			}
		}
		switch group.one("user", "rejected", "filtered") {
		case "user":
			t.wants = c.wants(group.get("user"))
		case "rejected":
			t.rejected = group.get("rejected").why()
		case "filtered":
			at := group.get("filtered")
			if t.filtered = at.flag(); !t.filtered {
				at.complain("says nothing unless it is true", "write filtered: true, or what is to come of the record")
			}
		}
		tests.all = append(tests.all, t)
	}
	return tests
}

// bare is the node without its value, for complaints after all was read.
func (n node) bare() node {
	n.checker, n.value = &checker{file: n.file}, nil
	return n
}

// cell returns a text, which may be empty, or null.
func (n node) cell() (record.Value, bool) {
	if n.value.kind == nullKind && n.value.text != "" {
		return record.Null(), true
	}
	if n.value.kind == textKind && n.value.text == "" || n.is(textKind, "write one value, or null") {
		return record.Text(n.value.text), true
	}
	return record.Value{}, false
}

// why returns what a rejection is to say.
func (n node) why() *string {
	text := ""
	if n.value.kind == boolKind && n.flag() {
		return &text
	}
	text, _ = n.text()
	return &text
}

// wants reads what a user is to be: null is what the mapping is to say nothing of.
func (c *checker) wants(n node) []wanted {
	known := []string{externalID}
	fields := map[string]user.Field{}
	for _, field := range user.Fields() {
		known = append(known, field.String())
		fields[field.String()] = field
	}
	group := n.object("write the fields that are to be compared under it", known...)
	if len(group.names) == 0 && !group.broken {
		n.complain("compares nothing", "name at least one field, such as external_id: E1")
	}
	var all []wanted
	for _, name := range group.names {
		field, is := fields[name]
		if !is && name != externalID {
			continue // there is a complaint
		}
		at := group.get(name)
		w := wanted{at: at.bare(), name: name, field: field}
		switch {
		case field == user.Tags && is && at.value.kind == listKind:
			w.value = at.wantedTags()
		case field == user.CustomData && is && at.value.kind == objectKind:
			w.value = at.wantedData()
		default:
			cell, _ := at.cell()
			if !cell.IsNull() {
				w.value = user.Text(user.Clean(cell.Text()))
			}
			if is {
				w.value.Text = canonical(field, w.value.Text)
			}
		}
		all = append(all, w)
	}
	return all
}

func (n node) wantedTags() user.Value {
	var tags []string
	for _, item := range n.list("write the tags") {
		tag, _ := item.text()
		tags = append(tags, tag)
	}
	return user.Text(user.JoinTags(tags))
}

func (n node) wantedData() user.Value {
	keys := n.anyKeys("write the keys under it")
	object := map[string]string{}
	for _, name := range keys.names {
		cell, _ := keys.get(name).cell()
		object[name] = cell.Text()
	}
	text, err := json.Marshal(object)
	if err != nil {
		panic("a test of the configuration: " + err.Error()) // texts are always encodable
	}
	return user.Text(user.CustomData.Canonical(string(text)))
}

// canonical writes fields of several parts as the mapping does. Of all others every letter counts.
func canonical(field user.Field, text string) string {
	if field == user.Tags || field == user.CustomData {
		return field.Canonical(text)
	}
	return text
}

// Test runs the tests of the pipeline's mapping. What isn't as it is to be is in the one *Error.
func (p Pipeline) Test() error {
	mapper, err := mapping.New(p.Mapping)
	if err != nil {
		return err // Load has compiled it before
	}
	var failed Error
	for _, t := range p.Tests.all {
		failed.Complaints = append(failed.Complaints, t.run(mapper, p.Mapping.Password)...)
	}
	if len(failed.Complaints) == 0 {
		return nil
	}
	return &failed
}

// run returns what the mapping makes otherwise. A record with a password is taken for that of somebody who is signed up.
func (t *test) run(mapper *mapping.Mapper, secret string) []Complaint {
	columns, err := record.NewColumns(t.names)
	if err != nil {
		return t.at.failed(err.Error()) // no key stands twice
	}
	rec := record.New("the record of this test", columns, t.values)
	filtered, err := mapper.Filtered(rec)
	var made user.User
	if err == nil && !filtered {
		made, err = mapper.User(rec)
		if _, unfit := mapper.Password(rec); err == nil && unfit != "" && slices.Contains(t.names, secret) {
			err = &record.RejectError{Position: rec.Position, Field: "password", Problem: unfit}
		}
	}
	problem := ""
	if err != nil {
		problem = strings.TrimPrefix(err.Error(), string(rec.Position)+": ")
	}
	switch {
	case t.filtered && filtered, t.rejected != nil && err != nil && strings.Contains(problem, *t.rejected):
		return nil
	case filtered:
		return t.at.failed("the filter leaves the record out")
	case err != nil && t.rejected != nil:
		return t.at.failed(fmt.Sprintf("the mapping rejects the record: %s, and the test wants it to say %q", problem, *t.rejected))
	case err != nil:
		return t.at.failed("the mapping rejects the record: " + problem)
	case t.filtered:
		return t.at.failed("the filter doesn't leave the record out")
	case t.rejected != nil:
		return t.at.failed("the mapping makes a user of the record, " + made.ExternalID)
	}
	var all []Complaint
	for _, w := range t.wants {
		got := user.Text(made.ExternalID)
		if w.name != externalID {
			got = made.Values[w.field]
		}
		if got != w.value {
			all = append(all, w.at.failed(fmt.Sprintf("the mapping makes %s, and the test wants %s", inWords(got), inWords(w.value)))...)
		}
	}
	return all
}

// failed makes the complaint of a test.
func (n node) failed(problem string) []Complaint {
	n.checker = &checker{file: n.file} // each failure is said once, however often the tests are run
	n.complain(problem, "correct the mapping, or the test")
	return n.complaints
}

// inWords shows what a mapping says about a field.
func inWords(v user.Value) string {
	if !v.Set {
		return "nothing (the field is left as it is)"
	}
	return fmt.Sprintf("%q", v.Text)
}
