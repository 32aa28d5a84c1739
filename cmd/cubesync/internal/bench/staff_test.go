package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cubesync/sink/emulator"
	"cubesync/sync/user"
)

const header = "employee_id,email,given_name,family_name,phone,website,department,tags,custom_data\n"

// sample is a CSV file of users who all have the values that change gives, as far as one user can.
func sample(users int) string {
	var text strings.Builder
	text.WriteString(header)
	for n := range users {
		fmt.Fprintf(&text, "E%d,e%d@example.com,Ann,Beispiel,(1) 202-555-0123,example.com/%d,Sales,a;b,\"{\"\"office\"\": \"\"Utrecht\"\"}\"\n", n, n, n)
	}
	return text.String()
}

// days writes the exports of both days from a sample, and returns them and the accounts.
func days(t *testing.T, users int) (before, after [][]string, accounts string, made differences) {
	t.Helper()
	var first, second, data bytes.Buffer
	s := &staff{before: &first, after: &second, accounts: &data, since: time.Unix(1_700_000_000, 0)}
	made, err := s.write(strings.NewReader(sample(users+users/block)), users)
	if err != nil {
		t.Fatal(err)
	}
	rows := func(from *bytes.Buffer) [][]string {
		all, err := csv.NewReader(from).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return all[1:]
	}
	return rows(&first), rows(&second), data.String(), made
}

func TestDaysDifferAsCounted(t *testing.T) {
	const users = 20_000
	before, after, _, made := days(t, users)
	now := map[string][]string{}
	for _, row := range after {
		now[row[employeeID]] = row
	}
	found, meant := differences{Added: len(after)}, [columns]int{}
	for _, row := range before {
		today, here := now[row[employeeID]]
		if !here {
			found.Gone++
			continue
		}
		found.Added--
		if slices.Equal(row, today) {
			continue
		}
		found.Changed++
		for column, field := range map[int]user.Field{familyName: user.FullName, phone: user.Phone, customData: user.CustomData} {
			if !field.Equal(row[column], today[column]) {
				meant[column]++
			}
		}
	}
	if want := (differences{users / block, users / block, users / block}); found != want || made != want || len(before) != users {
		t.Errorf("of %d users differ %+v, and %+v are counted, want %+v", len(before), found, made, want)
	}
	if sum := meant[familyName] + meant[phone] + meant[customData]; sum != found.Changed || slices.Min([]int{meant[familyName], meant[phone], meant[customData]}) == 0 {
		t.Errorf("%d names, %d phones and %d places have another meaning, want %d in all and some of each",
			meant[familyName], meant[phone], meant[customData], found.Changed)
	}
}

func TestSameDaysEachTime(t *testing.T) {
	_, one, accounts, _ := days(t, 1000)
	_, two, again, _ := days(t, 1000)
	if !slices.EqualFunc(one, two, slices.Equal) || accounts != again {
		t.Error("the same users have other days")
	}
}

// TestAccountsAreTheEmulators has the emulator read the accounts.
func TestAccountsAreTheEmulators(t *testing.T) {
	_, _, accounts, _ := days(t, 200)
	path := filepath.Join(t.TempDir(), "accounts.jsonl")
	if err := os.WriteFile(path, []byte(accounts), 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := emulator.Open(emulator.Options{Data: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"op":"user","id":1,`, `"login":"` + user.ComputedLogin("E0") + `"`, `"full_name":"Ann Beispiel"`,
		`"website":"http://example.com/0"`, `"tags":["a","b","bench"]`, `"created":1700000000,"updated":1700000000,`,
		`"created":1700001990,"updated":1700001990,`,
	} {
		if !strings.Contains(accounts, want) {
			t.Errorf("no account has %s", want)
		}
	}
	if n := strings.Count(accounts, "\n"); n != 201 {
		t.Errorf("got %d lines, want a header and 200 accounts", n)
	}
}

func TestOtherColumnsAreRefused(t *testing.T) {
	var out bytes.Buffer
	s := &staff{before: &out, after: &out, accounts: &out}
	for _, text := range []string{"", "id" + strings.TrimPrefix(header, "employee_id"), strings.Replace(header, ",tags", "", 1)} {
		if _, err := s.write(strings.NewReader(text), 100); err == nil {
			t.Errorf("the columns %q pass", text)
		}
	}
}
