package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// sampleRows are the users of the committed file, as a CSV reader sees them.
func sampleRows(t *testing.T) []row {
	t.Helper()
	lines, err := csv.NewReader(bytes.NewReader(generate(t, "-n", "1000"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for _, f := range lines[1:] {
		rows = append(rows, row{f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8]})
	}
	if len(rows) != 1000 {
		t.Fatalf("got %d rows, want 1000", len(rows))
	}
	return rows
}

func TestUnique(t *testing.T) {
	people := newCrowd(1)
	ids, emails := map[string]bool{}, map[string]bool{}
	for range 100_000 {
		person, err := people.next()
		if err != nil {
			t.Fatal(err)
		}
		email := strings.ToLower(person.Email)
		if ids[person.EmployeeID] || emails[email] {
			t.Fatalf("%s <%s> has been there before", person.EmployeeID, person.Email)
		}
		ids[person.EmployeeID], emails[email] = true, true
	}
}

// TestRules holds every row against what the service takes, and against what may be in a public repository.
func TestRules(t *testing.T) {
	id := regexp.MustCompile(`^sample-\d{6}$`)
	domain := regexp.MustCompile(`(?i)@example\.(com|org|net)$`)
	website := regexp.MustCompile(`^$|^(https?://)?(www\.)?example\.(com|org|net)(/[[:graph:]]*)?$`)
	fictional := regexp.MustCompile(`^$|^1?(202|212|312|415|514|604)55501\d\d$|^(44)?0?2079460\d{3}$|^(44)?0?7700900\d{3}$` +
		`|^(49|0049)?0?(3023125|4066969|6990009|8999998|2214710)\d{3}$`)
	for _, r := range sampleRows(t) {
		address, err := mail.ParseAddress(r.Email)
		if err != nil || address.Address != r.Email || !domain.MatchString(r.Email) {
			t.Errorf("%s: e-mail %q: %v", r.EmployeeID, r.Email, err)
		}
		if !id.MatchString(r.EmployeeID) {
			t.Errorf("employee_id %q", r.EmployeeID)
		}
		if !fictional.MatchString(digitsOf(r.Phone)) {
			t.Errorf("%s: phone %q may be somebody's", r.EmployeeID, r.Phone)
		}
		if !website.MatchString(r.Website) {
			t.Errorf("%s: website %q", r.EmployeeID, r.Website)
		}
		checkTags(t, r)
		if r.GivenName == "" || len(r.GivenName+" "+r.FamilyName) > 70 {
			t.Errorf("%s: name %q %q", r.EmployeeID, r.GivenName, r.FamilyName)
		}
		var object map[string]any
		if r.CustomData != "" && json.Unmarshal([]byte(r.CustomData), &object) != nil {
			t.Errorf("%s: custom_data %s isn't a JSON object", r.EmployeeID, r.CustomData)
		}
	}
}

func checkTags(t *testing.T, r row) {
	t.Helper()
	if r.Tags == "" {
		return
	}
	tags := strings.Split(r.Tags, ";")
	slices.Sort(tags)
	if len(slices.Compact(slices.Clone(tags))) != len(tags) || len(tags) > maxTags || tags[0] == "" || strings.Contains(r.Tags, ",") {
		t.Errorf("%s: tags %q", r.EmployeeID, r.Tags)
	}
}

func TestVariety(t *testing.T) {
	is := func(tables ...*unicode.RangeTable) func(string) bool {
		return func(s string) bool {
			return strings.ContainsFunc(s, func(r rune) bool { return unicode.In(r, tables...) })
		}
	}
	has := func(part string) func(string) bool { return func(s string) bool { return strings.Contains(s, part) } }
	empty := func(s string) bool { return s == "" }
	name := func(r row) string { return r.GivenName + " " + r.FamilyName }
	tests := []struct {
		name   string
		column func(row) string
		found  func(string) bool
	}{
		{"accents", name, func(s string) bool { return strings.ContainsAny(s, "éüñøłğ") }},
		{"chinese-or-japanese-name", name, is(unicode.Han)},
		{"kana-name", name, is(unicode.Hiragana, unicode.Katakana)},
		{"korean-name", name, is(unicode.Hangul)},
		{"right-to-left-name", name, is(unicode.Arabic)},
		{"emoji-in-a-name", name, is(unicode.So)},
		{"comma-in-a-name", name, has(", Jr.")},
		{"quotes-in-a-name", name, has(`"`)},
		{"one-name-only", func(r row) string { return r.FamilyName }, empty},
		{"mixed-case-e-mail", func(r row) string { return r.Email }, is(unicode.Upper)},
		{"plain-e-mail", func(r row) string { return r.Email }, func(s string) bool { return s == strings.ToLower(s) }},
		{"no-phone", func(r row) string { return r.Phone }, empty},
		{"international-phone", func(r row) string { return r.Phone }, has("+49 ")},
		{"local-phone", func(r row) string { return r.Phone }, has("(202) 555-01")},
		{"no-website", func(r row) string { return r.Website }, empty},
		{"website-with-a-scheme", func(r row) string { return r.Website }, has("https://")},
		{"website-without-a-scheme", func(r row) string { return r.Website }, func(s string) bool { return strings.HasPrefix(s, "example.") }},
		{"no-department", func(r row) string { return r.Department }, empty},
		{"line-break-in-a-department", func(r row) string { return r.Department }, has("\n")},
		{"emoji-in-a-department", func(r row) string { return r.Department }, is(unicode.So)},
		{"no-tags", func(r row) string { return r.Tags }, empty},
		{"one-tag", func(r row) string { return r.Tags }, func(s string) bool { return s != "" && !strings.Contains(s, ";") }},
		{"three-tags", func(r row) string { return r.Tags }, func(s string) bool { return strings.Count(s, ";") == 2 }},
		{"no-custom-data", func(r row) string { return r.CustomData }, empty},
		{"custom-data", func(r row) string { return r.CustomData }, has(`{"office":"Zürich","desk":`)},
	}
	rows := sampleRows(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if !slices.ContainsFunc(rows, func(r row) bool { return test.found(test.column(r)) }) {
				t.Error("none of the 1,000 users has it")
			}
		})
	}
}

func TestBytes(t *testing.T) {
	out := generate(t, "-n", "1000")
	if bytes.Contains(out, []byte("\r")) {
		t.Error("a carriage return: lines end in LF")
	}
	if !bytes.HasSuffix(out, []byte("\n")) {
		t.Error("the last line has no line break: a reader takes the file for cut off")
	}
	if bytes.HasPrefix(out, []byte("\ufeff")) {
		t.Error("a byte order mark")
	}
	if !bytes.Contains(out, []byte(`""`)) {
		t.Error("no doubled quote")
	}
}

func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}
