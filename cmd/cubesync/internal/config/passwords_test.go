package config_test

import (
	"strings"
	"testing"
)

// The column of passwords is known to the mapping, and is no part of what is compared with the last run's.
func TestPasswordColumn(t *testing.T) {
	const random = "passwords: {random: true}"
	was := withLDAP(t, "", "")
	p := withLDAP(t, random, "passwords: {column: userPassword}")
	if p.Passwords.Column != "userPassword" || p.Mapping.Password != "userPassword" || p.Passwords.Random {
		t.Errorf("%+v, %+v", p.Passwords, p.Mapping)
	}
	for name, digest := range was.Settings {
		if p.Settings[name] != digest {
			t.Errorf("it changes the setting %s", name)
		}
	}
	other := withLDAP(t, random, "passwords: {column: unicodePwd}")
	if p.Digest == was.Digest || p.Digest == other.Digest {
		t.Error("another column is the same configuration")
	}
}

// A test's record with a password is that of somebody who is signed up. No password is shown.
func TestTestsOfPasswords(t *testing.T) {
	p := load(t, write(t, "    passwords: {random: true}\n", `    passwords: {column: pw}
    tests:
      - {record: {id: E1, email: a@example.com}, user: {external_id: E1}}
      - {record: {id: E1, email: a@example.com, pw: long-enough}, user: {external_id: E1}}
      - {record: {id: E1, email: a@example.com, pw: sh0rt}, rejected: "password: it is shorter"}
      - {record: {id: E1, email: a@example.com, pw: ""}, rejected: "password: it is empty"}
      - {record: {id: E1, email: none, pw: sh0rt}, rejected: "; password: it is shorter"}
      - {record: {id: E1, email: a@example.com, pw: "{SSHA}Zm9vYmFy"}, user: {external_id: E1}}
      - {record: {id: E1, email: a@example.com, pw: long-enough}, rejected: "password"}
`)).Pipelines[0]
	err := p.Test()
	if err == nil || strings.Count(err.Error(), "\n") != 1 || !strings.Contains(err.Error(), "tests[5]") || !strings.Contains(err.Error(), "tests[6]") {
		t.Errorf("got %v", err)
	}
	for _, password := range []string{"sh0rt", "long-enough", "Zm9v"} {
		if err != nil && strings.Contains(err.Error(), password) {
			t.Errorf("a password is shown: %v", err)
		}
	}
}
