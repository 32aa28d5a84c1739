package mapping_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/mapping"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

func expression(text string) mapping.Rule { return mapping.Rule{Expr: text, Place: "config.yaml:31"} }

func tables() map[string]map[string]string {
	return map[string]map[string]string{"offices": {"B": "Berlin", "Z": "Zürich"}, "none": {}}
}

// fullName maps one field by an expression.
func fullName(text string) mapping.Spec {
	return mapping.Spec{ExternalID: column("id"), Fields: map[user.Field]mapping.Rule{user.FullName: expression(text)}, Tables: tables()}
}

// TestExpressions: what the language gives. The record lacks the column "gone", "nil" is null, and "none" empty.
func TestExpressions(t *testing.T) {
	cells := map[string]string{
		"id": "E1", "given": " Zoe\u0308 ", "family": "Ødegård", "mail": "Ann@Example.COM", "tel": "030 901820", "office": "B", "groups": "Staff; VPN ;;admins",
		"nil": "NULL", "none": "", "Odd name": "odd", "let": "a keyword", "number": "0042", "phone": "p", "first": "f", "record": "r", "mixed": "a.b.c",
	}
	for text, want := range map[string]string{
		`"plain"`:                                 "plain",
		`given`:                                   "Zoë",
		`trim(given + " " + family)`:              "Zoë Ødegård",
		`family + ", " + given`:                   "Ødegård, Zoë",
		`record["Odd name"] + record.given`:       "oddZoë",
		`record["let"] + record["record"]`:        "a keywordr",
		`first + first([phone])`:                  "fp", // a column may be called as a function is
		`let x = given; x + x`:                    "ZoëZoë",
		`lower(mail)`:                             "ann@example.com",
		`mail | lower() | upper()`:                "ANN@EXAMPLE.COM",
		`office == "B" ? "Berlin" : "elsewhere"`:  "Berlin",
		`if office != "B" { "x" } else { "y" }`:   "y",
		`office in ["A", "B"] and mail != ""`:     "true",
		`not (office in ["A"]) && len(given) > 2`: "true",
		`mail matches "(?i)@example\\.com$"`:      "true",
		`mail contains "@" && mail startsWith "Ann" && mail endsWith "COM"`: "true",
		`regexReplace(mail, "^([^@]+)@.*$", "$1 at home")`:                  "Ann at home",
		`regexReplace(mixed, "", "-")`:                                      "-a-.-b-.-c-",
		`regexFind(mail, "@(.*)\\.")`:                                       "Example",
		`regexFind(mail, "[A-Z]+$")`:                                        "COM",
		`regexFind(mail, "#") ?? "nothing"`:                                 "nothing",
		`replace(mixed, ".", "")`:                                           "abc",
		`replace(mixed, "", "x")`:                                           "a.b.c",
		`trimPrefix(mixed, "a.") + trimSuffix(mixed, ".c")`:                 "b.ca.b",
		`left(family, 1) + right(family, 2) + left("", 3) + right("a", 9)`:  "Ørda",
		`join([given, nil, none, family], " ")`:                             "Zoë Ødegård",
		`join(split(groups, ";"), "+")`:                                     "Staff+VPN+admins",
		`join(map(filter(split(groups, ";"), # != "VPN"), lower(#)), ",")`:  "staff,admins",
		`join(concat(split(groups, ";"), [given]), ",")`:                    "Staff,VPN,admins,Zoë",
		`any(split(groups, ";"), # == "VPN") and all([given], # != "")`:     "true",
		`none([given], # == "x") ? last(split(groups, ";")) : "-"`:          "admins",
		`first(split(record["none"], ";")) ?? "empty"`:                      "empty",
		`len(split(groups, ";"))`:                                           "3",
		`text(int(number) * 2) + "!"`:                                       "84!",
		`1.5 + 1`:                                                           "2.5",
		`slug("  Ångström & Søn, GmbH: Straße 7 王芳 ")`:                      "angstrom-son-gmbh-strasse-7-王芳",
		`sha256(mail)`:                                                      "f257933948ca95ccf16cd4b09702aa0cedccff304d9c42cf6d0d83b12e7cee02",
		`e164(tel, "DE")`:                                                   "+4930901820",
		`e164("+41 44 668 18 00", "DE")`:                                    "+41446681800",
		`e164(none, "DE") ?? "no"`:                                          "no",
		`lookup("offices", office)`:                                         "Berlin",
		`lookup("offices", "X") ?? "unknown"`:                               "unknown",
		`lookup("offices", given, "other")`:                                 "other",
		`lookup("none", gone, "other")`:                                     "other",
		`default(none, "preset")`:                                           "preset",
		`default(record["nil"], given)`:                                     "Zoë",
		`default(given, "preset")`:                                          "Zoë",
		`gone ?? "absent"`:                                                  "absent",
		`record["nil"] ?? "null"`:                                           "null",
		`none ?? "isn't nil"`:                                               "UNSET",
		`gone == nil && record["nil"] == nil && none != nil`:                "true",
		`gone == none || gone == "x"`:                                       "false",
		`upper(gone + "x" + record["nil"])`:                                 "X",
		`upper(lower(gone == nil ? "b" : "x"))`:                             "B",
		`any([gone], # == "x") || all(split(office, ";"), # + gone != "B")`: "false",
		`gone + "x" + record["nil"]`:                                        "x",
		`(gone + gone) ?? "both"`:                                           "both",
		`trim(lower(upper(slug(gone)))) ?? "through"`:                       "through",
		`replace(gone, "a", "b") ?? regexReplace(gone, "a", "b") ?? regexFind(gone, "a") ?? left(gone, 1) ?? sha256(gone) ?? text(gone) ?? trimPrefix(gone, "x") ?? e164(gone, "DE") ?? "through"`: "through",
		`gone contains "x" || gone matches "x" || gone startsWith "x" || gone in ["x"]`:                                                                                                            "false",
		`len(gone) + len(split(gone, ";"))`: "0",
		`office == "A" ? "x" : nil`:         "UNSET",
		`gone`:                              "UNSET",
		`trim(" ")`:                         "UNSET",
	} {
		t.Run(text, func(t *testing.T) {
			u, err := mapper(t, fullName(text)).User(rec(t, cells))
			if err != nil {
				t.Fatal(err)
			}
			got := u.Values[user.FullName]
			if want == "UNSET" {
				want = ""
			}
			if got.Set != (want != "") || got.Text != want {
				t.Errorf("got %+v, want %q", got, want)
			}
		})
	}
}

// TestExpressionsRefused: what doesn't compile says why and where.
func TestExpressionsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`lower(given`:                         `full_name: expression lower(given (config.yaml:31): unexpected token EOF, at character 11`,
		`lower(given-name)`:                   `invalid operation: - (mismatched types string and string), at character 12; a column whose name isn't one word is record["Home page"]`,
		`lower(Home page)`:                    `unexpected token Identifier("page"), at character 12; a column whose name isn't one word is record["Home page"]`,
		`lower(3)`:                            `cannot use int as argument (type string) to call lower`,
		`lower(given, family)`:                `too many arguments to call lower`,
		`given > 3`:                           `invalid operation: > (mismatched types string and int)`,
		`lower(given + 1)`:                    `invalid operation: + (mismatched types string and int)`,
		`join([lower(upper(given > 1))], "")`: `invalid operation: > (mismatched types string and int)`,
		`any(split(given, ","), # == 1)`:      `invalid operation: == (mismatched types string and int)`,
		`lower(len(given))`:                   `cannot use int as argument (type string) to call lower`,
		`(let x = given; x) + x`:              `unknown name x`,
		`given + 1`:                           `invalid operation: + (mismatched types string and int)`,
		`given ? 1 : 2`:                       `non-bool expression (type string) used as condition`,
		`now()`:                               `there is no function now: there are all, any, concat, default, e164,`,
		`env("HOME")`:                         `there is no function env: there are`,
		`repeat(given, 3)`:                    `there is no function repeat`,
		`reduce([1], #acc + #)`:               `there is no function reduce`,
		`given.lower()`:                       `only the functions of cubesync can be called`,
		`record[given]`:                       `record[…] takes the name of a column in quotes`,
		`len(record)`:                         `record alone is no value`,
		`$env["given"]`:                       `$env alone is no value`,
		`1..1000`:                             `there are no ranges of numbers here`,
		`given matches family`:                `the pattern has to stand in quotes`,
		`given matches "("`:                   `missing closing )`,
		`regexFind(given, family)`:            `the pattern of regexFind has to stand in quotes`,
		`regexReplace(given, "(", "")`:        "missing closing ): `(`",
		`regexFind(given, "(abc){333}")`:      `the pattern takes more than 1000 steps for each character: repeat less in it`,
		`given matches "(a?){999}"`:           `the pattern takes more than 1000 steps for each character: repeat less in it`,
		`lookup(given, family)`:               `the table of lookup has to stand in quotes`,
		`lookup("ofices", given)`:             `there is no table "ofices": there are none, offices`,
		`e164(given, family)`:                 `the region of e164 has to stand in quotes`,
		`e164(given, "Germany")`:              `"Germany" is no region: write two capital letters such as DE`,
		`any(split(given, ","), any(split(family, ","), # == "x"))`: `a loop within a loop could take very long: there is none`,
		`split(given, ",")`:                   `it gives a list where one text belongs`,
		`{"a": given}`:                        `it gives no text`,
		`let lower = 1; given`:                `cannot redeclare`,
		`plus…(given, family)`:                `unrecognized character`,
		`"` + strings.Repeat("x", 4096) + `"`: `it has 4098 bytes and may have 4096`,
		strings.Repeat("1+", 1000) + "1":      `exceeds maximum allowed nodes`,
	} {
		t.Run(text[:min(len(text), 60)], func(t *testing.T) {
			if _, err := mapping.New(fullName(text)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("New: %v; want %q", err, want)
			} else if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "record.") {
				t.Errorf("New: %v; want one line in the words of the config", err)
			}
		})
	}
	for name, c := range map[string]struct {
		change func(*mapping.Spec)
		want   string
	}{
		"filter-of-text":     {func(s *mapping.Spec) { s.Filter, s.FilterPlace = "given", "config.yaml:9" }, `filter: expression given (config.yaml:9): expected bool, but got string`},
		"constant-key":       {func(s *mapping.Spec) { s.ExternalID = expression(`"x"`) }, "external_id: an expression of no column would give every user the same"},
		"split-twice":        {func(s *mapping.Spec) { s.Tags = []mapping.TagRule{{Rule: expression("groups"), Split: ";"}} }, `tags: an expression splits by itself: write split(…, ";") in it`},
		"custom-data-whole":  {func(s *mapping.Spec) { s.Fields[user.CustomData] = expression("given") }, "custom_data: as a whole it comes from a column; for anything else give its keys"},
		"two-ways":           {func(s *mapping.Spec) { s.Fields[user.Email] = mapping.Rule{Column: "mail", Expr: "mail"} }, "email: give exactly one of column, first, constant, template and expr (2 are given)"},
		"no-tables":          {func(s *mapping.Spec) { s.Tables, s.Filter = nil, `lookup("offices", office) == "x"` }, `there is no table "offices": write it under tables`},
		"bad-key-of-an-item": {func(s *mapping.Spec) { s.CustomData = map[string]mapping.Rule{"desk": expression("(")} }, "custom_data.desk: expression ( (config.yaml:31): "},
	} {
		t.Run(name, func(t *testing.T) {
			s := fullName("given")
			c.change(&s)
			if _, err := mapping.New(s); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New: %v; want %q", err, c.want)
			}
		})
	}
}

// TestExpressionsFail: what fails in a record rejects it, with all that is wrong beside it.
func TestExpressionsFail(t *testing.T) {
	long := strings.Repeat("x", 1<<16)
	for name, c := range map[string]struct {
		expr   string
		change map[string]string
		want   string
	}{
		"no-number":         {`e164(phone, "DE")`, map[string]string{"phone": "none"}, `expression e164(phone, "DE") (config.yaml:31): "none" is no phone number of DE: correct it, at character 1`},
		"too-short":         {`e164(phone, "DE")`, map[string]string{"phone": "1"}, `"1" is no phone number of DE`},
		"no-whole-number":   {`int(given)`, nil, `invalid operation: int(Ann), at character 1`},
		"nil-is-less":       {`website < "x"`, map[string]string{"website": "NULL"}, `invalid operation: <nil> < string`},
		"long-cell":         {`given`, map[string]string{"given": long + "x"}, `the column "given" holds 65537 bytes, and an expression takes 65536`},
		"long-sum":          {`given + given`, map[string]string{"given": long}, `it makes a text of more than 65536 bytes`},
		"long-join":         {`join([given, given], "")`, map[string]string{"given": long}, `it makes a text of more than 65536 bytes`},
		"long-replacement":  {`replace(given, "x", "xxx")`, map[string]string{"given": long}, `it makes a text of more than 65536 bytes`},
		"long-by-a-pattern": {`regexReplace(given, "x", given)`, map[string]string{"given": long}, `it makes a text of more than 65536 bytes`},
		"long-capitals":     {`upper(given)`, map[string]string{"given": strings.Repeat("ɐ", 1<<15)}, `it makes a text of more than 65536 bytes`},
		"many-parts":        {`text(len(split(given, "x")))`, map[string]string{"given": long}, `it makes a list of more than 1000 parts`},
		"no-separator":      {`text(len(split(given, website)))`, map[string]string{"website": ""}, `split takes a separator`},
		"much-memory":       {`let l = split(given, ","); text(len(concat(l, l, l, l, l)))`, map[string]string{"given": strings.Repeat("x,", 999)}, "memory budget exceeded"},
		"not-utf-8":         {`sha256(given)`, map[string]string{"given": "\xe9"}, `the column "given" isn't valid UTF-8`},
		"less-than-nothing": {`left(given, -1)`, nil, `left takes a whole number from 0`},
		"no-text":           {`lower(first(split(given, ",")) ?? 3)`, map[string]string{"given": ""}, `lower takes text, and was given a number`},
		"a-list-after-all":  {`given == "" ? "" : [1]`, nil, `it gives a list where one text belongs`},
		"divided-by-zero":   {`1 / int(website)`, map[string]string{"website": "0"}, `it gives what a division by zero makes where one text belongs`},
		"zero-by-zero":      {`text(0 / int(website))`, map[string]string{"website": "0"}, `text takes a number or a condition, and was given what a division by zero makes`},
		"a-list-in-a-list":  {`join([[given]], ",")`, nil, `join takes texts, and was given a list`},
	} {
		t.Run(name, func(t *testing.T) {
			s := fullName(c.expr)
			s.Fields[user.Email] = column("email")
			row := row(c.change)
			row["email"] = "nobody"
			_, err := mapper(t, s).User(rec(t, row))
			var reject *record.RejectError
			if !errors.As(err, &reject) {
				t.Fatalf("error %v; want a reject", err)
			}
			if reject.ExternalID != "E1" || reject.Position != "users.csv:12" || !strings.Contains(reject.Problem, "full_name: expression ") ||
				!strings.Contains(reject.Problem, c.want) || !strings.Contains(reject.Problem, `email: "nobody" isn't an e-mail address`) {
				t.Errorf("reject %+v; want E1, %s, and what is wrong beside it", reject, c.want)
			}
		})
	}
}

// TestExpressionsEmpty: what an expression leaves out is left as an empty cell is, and only that clears.
func TestExpressionsEmpty(t *testing.T) {
	for name, c := range map[string]struct {
		expr, cell string
		clear      bool
		want       user.Value
	}{
		"nil-is-left":         {"trim(phone)", "NULL", false, user.Value{}},
		"empty-is-left":       {"trim(phone)", "", false, user.Value{}},
		"nil-clears":          {"trim(phone)", "NULL", true, user.Text("")},
		"empty-clears":        {"trim(phone)", "", true, user.Text("")},
		"nil-on-purpose":      {`phone == "1" ? nil : phone`, "1", true, user.Text("")},
		"absent-never-clears": {"trim(phone)", "ABSENT", true, user.Value{}},
		"absent-has-a-preset": {`phone ?? "1"`, "ABSENT", true, user.Text("1")},
	} {
		t.Run(name, func(t *testing.T) {
			rule := expression(c.expr)
			rule.Clear = c.clear
			u, err := mapper(t, mapping.Spec{ExternalID: column("id"), Fields: map[user.Field]mapping.Rule{user.Phone: rule}}).
				User(rec(t, row(map[string]string{"phone": c.cell})))
			if err != nil || u.Values[user.Phone] != c.want {
				t.Errorf("phone %+v, error %v; want %+v", u.Values[user.Phone], err, c.want)
			}
		})
	}
}

func TestExpressionsEverywhere(t *testing.T) {
	s := mapping.Spec{
		ExternalID: expression(`upper(office) + "-" + id`),
		Fields:     map[user.Field]mapping.Rule{user.Login: expression(`slug(given + "." + family)`)},
		Tags: []mapping.TagRule{
			{Rule: expression(`filter(split(tags, ";"), # startsWith "team-")`)}, {Rule: expression(`desk == "12" ? "front" : nil`)}, {Rule: expression("len(given)")},
		},
		CustomData: map[string]mapping.Rule{"initials": expression("left(given, 1) + left(family, 1)"), "manager": expression("desk == 'x'"), "none": expression(`website ?? ""`)},
	}
	row := row(map[string]string{"office": "zrh", "tags": "team-a;other;team-b", "website": "NULL"})
	u, err := mapper(t, s).User(rec(t, row))
	want := user.User{ExternalID: "ZRH-E1"}
	want.Values[user.Login] = user.Text("ann-smith")
	want.Values[user.Tags] = user.Text("3,front,team-a,team-b")
	want.Values[user.CustomData] = user.Text(`{"initials":"AS","manager":"false"}`)
	if diff := cmp.Diff(want, u); diff != "" || err != nil {
		t.Errorf("error %v, user (-want +got):\n%s", err, diff)
	}
	if key, ok := mapper(t, s).Key(rec(t, row)); !ok || key != "ZRH-E1" {
		t.Errorf("the key is %q, %v", key, ok)
	}
	t.Run("a-tag-is-no-list-of-lists", func(t *testing.T) {
		s := mapping.Spec{ExternalID: column("id"), Tags: []mapping.TagRule{{Rule: expression("[[tags]]")}}}
		if _, err := mapper(t, s).User(rec(t, row)); err == nil || !strings.Contains(err.Error(), "tags: expression [[tags]] (config.yaml:31): it gives a list where text belongs") {
			t.Errorf("error %v", err)
		}
	})
}

// TestHalfAKey: what an expression makes of half of a key would be another person's, or nobody's.
func TestHalfAKey(t *testing.T) {
	for text, want := range map[string]string{
		`office + "-" + id`:                             "",
		`join([office, id], "-")`:                       "",
		`default(office, id)`:                           "E1",
		`office ?? id`:                                  "E1",
		`office == nil ? "x-" + id : office + "-" + id`: "x-E1",
	} {
		for _, cell := range []string{"NULL", "ABSENT", ""} {
			if cell == "" && (strings.Contains(text, "??") || strings.Contains(text, "nil")) {
				continue // an empty cell isn't nil
			}
			m := mapper(t, mapping.Spec{ExternalID: expression(text)})
			r := rec(t, row(map[string]string{"office": cell}))
			key, ok := m.Key(r)
			u, err := m.User(r)
			if key != want || ok != (want != "") || ok != (err == nil) || u.ExternalID != want {
				t.Errorf("%s where office is %q: key %q, %v, user %q, %v; want %q", text, cell, key, ok, u.ExternalID, err, want)
			}
		}
	}
	m := mapper(t, mapping.Spec{ExternalID: expression(`text(int(id))`)})
	_, err := m.User(rec(t, row(nil)))
	if reject, is := errors.AsType[*record.RejectError](err); !is || reject.ExternalID != "" || strings.Contains(reject.Problem, "it is empty") {
		t.Errorf("error %v; want a reject without a key, and only the expression's failure", err)
	}
	if key, ok := m.Key(rec(t, row(nil))); ok || key != "" {
		t.Errorf("key %q, %v", key, ok)
	}
}

func TestFilter(t *testing.T) {
	for name, c := range map[string]struct {
		filter    string
		change    map[string]string
		uncertain bool
		want      bool
		problem   string
		key       string
	}{
		"none":              {"", nil, false, false, "", ""},
		"true":              {`desk == "12"`, nil, false, true, "", ""},
		"false":             {`desk != "12"`, nil, false, false, "", ""},
		"null":              {`desk == nil`, map[string]string{"desk": "NULL"}, false, true, "", ""},
		"by-a-table":        {`lookup("offices", office) == "Berlin"`, map[string]string{"office": "B"}, false, true, "", ""},
		"bad-otherwise":     {`desk == "12"`, map[string]string{"email": "nobody", "id": ""}, false, true, "", ""},
		"fails":             {`int(desk) > 3`, map[string]string{"desk": "x"}, false, false, `filter: expression int(desk) > 3 (config.yaml:9): invalid operation: int(x), at character 1`, "E1"},
		"fails-without-key": {`int(desk) > 3`, map[string]string{"desk": "x", "id": ""}, false, false, `filter: `, ""},
		"nil-is-false":      {`desk == "12" ? nil : true`, nil, false, false, "", ""},
		"uncertain":         {`desk == "12"`, nil, true, true, "", ""},
		"uncertain-and-bad": {`desk == "12"`, map[string]string{"given": "Ann\nE9"}, true, false, "control character", "E1"},
		"uncertain-passes":  {`desk != "12"`, map[string]string{"given": "Ann\nE9"}, true, false, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := spec()
			s.Filter, s.FilterPlace, s.Tables = c.filter, "config.yaml:9", tables()
			r := rec(t, row(c.change))
			r.Uncertain = c.uncertain
			got, err := mapper(t, s).Filtered(r)
			reject, rejected := errors.AsType[*record.RejectError](err)
			switch {
			case got != c.want || (err != nil) != (c.problem != "") || rejected != (err != nil):
				t.Errorf("filtered: %v, %v; want %v, %q", got, err, c.want, c.problem)
			case rejected && (!strings.Contains(reject.Error(), c.problem) || reject.ExternalID != c.key || reject.Uncertain != c.uncertain):
				t.Errorf("reject %+v; want %q, %s", reject, c.key, c.problem)
			}
		})
	}
}

// TestColumnsOfExpressions: whoever leaves columns out, or recognises a record, has to know those of expressions and filter.
func TestColumnsOfExpressions(t *testing.T) {
	s := fullName(`let x = given; trim(x + record["Odd name"]) + join(map(split(groups, ","), # + office), "")`)
	s.Filter = `status == "left"`
	m := mapper(t, s)
	if diff := cmp.Diff([]string{"id", "given", "Odd name", "groups", "office", "status"}, m.Columns()); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	const want = `the source lacks "Odd name" (for full_name), did you mean "odd_name"?; "status" (for filter); its columns are "id", "given", "groups", "office", "odd_name"`
	if err := m.Check(columns(t, "id", "given", "groups", "office", "odd_name")); err == nil || err.Error() != want {
		t.Errorf("Check: %v\nwant %s", err, want)
	}
	names := []string{"id", "given", "Odd name", "groups", "office", "status", "other"}
	digest := func(change string, value record.Value) user.Digest {
		values := make([]record.Value, len(names))
		for i, name := range names {
			values[i] = record.Text("usual")
			if name == change {
				values[i] = value
			}
		}
		var d user.Digester
		m.AddTo(&d, record.New("users.csv:2", columns(t, names...), values))
		return d.Digest()
	}
	usual := digest("", record.Value{})
	for _, name := range names {
		for _, value := range []record.Value{{}, record.Null(), record.Text("")} {
			if changed := digest(name, value) != usual; changed != (name != "other") {
				t.Errorf("%+v for %s changes the digest: %v", value, name, changed)
			}
		}
	}
}

func TestExplainExpressions(t *testing.T) {
	s := fullName("trim(given\n  + family)")
	s.Tags = []mapping.TagRule{{Rule: expression(`split(tags, ";")`)}}
	steps := mapper(t, s).Explain(rec(t, row(nil)))
	want := []mapping.Step{
		{Field: "external_id", From: []mapping.Cell{{"id", record.Text("E1")}}, Rule: "trimmed, NFC", Value: "E1", Set: true},
		{Field: "full_name", From: []mapping.Cell{{"given", record.Text("Ann")}, {"family", record.Text("Smith")}},
			Rule: "expression trim(given + family) (config.yaml:31)", Value: "AnnSmith", Set: true},
		{Field: "tags", From: []mapping.Cell{{"tags", record.Text("b;a")}}, Rule: `expression split(tags, ";") (config.yaml:31)`, Value: "a,b", Set: true},
	}
	if diff := cmp.Diff(want, steps, cmp.AllowUnexported(record.Value{})); diff != "" {
		t.Errorf("the steps (-want +got):\n%s", diff)
	}
}

// TestManyAtOnce: one mapper serves many goroutines, and columns in other places.
func TestManyAtOnce(t *testing.T) {
	s := fullName(`join(map(split(given, ","), upper(#)), "+")`)
	s.Filter = `given == "left"`
	m := mapper(t, s)
	var wait sync.WaitGroup
	for n := range 8 {
		wait.Go(func() {
			names := []string{"id", "given"}
			if n%2 == 0 {
				names = []string{"given", "id"}
			}
			c := columns(t, names...)
			for i := range 200 {
				values := make([]record.Value, 2)
				values[c.Index("id")], values[c.Index("given")] = record.Text("E1"), record.Text(fmt.Sprintf("a%d,b%d", n, i))
				u, err := m.User(record.New("users.csv:2", c, values))
				if want := fmt.Sprintf("A%d+B%d", n, i); err != nil || u.Values[user.FullName].Text != want {
					t.Errorf("got %+v, %v; want %s", u.Values[user.FullName], err, want)
				}
			}
		})
	}
	wait.Wait()
}
