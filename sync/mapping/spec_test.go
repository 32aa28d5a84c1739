package mapping_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/mapping"
	"cubesync/sync/user"
)

func TestNewErrors(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*mapping.Spec)
		want   string
	}{
		"no-external-id": {func(s *mapping.Spec) { s.ExternalID = mapping.Rule{} }, "external_id: give exactly one of column, first, constant, template and expr (0 are given)"},
		"constant-external-id": {func(s *mapping.Spec) { s.ExternalID = mapping.Rule{Constant: "x"} },
			"external_id: a constant would give every user the same"},
		"two-ways": {func(s *mapping.Spec) {
			s.Fields[user.Email] = mapping.Rule{Column: "a", Template: "{b}"}
		}, "email: give exactly one of column, first, constant, template and expr (2 are given)"},
		"blank-constant": {func(s *mapping.Spec) { s.Fields[user.Phone] = mapping.Rule{Constant: " "} }, "phone: give exactly one"},
		"tags-as-field":  {func(s *mapping.Spec) { s.Fields[user.Tags] = column("tags") }, "tags: tags have rules of their own"},
		"bad-tag":        {func(s *mapping.Spec) { s.Tags[0] = mapping.TagRule{} }, "tags: give exactly one"},
		"custom-data-twice": {func(s *mapping.Spec) { s.Fields[user.CustomData] = column("data") },
			"custom_data: it is given both as a whole and key by key"},
		"custom-data-of-a-template": {func(s *mapping.Spec) {
			s.CustomData, s.Fields[user.CustomData] = nil, mapping.Rule{Template: "{data}"}
		}, "custom_data: as a whole it comes from a column"},
		"bad-key":    {func(s *mapping.Spec) { s.CustomData["office"] = mapping.Rule{} }, "custom_data.office: give exactly one"},
		"no-key":     {func(s *mapping.Spec) { s.CustomData[""] = column("x") }, "custom_data: a key has no name"},
		"open-brace": {template("a {b"), `full_name: template "a {b": the { at byte 3 isn't closed`},
		"open-twice": {template("{a{b}"), "the { at byte 1 isn't closed"},
		"stray-end":  {template("a} {b}"), "the } at byte 2 closes nothing"},
		"no-name":    {template("{a} {}"), "the braces at byte 5 name no column"},
		"no-column":  {template("{{a}}"), "names no {column}: take a constant"},
	} {
		t.Run(name, func(t *testing.T) {
			s := spec()
			c.change(&s)
			if _, err := mapping.New(s); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New: %v; want %q", err, c.want)
			}
		})
	}
	t.Run("all-at-once", func(t *testing.T) {
		s := spec()
		s.ExternalID = mapping.Rule{}
		s.Fields[user.FullName] = mapping.Rule{Template: "{"}
		_, err := mapping.New(s)
		if err == nil || !strings.Contains(err.Error(), "external_id:") || !strings.Contains(err.Error(), "full_name:") {
			t.Errorf("New: %v; want both problems", err)
		}
	})
}

// TestSpecAsJSON: a mapping without expressions has the JSON that it had before there were any, so that no run takes it for
// changed; with them, nothing but where they stand is left out.
func TestSpecAsJSON(t *testing.T) {
	encoded := func(s mapping.Spec) string {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const want = `{"ExternalID":{"Column":"id","Constant":"","Template":"","Clear":false},"Fields":null,` +
		`"Tags":[{"Column":"tags","Constant":"","Template":"","Clear":false,"Split":";"}],"CustomData":null}`
	s := mapping.Spec{ExternalID: column("id"), Tags: []mapping.TagRule{{Rule: column("tags"), Split: ";"}}}
	if got := encoded(s); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.ExternalID, s.Filter, s.FilterPlace, s.Tables = expression("lower(id)"), "false", "config.yaml:9", map[string]map[string]string{"a": {"b": "c"}}
	got := encoded(s)
	for _, part := range []string{`"Expr":"lower(id)"`, `"Filter":"false"`, `"Tables":{"a":{"b":"c"}}`} {
		if !strings.Contains(got, part) {
			t.Errorf("%s lacks %s", got, part)
		}
	}
	if strings.Contains(got, "config.yaml") {
		t.Errorf("%s says where the expressions stand", got)
	}
}

func template(text string) func(*mapping.Spec) {
	return func(s *mapping.Spec) { s.Fields[user.FullName] = mapping.Rule{Template: text} }
}

func TestTemplates(t *testing.T) {
	for text, want := range map[string]string{
		"{given}":                    "Ann",
		"{family}, {given}":          "Smith, Ann",
		"{given}{family}":            "AnnSmith",
		"{{{given}}}":                "{Ann}",
		"}} {given} {{":              "} Ann {",
		"{{{{ {given}":               "{{ Ann",
		" {given} ":                  "Ann",
		"{given} {missing} {family}": "Ann  Smith",
		"{white space}!":             "yes!",
	} {
		t.Run(text, func(t *testing.T) {
			s := mapping.Spec{ExternalID: column("id"), Fields: map[user.Field]mapping.Rule{user.FullName: {Template: text}}}
			got, err := mapper(t, s).User(rec(t, row(map[string]string{"white space": "yes"})))
			if err != nil || got.Values[user.FullName] != user.Text(want) {
				t.Errorf("full_name %+v, error %v; want %q", got.Values[user.FullName], err, want)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	s := mapping.Spec{
		ExternalID: column("employee_id"),
		Fields:     map[user.Field]mapping.Rule{user.Email: column("mail"), user.FullName: {Template: "{name} ({mail}) {name}"}},
	}
	for name, c := range map[string]struct {
		there []string
		want  string
	}{
		"all-there": {[]string{"name", "mail", "employee_id", "more"}, ""},
		"missing": {[]string{"name", "employee_id"},
			`the source lacks "mail" (for email, full_name); its columns are "name", "employee_id"`},
		"other-case-and-space": {[]string{"Employee ID", "name ", "mail"},
			`the header has spaces around its names, such as "name ": take them out of the header; ` +
				`the source lacks "employee_id" (for external_id), did you mean "Employee ID"?; its columns are "Employee ID", "name ", "mail"`},
		"only-spaces": {[]string{"employee_id", " name", " mail"},
			`the header has spaces around its names, such as " mail": take them out of the header`},
		"semicolon": {[]string{"employee_id;name;mail"},
			`the header is one column with semicolons in it: set the source's delimiter to ";"`},
		"tab":                 {[]string{"employee_id\tname"}, `the header is one column with tabs in it: set the source's delimiter to "\t"`},
		"comma":               {[]string{"employee_id,name"}, `the header is one column with commas in it: set the source's delimiter to ","`},
		"no-delimiter-at-all": {[]string{"employee_id"}, `the source lacks "mail" (for email, full_name); "name" (for full_name); its columns are "employee_id"`},
		"none":                {nil, "the source has no columns at all: is it empty?"},
	} {
		t.Run(name, func(t *testing.T) {
			err := mapper(t, s).Check(columns(t, c.there...))
			got := ""
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("many-columns", func(t *testing.T) {
		var many []string
		for i := range 50 {
			many = append(many, strings.Repeat("x", i+1))
		}
		if err := mapper(t, s).Check(columns(t, many...)); err == nil || !strings.HasSuffix(err.Error(), " and 10 more") {
			t.Errorf("Check: %v; want the list cut", err)
		}
	})
}

func BenchmarkUser(b *testing.B) {
	t := &testing.T{}
	m := mapper(t, spec())
	r := rec(t, row(nil))
	for b.Loop() {
		if _, err := m.User(r); err != nil {
			b.Fatal(err)
		}
	}
}
