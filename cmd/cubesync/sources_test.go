package main

import (
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/source/sourcetest/servers"
)

// peopleColumns are those of the people whom every kind of source has.
var peopleColumns = []string{"employee_id", "email", "given_name", "family_name", "phone", "website", "department", "tags", "custom_data"}

// noValue is how a cell reads where there is none, which in a database isn't the empty text.
const noValue = `\N`

// everySource is the configuration over the people in one kind of source. What goes beyond its guards is planned all the same.
func everySource(source, tag, leavers string) string {
	return fmt.Sprintf(`connectycube:
  endpoint: emulator
  application_id: "1"
  auth_key: emulator-auth-key
  admin_key: emulator-admin-key
  service_user: {login: cubesync-service, password: emulator-service-password}
  rate_limit: 5000
emulator: {switches: {write_others: true}}
pipelines:
  - name: staff
    owner_tag: %s
    source: %s
    mapping:
      external_id: {column: employee_id}
      email: {column: email}
      full_name: {template: "{given_name} {family_name}"}
      phone: {column: phone, empty: clear}
      website: {column: website}
      tags: [{column: tags, split: ";"}]
      custom_data: {column: custom_data, mode: merge}
      filter: department == "Interns"
    passwords: {derive: {secret: emulator-sample-secret}}
    updates: shared
    adopt: external_id
    leavers: %s
    grace: none
    deletes: admin
    vanished: recreate
    guards: {updates: {floor: 10000}, creates: {floor: 10000}, field: {floor: 10000}, rekeyed: {floor: 10000}, deletes: {floor: 10000}, week_deletes: {floor: 10000}, shrink: 100%%}
`, tag, source, leavers)
}

// everybody is the sample, with whatever a record can have that sources write in different ways.
func everybody(t *testing.T) []map[string]string {
	rows := sampleRows(t, 1000)
	for i, row := range rows {
		switch i % 50 {
		case 3:
			row["family_name"], row["custom_data"] = "O'Neill \\ \"Mac\", 'PhD'; #1", "{\"office\":\n\t\"second line\"}"
		case 7:
			row["phone"], row["website"], row["tags"] = noValue, noValue, noValue
		case 11:
			row["phone"], row["tags"], row["custom_data"] = "", "", ""
		case 13:
			row["given_name"] = "Zoe\u0308 👩‍💻"
		case 17:
			row["department"] = "Interns"
		case 19:
			row["email"] = "is no address"
		}
	}
	return rows
}

// sooner are the people as they were: fewer, and some of them with other values.
func sooner(rows []map[string]string) []map[string]string {
	var before []map[string]string
	for i, row := range rows[:400] {
		row := maps.Clone(row)
		if i < 40 && row["department"] == "Interns" {
			row["department"] = "Sales" // who leaves by the filter
		}
		switch {
		case i%3 > 0:
		case i%4 == 0:
			row["given_name"] += " II"
		case i%4 == 1:
			row["phone"], row["website"] = "+1 555 0100", "https://before.example.com"
		case i%4 == 2:
			row["tags"], row["custom_data"] = "before;vip", `{"office":"Before","shoe_size":44}`
		default:
			row["email"] = fmt.Sprintf("before%d@example.com", i)
		}
		before = append(before, row)
	}
	for i := range 15 {
		before = append(before, map[string]string{"employee_id": fmt.Sprintf("sample-9%05d", i), "email": fmt.Sprintf("gone%d@example.com", i), "given_name": "Gone"})
	}
	return before
}

// asFile writes people as CSV beside the configuration.
func (p *program) asFile(t *testing.T, name string, rows []map[string]string) {
	t.Helper()
	var text strings.Builder
	out := csv.NewWriter(&text)
	_ = out.Write(peopleColumns) // into memory
	for _, row := range rows {
		cells := make([]string, len(peopleColumns))
		for i, column := range peopleColumns {
			cells[i] = row[column]
		}
		_ = out.Write(cells)
	}
	out.Flush()
	p.beside(t, name, text.String())
}

// asStatements writes people as a table.
func asStatements(rows []map[string]string) string {
	lines := make([]string, len(rows))
	for i, row := range rows {
		cells := make([]string, len(peopleColumns))
		for j, column := range peopleColumns {
			if cells[j] = "'" + strings.ReplaceAll(row[column], "'", "''") + "'"; row[column] == noValue {
				cells[j] = "NULL"
			}
		}
		lines[i] = "(" + strings.Join(cells, ", ") + ")"
	}
	return "CREATE TABLE people (" + strings.Join(peopleColumns, " text, ") + " text); INSERT INTO people VALUES " + strings.Join(lines, ",\n")
}

// inEverySource puts the same people into a source of each kind, and returns what the configuration says of it.
func (p *program) inEverySource(t *testing.T, rows []map[string]string) map[string]string {
	t.Helper()
	p.asFile(t, "now.csv", rows)

	entries := make([]map[string]string, len(rows)) // an attribute has no empty value: it isn't there
	for i, row := range rows {
		entries[i] = maps.Clone(row)
		maps.DeleteFunc(entries[i], func(_, cell string) bool { return cell == noValue })
	}
	slapd := servers.StartSlapd(t, servers.SlapdOptions{Load: inDirectory(entries), Lines: []string{unlimitedReader}})

	statements := asStatements(rows)
	pg, execPostgres := startPostgres(t)
	execPostgres(statements)
	my, execMariaDB := startMariaDB(t)
	execMariaDB("SET sql_mode = 'NO_BACKSLASH_ESCAPES'; " + statements)
	execute(t, "sqlite", "file:"+p.at("people.db")+"?_pragma=synchronous(0)", statements)

	const query = "query: SELECT * FROM people}}"
	return map[string]string{
		"csv": `{csv: {path: now.csv, null_value: '\N', completeness: plausible}}`,
		"ldap": fmt.Sprintf(`{ldap: {urls: [%q], allow_plaintext: true, bind: {dn: %q, password: "file:password"}, base: %q, filter: "(objectClass=account)", values: {businessCategory: {join: ";"}}}}`,
			slapd.URL, servers.ReaderDN, servers.Suffix),
		"postgres": fmt.Sprintf(`{sql: {driver: postgres, dsn: %q, %s`, pg, query),
		"mariadb":  fmt.Sprintf(`{sql: {driver: mysql, dsn: %q, %s`, my, query),
		"sqlite":   "{sql: {driver: sqlite, dsn: people.db, " + query,
	}
}

func execute(t *testing.T, driver, dsn, statements string) {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), statements)
	if closed := db.Close(); err == nil {
		err = closed
	}
	if err != nil {
		t.Fatal(err)
	}
}

// linesOf returns the lines of a plan behind its header, and how many there are of each kind: without positions, without the
// digests by which the records of one source are recognised under one configuration, and without the cells of rejects, which are as
// the source has them.
func linesOf(t *testing.T, path string) (lines []string, kinds map[string]int) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	kinds = map[string]int{}
	for _, text := range strings.Split(strings.TrimSpace(string(content)), "\n")[1:] {
		var line map[string]map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		for kind, value := range line {
			if name, is := value["kind"].(string); is {
				kind = name
			}
			kinds[kind]++
			if there, _ := value["position"].(string); there == "" && kind != "delete" && kind != "release" && kind != "leaver" {
				t.Errorf("without a position: %v", value)
			}
			delete(value, "position")
			delete(value, "digest")
			delete(value, "record")
			delete(value, "cells")
			bare, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, kind+string(bare))
		}
	}
	return lines, kinds
}

// Whatever source the same people are in, what is planned for them is the same, over accounts that have something to create, to
// change, to adopt, to leave, to reject and to take away.
func TestEverySourceGivesTheSamePlan(t *testing.T) {
	p := newProgram(t, "")
	configure := func(text string) {
		t.Helper()
		p.beside(t, "config.yaml", text)
	}
	p.beside(t, "password", servers.Password)
	rows := everybody(t)
	before := sooner(rows)
	const file = `{csv: {path: before.csv, null_value: '\N', completeness: plausible}}`
	p.asFile(t, "before.csv", before[:30])
	configure(everySource(file, "others-sync", "keep"))
	p.exits(t, 4, "sync") // some addresses are none
	p.asFile(t, "before.csv", before[30:])
	configure(everySource(file, "staff-sync", "keep"))
	p.exits(t, 4, "sync")

	every := p.inEverySource(t, rows)
	out := p.at("plan.jsonl")
	for _, leavers := range []string{"delete", "release"} {
		var want []string
		for i, name := range slices.Concat([]string{"csv"}, slices.Sorted(maps.Keys(every))) {
			text := everySource(every[name], "staff-sync", leavers)
			if name == "ldap" {
				for column, attribute := range sampleAttributes {
					text = strings.NewReplacer("{column: "+column, "{column: "+attribute, "{"+column+"}", "{"+attribute+"}", "filter: "+column, "filter: "+attribute).Replace(text)
				}
			}
			configure(text)
			p.exits(t, 3, "plan", "-o", out) // held: the source and the policy aren't those of the last run
			got, kinds := linesOf(t, out)
			if i == 0 {
				for _, kind := range []string{"create", "update", "adopt", leavers, "reject"} {
					if kinds[kind] < 10 {
						t.Fatalf("the plan tests little: %v", kinds)
					}
				}
				want = got
				continue
			}
			if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("%s, %s: (-%s +csv)\n%s", name, leavers, name, diff)
			}
		}
	}
}
