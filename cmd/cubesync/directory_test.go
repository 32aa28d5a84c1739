package main

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"cubesync/source/sourcetest/servers"
)

// sampleAttributes are those that the sample's columns have in the directory.
var sampleAttributes = map[string]string{
	"employee_id": "uid", "email": "mail", "given_name": "givenName", "family_name": "sn", "phone": "telephoneNumber", "website": "labeledURI",
	"department": "departmentNumber", "tags": "businessCategory", "custom_data": "description",
}

// sampleRows are the users of the sample, by their columns.
func sampleRows(t *testing.T, most int) []map[string]string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "docs", "sample", "users.csv"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, cells := range all[1:min(len(all), most+1)] {
		row := map[string]string{}
		for i, name := range all[0] {
			row[name] = cells[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// sampleDN is where a user of the sample is.
func sampleDN(id string) string { return "uid=" + id + "," + servers.Suffix }

// inDirectory writes users of the sample as LDIF.
func inDirectory(rows []map[string]string) func(w io.Writer) error {
	return func(w io.Writer) error {
		for _, row := range rows {
			var entry strings.Builder
			fmt.Fprintf(&entry, "dn: %s\nobjectClass: account\nobjectClass: extensibleObject\n", sampleDN(row["employee_id"]))
			for column, attribute := range sampleAttributes {
				values := []string{row[column]}
				if column == "tags" {
					values = strings.Split(row[column], ";")
				}
				for _, value := range values {
					if value != "" {
						fmt.Fprintf(&entry, "%s:: %s\n", attribute, base64.StdEncoding.EncodeToString([]byte(value)))
					}
				}
			}
			if _, err := io.WriteString(w, entry.String()+"\n"); err != nil {
				return err
			}
		}
		return nil
	}
}

// directoryConfig is the default configuration, with the directory in place of the file.
func directoryConfig(t *testing.T, url, more string) string {
	t.Helper()
	t.Setenv("DIRECTORY_PASSWORD", servers.Password)
	text := shippedConfig(t)
	from, to := strings.Index(text, "      csv:\n"), strings.Index(text, "    # How a record becomes a user")
	text = text[:from] + fmt.Sprintf(`      ldap:
        urls: [%s]
        allow_plaintext: true
        bind: {dn: %q, password: "${DIRECTORY_PASSWORD}"}
        base: %q
        filter: (objectClass=account)
        values: {businessCategory: {join: ";"}}
        %s
`, url, servers.ReaderDN, servers.Suffix, more) + text[to:]
	for column, attribute := range sampleAttributes {
		text = strings.ReplaceAll(text, "{column: "+column, "{column: "+attribute)
		text = strings.ReplaceAll(text, "{"+column+"}", "{"+attribute+"}")
	}
	return text
}

// unlimitedReader takes the stock limit of 500 entries off who reads.
var unlimitedReader = fmt.Sprintf("limits dn.exact=%q size=unlimited", servers.ReaderDN)

// Whoever leaves the directory is deleted, and nobody where a read was cut off. Guards and
// grace are off: the verdict stands alone.
func TestCutDirectoryDeletesNobody(t *testing.T) {
	const users, page = 60, 12
	rows := sampleRows(t, users)
	slapd := servers.StartSlapd(t, servers.SlapdOptions{Load: inDirectory(rows), Lines: []string{unlimitedReader}})
	through := servers.NewCutter(t, slapd)
	p := newProgram(t, unguarded(directoryConfig(t, through.URL, fmt.Sprintf("page_size: %d", page))))
	p.exits(t, 0, "sync")
	leave(t, slapd, rows[users/2]["employee_id"])

	for pages := range users / page { // within each; sync/reconcile has every other place
		const entries = page / 2
		through.After(pages, entries)
		p.exits(t, 6, "sync")
		if through.Cuts() != 3 {
			t.Errorf("cut after %d pages and %d entries: read %d times, want 3", pages, entries, through.Cuts())
		}
		p.says(t, "the connection was lost")
		if left := len(p.accounts(t)); left != users {
			t.Fatalf("cut after %d pages and %d entries: %d accounts are left of %d", pages, entries, left, users)
		}
	}
	through.Never()
	p.exits(t, 0, "sync")
	if left := len(p.accounts(t)); left != users-1 {
		t.Errorf("uncut: %d accounts are left of %d", left, users)
	}
}

// A photo in the directory becomes an avatar, and groups and states tags.
func TestDirectoryOfPhotosAndGroups(t *testing.T) {
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewRGBA(image.Rect(0, 0, 2, 2))); err != nil {
		t.Fatal(err)
	}
	rows := sampleRows(t, 3)
	group := "cn=sales," + servers.Suffix
	slapd := servers.StartSlapd(t, servers.SlapdOptions{TestData: true, Load: func(w io.Writer) error {
		rest := inDirectory(rows[1:])
		if err := inDirectory(rows[:1])(cutEnd{w}); err != nil {
			return err
		}
		_, err := fmt.Fprintf(w, "jpegPhoto:: %s\nnsAccountLock: TRUE\n\ndn: %s\nobjectClass: groupOfNames\ncn: sales\nmember: %s\n\n",
			base64.StdEncoding.EncodeToString(picture.Bytes()), group, sampleDN(rows[1]["employee_id"]))
		return errors.Join(err, rest(w))
	}})
	configuration := directoryConfig(t, slapd.URL, fmt.Sprintf("groups: {tags: [{dn: %q, tag: sales}]}", group))
	configuration = strings.Replace(configuration, `        - {column: businessCategory, split: ";"}`, `        - {column: groups, split: ";"}
        - {column: disabled}`, 1)
	configuration = strings.Replace(configuration, "      custom_data: {column: description, mode: merge}\n", "      avatar: {column: jpegPhoto, from: base64}\n", 1)
	configuration = strings.Replace(configuration, "        values: {businessCategory: {join: \";\"}}\n", "", 1)
	p := newProgram(t, configuration)
	p.exits(t, 0, "sync")
	accounts := p.accounts(t)
	for i, want := range []string{"[disabled staff-sync] true", "[sales staff-sync] false", "[staff-sync] false"} {
		got := accounts[rows[i]["employee_id"]]
		avatar, has := got["avatar"].(string)
		if shown := fmt.Sprintf("%v %t", got["user_tags"], has && avatar != ""); shown != want {
			t.Errorf("%s: %s, want %s", rows[i]["employee_id"], shown, want)
		}
	}
	p.exits(t, 0, "plan", "--exit-code")
}

// cutEnd leaves out the empty line behind an entry.
type cutEnd struct{ io.Writer }

func (w cutEnd) Write(text []byte) (int, error) {
	_, err := w.Writer.Write(bytes.TrimSuffix(text, []byte("\n")))
	return len(text), err
}

// leave takes somebody out of the directory.
func leave(t *testing.T, slapd *servers.Slapd, id string) {
	t.Helper()
	conn, err := ldap.DialURL(slapd.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Bind(servers.RootDN, servers.Password); err != nil {
		t.Fatal(err)
	}
	if err := conn.Del(ldap.NewDelRequest(sampleDN(id), nil)); err != nil {
		t.Fatal(err)
	}
}
