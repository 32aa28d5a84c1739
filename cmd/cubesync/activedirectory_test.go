package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"cubesync/source/sourcetest/servers"
)

// With a preset and without a mapping, the people of a domain become users; who is disabled there leaves.
func TestActiveDirectory(t *testing.T) {
	t.Parallel()
	const staff, europe = "OU=Staff," + servers.DomainSuffix, "CN=Europe," + servers.DomainSuffix
	d, err := servers.StartActiveDirectory(func(w io.Writer) error {
		fmt.Fprintf(w, "dn: %s\nobjectClass: organizationalUnit\n\n", staff)
		for _, name := range []string{"ann", "bob", "cid", "dan", "eve", "fay"} {
			fmt.Fprintf(w, "dn: CN=%s,%s\nobjectClass: user\nsAMAccountName: %[1]s\ndisplayName: The %[1]s\nmail: %[1]s@example.com\nuserAccountControl: 544\n\n", name, staff)
		}
		_, err := fmt.Fprintf(w, "dn: CN=Sales,%s\nobjectClass: group\nsAMAccountName: Sales\nmember: CN=bob,%s\n\ndn: %s\nobjectClass: group\nsAMAccountName: Europe\nmember: CN=Sales,%[1]s\n\n",
			servers.DomainSuffix, staff, europe)
		return err
	})
	servers.Need(t, err)
	defer d.Stop()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte(servers.DomainPassword), 0o600); err != nil {
		t.Fatal(err)
	}
	p := newProgram(t, fmt.Sprintf(`connectycube: {endpoint: emulator, application_id: "1", auth_key: emulator-auth-key, admin_key: emulator-admin-key}
pipelines:
  - name: staff
    owner_tag: staff-sync
    source:
      ldap:
        preset: active_directory
        urls: [%q]
        ca_file: %q
        bind: {dn: %q, password: %q}
        base: %q
        disabled: absent
        groups: {tags: [{dn: %q, tag: europe}]}
    passwords: {random: true}
    updates: off
    deletes: admin
    leavers: delete
    vanished: recreate
    grace: none
`, d.TLSURL, d.CA.CertificateFile, servers.DomainReader, "file:"+password, staff, europe))
	p.exits(t, 0, "sync")
	has := func(when string, want ...string) {
		t.Helper()
		var shown []string
		for id, a := range p.accounts(t) {
			if len(id) != 36 {
				t.Errorf("%v has no GUID", a)
			}
			shown = append(shown, fmt.Sprintf("%v %v %v %v", a["login"], a["full_name"], a["email"], a["user_tags"]))
		}
		slices.Sort(shown)
		if diff := cmp.Diff(shown, want); diff != "" {
			t.Errorf("%s (-got +want)\n%s", when, diff)
		}
	}
	ann, bob, cid := "ann The ann ann@example.com [staff-sync]", "bob The bob bob@example.com [europe staff-sync]", "cid The cid cid@example.com [staff-sync]"
	dan, eve, fay := "dan The dan dan@example.com [staff-sync]", "eve The eve eve@example.com [staff-sync]", "fay The fay fay@example.com [staff-sync]"
	has("at first", ann, bob, cid, dan, eve, fay)
	disable(t, d, "CN=cid,"+staff)
	p.exits(t, 0, "sync")
	has("after one was disabled", ann, bob, dan, eve, fay)
	const note = "source: 1 of 6 entries disabled and left out; no entry shows telephoneNumber: check the spelling"
	p.says(t, note)
	p.exits(t, 0, "plan")
	p.says(t, note)
}

func disable(t *testing.T, d *servers.ActiveDirectory, dn string) {
	t.Helper()
	conn, err := ldap.DialURL(d.TLSURL, ldap.DialWithTLSConfig(&tls.Config{RootCAs: d.CA.Pool()}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Bind(servers.DomainAdmin, servers.DomainPassword); err != nil {
		t.Fatal(err)
	}
	change := ldap.NewModifyRequest(dn, nil)
	change.Replace("userAccountControl", []string{"546"})
	if err := conn.Modify(change); err != nil {
		t.Fatal(err)
	}
}
