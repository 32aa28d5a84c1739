package mapping_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"cubesync/sync/mapping"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// withPasswords is the usual mapping, with passwords.
func withPasswords() mapping.Spec {
	s := spec()
	s.Password = "secret"
	return s
}

func TestPassword(t *testing.T) {
	cases := map[string]struct{ password, problem string }{
		"eight-characters":        {"aB3$efgh", ""},
		"forty-characters":        {strings.Repeat("ü", 40), ""},
		"white-space-within":      {"correct horse", ""},
		"decomposed":              {"cafe\u0301 cafe\u0301", ""},
		"braces-within":           {"a{SSHA}bcd", ""},
		"dollars":                 {"$uper$tar24", ""},
		"seven-characters":        {"abcdefg", "shorter than 8"},
		"seven-of-two-bytes":      {"üüüüüüü", "shorter than 8"},
		"forty-one":               {strings.Repeat("x", 41), "longer than 40"},
		"empty":                   {"", "it is empty"},
		"blank":                   {"          ", "it is empty"},
		"null":                    {"NULL", "it is empty"},
		"absent":                  {"ABSENT", "it is empty"},
		"white-space-at-the-end":  {"secret-secret ", "white space"},
		"white-space-at-the-head": {"\u00a0secret-secret", "white space"},
		"several":                 {"secret-1\nsecret-2", "several of it"},
		"control-character":       {"secret-\x01secret", "control character"},
		"not-utf-8":               {"secret-\xff-secret", "UTF-8"},
		"directory's-hash":        {"{SSHA}Zm9vYmFyYmF6cXV4", "hash"},
		"hash-in-small-letters":   {"{crypt}$1$abc$def", "hash"},
		"hash-of-389":             {"{PBKDF2-SHA256}AAAnEMvIv", "hash"},
		"crypt":                   {"$1$GQ1lBBUD$q6JWdO8uVSSCtyq2QVv0U/", "hash"},
		"bcrypt":                  {"$2y$10$abcdefghijklmnop", "hash"},
		"phpass":                  {"$P$B12345678abcdefghijklmnopqrstu1", "hash"},
		"long-hash":               {"$6$rounds=5000$" + strings.Repeat("x", 80), "hash"},
	}
	m := mapper(t, withPasswords())
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := rec(t, row(map[string]string{"secret": c.password}))
			u, err := m.User(r)
			if err != nil || u.ExternalID != "E1" {
				t.Fatalf("%+v, %v: whoever has an account needs no password", u, err)
			}
			password, problem := m.Password(r)
			switch {
			case c.problem == "" && (password != c.password || problem != ""):
				t.Errorf("got %q, %s", password, problem)
			case c.problem != "" && (password != "" || !strings.Contains(problem, c.problem)):
				t.Errorf("got %q, %s, want that it is %s", password, problem, c.problem)
			}
			if c.password != "" && strings.TrimSpace(c.password) != "" && strings.Contains(problem, strings.TrimSpace(c.password)) {
				t.Error("the problem shows the password")
			}
		})
	}
	if password, problem := mapper(t, spec()).Password(rec(t, row(nil))); password+problem != "" {
		t.Errorf("without a column for it: %q, %s", password, problem)
	}
}

// What is wrong with the password is said together with everything else, and without it.
func TestBadRecordWithABadPassword(t *testing.T) {
	_, err := mapper(t, withPasswords()).User(rec(t, row(map[string]string{"secret": "pa55wrd", "email": "no address"})))
	bad, rejected := errors.AsType[*record.RejectError](err)
	if !rejected || bad.Position != "users.csv:12" || bad.ExternalID != "E1" ||
		!strings.Contains(bad.Problem, `email: "no address" isn't`) || !strings.HasSuffix(bad.Problem, "; password: it is shorter than 8 characters, the least that ConnectyCube takes: give a longer one") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error(), "pa55") {
		t.Error("the password is in it")
	}
	if _, err := mapper(t, withPasswords()).User(rec(t, row(map[string]string{"secret": "pa55word", "email": "no address"}))); strings.Contains(err.Error(), "password") {
		t.Errorf("a good password is no part of %v", err)
	}
}

// A password decides nothing about its record: another one is no change.
func TestPasswordIsNoPartOfTheDigest(t *testing.T) {
	m := mapper(t, withPasswords())
	var d user.Digester
	digest := func(password string) user.Digest {
		r := record.OfTexts("users.csv:2", columns(t, "id", "login", "email", "given", "family", "phone", "website", "tags", "office", "desk", "secret"),
			[]string{"E1", "ann", "a@example.com", "Ann", "S", "1", "w", "a", "o", "d", password})
		m.AddTo(&d, r)
		return d.Digest()
	}
	if digest("secret-one") != digest("secret-two") || digest("") != digest("secret-one") {
		t.Error("another password makes another digest")
	}
	if slices.Contains(m.Columns(), "secret") {
		t.Errorf("the columns that decide are %q", m.Columns())
	}
	for _, step := range m.Explain(rec(t, row(map[string]string{"secret": "secret-one"}))) {
		for _, cell := range step.From {
			if cell.Column == "secret" || cell.Value.Text() == "secret-one" {
				t.Errorf("the explanation shows it: %+v", step)
			}
		}
	}
}

func TestPasswordColumnIsMissing(t *testing.T) {
	m := mapper(t, withPasswords())
	err := m.Check(columns(t, "id", "login", "email", "given", "family", "phone", "website", "tags", "office", "desk", "Secret"))
	if err == nil || !strings.Contains(err.Error(), `lacks "secret" (for password), did you mean "Secret"?`) {
		t.Errorf("got %v", err)
	}
	if err := m.Check(columns(t, "id", "login", "email", "given", "family", "phone", "website", "tags", "office", "desk", "secret")); err != nil {
		t.Error(err)
	}
}
