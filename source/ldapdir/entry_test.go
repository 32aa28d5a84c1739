package ldapdir_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/source/ldapdir"
	"cubesync/sync/record"
)

// entryOf reads one entry of these attributes: name, value, name, value…
func entryOf(t *testing.T, change func(o *ldapdir.Options), dn string, pairs ...string) result {
	t.Helper()
	p := serve(t, func(s *session, _ request) {
		s.entry(dn, pairs...)
		s.page("")
	})
	o := p.asked("uid")
	if change != nil {
		change(&o)
	}
	got := read(t, o)
	if got.err != nil || got.verdict.Completeness != record.Proven {
		t.Fatalf("%+v, %v", got.verdict, got.err)
	}
	return got
}

// shows writes what a record has in its columns.
func shows(r record.Record) string {
	var out []string
	for _, name := range r.Columns().Names() {
		switch v := r.Value(name); {
		case v.IsAbsent():
			out = append(out, name+" absent")
		case v.IsNull():
			out = append(out, name+" null")
		default:
			out = append(out, fmt.Sprintf("%s %q", name, v.Text()))
		}
	}
	return strings.Join(out, ", ")
}

func TestEntries(t *testing.T) {
	const dn = "uid=ann,dc=example"
	columns := func(names ...string) func(o *ldapdir.Options) {
		return func(o *ldapdir.Options) { o.Columns = names }
	}
	values := func(how ldapdir.Multi, names ...string) func(o *ldapdir.Options) {
		return func(o *ldapdir.Options) {
			o.Columns, o.Values = names, map[string]ldapdir.Multi{"MAIL": how}
		}
	}
	guid := "\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff"
	sid := "\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00\xdc\xf4\xdc\x3b\x83\x3d\x2b\x46\x82\x8b\xa6\x28\x00\x02\x00\x00"
	for name, test := range map[string]struct {
		options func(o *ldapdir.Options)
		pairs   []string
		want    string
	}{
		"text":           {columns("uid", "cn"), []string{"uid", "ann", "cn", "Ann Müller 王"}, `uid "ann", cn "Ann Müller 王"`},
		"letter-case":    {columns("UID", "cn"), []string{"uid", "ann", "CN", "Ann"}, `UID "ann", cn "Ann"`},
		"one-twice":      {columns("uid", "mail", "Mail"), []string{"uid", "ann", "mail", "a@b"}, `uid "ann", mail "a@b", Mail "a@b"`},
		"lacking":        {columns("uid", "mail"), []string{"uid", "ann"}, `uid "ann", mail null`},
		"empty":          {columns("uid", "mail"), []string{"uid", "ann", "mail", ""}, `uid "ann", mail ""`},
		"subtypes":       {columns("uid", "name"), []string{"uid", "ann", "cn", "Ann", "name;lang-de", "Änn"}, `uid "ann", name null`},
		"a-subtype":      {columns("uid", "cn;lang-de"), []string{"uid", "ann", "cn", "Ann", "cn;lang-de", "Änn"}, `uid "ann", cn;lang-de "Änn"`},
		"dn":             {columns("uid", "dn"), []string{"uid", "ann"}, `uid "ann", dn "uid=ann,dc=example"`},
		"guid":           {columns("objectGUID"), []string{"objectGUID", guid}, `objectGUID "00112233-4455-6677-8899-aabbccddeeff"`},
		"sid":            {columns("objectSid"), []string{"objectSid", sid}, `objectSid "S-1-5-21-1004336348-1177238915-682003330-512"`},
		"entryUUID":      {columns("entryUUID"), []string{"entryUUID", "00112233-4455-6677-8899-aabbccddeeff"}, `entryUUID "00112233-4455-6677-8899-aabbccddeeff"`},
		"nsUniqueId":     {columns("nsUniqueId"), []string{"nsUniqueId", "66446001-1dd211b2-66225011-2ee211db"}, `nsUniqueId "66446001-1dd211b2-66225011-2ee211db"`},
		"photo":          {columns("uid", "jpegPhoto"), []string{"uid", "ann", "jpegPhoto", "\xff\xd8\xff\x00"}, `uid "ann", jpegPhoto "/9j/AA=="`},
		"first":          {values(ldapdir.Multi{Way: ldapdir.First}, "uid", "mail"), []string{"uid", "ann", "mail", "c@d", "mail", "a@b"}, `uid "ann", mail "a@b"`},
		"join":           {values(ldapdir.Multi{Way: ldapdir.Join, Separator: "; "}, "uid", "mail"), []string{"uid", "ann", "mail", "c@d", "mail", "a@b"}, `uid "ann", mail "a@b; c@d"`},
		"join-of-one":    {values(ldapdir.Multi{Way: ldapdir.Join, Separator: ";"}, "uid", "mail"), []string{"uid", "ann", "mail", "c@d"}, `uid "ann", mail "c@d"`},
		"list":           {values(ldapdir.Multi{Way: ldapdir.List}, "uid", "mail"), []string{"uid", "ann", "mail", "<c>&\"d\"", "mail", "a@b"}, `uid "ann", mail "[\"<c>&\\\"d\\\"\",\"a@b\"]"`},
		"list-of-one":    {values(ldapdir.Multi{Way: ldapdir.List}, "uid", "mail"), []string{"uid", "ann", "mail", "a@b"}, `uid "ann", mail "[\"a@b\"]"`},
		"list-of-none":   {values(ldapdir.Multi{Way: ldapdir.List}, "uid", "mail"), []string{"uid", "ann"}, `uid "ann", mail null`},
		"not-asked-for":  {columns("uid"), []string{"uid", "ann", "sn", "a", "sn", "\xff"}, `uid "ann"`},
		"enabled":        {columns("uid", "disabled"), []string{"uid", "ann", "userAccountControl", "512"}, `uid "ann", disabled null`},
		"disabled":       {columns("uid", "disabled"), []string{"uid", "ann", "userAccountControl", "514"}, `uid "ann", disabled "disabled"`},
		"negative-flags": {columns("uid", "disabled"), []string{"uid", "ann", "userAccountControl", "-2147483134"}, `uid "ann", disabled "disabled"`},
		"locked":         {columns("uid", "disabled"), []string{"uid", "ann", "nsAccountLock", "true"}, `uid "ann", disabled "disabled"`},
		"not-locked":     {columns("uid", "disabled"), []string{"uid", "ann", "nsAccountLock", "FALSE"}, `uid "ann", disabled null`},
		"for-good":       {columns("uid", "disabled"), []string{"uid", "ann", "pwdAccountLockedTime", "000001010000Z"}, `uid "ann", disabled "disabled"`},
		"for-a-while":    {columns("uid", "disabled"), []string{"uid", "ann", "pwdAccountLockedTime", "20261123060000Z"}, `uid "ann", disabled null`},
		"state-as-text":  {columns("uid", "userAccountControl", "disabled"), []string{"uid", "ann", "userAccountControl", "514"}, `uid "ann", userAccountControl "514", disabled "disabled"`},
		"unasked-state":  {columns("uid"), []string{"uid", "ann", "userAccountControl", "514"}, `uid "ann"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := entryOf(t, test.options, dn, test.pairs...)
			if len(got.records) != 1 || shows(got.records[0]) != test.want || string(got.records[0].Position) != dn {
				t.Errorf("read %v, %+v, want %s", got.records, got.rejects, test.want)
			}
		})
	}
}

func TestBadEntries(t *testing.T) {
	const dn = "uid=ann,dc=example"
	for name, test := range map[string]struct {
		dn     string
		how    ldapdir.Multi
		column string
		pairs  []string
		key    string
		field  string
		says   string
	}{
		"several":        {pairs: []string{"uid", "ann", "mail", "a@b", "mail", "c@d"}, key: "ann", field: "mail", says: "it has 2 values: say under source.ldap.values"},
		"several-keys":   {pairs: []string{"uid", "ann", "uid", "bob"}, field: "uid", says: "2 values"},
		"not-utf-8":      {pairs: []string{"mail", "a\xff", "uid", " ann "}, key: "ann", field: "mail", says: "byte 0xff at byte 2 of the value isn't UTF-8"},
		"zero":           {pairs: []string{"uid", "ann", "mail", "a\x00"}, key: "ann", field: "mail", says: "control character U+0000 at byte 2"},
		"bad-key":        {pairs: []string{"uid", "ann\x00", "mail", "a@b"}, field: "uid", says: "U+0000"},
		"both":           {pairs: []string{"uid", "ann\x00", "mail", "a\x00"}, field: "uid", says: "U+0000"},
		"separator":      {how: ldapdir.Multi{Way: ldapdir.Join, Separator: ";"}, pairs: []string{"uid", "ann", "mail", "a;b", "mail", "c"}, key: "ann", field: "mail", says: `has ";" in it`},
		"separator-once": {how: ldapdir.Multi{Way: ldapdir.Join, Separator: ";"}, pairs: []string{"uid", "ann", "mail", "a;b"}, key: "ann", field: "mail", says: `has ";" in it`},
		"bad-in-a-list":  {how: ldapdir.Multi{Way: ldapdir.List}, pairs: []string{"uid", "ann", "mail", "a", "mail", "\xff"}, key: "ann", field: "mail", says: "0xff"},
		"state":          {column: "disabled", pairs: []string{"uid", "ann", "userAccountControl", "normal"}, key: "ann", field: "userAccountControl", says: `"normal" is not a number`},
		"guid":           {column: "objectGUID", pairs: []string{"uid", "ann", "objectGUID", "short"}, key: "ann", field: "objectGUID", says: "it has 5 bytes"},
		"sid":            {column: "objectSid", pairs: []string{"uid", "ann", "objectSid", "\x01\x02345678"}, key: "ann", field: "objectSid", says: "aren't a security identifier"},
		"dn":             {dn: "uid=a\xff", column: "dn", pairs: []string{"uid", "ann"}, key: "ann", field: "dn", says: "0xff"},
	} {
		t.Run(name, func(t *testing.T) {
			at := dn
			if test.dn != "" {
				at = test.dn
			}
			got := entryOf(t, func(o *ldapdir.Options) {
				o.Columns = []string{"uid", "mail"}
				if test.column != "" {
					o.Columns = append(o.Columns, test.column)
				}
				o.Values = map[string]ldapdir.Multi{"mail": test.how}
			}, at, test.pairs...)
			if len(got.rejects) != 1 || len(got.records) != 0 {
				t.Fatalf("read %v, %v", got.records, got.rejects)
			}
			r := got.rejects[0]
			if r.ExternalID != test.key || r.Field != test.field || string(r.Position) != strings.ToValidUTF8(at, "\uFFFD") || !strings.Contains(r.Problem, test.says) {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestDisabledAreLeftOut(t *testing.T) {
	p := serve(t, func(s *session, _ request) {
		s.entry("uid=a", "uid", "a", "userAccountControl", "514")
		s.entry("uid=b", "uid", "b", "userAccountControl", "512")
		s.entry("uid=c", "uid", "c\xff", "userAccountControl", "514")
		s.entry("uid=d", "uid", "d")
		s.page("")
	})
	o := p.asked("uid")
	o.LeaveOut = true
	got := read(t, o)
	// Nobody knows what is wrong with a record that can't be read: it is rejected and not left out.
	if len(got.records) != 2 || len(got.rejects) != 1 || got.verdict.Records != 2 {
		t.Errorf("%v, %v, %+v", got.records, got.rejects, got.verdict)
	}
	has(t, got.verdict.Reason, "1 page with 4 entries", "1 of 4 entries disabled and left out")
	if got.verdict.Note != "1 of 4 entries disabled and left out" {
		t.Errorf("it says %q", got.verdict.Note)
	}
}

// rangesOf answers as Active Directory does: at most five values of member at once.
func rangesOf(many int) func(s *session, r request) {
	return func(s *session, r request) {
		from := 0
		for _, a := range r.attributes {
			if rest, ranged := strings.CutPrefix(a, "member;range="); ranged {
				begin, _, _ := strings.Cut(rest, "-")
				from, _ = strconv.Atoi(begin)
			}
		}
		to, last := from+5, false
		if to >= many {
			to, last = many, true
		}
		name := fmt.Sprintf("member;range=%d-%d", from, to-1)
		if last {
			name = fmt.Sprintf("member;range=%d-*", from)
		}
		pairs := []string{"uid", "group"}
		for n := from; n < to; n++ {
			pairs = append(pairs, name, fmt.Sprintf("m%02d", n))
		}
		s.entry("cn=group,dc=example", pairs...)
		if r.paging != nil {
			s.entry("cn=other,dc=example", "uid", "other")
			s.page("")
		} else {
			s.done(0, "")
		}
	}
}

func TestRanges(t *testing.T) {
	for _, many := range []int{3, 5, 6, 10, 23} {
		p := serve(t, rangesOf(many))
		o := p.asked("uid", "member")
		o.Values = map[string]ldapdir.Multi{"member": {Way: ldapdir.Join, Separator: " "}}
		got := read(t, o)
		if len(got.records) != 2 || got.verdict.Completeness != record.Proven {
			t.Fatalf("%d: %+v, %v", many, got, got.err)
		}
		var want []string
		for n := range many {
			want = append(want, fmt.Sprintf("m%02d", n))
		}
		if diff := cmp.Diff(strings.Fields(got.records[0].Value("member").Text()), want); diff != "" || got.records[1].Value("uid").Text() != "other" {
			t.Errorf("%d values (-got +want)\n%s", many, diff)
		}
	}
}

// Values that can't be had reject their record; an answer that doesn't come ends the read.
func TestRangesThatBreak(t *testing.T) {
	for name, test := range map[string]struct {
		more   func(s *session, r request)
		reject string
		says   string
	}{
		"moved": {func(s *session, _ request) {
			s.entry("cn=group", "member;range=4-*", "m4")
			s.done(0, "")
		}, "its values after the first 5 can't be had", ""},
		"empty": {func(s *session, _ request) {
			s.entry("cn=group", "uid", "group")
			s.done(0, "")
		}, "its values after the first 5 can't be had", ""},
		"gone":     {func(s *session, _ request) { s.done(32, "") }, "the entry is gone", ""},
		"busy":     {func(s *session, _ request) { s.done(51, "") }, "", "(51)"},
		"hung up":  {func(s *session, _ request) { _ = s.conn.Close() }, "", "the connection was lost"},
		"not said": {func(*session, request) {}, "", "sent nothing more"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			p := serve(t, func(s *session, r request) {
				if r.paging != nil {
					rangesOf(7)(s, r)
					return
				}
				test.more(s, r)
			})
			o := p.asked("uid", "member")
			o.Values = map[string]ldapdir.Multi{"member": {Way: ldapdir.List}}
			if name == "not said" {
				o.ReplyTimeout = 500 * time.Millisecond
			}
			got := read(t, o)
			if test.reject != "" {
				if len(got.rejects) != 1 || got.rejects[0].ExternalID != "group" || got.rejects[0].Field != "member" || !got.verdict.Completeness.Usable() {
					t.Fatalf("%+v, %v", got, got.err)
				}
				has(t, got.rejects[0].Problem, test.reject)
				return
			}
			if got.verdict.Completeness.Usable() || !got.verdict.Retryable {
				t.Errorf("%+v", got.verdict)
			}
			has(t, got.verdict.Reason, test.says)
		})
	}
	p := serve(t, func(s *session, _ request) {
		s.entry("cn=group", "uid", "group", "member;range=1-*", "m1")
		s.page("")
	})
	if got := read(t, p.asked("uid", "member")); len(got.rejects) != 1 {
		t.Errorf("a range that doesn't begin with the first value: %+v", got)
	}
}

// A disabled account is left out, also where its attributes come in ranges.
func TestRangesOfDisabled(t *testing.T) {
	p := serve(t, func(s *session, r request) {
		if r.paging == nil {
			rangesOf(7)(s, r)
			return
		}
		for _, name := range []string{"a", "b", "c"} {
			flags := map[string]string{"a": "514", "b": "514", "c": "512"}[name]
			s.entry("cn="+name, "uid", name, "userAccountControl", flags, "member;range=0-4", "1", "member;range=0-4", "2", "member;range=0-4", "3", "member;range=0-4", "4", "member;range=0-4", "5")
		}
		s.page("")
	})
	o := p.asked("uid", "member")
	o.LeaveOut, o.Values = true, map[string]ldapdir.Multi{"member": {Way: ldapdir.First}}
	got := read(t, o)
	if len(got.records) != 1 || got.records[0].Value("uid").Text() != "c" || got.records[0].Value("member").Text() != "1" {
		t.Errorf("%+v", got)
	}
	has(t, got.verdict.Reason, "2 of 3 entries disabled")
}

func TestGroups(t *testing.T) {
	directory := map[string][]string{ // group → members
		"cn=sales,ou=groups":     {"uid=ANN, ou=People", "cn=export,ou=groups"},
		"cn=export,ou=groups":    {"uid=bob,ou=people", "cn=far,ou=groups", "cn=sales,ou=groups"},
		"cn=far,ou=groups":       {"uid=cid,ou=people"},
		`cn=a\2c (b)*,ou=groups`: {"uid=cid,ou=people"},
		"cn=none":                {},
	}
	search := func(s *session, r request) {
		members, group := directory[r.base]
		switch {
		case group:
			var pairs []string
			for _, m := range members {
				pairs = append(pairs, "member", m)
			}
			s.entry(r.base, pairs...)
			s.done(0, "")
		case r.base == "ou=groups":
			for dn := range directory {
				s.entry(strings.ToUpper(dn))
			}
			s.page("")
		case strings.Contains(r.filter, "memberOf"):
			if strings.Contains(r.filter, `cn=sales,ou=groups`) || strings.Contains(r.filter, `cn=a\5c2c \28b\29\2a,ou=groups`) {
				s.entry("uid=ann,ou=people")
			}
			s.page("")
		case r.base == "ou=people":
			for _, uid := range []string{"ann", "bob", "cid", "dan"} {
				s.entry("uid="+uid+",ou=people", "uid", uid)
			}
			s.page("")
		default:
			s.done(32, "")
		}
	}
	tags := []ldapdir.GroupTag{{DN: "cn=sales,ou=groups", Tag: "Sales"}, {DN: `cn=a\2c (b)*,ou=groups`, Tag: "AB"}}
	for name, test := range map[string]struct {
		groups ldapdir.Groups
		want   string
		filter string
	}{
		"direct":    {ldapdir.Groups{By: ldapdir.MemberList, Tags: tags}, "ann Sales, bob, cid AB, dan", ""},
		"one-deep":  {ldapdir.Groups{By: ldapdir.MemberList, Tags: tags, Depth: 1, Base: "ou=groups"}, "ann Sales, bob Sales, cid AB, dan", ""},
		"two-deep":  {ldapdir.Groups{By: ldapdir.MemberList, Tags: tags, Depth: 2, Base: "ou=groups"}, "ann Sales, bob Sales, cid Sales;AB, dan", ""},
		"memberof":  {ldapdir.Groups{By: ldapdir.MemberOf, Tags: tags}, "ann Sales;AB, bob, cid, dan", "(&(objectClass=user)(memberOf="},
		"in-chain":  {ldapdir.Groups{By: ldapdir.InChain, Tags: tags}, "ann Sales;AB, bob, cid, dan", "(memberOf:1.2.840.113556.1.4.1941:="},
		"same-tag":  {ldapdir.Groups{By: ldapdir.MemberOf, Tags: []ldapdir.GroupTag{tags[0], {DN: tags[1].DN, Tag: "Sales"}}}, "ann Sales, bob, cid, dan", ""},
		"nobody-in": {ldapdir.Groups{By: ldapdir.MemberOf, Tags: []ldapdir.GroupTag{{DN: "cn=none", Tag: "None"}}}, "ann, bob, cid, dan", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t, search)
			o := p.asked("uid", ldapdir.GroupsColumn)
			o.Base, o.Groups = "ou=people", test.groups
			got := read(t, o)
			var all []string
			for _, r := range got.records {
				all = append(all, strings.TrimSpace(r.Value("uid").Text()+" "+r.Value(ldapdir.GroupsColumn).Text()))
			}
			if joined := strings.Join(all, ", "); joined != test.want || got.verdict.Completeness != record.Proven {
				t.Errorf("%s, want %s; %+v", joined, test.want, got.verdict)
			}
			asked := func(r request) bool { return strings.Contains(r.filter, test.filter) }
			if !slices.ContainsFunc(p.searches(), asked) {
				t.Errorf("asked %+v", p.searches())
			}
		})
	}

	// A group that can't be read would take a tag from all its members.
	p := serve(t, search)
	o := p.asked("uid", ldapdir.GroupsColumn)
	for _, by := range []ldapdir.Membership{ldapdir.MemberList, ldapdir.MemberOf, ldapdir.InChain} {
		o.Base, o.Groups = "ou=people", ldapdir.Groups{By: by, Tags: []ldapdir.GroupTag{{DN: "cn=gone,ou=groups", Tag: "gone"}}}
		got := read(t, o)
		if got.verdict.Completeness.Usable() || got.verdict.Retryable {
			t.Errorf("%s: %+v", by, got.verdict)
		}
		has(t, got.verdict.Reason, "there is no group cn=gone,ou=groups", "lose the tag gone")
	}

	// Where there is no base, that is what is said, and not that its groups are gone.
	p = serve(t, func(s *session, _ request) { s.done(32, "") })
	o = p.asked("uid", ldapdir.GroupsColumn)
	o.Groups = ldapdir.Groups{By: ldapdir.InChain, Tags: tags}
	has(t, read(t, o).verdict.Reason, "there is no such base")
}

// Whose entry says that they are in a group is in it, even where its own entry is hidden from the account that reads.
func TestGroupsThatAreHidden(t *testing.T) {
	p := serve(t, func(s *session, r request) {
		if r.base == "cn=sales" {
			s.done(32, "")
			return
		}
		s.entry("uid=ann", "uid", "ann")
		s.page("")
	})
	o := p.asked("uid", ldapdir.GroupsColumn, "roomNumber")
	o.Groups = ldapdir.Groups{By: ldapdir.MemberOf, Tags: []ldapdir.GroupTag{{DN: "cn=sales", Tag: "Sales"}}}
	got := read(t, o)
	if len(got.records) != 1 || got.records[0].Value(ldapdir.GroupsColumn).Text() != "Sales" {
		t.Errorf("%+v", got)
	}
	has(t, got.verdict.Note, "no entry shows roomNumber: check the spelling")
}

// Active Directory sends large groups in ranges.
func TestLargeGroup(t *testing.T) {
	p := serve(t, func(s *session, r request) {
		if r.base == "cn=group,dc=example" {
			rangesOf(23)(s, r)
			return
		}
		for n := range 30 {
			s.entry(fmt.Sprintf("m%02d", n), "uid", fmt.Sprintf("%d", n))
		}
		s.page("")
	})
	o := p.asked("uid", ldapdir.GroupsColumn)
	o.Groups = ldapdir.Groups{By: ldapdir.MemberList, Tags: []ldapdir.GroupTag{{DN: "cn=group,dc=example", Tag: "all"}}}
	in := 0
	for _, r := range read(t, o).records {
		if r.Value(ldapdir.GroupsColumn).Text() == "all" {
			in++
		}
	}
	if in != 23 {
		t.Errorf("%d are in the group, want 23", in)
	}
}

func TestNew(t *testing.T) {
	good := func() ldapdir.Options {
		return ldapdir.Options{URLs: []string{"ldaps://a"}, Bind: ldapdir.Bind{Anonymous: true}, Base: "dc=a", Filter: "(a=b)", Columns: []string{"uid"}}
	}
	if _, err := ldapdir.New(good()); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(o *ldapdir.Options){
		"no server":          func(o *ldapdir.Options) { o.URLs = nil },
		"isn't encrypted":    func(o *ldapdir.Options) { o.URLs = []string{"ldap://a"} },
		"not a filter":       func(o *ldapdir.Options) { o.Filter = "(a=b" },
		"distinguished name": func(o *ldapdir.Options) { o.Base = "a" },
		"unknown scope":      func(o *ldapdir.Options) { o.Scope = "all" },
		"stands twice":       func(o *ldapdir.Options) { o.Columns = []string{"uid", "uid"} },
		"isn't mapped":       func(o *ldapdir.Options) { o.Values = map[string]ldapdir.Multi{"mail": {Way: ldapdir.First}} },
	} {
		o := good()
		change(&o)
		if _, err := ldapdir.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
