package mapping_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/mapping"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// Of several columns the first that holds something counts; where none does, the rule is as one column without anything.
func TestFirst(t *testing.T) {
	of := func(clears bool) mapping.Spec {
		first := mapping.Rule{First: []string{"hr.mail", "ad.mail", "mail"}, Clear: clears}
		return mapping.Spec{
			ExternalID: column("id"), Fields: map[user.Field]mapping.Rule{user.FullName: first},
			Tags: []mapping.TagRule{{Rule: first, Split: ";"}}, CustomData: map[string]mapping.Rule{"mail": first},
		}
	}
	for name, test := range map[string]struct {
		cells string // by column, parted by commas
		want  string
		known bool
	}{
		"first":        {"hr.mail=a,ad.mail=b,mail=c", "a", true},
		"null":         {"hr.mail=NULL,ad.mail=b,mail=c", "b", true},
		"empty":        {"hr.mail=,ad.mail= ,mail=c", "c", true},
		"absent":       {"mail=c", "c", true},
		"nothing":      {"hr.mail=,ad.mail=NULL", "", true},
		"all-absent":   {"", "", false},
		"several-tags": {"ad.mail=y; x", "y; x", true},
	} {
		t.Run(name, func(t *testing.T) {
			cells := map[string]string{"id": "E1"}
			for _, each := range strings.Split(test.cells, ",") {
				if column, text, is := strings.Cut(each, "="); is {
					cells[column] = text
				}
			}
			for _, clears := range []bool{false, true} {
				u, err := mapper(t, of(clears)).User(rec(t, cells))
				if err != nil {
					t.Fatal(err)
				}
				set := test.want != "" || test.known && clears
				want := map[user.Field]user.Value{user.FullName: {Text: test.want, Set: set}, user.Tags: {Set: set}, user.CustomData: {Set: set}}
				if test.want != "" {
					want[user.Tags] = user.Text(user.JoinTags(strings.Split(test.want, ";")))
					want[user.CustomData] = user.Text(`{"mail":"` + test.want + `"}`)
				}
				for field, value := range want {
					if got := u.Values[field]; got != value {
						t.Errorf("clears %t: %s is %+v, want %+v", clears, field, got, value)
					}
				}
			}
		})
	}
	m := mapper(t, of(false))
	if diff := cmp.Diff(m.Columns(), []string{"id", "hr.mail", "ad.mail", "mail"}); diff != "" {
		t.Errorf("the columns (-got +want)\n%s", diff)
	}
	step := m.Explain(rec(t, map[string]string{"id": "E1", "ad.mail": "b"}))[1]
	if step.Rule != "the first that holds something" || len(step.From) != 3 || step.Value != "b" {
		t.Errorf("it is explained as %+v", step)
	}
}

func TestFirstRefused(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*mapping.Spec)
		want   string
	}{
		"twice":      {func(s *mapping.Spec) { s.Fields[user.Email] = mapping.Rule{First: []string{"a", "b", "a"}} }, `email: first names the column "a" twice`},
		"no-name":    {func(s *mapping.Spec) { s.Fields[user.Email] = mapping.Rule{First: []string{"a", ""}} }, `email: first names the column "" twice, or not at all`},
		"two-ways":   {func(s *mapping.Spec) { s.Fields[user.Email] = mapping.Rule{First: []string{"a"}, Column: "b"} }, "email: give exactly one of column, first, "},
		"of-the-key": {func(s *mapping.Spec) { s.ExternalID = mapping.Rule{First: []string{"a", "b"}} }, "external_id: the first of several columns may be another one tomorrow"},
	} {
		t.Run(name, func(t *testing.T) {
			s := spec()
			test.change(&s)
			if _, err := mapping.New(s); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("New: %v; want %q", err, test.want)
			}
		})
	}
}

// A column of one source of several stands in expressions by both names.
func TestColumnsOfSources(t *testing.T) {
	record := rec(t, map[string]string{"id": "E1", "hr.mail": "Ann@hr", "hr.E-mail": "e@hr", "hr": "whole"})
	for text, want := range map[string]string{
		`lower(hr.mail)`:                       "ann@hr",
		`hr.mail`:                              "Ann@hr",
		`hr["mail"]`:                           "Ann@hr",
		`hr["E-mail"]`:                         "e@hr",
		`record["hr.mail"] + hr.mail`:          "Ann@hrAnn@hr",
		`hr + " " + hr.mail`:                   "whole Ann@hr",
		`ad.mail ?? "none"`:                    "none",
		`ad.mail == nil ? "out" : "in"`:        "out",
		`hr.mail != nil ? "in" : "out"`:        "in",
		`let x = hr.mail; x`:                   "Ann@hr",
		`join(split(hr.mail, "@"), "-")`:       "Ann-hr",
		`any(split("a;b", ";"), # != hr.mail)`: "true",
	} {
		t.Run(text, func(t *testing.T) {
			u, err := mapper(t, fullName(text)).User(record)
			if got := u.Values[user.FullName].Text; err != nil || got != want {
				t.Errorf("%q, %v, want %q", got, err, want)
			}
		})
	}
	for _, text := range []string{`let x = hr.mail; x.mail`, `hr.mail.host`, `$env.mail`, `hr[id]`} {
		if _, err := mapping.New(fullName(text)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

// A record in doubt is a reject, unless the filter leaves it out.
func TestDoubt(t *testing.T) {
	s := spec()
	s.Filter = `hr.id == nil`
	m := mapper(t, s)
	doubtful := rec(t, row(map[string]string{"hr.id": "E1"}))
	doubtful.Doubt = "nobody can tell whether ad knows them"
	if out, err := m.Filtered(doubtful); out || err != nil {
		t.Errorf("left out: %t, %v", out, err)
	}
	_, err := m.User(doubtful)
	if bad, rejected := errors.AsType[*record.RejectError](err); !rejected || bad.ExternalID != "E1" || bad.Error() != "users.csv:12: nobody can tell whether ad knows them" {
		t.Errorf("rejected as %v", err)
	}
	worse := rec(t, row(map[string]string{"email": "none"}))
	worse.Doubt = doubtful.Doubt
	if out, err := m.Filtered(worse); !out || err != nil {
		t.Errorf("left out: %t, %v", out, err)
	}
	_, err = m.User(worse)
	if want := `nobody can tell whether ad knows them; email: "none" isn't an e-mail address`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("rejected as %v, want %q", err, want)
	}
}
