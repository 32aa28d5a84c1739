package ldapdir_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"cubesync/source/ldapdir"
	"cubesync/sync/record"
)

// persons sends so many entries, numbered from a number on.
func persons(s *session, from, many int) {
	for n := from; n < from+many; n++ {
		s.entry(fmt.Sprintf("uid=u%d,dc=example", n), "uid", fmt.Sprintf("u%d", n))
	}
}

// A read is proven only by the control on every page, an empty last cookie, and no result code but 0.
func TestWhole(t *testing.T) {
	mid := func(code uint16) func(s *session, r request) {
		return func(s *session, r request) {
			persons(s, 10*r.number, 3)
			if r.number == 0 {
				s.page("next")
			} else {
				s.done(code, "diagnostics of the server")
			}
		}
	}
	for name, test := range map[string]struct {
		search func(s *session, r request)
		proven bool
		retry  bool
		says   []string
	}{
		"two pages": {func(s *session, r request) {
			persons(s, 10*r.number, 3)
			s.page(map[int]string{0: "next"}[r.number])
		}, true, false, []string{"attests the end of 2 pages with 6 entries"}},
		"time limit":           {mid(3), false, false, []string{"(3): diagnostics of the server", "time limit", "after 1 page and 6 entries"}},
		"size limit":           {mid(4), false, false, []string{"(4)", "size=unlimited"}},
		"administrative limit": {mid(11), false, false, []string{"(11)", "nsLookThroughLimit"}},
		"busy":                 {mid(51), false, true, []string{"(51)", "too much to do"}},
		"unavailable":          {mid(52), false, true, []string{"(52)", "going down"}},
		"unwilling":            {mid(53), false, true, []string{"(53)", "forgotten where it was"}},
		"other":                {mid(80), false, true, []string{"(80)", "see its log"}},
		"no such base":         {func(s *session, _ request) { s.done(32, "") }, false, false, []string{"(32)", "no such base"}},
		"may not":              {func(s *session, _ request) { s.done(50, "") }, false, false, []string{"(50)", "may not search"}},
		"nobody signed in":     {func(s *session, _ request) { s.done(1, "") }, false, false, []string{"(1)", "see bind"}},
		"elsewhere":            {func(s *session, _ request) { s.done(10, "") }, false, false, []string{"(10)", "another server"}},
		"can't page":           {func(s *session, _ request) { s.done(12, "") }, false, false, []string{"(12)", "can't page"}},
		"unwilling at once":    {func(s *session, _ request) { s.done(53, "") }, false, false, []string{"(53)"}},
		"unknown":              {func(s *session, _ request) { s.done(99, "") }, false, false, []string{"(99)", "see the server's log"}},
		"no control at all": {func(s *session, _ request) {
			persons(s, 0, 3)
			s.done(0, "")
		}, false, false, []string{"without the paging control", "after 0 pages and 3 entries"}},
		"no control on the last page": {func(s *session, r request) {
			persons(s, 10*r.number, 3)
			if r.number == 0 {
				s.page("next")
			} else {
				s.done(0, "")
			}
		}, false, false, []string{"without the paging control"}},
		"the control on an entry": {func(s *session, _ request) {
			s.entryWith([]ldap.Control{paged("")}, "uid=a,dc=example", "uid", "a")
			s.done(0, "")
		}, false, false, []string{"without the paging control"}},
		"another control": {func(s *session, _ request) {
			s.done(0, "", ldap.NewControlManageDsaIT(false))
		}, false, false, []string{"without the paging control"}},
		"the control with an error": {func(s *session, _ request) {
			persons(s, 0, 3)
			s.done(80, "", paged(""))
		}, false, true, []string{"(80)"}},
		"referrals": {func(s *session, _ request) {
			s.reference("ldap://forest.example.com/dc=forest")
			persons(s, 0, 1)
			s.reference("ldap://dns.example.com/dc=dns")
			s.page("")
		}, true, false, []string{"1 page with 1 entry", "2 referrals to other servers ignored"}},
		"empty pages for ever": {func(s *session, _ request) { s.page("again") }, false, false, []string{"page after page without an entry"}},
		"empty pages between": {func(s *session, r request) {
			if r.number%2 == 0 {
				persons(s, r.number, 1)
			}
			s.page(map[bool]string{true: "again"}[r.number < 6])
		}, true, false, []string{"7 pages with 4 entries"}},
		"no attribute": {func(s *session, _ request) {
			s.entry("ou=a,dc=example", "ou", "a")
			s.page("")
		}, true, false, []string{"no entry shows uid"}},
		"malformed": {func(s *session, _ request) {
			o := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
			o.AppendChild(text("uid=a"))
			s.send(o)
		}, false, true, []string{"the connection was lost"}},
		"hung up": {func(s *session, _ request) {
			persons(s, 0, 2)
			_ = s.conn.Close()
		}, false, true, []string{"the connection was lost", "2 entries"}},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			o := serve(t, test.search).asked("uid")
			o.PageSize = 8 // no smaller one is tried
			got := read(t, o)
			want := record.Incomplete
			if test.proven {
				want = record.Proven
			}
			if got.verdict.Completeness != want || got.verdict.Retryable != test.retry || test.proven == (got.err != nil) {
				t.Errorf("%+v, %v", got.verdict, got.err)
			}
			has(t, got.verdict.Reason, test.says...)
		})
	}
}

// A limit on pages is met by smaller pages; one on the whole search by none.
func TestSmallerPages(t *testing.T) {
	for code, most := range map[uint16]uint32{4: 130, 11: 60} {
		p := serve(t, func(s *session, r request) {
			if r.paging.PagingSize > most {
				persons(s, 0, int(most))
				s.done(code, "")
				return
			}
			persons(s, r.number, int(r.paging.PagingSize))
			s.page(map[string]string{"": "second"}[string(r.paging.Cookie)])
		})
		got := read(t, p.asked("uid"))
		var sizes []uint32
		for _, r := range p.searches() {
			sizes = append(sizes, r.paging.PagingSize)
		}
		want := map[uint16]string{4: "[500 250 125 125]", 11: "[500 250 125 62 31 31]"}[code]
		if fmt.Sprint(sizes) != want || got.verdict.Completeness != record.Proven {
			t.Errorf("%d: asked for %v, %+v", code, sizes, got.verdict)
		}
		if n := len(got.records); n != 2*int(sizes[len(sizes)-1]) {
			t.Errorf("%d: %d records: those of refused pages count", code, n)
		}
	}
}

func TestSmallestPage(t *testing.T) {
	p := serve(t, func(s *session, _ request) { s.done(4, "") })
	got := read(t, p.asked("uid"))
	if n := len(p.searches()); n != 6 || got.verdict.Completeness.Usable() || got.verdict.Retryable {
		t.Errorf("asked %d times, %+v", n, got.verdict)
	}
}

// Active Directory answers with 1,000 entries, however many are asked for.
func TestPagesCappedByTheServer(t *testing.T) {
	p := serve(t, func(s *session, r request) {
		persons(s, 1000*r.number, 1000)
		s.page(map[bool]string{true: "more"}[r.number < 2])
	})
	o := p.asked("uid")
	o.PageSize = 5000
	if got := read(t, o); len(got.records) != 3000 || got.verdict.Completeness != record.Proven {
		t.Errorf("%d records, %+v", len(got.records), got.verdict)
	}
}

func TestSilentServer(t *testing.T) {
	p := serve(t, func(s *session, _ request) { persons(s, 0, 2) })
	o := p.asked("uid")
	o.IdleTimeout = 200 * time.Millisecond
	began := time.Now()
	got := read(t, o)
	if got.verdict.Completeness.Usable() || !got.verdict.Retryable || time.Since(began) > 5*time.Second {
		t.Errorf("after %s: %+v", time.Since(began), got.verdict)
	}
	has(t, got.verdict.Reason, "sent nothing more for 200ms", "timeouts.idle")
}

// A page may take longer than any other answer, and its reader may take its time.
func TestSlowPages(t *testing.T) {
	const pages, entries = 2, 20
	p := serve(t, func(s *session, r request) {
		for n := range entries {
			persons(s, entries*r.number+n, 1)
			time.Sleep(30 * time.Millisecond)
		}
		s.page(map[bool]string{true: "more"}[r.number < pages-1])
	})
	o := p.asked("uid")
	o.ReplyTimeout = 500 * time.Millisecond // a page takes 600
	reader, err := source(t, o).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	n := 0
	for ; err == nil; n++ {
		if n%entries == 0 {
			time.Sleep(50 * time.Millisecond)
		}
		_, err = reader.Next(t.Context())
	}
	if v := reader.Verdict(); !errors.Is(err, io.EOF) || n-1 != pages*entries || v.Completeness != record.Proven {
		t.Errorf("%d records, %v, %+v", n-1, err, v)
	}
}

// The attributes that are asked for are those that are of use, and no others.
func TestAttributesAskedFor(t *testing.T) {
	p := serve(t, func(s *session, _ request) { s.page("") })
	o := p.asked("uid", "mail", "Mail", ldapdir.DNColumn)
	read(t, o)
	o.LeaveOut = true
	read(t, o)
	o = p.asked(ldapdir.DNColumn)
	read(t, o)
	o = p.asked("JPEGPhoto")
	read(t, o)
	var got []string
	for _, r := range p.searches() {
		got = append(got, fmt.Sprintf("%s by %d", strings.Join(r.attributes, " "), r.paging.PagingSize))
	}
	want := []string{"mail uid by 500", "mail nsAccountLock pwdAccountLockedTime uid userAccountControl by 500", "1.1 by 500", "JPEGPhoto by 50"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("asked for %q, want %q", got, want)
	}
}

// Who can't be reached, or has too much to do, is stood in for; who refuses a password isn't, because the others would count it as
// wrong, too.
func TestSeveralServers(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = nobody.Close()
	whole := func(s *session, _ request) {
		persons(s, 0, 1)
		s.page("")
	}
	good, busy, refusing := serve(t, whole), serve(t, whole), serve(t, whole)
	busy.bind = func() uint16 { return ldap.LDAPResultBusy }
	refusing.bind = func() uint16 { return ldap.LDAPResultInvalidCredentials }
	o := good.asked("uid")
	o.URLs = []string{"ldap://" + nobody.Addr().String(), busy.url, good.url}
	got := read(t, o)
	if got.verdict.Completeness != record.Proven || got.verdict.Evidence.Name != o.URLs[0]+"/dc=example" {
		t.Errorf("%+v, %v", got.verdict, got.err)
	}
	has(t, got.verdict.Reason, "passed over "+o.URLs[0]+": dial tcp", "; passed over "+busy.url+": sign in", "(51)", "; "+good.url+" attests")
	has(t, got.verdict.Note, "passed over "+o.URLs[0], "; passed over "+busy.url)
	lost := serve(t, func(s *session, _ request) { _ = s.conn.Close() })
	o.URLs[2] = lost.url
	has(t, read(t, o).verdict.Reason, "passed over "+o.URLs[0], "; passed over "+busy.url, "; "+lost.url)
	if alone := read(t, good.asked("uid")); strings.Contains(alone.verdict.Reason, "passed over") {
		t.Errorf("nobody was passed over: %s", alone.verdict.Reason)
	}

	binds := good.binds
	o.URLs = []string{refusing.url, good.url}
	got = read(t, o)
	if got.err == nil || good.binds != binds {
		t.Fatalf("%v, and the next server was asked %d times", got.err, good.binds-binds)
	}
	has(t, got.err.Error(), refusing.url, "(49)", "check bind.dn and bind.password")

	o.URLs = o.URLs[:1]
	o.URLs = append(o.URLs, "ldap://"+nobody.Addr().String())
	refusing.bind = func() uint16 { return ldap.LDAPResultUnavailable }
	got = read(t, o)
	if got.err == nil {
		t.Fatal("read from nobody")
	}
	has(t, got.err.Error(), refusing.url, "(52)", nobody.Addr().String(), "refused")
}

// A server that takes the connection and says nothing.
func TestSilentSignIn(t *testing.T) {
	release := make(chan struct{})
	p := serve(t, nil)
	p.bind = func() uint16 {
		<-release
		return 0
	}
	defer close(release)
	o := p.asked("uid")
	o.ReplyTimeout = 100 * time.Millisecond
	if got := read(t, o); got.err == nil || !strings.Contains(got.err.Error(), "timed out") {
		t.Errorf("%v", got.err)
	}
	o.ReplyTimeout = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := source(t, o).Open(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	o.StartTLS, o.DialTimeout = true, time.Second
	if got := read(t, o); got.err == nil || !strings.Contains(got.err.Error(), "StartTLS") {
		t.Errorf("%v", got.err)
	}
}

// The result codes that the manual explains are called there what they are called in a run.
func TestManual(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "..", "docs", "sources.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([A-Z][A-Za-z ]+ \\((\\d+)\\))`").FindAllStringSubmatch(string(content), -1)
	if len(named) != 9 {
		t.Errorf("%d result codes: %q", len(named), named)
	}
	for _, m := range named {
		code, err := strconv.ParseUint(m[2], 10, 16)
		if err != nil {
			t.Fatal(err)
		}
		p := serve(t, func(s *session, _ request) { s.done(uint16(code), "") })
		has(t, read(t, p.asked("uid")).verdict.Reason, m[1])
	}
}

// Whoever wants some entries has the page sent that they are on, and the next one at most.
func TestLeftEarly(t *testing.T) {
	const pageSize = 500
	p := serve(t, func(s *session, r request) {
		persons(s, pageSize*r.number, pageSize)
		s.page("more")
	})
	o := p.asked("uid")
	o.PageSize = pageSize
	reader, err := source(t, o).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := reader.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(200 * time.Millisecond) // which would be enough for many
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(p.searches()); n > 2 {
		t.Errorf("%d pages were asked for", n)
	}
	if v := reader.Verdict(); v.Completeness.Usable() {
		t.Errorf("the verdict is %+v", v)
	}
}
