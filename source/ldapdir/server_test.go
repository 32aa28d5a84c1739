package ldapdir_test

import (
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"cubesync/source/ldapdir"
	"cubesync/source/sourcetest"
	"cubesync/source/sourcetest/servers"
	"cubesync/sync/record"
)

// OpenLDAP's stock limit of 500 is for the search as a whole, however small its pages are.
func TestStockLimit(t *testing.T) {
	for rows, whole := range map[int]bool{500: true, 501: false} {
		s := servers.StartSlapd(t, servers.SlapdOptions{TestData: true, Load: crowd(rows)})
		for _, size := range []int{100, 500, 1000} {
			o := options(s)
			o.PageSize = size
			got := read(t, o)
			if usable := got.verdict.Completeness.Usable(); usable != whole || got.verdict.Retryable {
				t.Errorf("%d rows in pages of %d: %+v", rows, size, got.verdict)
			}
			if !whole {
				has(t, got.verdict.Reason, "(4)", "raise it for the account that we sign in as", "size=unlimited")
			}
		}
	}
}

func TestTenThousand(t *testing.T) {
	const rows = 10_000
	s := servers.StartSlapd(t, servers.SlapdOptions{TestData: true, Load: crowd(rows), Lines: unlimited})
	for _, size := range []int{0, 3000} {
		o := options(s)
		o.PageSize = size
		got := read(t, o)
		keys := map[string]bool{}
		for _, r := range got.records {
			keys[r.Value(sourcetest.Key).Text()] = true
		}
		if len(keys) != rows || len(got.records) != rows || got.verdict.Completeness != record.Proven {
			t.Errorf("%d records of %d people, %+v", len(got.records), len(keys), got.verdict)
		}
	}
}

// size.pr is OpenLDAP's limit of a page.
func TestLimitedPages(t *testing.T) {
	s := servers.StartSlapd(t, servers.SlapdOptions{TestData: true, Load: crowd(400), Lines: []string{
		fmt.Sprintf("limits dn.exact=%q size.pr=100 size.prtotal=unlimited", servers.ReaderDN),
	}})
	if got := read(t, options(s)); len(got.records) != 400 || got.verdict.Completeness != record.Proven {
		t.Errorf("%d records, %+v, %v", len(got.records), got.verdict, got.err)
	}
}

func TestServerKilledInMidRead(t *testing.T) {
	s := servers.StartSlapd(t, servers.SlapdOptions{TestData: true, Load: crowd(5000), Lines: unlimited})
	o := options(s)
	reader, err := source(t, o).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	for n := 0; err == nil; n++ {
		if n == 700 {
			s.Stop()
		}
		_, err = reader.Next(t.Context())
	}
	if v := reader.Verdict(); errors.Is(err, io.EOF) || v.Completeness.Usable() || !v.Retryable {
		t.Errorf("%v, %+v", err, v)
	}
	got := read(t, o)
	if got.err == nil || !strings.Contains(got.err.Error(), "connection refused: check the name and the port under urls") {
		t.Errorf("%v", got.err)
	}
}

// filled is a server with TLS and ten rows, and its authority.
func filled(t *testing.T, until time.Time) (*servers.Slapd, *servers.Identity) {
	t.Helper()
	ca := servers.NewCA(t)
	return servers.StartSlapd(t, servers.SlapdOptions{
		TestData: true, Load: crowd(10), TLS: ca.Issue(t, "localhost", until), Roots: ca.CertificateFile,
	}), ca
}

func TestEncryption(t *testing.T) {
	s, ca := filled(t, time.Now().Add(time.Hour))
	other := servers.NewCA(t)
	client := ca.Issue(t, "client", time.Now().Add(time.Hour))
	pair, err := tls.LoadX509KeyPair(client.CertificateFile, client.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	pin, wrong := sha256.Sum256(ca.Certificate.RawSubjectPublicKeyInfo), sha256.Sum256(other.Certificate.RawSubjectPublicKeyInfo)
	trusting := ldapdir.TLS{Roots: ca.Pool()}
	byName := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	byNumber := strings.Replace(s.TLSURL, "localhost", "127.0.0.1", 1)
	for name, test := range map[string]struct {
		change func(o *ldapdir.Options)
		says   string // "": it is read
	}{
		"ldaps":            {func(o *ldapdir.Options) { o.URLs, o.TLS = []string{s.TLSURL}, trusting }, ""},
		"starttls":         {func(o *ldapdir.Options) { o.URLs, o.StartTLS, o.Plain, o.TLS = []string{byName}, true, false, trusting }, ""},
		"unknown-ca":       {func(o *ldapdir.Options) { o.URLs = []string{s.TLSURL} }, "name the file of the CA that signed it as ca_file"},
		"another-ca":       {func(o *ldapdir.Options) { o.URLs, o.TLS.Roots = []string{s.TLSURL}, other.Pool() }, "ca_file"},
		"starttls-unknown": {func(o *ldapdir.Options) { o.URLs, o.StartTLS = []string{byName}, true }, "ca_file"},
		"another-name":     {func(o *ldapdir.Options) { o.URLs, o.TLS = []string{byNumber}, trusting }, "a name that the certificate has"},
		"pinned": {func(o *ldapdir.Options) {
			o.URLs, o.TLS = []string{s.TLSURL}, trusting
			o.TLS.Pins = [][]byte{wrong[:], pin[:]}
		}, ""},
		"pinned-wrong": {func(o *ldapdir.Options) {
			o.URLs, o.TLS = []string{s.TLSURL}, trusting
			o.TLS.Pins = [][]byte{wrong[:]}
		}, "pinned keys"},
		"pinned-and-unknown": {func(o *ldapdir.Options) { o.URLs = []string{s.TLSURL}; o.TLS.Pins = [][]byte{pin[:]} }, "ca_file"},
		"client-certificate": {func(o *ldapdir.Options) {
			o.URLs, o.TLS, o.Bind = []string{s.TLSURL}, trusting, ldapdir.Bind{External: true}
			o.TLS.Certificate = &pair
		}, ""},
		"no-client-certificate": {func(o *ldapdir.Options) {
			o.URLs, o.TLS, o.Bind = []string{s.TLSURL}, trusting, ldapdir.Bind{External: true}
		}, "sign in as who our certificate or process is"},
		"socket": {func(o *ldapdir.Options) {
			o.URLs, o.Bind, o.Plain = []string{s.Socket}, ldapdir.Bind{External: true}, false
		}, ""},
		"anonymous":      {func(o *ldapdir.Options) { o.Bind = ldapdir.Bind{Anonymous: true} }, ""},
		"wrong-password": {func(o *ldapdir.Options) { o.Bind.Password = "wrong password" }, "(49)"},
		"nobody":         {func(o *ldapdir.Options) { o.Bind.DN = "cn=nobody,dc=example,dc=com" }, "check bind.dn and bind.password"},
		"no-password":    {func(o *ldapdir.Options) { o.Bind.Password = "" }, "sign in as"},
		"tls-port-plain": {func(o *ldapdir.Options) { o.URLs = []string{strings.Replace(s.TLSURL, "ldaps:", "ldap:", 1)} }, "sign in as"},
		"plain-port-tls": {func(o *ldapdir.Options) { o.URLs = []string{strings.Replace(s.URL, "ldap:", "ldaps:", 1)} }, s.URL[7:] + ": no TLS is spoken there (EOF): ldaps:// is for port 636"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(s)
			test.change(&o)
			got := read(t, o)
			if test.says == "" {
				if len(got.records) != 10 || got.verdict.Completeness != record.Proven {
					t.Errorf("%+v, %v", got.verdict, got.err)
				}
				return
			}
			if got.err == nil || len(got.records) > 0 {
				t.Fatalf("read %d records", len(got.records))
			}
			has(t, got.err.Error(), "read LDAP directory: ", test.says)
			if strings.Contains(got.err.Error(), servers.Password) || strings.Contains(got.err.Error(), "wrong password") {
				t.Errorf("the password is shown: %s", got.err)
			}
		})
	}
}

// A common name alone names no server.
func TestNamelessCertificate(t *testing.T) {
	ca := servers.NewCA(t)
	s := servers.StartSlapd(t, servers.SlapdOptions{TestData: true, Load: crowd(1), TLS: ca.Nameless(t)})
	o := options(s)
	o.URLs, o.TLS.Roots = []string{s.TLSURL}, ca.Pool()
	got := read(t, o)
	if got.err == nil {
		t.Fatal("read from a server whose certificate doesn't name it")
	}
	has(t, got.err.Error(), "subject alternative name")
}

func TestExpiredCertificate(t *testing.T) {
	s, ca := filled(t, time.Now().Add(-time.Hour))
	o := options(s)
	o.URLs, o.TLS.Roots = []string{s.TLSURL}, ca.Pool()
	got := read(t, o)
	if got.err == nil {
		t.Fatal("read from a server whose certificate has expired")
	}
	has(t, got.err.Error(), "expired", "have the server's certificate renewed")
}

// A server without certificate refuses StartTLS, and nothing is sent in the open in its place.
func TestStartTLSRefused(t *testing.T) {
	s := servers.StartSlapd(t, servers.SlapdOptions{TestData: true, Load: crowd(1)})
	o := options(s)
	o.StartTLS = true
	got := read(t, o)
	if got.err == nil {
		t.Fatal("read without encryption")
	}
	has(t, got.err.Error(), "StartTLS")
}

// What OpenLDAP itself makes of entries: their identity, groups within groups, photos, states.
func TestOpenLDAP(t *testing.T) {
	person := func(uid, more string) string {
		return fmt.Sprintf("dn: uid=%s,%s\nobjectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: %s\n%s\n", uid, servers.Suffix, uid, uid, uid, more)
	}
	s := servers.StartSlapd(t, servers.SlapdOptions{TestData: true, Lines: []string{"overlay memberof"}, Load: func(w io.Writer) error {
		_, err := io.WriteString(w, person("ann", value("jpegPhoto", "\xff\xd8\xff\xe0"))+person("bob", "mail: b@example.com\nmail: a@example.com\n")+person("cid", ""))
		return err
	}})
	conn, err := ldap.DialURL(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Bind(servers.RootDN, servers.Password); err != nil {
		t.Fatal(err)
	}
	for cn, members := range map[string][]string{
		"sales": {"uid=ann," + servers.Suffix, "cn=export," + servers.Suffix}, "export": {"uid=bob," + servers.Suffix},
	} {
		group := ldap.NewAddRequest("cn="+cn+","+servers.Suffix, nil)
		group.Attribute("objectClass", []string{"groupOfNames"})
		group.Attribute("member", members)
		if err := conn.Add(group); err != nil { // by the server itself, which then writes memberOf
			t.Fatal(err)
		}
	}
	o := options(s)
	o.Filter, o.Columns, o.Key = "(objectClass=inetOrgPerson)", []string{"uid", "entryUUID", "jpegPhoto", "mail", ldapdir.GroupsColumn}, "uid"
	o.Values = map[string]ldapdir.Multi{"mail": {Way: ldapdir.First}}
	tags := []ldapdir.GroupTag{{DN: "CN=sales, " + servers.Suffix, Tag: "sales"}}
	want := map[string]string{"ann": "/9j/4A== sales", "bob": "a@example.com sales", "cid": ""}
	for name, groups := range map[string]ldapdir.Groups{
		"direct":   {By: ldapdir.MemberList, Tags: tags},
		"deep":     {By: ldapdir.MemberList, Tags: tags, Depth: 2, Base: servers.Suffix},
		"by-entry": {By: ldapdir.MemberOf, Tags: tags},
	} {
		o.Groups = groups
		got := read(t, o)
		if len(got.records) != 3 || got.verdict.Completeness != record.Proven {
			t.Fatalf("%+v, %v", got.verdict, got.err)
		}
		for _, r := range got.records {
			uid := r.Value("uid").Text()
			texts := strings.TrimSpace(r.Value("jpegPhoto").Text() + r.Value("mail").Text() + " " + r.Value(ldapdir.GroupsColumn).Text())
			expected := want[uid]
			if uid == "bob" && name != "deep" {
				expected = "a@example.com"
			}
			if texts != expected || len(r.Value("entryUUID").Text()) != 36 {
				t.Errorf("%s: %s is %q, entryUUID %q", name, uid, texts, r.Value("entryUUID").Text())
			}
		}
	}
}

// A posixGroup names its members by uid, in which letter case counts.
func TestPosixGroups(t *testing.T) {
	s := servers.StartSlapd(t, servers.SlapdOptions{Load: func(w io.Writer) error {
		var ldif strings.Builder
		for n, uids := range []string{"uid: ann\n", "uid: bob\nuid: robert\n", "uid: Cid\n", "uid: dan\n"} {
			fmt.Fprintf(&ldif, "dn: employeeNumber=%d,%s\nobjectClass: inetOrgPerson\nemployeeNumber: %[1]d\ncn: person\nsn: person\n%[3]s\n", n, servers.Suffix, uids)
		}
		for cn, members := range map[string]string{"sales": "ann robert cid gone", "support": "dan ann", "nobody": ""} {
			fmt.Fprintf(&ldif, "dn: cn=%s,%s\nobjectClass: posixGroup\ncn: %[1]s\ngidNumber: 1\n", cn, servers.Suffix)
			for uid := range strings.FieldsSeq(members) {
				fmt.Fprintf(&ldif, "memberUid: %s\n", uid)
			}
			ldif.WriteString("\n")
		}
		fmt.Fprintf(&ldif, "dn: cn=all,%s\nobjectClass: groupOfNames\ncn: all\nmember: employeeNumber=2,%[1]s\nmember: cn=sales,%[1]s\n\n", servers.Suffix)
		_, err := io.WriteString(w, ldif.String())
		return err
	}})
	o := options(s)
	o.Filter, o.Columns, o.Key = "(objectClass=inetOrgPerson)", []string{"employeeNumber", ldapdir.GroupsColumn}, "employeeNumber"
	tag := func(names ...string) (tags []ldapdir.GroupTag) {
		for _, name := range names {
			tags = append(tags, ldapdir.GroupTag{DN: "cn=" + name + "," + servers.Suffix, Tag: name})
		}
		return tags
	}
	groupsOf := func(o ldapdir.Options) string {
		got := read(t, o)
		if got.verdict.Completeness != record.Proven {
			t.Fatalf("%+v, %v", got.verdict, got.err)
		}
		var all []string
		for _, r := range got.records {
			all = append(all, r.Value("employeeNumber").Text()+" "+r.Value(ldapdir.GroupsColumn).Text())
		}
		return strings.Join(all, ", ")
	}
	for want, groups := range map[string]ldapdir.Groups{
		"0 sales;support, 1 sales, 2 , 3 support": {By: ldapdir.MemberList, Tags: tag("sales", "support")},
		"0 , 1 , 2 , 3 ":          {By: ldapdir.MemberList, Tags: tag("nobody")},
		"0 all, 1 all, 2 all, 3 ": {By: ldapdir.MemberList, Tags: tag("all"), Depth: 1, Base: servers.Suffix},
	} {
		o.Groups = groups
		if got := groupsOf(o); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}

	// The uid may be a column, too, with a rule of its own for several values.
	o.Columns, o.Values = append(o.Columns, "UID"), map[string]ldapdir.Multi{"UID": {Way: ldapdir.First}}
	o.Groups = ldapdir.Groups{By: ldapdir.MemberList, Tags: tag("sales")}
	if got := groupsOf(o); got != "0 sales, 1 sales, 2 , 3 " {
		t.Error(got)
	}
}

// Whose uid isn't to be seen would lose a tag without a word.
func TestHiddenUIDs(t *testing.T) {
	p := serve(t, func(s *session, r request) {
		if r.base == "cn=group,dc=example" {
			s.entry(r.base, "memberUid", "ann")
			s.done(0, "")
			return
		}
		s.entry("uid=ann", "cn", "ann")
		s.page("")
	})
	o := p.asked("cn", ldapdir.GroupsColumn)
	o.Groups = ldapdir.Groups{By: ldapdir.MemberList, Tags: []ldapdir.GroupTag{{DN: "cn=group,dc=example", Tag: "all"}}}
	got := read(t, o)
	if got.verdict.Completeness.Usable() || got.verdict.Retryable {
		t.Errorf("%+v", got.verdict)
	}
	has(t, got.verdict.Reason, "no entry shows uid", "lose their tags")
}
