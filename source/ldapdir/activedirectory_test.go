package ldapdir_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"cubesync/source/ldapdir"
	"cubesync/source/sourcetest"
	"cubesync/source/sourcetest/servers"
	"cubesync/sync/record"
)

// How many people and rows the domain has.
const (
	domainPeople = 1600
	domainRows   = 1000
)

var (
	// domain is the domain controller of all tests here, started by the first that needs it.
	domain = sync.OnceValues(func() (*servers.ActiveDirectory, error) {
		d, err := servers.StartActiveDirectory(writeDomain)
		running = d
		return d, err
	})
	running *servers.ActiveDirectory
)

func TestMain(m *testing.M) {
	code := m.Run()
	if running != nil {
		running.Stop()
	}
	os.Exit(code)
}

func inDomain(rdns string) string { return rdns + "," + servers.DomainSuffix }

// personName is somebody in the domain; every hundredth is disabled.
func personName(n int) string { return fmt.Sprintf("p%04d", n) }

func isDisabled(n int) bool { return n%100 == 0 }

// writeDomain writes people, of whom all are in Everybody, which is in Europe; what else is a person or a user for Active
// Directory; and the rows of the conformance suite.
func writeDomain(w io.Writer) error {
	ldif := bufio.NewWriter(w)
	entry := func(rdns string, lines ...string) {
		fmt.Fprintf(ldif, "dn: %s\n%s\n\n", inDomain(rdns), strings.Join(lines, "\n"))
	}
	for _, ou := range []string{"Staff", "Groups", "Rows"} {
		entry("OU="+ou, "objectClass: organizationalUnit")
	}
	everybody := []string{"objectClass: group", "sAMAccountName: Everybody"}
	for n := range domainPeople {
		flags := "544" // may be without a password
		if isDisabled(n) {
			flags = "546"
		}
		name := personName(n)
		entry("CN="+name+",OU=Staff", "objectClass: user", "sAMAccountName: "+name, "displayName:: "+base64.StdEncoding.EncodeToString([]byte("Zoë "+name)),
			"mail: "+name+"@example.com", "userAccountControl: "+flags, "thumbnailPhoto:: "+base64.StdEncoding.EncodeToString([]byte("\xff\xd8"+name)))
		everybody = append(everybody, "member: "+inDomain("CN="+name+",OU=Staff"))
	}
	entry("CN=Everybody,OU=Groups", everybody...)
	entry("CN=Europe,OU=Groups", "objectClass: group", "sAMAccountName: Europe", "member: "+inDomain("CN=Everybody,OU=Groups"))
	entry("CN=Night,OU=Groups", "objectClass: group", "sAMAccountName: Night", "member: "+inDomain("CN=p0001,OU=Staff"), "member: "+inDomain("CN=p0002,OU=Staff"))
	entry("CN=A supplier,OU=Staff", "objectClass: contact", "mail: supplier@example.com")
	entry("CN=PC1,OU=Staff", "objectClass: computer", "sAMAccountName: PC1$")
	for n := range domainRows {
		lines := []string{"objectClass: contact"}
		for i, value := range sourcetest.Crowd(n).Values {
			lines = append(lines, rowAttributes()[i]+": "+value.Text())
		}
		entry(fmt.Sprintf("CN=row-%d,OU=Rows", n), lines...)
	}
	return ldif.Flush()
}

func openDomain(t testing.TB) *servers.ActiveDirectory {
	t.Helper()
	d, err := domain()
	servers.Need(t, err)
	return d
}

// inStaff reads the people of the domain.
func inStaff(d *servers.ActiveDirectory, columns ...string) ldapdir.Options {
	return ldapdir.Options{
		URLs: []string{d.TLSURL}, TLS: ldapdir.TLS{Roots: d.CA.Pool()}, Bind: ldapdir.Bind{DN: servers.DomainReader, Password: servers.DomainPassword},
		Base: inDomain("OU=Staff"), Filter: "(&(objectCategory=person)(objectClass=user))", Columns: columns, Key: columns[0],
	}
}

// An identity, a state and a photo are what Samba's own tool says they are.
func TestActiveDirectory(t *testing.T) {
	d := openDomain(t)
	got := read(t, inStaff(d, "objectGUID", "objectSid", "sAMAccountName", "displayName", "thumbnailPhoto", ldapdir.DisabledColumn))
	keys := map[string]bool{}
	off := 0
	for _, r := range got.records {
		keys[r.Value("objectGUID").Text()] = true
		if r.Value(ldapdir.DisabledColumn).Text() == ldapdir.Disabled {
			off++
		}
		if name := r.Value("sAMAccountName").Text(); name == personName(100) || name == personName(7) {
			shown, err := d.Tool("user", "show", name, "--attributes=objectGUID,objectSid,displayName,thumbnailPhoto,userAccountControl")
			if err != nil {
				t.Fatal(err)
			}
			for attribute, column := range map[string]string{"objectGUID": "objectGUID", "objectSid": "objectSid", "thumbnailPhoto": "thumbnailPhoto"} {
				said := regexp.MustCompile("(?m)^" + attribute + "::? (.*)$").FindStringSubmatch(shown)
				if len(said) != 2 || said[1] != r.Value(column).Text() {
					t.Errorf("%s is %s, and Samba says %q", column, r.Value(column).Text(), said)
				}
			}
			if locked := strings.Contains(shown, "userAccountControl: 546"); locked != (r.Value(ldapdir.DisabledColumn).Text() == ldapdir.Disabled) || r.Value("displayName").Text() != "Zoë "+name {
				t.Errorf("%s is %s, and Samba says %s", name, r.Value(ldapdir.DisabledColumn).Text(), shown)
			}
		}
	}
	if len(keys) != domainPeople || len(got.records) != domainPeople || off != domainPeople/100 || got.verdict.Completeness != record.Proven {
		t.Errorf("%d records of %d people, of whom %d are disabled: %+v, %v", len(got.records), len(keys), off, got.verdict, got.err)
	}
}

// Where people fill the last page up, an empty one follows.
func TestActiveDirectoryPages(t *testing.T) {
	d := openDomain(t)
	for size, pages := range map[int]string{0: "4 pages", 1000: "2 pages", 160: "11 pages"} {
		o := inStaff(d, "sAMAccountName")
		o.PageSize, o.LeaveOut = size, true
		got := read(t, o)
		if len(got.records) != domainPeople-domainPeople/100 || got.verdict.Completeness != record.Proven {
			t.Errorf("%d records, %+v, %v", len(got.records), got.verdict, got.err)
		}
		has(t, got.verdict.Reason, pages+" with 1600 entries", "16 of 1600 entries disabled and left out")
	}

	// Below the root of a domain there are references to what is elsewhere.
	o := inStaff(d, "sAMAccountName")
	o.Base = servers.DomainSuffix
	has(t, read(t, o).verdict.Reason, "1 referral to other servers ignored")
}

// However it is found out who is in a group, a group in another is followed only where that is asked for.
func TestActiveDirectoryGroups(t *testing.T) {
	d := openDomain(t)
	tags := []ldapdir.GroupTag{
		{DN: inDomain("CN=Europe,OU=Groups"), Tag: "europe"}, {DN: inDomain("CN=Night,OU=Groups"), Tag: "night"},
		{DN: inDomain("CN=Domain Users,CN=Users"), Tag: "primary"}, // the primary group of all, in which nobody stands
	}
	for name, test := range map[string]struct {
		groups ldapdir.Groups
		europe int
	}{
		"in-chain": {ldapdir.Groups{By: ldapdir.InChain, Tags: tags}, domainPeople},
		"memberof": {ldapdir.Groups{By: ldapdir.MemberOf, Tags: tags}, 0},
		"member":   {ldapdir.Groups{By: ldapdir.MemberList, Tags: tags}, 0},
		"deep":     {ldapdir.Groups{By: ldapdir.MemberList, Tags: tags, Depth: 1, Base: inDomain("OU=Groups")}, domainPeople},
	} {
		t.Run(name, func(t *testing.T) {
			o := inStaff(d, "sAMAccountName", ldapdir.GroupsColumn)
			o.Groups = test.groups
			got := read(t, o)
			in := map[string]int{}
			for _, r := range got.records {
				for tag := range strings.SplitSeq(r.Value(ldapdir.GroupsColumn).Text(), ldapdir.GroupSeparator) {
					in[tag]++
				}
			}
			if in["europe"] != test.europe || in["night"] != 2 || in["primary"] != 0 || got.verdict.Completeness != record.Proven {
				t.Errorf("%v, %+v, %v", in, got.verdict, got.err)
			}
		})
	}
}

// More members than Active Directory sends of an attribute at once, as the values of a column and as a group.
func TestActiveDirectoryRanges(t *testing.T) {
	d := openDomain(t)
	for name, url := range map[string]string{"all-at-once": d.TLSURL, "in-ranges": capped(t, d)} {
		t.Run(name, func(t *testing.T) {
			o := inStaff(d, "sAMAccountName", "member")
			o.URLs, o.Plain = []string{url}, true
			o.Base, o.Scope, o.Filter = inDomain("CN=Everybody,OU=Groups"), ldapdir.Base, "(objectClass=group)"
			o.Values = map[string]ldapdir.Multi{"member": {Way: ldapdir.Join, Separator: ";"}}
			got := read(t, o)
			if len(got.records) != 1 {
				t.Fatalf("%+v, %v", got.verdict, got.err)
			}
			members := strings.Split(got.records[0].Value("member").Text(), ";")
			if len(members) != domainPeople || members[0] != inDomain("CN=p0000,OU=Staff") || members[domainPeople-1] != inDomain("CN=p1599,OU=Staff") {
				t.Errorf("%d members, from %s to %s", len(members), members[0], members[len(members)-1])
			}

			o = inStaff(d, "sAMAccountName", ldapdir.GroupsColumn)
			o.URLs, o.Plain = []string{url}, true
			o.Groups = ldapdir.Groups{By: ldapdir.MemberList, Tags: []ldapdir.GroupTag{{DN: inDomain("CN=Everybody,OU=Groups"), Tag: "all"}}}
			in := 0
			for _, r := range read(t, o).records {
				if r.Value(ldapdir.GroupsColumn).Text() == "all" {
					in++
				}
			}
			if in != domainPeople {
				t.Errorf("%d are in the group, want %d", in, domainPeople)
			}
		})
	}
}

// capped stands before the domain controller and has it send no more than 1,500 members at once, as Active Directory does by itself.
func capped(t *testing.T, d *servers.ActiveDirectory) (url string) {
	t.Helper()
	return "ldap://" + servers.Serve(t, func(near net.Conn) { capRequests(d, near) })
}

func capRequests(d *servers.ActiveDirectory, near net.Conn) {
	far, err := tls.Dial("tcp", strings.TrimPrefix(d.TLSURL, "ldaps://")+":636", &tls.Config{RootCAs: d.CA.Pool()})
	if err != nil {
		return
	}
	defer func() { _ = far.Close() }()
	go func() {
		_, _ = io.Copy(near, far) // until one of them ends
		_ = near.Close()
	}()
	for {
		message, err := ber.ReadPacket(near)
		if err != nil {
			return
		}
		if request := message.Children[1]; request.Tag == ldap.ApplicationSearchRequest {
			names := request.Children[7].Children
			for i := range names {
				if names[i].Data.String() == "member" {
					names[i] = text("member;range=0-1499")
				}
			}
		}
		if _, err := far.Write(encoded(message).Bytes()); err != nil {
			return
		}
	}
}

// encoded is a message whose parts were changed.
func encoded(p *ber.Packet) *ber.Packet {
	if len(p.Children) == 0 {
		return p
	}
	whole := ber.Encode(p.ClassType, p.TagType, p.Tag, nil, "")
	for _, part := range p.Children {
		whole.AppendChild(encoded(part))
	}
	return whole
}

func TestActiveDirectorySignIn(t *testing.T) {
	d := openDomain(t)
	for name, test := range map[string]struct {
		change func(o *ldapdir.Options)
		says   []string // none: it is read
	}{
		"starttls":       {func(o *ldapdir.Options) { o.URLs, o.StartTLS = []string{d.URL}, true }, nil},
		"by-dn":          {func(o *ldapdir.Options) { o.Bind.DN = inDomain("CN=reader,CN=Users") }, nil},
		"by-domain":      {func(o *ldapdir.Options) { o.Bind.DN = `CORP\reader` }, nil},
		"wrong-password": {func(o *ldapdir.Options) { o.Bind.Password = "no" }, []string{"(49)", "data 52e", "check bind.dn and bind.password"}},
		"nobody":         {func(o *ldapdir.Options) { o.Bind.DN = "nobody@corp.example.com" }, []string{"(49)"}},
		"unencrypted":    {func(o *ldapdir.Options) { o.URLs, o.Plain = []string{d.URL}, true }, []string{"(8)", "an encrypted connection"}},
		"unknown-ca":     {func(o *ldapdir.Options) { o.TLS.Roots = nil }, []string{"ca_file"}},
		"anonymous":      {func(o *ldapdir.Options) { o.Bind = ldapdir.Bind{Anonymous: true} }, []string{"(1)", "who hasn't signed in"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := inStaff(d, "sAMAccountName")
			test.change(&o)
			got := read(t, o)
			said := got.verdict.Reason
			if got.err != nil {
				said += got.err.Error()
			}
			if got.verdict.Completeness.Usable() != (test.says == nil) || strings.Contains(said, servers.DomainPassword) {
				t.Errorf("%+v, %v", got.verdict, got.err)
			}
			has(t, said, test.says...)
		})
	}
}

// rowAttributes are those that a contact has for the suite's columns: with several values, and of any length.
func rowAttributes() []string { return []string{"otherMailbox", "url", "otherIpPhone"} }

// renamed is a source whose columns have the names of the suite's.
type renamed struct{ record.Source }

func (r renamed) Open(ctx context.Context) (record.Reader, error) {
	reader, err := r.Source.Open(ctx)
	if err != nil {
		return nil, err
	}
	columns, err := record.NewColumns(sourcetest.Columns())
	return renamedReader{reader, columns}, err
}

type renamedReader struct {
	record.Reader
	columns *record.Columns
}

func (r renamedReader) Columns() *record.Columns { return r.columns }

func (r renamedReader) Next(ctx context.Context) (record.Record, error) {
	next, err := r.Reader.Next(ctx)
	if err != nil {
		return next, err
	}
	var values []record.Value
	for i := range sourcetest.Columns() {
		values = append(values, next.At(i))
	}
	return record.New(next.Position, r.columns, values), nil
}

func TestActiveDirectoryConformance(t *testing.T) {
	d := openDomain(t)
	at := func(base string) ldapdir.Options {
		o := inStaff(d, rowAttributes()...)
		o.Base, o.Filter = base, "(objectClass=contact)"
		return o
	}
	folders := 0
	hold := func(rows []sourcetest.Row) (ldapdir.Options, error) {
		if len(rows) > 100 {
			return at(inDomain("OU=Rows")), nil
		}
		folders++
		base := inDomain(fmt.Sprintf("OU=%d", folders))
		o := at(base)
		o.PageSize = 3
		return o, fillDomain(d, base, rows)
	}
	made := func(o ldapdir.Options, err error) (record.Source, error) {
		if err != nil {
			return nil, err
		}
		s, err := ldapdir.New(o)
		return renamed{s}, err
	}
	var whole ldapdir.Options // of the rows that are cut
	bytes := 0                // that the server sends
	sourcetest.Run(t, sourcetest.Kind{
		Hold:    func(_ context.Context, rows []sourcetest.Row) (record.Source, error) { return made(hold(rows)) },
		Best:    record.Proven,
		NoEmpty: true,
		Many:    func(context.Context) (record.Source, error) { return made(at(inDomain("OU=Rows")), nil) },
		Size:    domainRows,
		// Through TLS, and at some places only: each takes a handshake.
		Cut: func(_ context.Context, rows []sourcetest.Row, place int) (record.Source, bool, error) {
			const step = 23
			through := func(most int64) (*cutter, ldapdir.Options) {
				c := newCutter(t, strings.TrimPrefix(d.TLSURL, "ldaps://")+":636", most)
				o := whole
				o.URLs = []string{"ldaps" + strings.TrimPrefix(c.url, "ldap")}
				return c, o
			}
			if place == 0 {
				var err error
				if whole, err = hold(rows); err != nil {
					return nil, false, err
				}
				c, o := through(1 << 20)
				if got := read(t, o); got.verdict.Completeness != record.Proven {
					t.Fatalf("uncut: %+v, %v", got.verdict, got.err)
				}
				bytes = int(c.sent.Load())
			}
			if place*step >= bytes {
				return nil, false, nil
			}
			_, o := through(int64(place * step))
			s, err := made(o, nil)
			return s, true, err
		},
	})
}

// fillDomain adds a folder with these rows.
func fillDomain(d *servers.ActiveDirectory, base string, rows []sourcetest.Row) error {
	conn, err := ldap.DialURL(d.TLSURL, ldap.DialWithTLSConfig(&tls.Config{RootCAs: d.CA.Pool()}))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Bind(servers.DomainAdmin, servers.DomainPassword); err != nil {
		return err
	}
	return addRows(conn, base, "contact", rowAttributes(), rows)
}
