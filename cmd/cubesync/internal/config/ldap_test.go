package config_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/source/ldapdir"
	"cubesync/source/sourcetest/servers"
)

// withLDAP loads the fixture with one part replaced.
func withLDAP(t *testing.T, old, replacement string) config.Pipeline {
	t.Helper()
	text, err := os.ReadFile("testdata/ldap.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(old)) {
		t.Fatalf("the fixture has no %q", old)
	}
	folder := t.TempDir()
	ca, err := os.ReadFile("testdata/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"config.yaml": []byte(strings.Replace(string(text), old, replacement, 1)), "ca.pem": ca, "company-ca.pem": ca, "other.pem": ca[:bytes.LastIndex(ca, []byte("-----BEGIN"))],
	} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(filepath.Join(folder, "config.yaml"), func(name string) (string, bool) { return "of-the-environment", name == "LDAP_PASSWORD" }, schedule)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Pipelines[0]
}

func TestLDAP(t *testing.T) {
	got := withLDAP(t, "", "").Source
	pin := sha256.Sum256(nil)
	want := config.Source{LDAP: &config.LDAP{
		Preset:   "active_directory",
		URLs:     []string{"ldap://dc1.example.com", "ldaps://dc2.example.com:3269", "ldapi:///run/slapd/ldapi"},
		StartTLS: true, Plain: true, Pins: [][]byte{pin[:]},
		CAs:    []*x509.Certificate{{Subject: pkix.Name{CommonName: "Example Root"}}, {Subject: pkix.Name{CommonName: "Example Second Root"}}},
		BindDN: "reader@example.com", Password: config.NewSecret("of-the-environment"),
		Base: "ou=people,dc=example,dc=com", Filter: "(uid=*)", Scope: ldapdir.One,
		Values: map[string]ldapdir.Multi{
			"mail": {Way: ldapdir.First}, "Title": {Way: ldapdir.Join, Separator: " / "}, "ou": {Way: ldapdir.List},
		},
		LeaveOut: true,
		Groups: ldapdir.Groups{By: ldapdir.MemberList, Depth: 3, Base: "ou=groups,dc=example,dc=com", Tags: []ldapdir.GroupTag{
			{DN: "cn=sales,ou=groups,dc=example,dc=com", Tag: "sales"}, {DN: "cn=ops,ou=groups,dc=example,dc=com", Tag: "operations"},
		}},
		PageSize: 200, DialTimeout: 5 * time.Second, ReplyTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
	}}
	if diff := cmp.Diff(got, want, named(), revealed()); diff != "" {
		t.Errorf("(-got +want)\n%s", diff)
	}
}

// What a preset says is what is usual, and yields to what is written.
func TestLDAPPresets(t *testing.T) {
	const filter, by = "        filter: (uid=*)\n", "          by: member\n          depth: 3\n          base: ou=groups,dc=example,dc=com\n"
	for name, want := range map[string]config.LDAP{
		"openldap":         {Filter: "(objectClass=inetOrgPerson)", Groups: ldapdir.Groups{By: ldapdir.MemberList}},
		"active_directory": {Filter: "(&(objectCategory=person)(objectClass=user))", Groups: ldapdir.Groups{By: ldapdir.InChain}},
		"freeipa":          {Filter: "(objectClass=person)", Groups: ldapdir.Groups{By: ldapdir.MemberOf}},
	} {
		text, err := os.ReadFile("testdata/ldap.good.yaml")
		if err != nil {
			t.Fatal(err)
		}
		changed := string(text)
		for _, cut := range []string{filter, by} {
			changed = strings.Replace(changed, cut, "", 1)
		}
		changed = strings.Replace(changed, "active_directory", name, 1)
		got := withLDAP(t, string(text), changed).Source.LDAP
		if got.Filter != want.Filter || got.Groups.By != want.Groups.By || ldapdir.CheckFilter(got.Filter) != nil {
			t.Errorf("%s: filter %s, groups by %s", name, got.Filter, got.Groups.By)
		}
	}
}

// Where no mapping is written, the preset's is as if it stood there.
func TestUsualMapping(t *testing.T) {
	fixture, err := os.ReadFile("testdata/ldap.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "docs", "sources.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n### The shortest\n")
	const (
		tags   = "      tags: [{column: groups, split: \";\"}]\n"
		groups = "groups: {tags: [{dn: cn=sales, tag: sales}]}"
	)
	for i, name := range []string{"openldap", "active_directory", "freeipa"} {
		var words []string
		written := "    mapping:\n"
		rows := regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| (.+) \\| (.+) \\| (.+) \\|$").FindAllStringSubmatch(table, 7)
		for _, row := range rows[:5] {
			if attribute := strings.Trim(row[2+i], "`"); attribute != "none" {
				words = append(words, row[1]+" from "+attribute)
				written += "      " + row[1] + ": {column: " + attribute + "}\n"
			}
		}
		said, key := strings.Join(words, ", "), strings.TrimPrefix(words[0], "external_id from ")
		config := func(more, mapping string) string {
			return "connectycube: {endpoint: emulator, application_id: 1, auth_key: emulator-auth-key}\npipelines:\n  - name: staff\n    owner_tag: staff-sync\n" +
				"    source: {ldap: {preset: " + name + ", urls: [ldaps://ldap.example.com], bind: anonymous, base: dc=example, " + more + "}}\n" + mapping +
				"    passwords: {random: true}\n    updates: off\n    leavers: keep\n" +
				"    tests: [{record: {" + key + ": e1, mail: a@example.com}, user: {external_id: e1, email: a@example.com}}]\n"
		}
		for _, each := range []struct{ usual, values, mapping, words string }{
			{"", "values: {mail: first, telephoneNumber: first}", written, said},
			{groups, groups + ", values: {telephoneNumber: first, mail: first}", written + tags, said + ", tags from groups"},
			{"values: {Mail: list}", "values: {Mail: list, telephoneNumber: first}", written, said},
			{"values: {mail: error, telephoneNumber: {join: /}}", "values: {telephoneNumber: {join: /}}", written, said},
		} {
			got, same := withLDAP(t, string(fixture), config(each.usual, "")), withLDAP(t, string(fixture), config(each.values, each.mapping))
			if diff := cmp.Diff(got.Settings, same.Settings); diff != "" || got.Digest != same.Digest {
				t.Errorf("%s, %s: (-got +as if it was written)\n%s%s", name, each.usual, diff, cmp.Diff(got.Mapping, same.Mapping))
			}
			if got.UsualMapping() != each.words || same.UsualMapping() != "" {
				t.Errorf("%s: %q, and %q for one that is written", name, got.UsualMapping(), same.UsualMapping())
			}
			if err := got.Test(); err != nil || got.Tests.Len() != 1 {
				t.Error(err)
			}
			if d := got.Source.LDAP; "`"+d.Filter+"`" != rows[5][2+i] || d.Groups.Tags != nil && "`"+string(d.Groups.By)+"`" != rows[6][2+i] {
				t.Errorf("%s: the filter is %s and groups are by %s; the page says %s and %s", name, d.Filter, d.Groups.By, rows[5][2+i], rows[6][2+i])
			}
		}
	}
}

func TestLDAPBinds(t *testing.T) {
	const bind = `bind: {dn: reader@example.com, password: "${LDAP_PASSWORD}"}`
	if got := withLDAP(t, bind, "bind: external").Source.LDAP; !got.External || got.Anonymous || got.BindDN != "" {
		t.Errorf("%+v", got)
	}
	if got := withLDAP(t, bind, "bind: anonymous").Source.LDAP; got.External || !got.Anonymous || got.BindDN != "" {
		t.Errorf("%+v", got)
	}
	id := servers.NewCA(t)
	pair := "\n        client_certificate: {certificate: " + id.CertificateFile + ", key: " + id.KeyFile + "}"
	if got := withLDAP(t, bind, "bind: external"+pair).Source.LDAP; got.Certificate == nil || len(got.Certificate.Certificate) != 1 {
		t.Errorf("%+v", got)
	}
}

// The way to a directory decides nothing; what is asked for there, and by whom, decides who is a leaver.
func TestLDAPDigests(t *testing.T) {
	before := withLDAP(t, "", "")
	for _, each := range []struct {
		old, new string
		same     bool
	}{
		{"ca_file: ca.pem", "ca_file: other.pem", true},
		{"sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "sha256/57DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", true},
		{"page_size: 200", "page_size: 300", true},
		{"idle: 2m", "idle: 3m", true},
		{`"${LDAP_PASSWORD}"`, `"${LDAP_PASSWORD}${LDAP_PASSWORD}"`, true},
		{"sn: error", "sn: error ", true},
		{"dc1.example.com", "dc3.example.com", false},
		{"reader@example.com", "writer@example.com", false},
		{"base: ou=people", "base: ou=staff", false},
		{"(uid=*)", "(cn=*)", false},
		{"scope: one", "scope: subtree", false},
		{"mail: first", "mail: list", false},
		{"disabled: absent", "disabled: keep", false},
		{"tag: sales", "tag: sellers", false},
	} {
		after := withLDAP(t, each.old, each.new)
		if same := after.Digest == before.Digest; same != each.same {
			t.Errorf("%s: the digest stayed: %t", each.new, same)
		}
		var changed []string
		for _, name := range slices.Sorted(maps.Keys(before.Settings)) {
			if before.Settings[name] != after.Settings[name] {
				changed = append(changed, name)
			}
		}
		if want := map[bool]string{false: "source"}[each.same]; strings.Join(changed, " ") != want {
			t.Errorf("%s: settings changed: %q", each.new, changed)
		}
	}
}

// Who signs in by a certificate is whom it names: a renewed one is the same.
func TestLDAPDigestOfACertificate(t *testing.T) {
	const bind = `bind: {dn: reader@example.com, password: "${LDAP_PASSWORD}"}`
	ca, until := servers.NewCA(t), time.Now().Add(time.Hour)
	reader, renewed, writer := ca.Issue(t, "reader", until), ca.Issue(t, "reader", until), ca.Issue(t, "writer", until)
	of := func(as string, id *servers.Identity) string {
		text := as + "\n        client_certificate: {certificate: " + id.CertificateFile + ", key: " + id.KeyFile + "}"
		return withLDAP(t, bind, text).Settings["source"]
	}
	if of("bind: external", renewed) != of("bind: external", reader) {
		t.Error("a renewed certificate changes the source")
	}
	if of("bind: external", writer) == of("bind: external", reader) {
		t.Error("the certificate of another doesn't change the source")
	}
	if of(bind, writer) != of(bind, reader) {
		t.Error("a certificate that signs nobody in changes the source")
	}
}

// The documented configurations are good ones.
func TestDocumentedDirectories(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "docs", "sources.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(content), "\n## LDAP\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := strings.Split(section, "```yaml\n")[1:]
	if !found || len(blocks) < 5 {
		t.Fatalf("%d configurations", len(blocks))
	}
	for i, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		block = strings.ReplaceAll(block, "file:/etc/cubesync/ldap-password", "${LDAP_PASSWORD}")
		text := `connectycube: {endpoint: emulator, application_id: 1, auth_key: emulator-auth-key, admin_key: emulator-admin-key, service_user: {login: a, password: b}}
pipelines:
  - name: staff
    owner_tag: staff-sync
    passwords: {random: true}
    updates: shared
    deletes: admin
    leavers: delete
    vanished: recreate
    ` + strings.ReplaceAll(strings.TrimSpace(block), "\n", "\n    ") + "\n"
		whole, err := os.ReadFile("testdata/ldap.good.yaml")
		if err != nil {
			t.Fatal(err)
		}
		p := withLDAP(t, string(whole), text)
		if p.Source.LDAP == nil || p.Policy.Leavers != "delete" {
			t.Errorf("configuration %d: %+v", i+1, p)
		}
	}
}
