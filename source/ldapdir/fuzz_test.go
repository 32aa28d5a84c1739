package ldapdir

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"cubesync/sync/record"
)

// FuzzEntry decodes anything that an entry may say: two attributes, of which one has two values. It is a record that says just
// that, a reject, or told to be given in ranges.
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
		{"uid=ann", "cn", "", "objectGUID", "\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff"},
		{"uid=ann", "cn", "", "objectSid", "\x01\x02\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00\x00\x02\x00\x00"},
		{"uid=ann", "joined", "b", "list", "<a>"},
		{"uid=ann", "list", "<\">&", "first", "z"},
		{"uid=ann", "first", "b", "jpegPhoto", "\xff\xd8"},
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
		d.groups = newMembership([]GroupTag{{DN: dn, Tag: "tag"}})
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
			nameOf, _, _ := strings.Cut(name, ";")
			otherOf, _, _ := strings.Cut(other, ";")
			if !strings.EqualFold(nameOf, otherOf) { // no server gives an attribute twice
				same(t, d.record, name, one, two)
				same(t, d.record, other, two)
			}
		}
	})
}

// same wants the record to say exactly these values of an attribute, so that they can be had back from its text.
func same(t *testing.T, r record.Record, name string, values ...string) {
	t.Helper()
	at := slices.IndexFunc(r.Columns().Names(), func(column string) bool { return strings.EqualFold(column, name) })
	if at < 0 {
		return // it isn't mapped
	}
	slices.Sort(values)
	column, text := r.Columns().Names()[at], r.At(at).Text()
	got, err := []string{text}, error(nil)
	switch column {
	case DNColumn, DisabledColumn, GroupsColumn:
		return // these are no attributes
	case "list":
		err = json.Unmarshal([]byte(text), &got)
	case "joined":
		got = strings.Split(text, ";")
	case "first":
		values = values[:1]
	case "objectGUID":
		var b []byte
		if b, err = hex.DecodeString(strings.ReplaceAll(text, "-", "")); len(b) == 16 {
			slices.Reverse(b[:4])
			slices.Reverse(b[4:6])
			slices.Reverse(b[6:8])
		}
		got[0] = string(b)
	case "objectSid":
		numbers := strings.Split(text, "-")[2:] // S-1-authority-…
		var authority, sub uint64
		authority, err = strconv.ParseUint(numbers[0], 10, 48)
		b := binary.BigEndian.AppendUint64(nil, authority)
		b[0], b[1] = 1, byte(len(numbers)-1)
		for _, number := range numbers[1:] {
			if sub, err = strconv.ParseUint(number, 10, 32); err != nil {
				break
			}
			b = binary.LittleEndian.AppendUint32(b, uint32(sub))
		}
		got[0] = string(b)
	case "jpegPhoto":
		var b []byte
		b, err = base64.StdEncoding.DecodeString(text)
		got[0] = string(b)
	}
	if err != nil || !slices.Equal(got, values) {
		t.Fatalf("%s: of %q became %q, which is %q (%v)", column, values, text, got, err)
	}
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
