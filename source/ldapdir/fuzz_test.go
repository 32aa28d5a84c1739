package ldapdir

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"cubesync/sync/record"
)

// FuzzEntry decodes anything that an entry may say: two attributes, of which one has two values.
func FuzzEntry(f *testing.F) {
	for _, seed := range [][5]string{
		{"uid=ann,dc=example", "uid", "ann", "mail", "a@b"},
		{"", "objectGUID", "\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff", "objectSid", "\x01\x01\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00"},
		{"uid=a\xff", "UID", "a\x00", "userAccountControl", "514"},
		{"cn=group", "member;range=0-1", "a", "member;range=2-*", "b"},
		{"cn=group", "member;range=9223372036854775807-*", "a", "member;range=-1-2", "b"},
		{"cn=group", "member;binary", "a", "list;lang-de;range=0-1", "b"},
		{"uid=ann", "list", "<\">&", "joined", "a;b"},
		{"uid=ann", "objectSid", "\x01\xff345678", "jpegPhoto", ""},
		{"uid=ann", "pwdAccountLockedTime", "000001010000Z", "nsAccountLock", "tRuE"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4])
	}
	columns := []string{"uid", "mail", "objectGUID", "objectSid", "jpegPhoto", "member", "list", "joined", "first", DNColumn, DisabledColumn, GroupsColumn}
	o := &Options{Columns: columns, Key: "uid", LeaveOut: true, Values: map[string]Multi{
		"list": {Way: List}, "joined": {Way: Join, Separator: ";"}, "first": {Way: First},
	}}
	f.Fuzz(func(t *testing.T, dn, name, one, other, two string) {
		d, err := newDecoder(o)
		if err != nil {
			t.Fatal(err)
		}
		d.groups = &membership{groups: []GroupTag{{DN: dn, Tag: "tag"}}, tags: map[string][]int{}}
		d.groups.add(dn, 0)
		d.decode(&ldap.Entry{DN: dn, Attributes: []*ldap.EntryAttribute{
			{Name: name, Values: []string{one, two}, ByteValues: [][]byte{[]byte(one), []byte(two)}},
			{Name: other, Values: []string{two}, ByteValues: [][]byte{[]byte(two)}},
		}})
		switch {
		case len(d.ranged) > 0:
			for _, r := range d.ranged {
				if r.slot.attribute == nil || r.slot.from < 0 || !strings.Contains(r.Name, ";") {
					t.Fatalf("%q is taken for a range: %+v", r.Name, r.slot)
				}
			}
		case d.reject != nil:
			if d.reject.Position == "" || d.reject.Problem == "" || d.reject.Field == "" || !utf8.ValidString(d.reject.ExternalID) {
				t.Fatalf("%+v", d.reject)
			}
		default:
			check(t, d.record)
		}
	})
}

// check wants values that can be written into any file, and nothing absent.
func check(t *testing.T, r record.Record) {
	t.Helper()
	if r.Position == "" || !utf8.ValidString(string(r.Position)) {
		t.Fatalf("position %q", r.Position)
	}
	for _, name := range r.Columns().Names() {
		v := r.Value(name)
		bad := strings.IndexFunc(v.Text(), func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\r\n", r) })
		if v.IsAbsent() || !utf8.ValidString(v.Text()) || bad >= 0 {
			t.Fatalf("%s: %q", name, v.Text())
		}
	}
}
