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

func column(name string) mapping.Rule { return mapping.Rule{Column: name} }

func spec() mapping.Spec {
	return mapping.Spec{
		ExternalID: column("id"),
		Fields: map[user.Field]mapping.Rule{
			user.Login:    column("login"),
			user.Email:    column("email"),
			user.FullName: {Template: "{given} {family}"},
			user.Phone:    {Column: "phone", Clear: true},
			user.Website:  column("website"),
		},
		Tags:       []mapping.TagRule{{Rule: mapping.Rule{Constant: "staff"}}, {Rule: column("tags"), Split: ";"}},
		CustomData: map[string]mapping.Rule{"office": column("office"), "desk": {Template: "#{desk}"}},
	}
}

// rec makes a record; a value of "NULL" is null.
func rec(t *testing.T, cells map[string]string) record.Record {
	t.Helper()
	var names []string
	var values []record.Value
	for name, text := range cells {
		names = append(names, name)
		if text == "NULL" {
			values = append(values, record.Null())
		} else {
			values = append(values, record.Text(text))
		}
	}
	return record.New("users.csv:12", columns(t, names...), values)
}

func columns(t *testing.T, names ...string) *record.Columns {
	t.Helper()
	c, err := record.NewColumns(names)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mapper(t *testing.T, s mapping.Spec) *mapping.Mapper {
	t.Helper()
	m, err := mapping.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// row is a full, good record with some cells changed; a cell changed to "ABSENT" isn't there.
func row(changes map[string]string) map[string]string {
	cells := map[string]string{
		"id": "E1", "login": "ann.s", "email": "Ann@example.com", "given": "Ann", "family": "Smith", "phone": "+1 555 0100",
		"website": "example.com", "tags": "b;a", "office": "Zürich <1>", "desk": "12",
	}
	for name, text := range changes {
		if text == "ABSENT" {
			delete(cells, name)
		} else {
			cells[name] = text
		}
	}
	return cells
}

func TestUser(t *testing.T) {
	for name, c := range map[string]struct {
		change map[string]string
		want   map[user.Field]string // what differs from the good user; "UNSET" is unset
	}{
		"all-fields":                {nil, nil},
		"trimmed-and-composed":      {map[string]string{"given": "  Zoe\u0308 ", "family": " X\u00a0"}, map[user.Field]string{user.FullName: "Zoë X"}},
		"half-of-a-template":        {map[string]string{"given": ""}, map[user.Field]string{user.FullName: "Smith"}},
		"empty-template":            {map[string]string{"given": " ", "family": "NULL"}, map[user.Field]string{user.FullName: "UNSET"}},
		"template-of-one-column":    {map[string]string{"desk": ""}, map[user.Field]string{user.CustomData: `{"office":"Zürich <1>"}`}},
		"empty-is-left-alone":       {map[string]string{"website": ""}, map[user.Field]string{user.Website: "UNSET"}},
		"empty-clears":              {map[string]string{"phone": " "}, map[user.Field]string{user.Phone: ""}},
		"null-clears":               {map[string]string{"phone": "NULL"}, map[user.Field]string{user.Phone: ""}},
		"absent-never-clears":       {map[string]string{"phone": "ABSENT"}, map[user.Field]string{user.Phone: "UNSET"}},
		"empty-login-is-unset":      {map[string]string{"login": " "}, map[user.Field]string{user.Login: "UNSET"}},
		"null-login-is-unset":       {map[string]string{"login": "NULL"}, map[user.Field]string{user.Login: "UNSET"}},
		"tags-sorted-once-each":     {map[string]string{"tags": " b ;;a; b;staff"}, nil},
		"only-the-constant-tag":     {map[string]string{"tags": ""}, map[user.Field]string{user.Tags: "staff"}},
		"most-tags":                 {map[string]string{"tags": "a;b;c"}, map[user.Field]string{user.Tags: "a,b,c,staff"}},
		"custom-data-odd-letters":   {map[string]string{"office": "a\u2028\"<e\u0301>\n\\"}, map[user.Field]string{user.CustomData: `{"desk":"#12","office":"a\u2028\"<é>\n\\"}`}},
		"custom-data-empty":         {map[string]string{"desk": "", "office": "NULL"}, map[user.Field]string{user.CustomData: "UNSET"}},
		"phone-and-website-as-they": {map[string]string{"phone": "(0)12/3", "website": "HTTP://x"}, map[user.Field]string{user.Phone: "(0)12/3", user.Website: "HTTP://x"}},
		"shortest-login":            {map[string]string{"login": "王芳王"}, map[user.Field]string{user.Login: "王芳王"}},
		"longest-login":             {map[string]string{"login": strings.Repeat("ü", 70)}, map[user.Field]string{user.Login: strings.Repeat("ü", 70)}},
	} {
		t.Run(name, func(t *testing.T) {
			want := user.User{ExternalID: "E1"}
			for field, text := range map[user.Field]string{
				user.Login: "ann.s", user.Email: "Ann@example.com", user.FullName: "Ann Smith", user.Phone: "+1 555 0100",
				user.Website: "example.com", user.Tags: "a,b,staff", user.CustomData: `{"desk":"#12","office":"Zürich <1>"}`,
			} {
				want.Values[field] = user.Text(text)
			}
			for field, text := range c.want {
				want.Values[field] = user.Text(text)
				if text == "UNSET" {
					want.Values[field] = user.Value{}
				}
			}
			got, err := mapper(t, spec()).User(rec(t, row(c.change)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("user (-want +got):\n%s", diff)
			}
			for _, field := range []user.Field{user.Tags, user.CustomData} {
				if text := got.Values[field].Text; text != field.Canonical(text) {
					t.Errorf("%s %q isn't canonical: %q", field, text, field.Canonical(text))
				}
			}
		})
	}

	t.Run("a-login-is-never-cleared", func(t *testing.T) {
		s := spec()
		s.Fields[user.Login] = mapping.Rule{Column: "login", Clear: true}
		got, err := mapper(t, s).User(rec(t, row(map[string]string{"login": ""})))
		if err != nil || got.Values[user.Login].Set {
			t.Errorf("login %+v, error %v; want it unset", got.Values[user.Login], err)
		}
	})
	t.Run("unmapped-is-unset", func(t *testing.T) {
		got, err := mapper(t, mapping.Spec{ExternalID: column("id")}).User(rec(t, row(nil)))
		want := user.User{ExternalID: "E1"}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("error %v, user (-want +got):\n%s", err, diff)
		}
	})
	t.Run("external-id-of-a-template", func(t *testing.T) {
		got, err := mapper(t, mapping.Spec{ExternalID: mapping.Rule{Template: "hr-{id}"}}).User(rec(t, row(map[string]string{"id": " 7 "})))
		if err != nil || got.ExternalID != "hr-7" {
			t.Errorf("external ID %q, error %v; want hr-7", got.ExternalID, err)
		}
	})
	t.Run("tags-and-custom-data-clear", func(t *testing.T) {
		s := spec()
		s.Tags = []mapping.TagRule{{Rule: mapping.Rule{Column: "tags", Clear: true}, Split: ";"}, {Rule: column("office")}}
		s.CustomData = map[string]mapping.Rule{"desk": {Column: "desk", Clear: true}, "office": column("office")}
		got, err := mapper(t, s).User(rec(t, row(map[string]string{"tags": ";", "desk": "", "office": ""})))
		if err != nil || got.Values[user.Tags] != user.Text("") || got.Values[user.CustomData] != user.Text("") {
			t.Errorf("tags %+v, custom_data %+v, error %v; want both set and empty", got.Values[user.Tags], got.Values[user.CustomData], err)
		}
	})
}

func TestCustomDataOfAColumn(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want user.Value
		bad  bool
	}{
		"canonical":    {` { "b": 1.50, "a": {"z": "<é>", "y": []} } `, user.Text(`{"a":{"y":[],"z":"<é>"},"b":1.50}`), false},
		"empty":        {"", user.Value{}, false},
		"empty-object": {"{ }", user.Value{}, false},
		"null":         {"NULL", user.Value{}, false},
		"list":         {"[1]", user.Value{}, true},
		"text":         {"office 3", user.Value{}, true},
		"two-objects":  {"{}{}", user.Value{}, true},
		"json-null":    {"null", user.Value{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			m := mapper(t, mapping.Spec{ExternalID: column("id"), Fields: map[user.Field]mapping.Rule{user.CustomData: column("data")}})
			got, err := m.User(rec(t, map[string]string{"id": "E1", "data": c.text}))
			if (err != nil) != c.bad || got.Values[user.CustomData] != c.want {
				t.Errorf("custom_data %+v, error %v; want %+v", got.Values[user.CustomData], err, c.want)
			}
		})
	}
}

func TestRejects(t *testing.T) {
	long := strings.Repeat("x", 256)
	for name, c := range map[string]struct {
		change    map[string]string
		id, field string
		problem   string // a part of it
	}{
		"no-external-id":         {map[string]string{"id": " "}, "", "external_id", "it is empty"},
		"null-external-id":       {map[string]string{"id": "NULL"}, "", "external_id", "it is empty"},
		"absent-external-id":     {map[string]string{"id": "ABSENT"}, "", "external_id", "it is empty"},
		"control-in-external-id": {map[string]string{"id": "E\t1"}, "", "external_id", "control character U+0009"},
		"not-utf-8-external-id":  {map[string]string{"id": "E\xff"}, "", "external_id", "isn't valid UTF-8"},
		"long-external-id":       {map[string]string{"id": long}, long, "external_id", "256 characters and may have 255"},
		"mark-in-external-id":    {map[string]string{"id": "\ufeffE1"}, "", "external_id", "has the invisible character U+FEFF in it"},
		"nothing-seen-in-key":    {map[string]string{"id": "E\u200b1"}, "", "external_id", "has the invisible character U+200B in it"},
		"short-login":            {map[string]string{"login": "王芳"}, "E1", "login", "2 characters and needs 3 to 70"},
		"long-login":             {map[string]string{"login": strings.Repeat("x", 71)}, "E1", "login", "71 characters"},
		"e-mail-without-at":      {map[string]string{"email": "ann"}, "E1", "email", `"ann" isn't an e-mail address`},
		"e-mail-with-name":       {map[string]string{"email": "Ann <ann@example.com>"}, "E1", "email", "isn't an e-mail address"},
		"two-e-mails":            {map[string]string{"email": "a@example.com, b@example.com"}, "E1", "email", "isn't an e-mail address"},
		"newline-in-name":        {map[string]string{"given": "Ann\nMarie"}, "E1", "full_name", "control character U+000A"},
		"control-in-phone":       {map[string]string{"phone": "1\x002"}, "E1", "phone", "control character U+0000"},
		"not-utf-8":              {map[string]string{"website": "\xe9"}, "E1", "website", "isn't valid UTF-8"},
		"five-tags":              {map[string]string{"tags": "a;b;c;d"}, "E1", "tags", `"a, b, c, d, staff" are 5 tags`},
		"comma-in-tag":           {map[string]string{"tags": "a,b"}, "E1", "tags", `"a,b" contains a comma`},
		"long-tag":               {map[string]string{"tags": long}, "E1", "tags", "256 characters and may have 255"},
		"control-in-tag":         {map[string]string{"tags": "a\nb"}, "E1", "tags", "control character"},
		"not-utf-8-custom-data":  {map[string]string{"office": "\xe9"}, "E1", "custom_data.office", "isn't valid UTF-8"},
		"long-value-is-cut":      {map[string]string{"email": strings.Repeat("x", 500)}, "E1", "email", `"` + strings.Repeat("x", 100) + `"… isn't`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := mapper(t, spec()).User(rec(t, row(c.change)))
			var reject *record.RejectError
			if !errors.As(err, &reject) {
				t.Fatalf("error %v; want a reject", err)
			}
			if reject.Position != "users.csv:12" || reject.ExternalID != c.id || reject.Field != c.field || !strings.Contains(reject.Problem, c.problem) {
				t.Errorf("reject %+v; want %q, %s: %s", reject, c.id, c.field, c.problem)
			}
		})
	}

	for name, company := range map[string]string{"empty": " ", "null": "NULL", "absent": "ABSENT"} {
		t.Run("external-id-of-a-template-with-one-column-"+name, func(t *testing.T) {
			s := spec()
			s.ExternalID = mapping.Rule{Template: "{id}-{office}"}
			_, err := mapper(t, s).User(rec(t, row(map[string]string{"office": company})))
			var reject *record.RejectError
			if !errors.As(err, &reject) {
				t.Fatalf("error %v; want a reject", err)
			}
			const problem = `the column "office" is empty, and without it "E1-" may be another person: fill it in`
			if reject.ExternalID != "" || reject.Field != "external_id" || reject.Problem != problem {
				t.Errorf("reject %+v; want no external ID and %s", reject, problem)
			}
		})
	}
	t.Run("uncertain-as-the-record-is", func(t *testing.T) {
		for _, change := range []map[string]string{{"given": "Ann\nE9"}, {"given": "Ann\nE9", "email": "y"}} {
			for _, uncertain := range []bool{false, true} {
				r := rec(t, row(change))
				r.Uncertain = uncertain
				_, err := mapper(t, spec()).User(r)
				var reject *record.RejectError
				if !errors.As(err, &reject) || reject.Uncertain != uncertain || reject.ExternalID != "E1" {
					t.Errorf("uncertain %v: %+v; want a reject of E1 that is as uncertain", uncertain, reject)
				}
			}
		}
	})

	t.Run("all-problems-at-once", func(t *testing.T) {
		_, err := mapper(t, spec()).User(rec(t, row(map[string]string{"login": "x", "email": "y", "tags": "a,b"})))
		want := `users.csv:12: login: "x" has 1 characters and needs 3 to 70; ` +
			`email: "y" isn't an e-mail address: write name@domain and nothing else; ` +
			`tags: "a,b" contains a comma, which separates tags: remove it, or split the value at it`
		if err == nil || err.Error() != want {
			t.Errorf("got:  %v\nwant: %s", err, want)
		}
	})
}
