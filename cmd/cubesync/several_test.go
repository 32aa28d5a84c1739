package main

import (
	"encoding/csv"
	"fmt"
	"strings"
	"testing"

	"cubesync/source/sourcetest/servers"
)

// severalConfig is the default configuration with sources, and a mapping of them.
func severalConfig(t *testing.T, sources, mapping string) string {
	t.Helper()
	text := shippedConfig(t)
	replace := func(from, to, by string) {
		before, rest, _ := strings.Cut(text, from)
		_, after, found := strings.Cut(rest, to)
		if !found {
			t.Fatalf("the default configuration has no %q before %q", from, to)
		}
		text = before + by + to + after
	}
	replace("    source:\n", "    # How a record becomes a user", "    sources:\n"+sources)
	replace("    mapping:\n", "    # Records, and what the mapping is", "    mapping:\n"+mapping)
	return text
}

// Two sources are merged on the whole road: whose word counts, who is in one of them only, and what is bad in one.
func TestSeveralSources(t *testing.T) {
	p := newProgram(t, severalConfig(t, `
      - name: hr
        key: employee_id
        csv: {path: hr.csv, complete: {trailer: "#TOTAL"}}
      - name: ad
        key: id
        sql: {driver: sqlite, dsn: ad.db, query: "SELECT secret, id, mail, phone FROM people"}
`, `
      external_id: {column: key}
      email: {first: [ad.mail, hr.email]}
      full_name: {template: "{hr.given} {hr.family}"}
      phone: {column: ad.phone, empty: clear}
      custom_data:
        keys: {"in": {expr: 'ad.mail == nil ? "hr" : "ad"'}}
`))
	const staff = "employee_id,email,given,family\nE1,ann@hr.example.com,Ann,Lee\nE2,,Bob,Ray\nE3,cid@hr.example.com,Cid,Doe\n#TOTAL,3\n"
	p.beside(t, "hr.csv", staff)
	exec := func(statement string) {
		t.Helper()
		execute(t, "sqlite", "file:"+p.at("ad.db"), statement)
	}
	exec("CREATE TABLE people (id, mail, phone, secret)")
	exec(`INSERT INTO people VALUES ('E1', 'ann@example.com', '1', 'x'), ('E2', 'bob@example.com', '2', 'x'), ('E4', 'zoe@example.com', '4', 'x')`)
	// The accounts, by external ID.
	are := func(after string, wants ...string) {
		t.Helper()
		accounts := p.accounts(t)
		for i, want := range wants {
			id := fmt.Sprintf("E%d", i+1)
			a := accounts[id]
			if got := fmt.Sprint(a["email"], " ", a["phone"], " ", a["full_name"], " ", a["custom_data"]); got != want {
				t.Errorf("after %s: %s is %s, want %s", after, id, got, want)
			}
		}
	}
	p.exits(t, 0, "sync")
	p.says(t, "hr.csv + ad.db, proven")
	are("the first run", `ann@example.com 1 Ann Lee {"in":"ad"}`, `bob@example.com 2 Bob Ray {"in":"ad"}`, `cid@hr.example.com <nil> Cid Doe {"in":"hr"}`, `zoe@example.com 4 <nil> {"in":"ad"}`)
	p.exits(t, 0, "plan", "--exit-code")
	p.exits(t, 0, "explain", "E1", "--read-source")
	p.says(t, "hr: hr.csv:2 + ad: row 1", `ad.mail "ann@example.com", hr.email "ann@hr.example.com" → the first that holds something → "ann@example.com"`)

	// Of who isn't in one source any more, what it alone says stays; the others' word counts for the rest.
	exec("DELETE FROM people WHERE id = 'E1'")
	exec("UPDATE people SET mail = NULL WHERE id = 'E4'")
	p.exits(t, 0, "sync")
	leftAD := []string{`ann@hr.example.com 1 Ann Lee {"in":"hr"}`, `bob@example.com 2 Bob Ray {"in":"ad"}`, `cid@hr.example.com <nil> Cid Doe {"in":"hr"}`, `zoe@example.com 4 <nil> {"in":"hr"}`}
	are("one left ad", leftAD...)

	// Who is rejected in one source isn't written by the other's word.
	exec("UPDATE people SET mail = lower(id) || '@ad.example.com', phone = phone || '0'")
	p.beside(t, "hr.csv", strings.Replace(staff, "Bob", "B\x01ob", 1))
	p.exits(t, 4, "sync")
	p.says(t, "rejected E2 (hr: hr.csv:3): given: control character")
	leftAD[3] = `e4@ad.example.com 40 <nil> {"in":"ad"}`
	are("E2 was rejected in hr", leftAD...)
	p.exits(t, 0, "runs", "show", "3", "--rejects")
	p.says(t, "key,", "\nE2,", "hr: hr.csv:3,bad-record")

	// A row whose key can't be read stops none of the others, and nobody leaves.
	exec("UPDATE people SET mail = lower(id) || '@example.com'")
	p.beside(t, "hr.csv", strings.Replace(staff, "E2", "E\x01", 1))
	p.exits(t, 4, "sync")
	p.says(t, "rejected hr: hr.csv:3: employee_id: control character")
	leftAD[1], leftAD[3] = `e2@example.com 20 Bob Ray {"in":"ad"}`, `e4@example.com 40 <nil> {"in":"ad"}`
	are("a row of hr had no key", leftAD...)
}

// A spreadsheet damages external IDs that aren't what sources are joined by: their person is rejected once, by what it left alone.
func TestDamagedExternalIDOfSeveralSources(t *testing.T) {
	p := newProgram(t, severalConfig(t, `
      - name: hr
        key: mail
        csv: {path: hr.csv, complete: {records: 2}}
      - name: site
        key: mail
        csv: {path: site.csv, complete: {records: 2}}
`, `
      external_id: {column: hr.employee_id}
      full_name: {column: site.name}
`))
	p.beside(t, "hr.csv", "mail,employee_id\nann@example.com,4711123456789\nbob@example.com,4.71112E+12\n")
	p.beside(t, "site.csv", "mail,name\nann@example.com,Ann\nbob@example.com,Bob\n")
	p.exits(t, 4, "sync")
	p.says(t, `rejected hr: hr.csv:3: employee_id: "4.71112E+12" was written in scientific notation`, "created                    1", "rejected                   1")
}

// Whoever left both sources is deleted, and nobody where either of them was read in part. Guards and grace are off: the verdict
// stands alone.
func TestCutInOneOfSeveralSources(t *testing.T) {
	t.Setenv("DIRECTORY_PASSWORD", servers.Password)
	const users, page = 20, 6
	rows := sampleRows(t, users)
	slapd := servers.StartSlapd(t, servers.SlapdOptions{Load: inDirectory(rows), Lines: []string{unlimitedReader}})
	through := servers.NewCutter(t, slapd)
	p := newProgram(t, unguarded(severalConfig(t, fmt.Sprintf(`
      - name: hr
        key: employee_id
        csv: {path: hr.csv, complete: {trailer: "#TOTAL"}}
      - name: ad
        key: uid
        ldap:
          urls: [%s]
          allow_plaintext: true
          bind: {dn: %q, password: "${DIRECTORY_PASSWORD}"}
          base: %q
          filter: (objectClass=account)
          page_size: %d
`, through.URL, servers.ReaderDN, servers.Suffix, page), `
      external_id: {column: key}
      email: {first: [ad.mail, hr.email]}
      full_name: {template: "{hr.given_name} {hr.family_name}"}
      filter: hr.employee_id == nil
`)))
	staff := func(rows []map[string]string) string {
		var text strings.Builder
		out := csv.NewWriter(&text)
		_ = out.Write([]string{"employee_id", "email", "given_name", "family_name"}) // a Builder takes everything
		for _, row := range rows {
			_ = out.Write([]string{row["employee_id"], row["email"], row["given_name"], row["family_name"]})
		}
		out.Flush()
		fmt.Fprintf(&text, "#TOTAL,%d\n", len(rows))
		return text.String()
	}
	p.beside(t, "hr.csv", staff(rows))
	p.exits(t, 0, "sync")
	if left := len(p.accounts(t)); left != users {
		t.Fatalf("there are %d accounts", left)
	}
	leaver := rows[users-1]["employee_id"]
	leave(t, slapd, leaver)
	whole := staff(rows[:users-1])

	for cut := len(whole) - 1; cut > 0; cut -= 97 {
		p.beside(t, "hr.csv", whole[:cut])
		p.exits(t, 6, "sync")
		if left := len(p.accounts(t)); left != users {
			t.Fatalf("hr.csv was cut at byte %d: %d accounts are left of %d", cut, left, users)
		}
	}
	p.beside(t, "hr.csv", whole)
	for _, cut := range [][2]int{{0, 0}, {0, 3}, {1, 0}, {3, 0}} {
		through.After(cut[0], cut[1])
		p.exits(t, 6, "sync")
		p.says(t, "ad: ", "the connection was lost")
		if through.Cuts() != 3 {
			t.Errorf("cut after %d pages and %d entries: read %d times, want 3", cut[0], cut[1], through.Cuts())
		}
		if left := len(p.accounts(t)); left != users {
			t.Fatalf("cut after %d pages and %d entries: %d accounts are left of %d", cut[0], cut[1], left, users)
		}
	}
	through.Never()
	p.exits(t, 0, "sync")
	if left := len(p.accounts(t)); left != users-1 {
		t.Errorf("uncut: %d accounts are left of %d", left, users)
	}
}

// One of several sources that gives nobody any more is no end of those whom it alone knows, as long as nobody approves it: a table
// that is emptied and filled again is so for a moment, and the read of it is proven. Then it is so until it gives somebody.
func TestOneOfSeveralSourcesIsEmpty(t *testing.T) {
	p := newProgram(t, unguarded(severalConfig(t, `
      - name: hr
        key: id
        csv: {path: hr.csv, complete: {trailer: "#TOTAL"}}
      - name: ad
        key: id
        csv: {path: ad.csv, complete: {trailer: "#TOTAL"}}
`, `
      external_id: {column: key}
      email: {first: [hr.email, ad.email]}
      full_name: {column: ad.name}
`)))
	const everybody = "id,email\nE1,ann@example.com\nE2,bob@example.com\n#TOTAL,2\n"
	p.beside(t, "hr.csv", everybody)
	p.beside(t, "ad.csv", "id,email,name\nE2,b@example.com,Bob\nE3,cy@example.com,Cy\nE4,dee@example.com,Dee\n#TOTAL,3,\n")
	p.exits(t, 0, "sync")
	for name, empty := range map[string]string{"no-row": "id,email\n#TOTAL,0\n", "no-row-with-a-key": "id,email\n,ann@example.com\n#TOTAL,1\n"} {
		p.beside(t, "hr.csv", empty)
		p.exits(t, 3, "sync")
		p.says(t, "held by guard empty_source: of several sources, without any usable record: hr, permitted none that had one; concerns E1", "check it")
		if name == "no-row" {
			p.beside(t, "hr.csv", everybody)
			p.exits(t, 0, "sync", "--retry-failed")
			p.says(t, "unchanged                  4")
		}
	}
	p.beside(t, "hr.csv", "id,email\n#TOTAL,0\n")
	p.exits(t, 3, "sync")
	p.exits(t, 0, "approve", "5")
	p.says(t, "deleted                    1", "updated                    1")
	p.exits(t, 0, "sync")
	p.beside(t, "hr.csv", everybody)
	p.exits(t, 0, "sync")
	p.beside(t, "hr.csv", "id,email\n#TOTAL,0\n")
	p.exits(t, 3, "sync")
}
