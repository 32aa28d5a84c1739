package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cubesync/sync/record"
)

func TestPrintable(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"plain", "Zoë Lee 日本 👩‍💻", "Zoë Lee 日本 👩‍💻"},
		{"escape", "a\x1b[2Jb", `a\u001b[2Jb`},
		{"lines", "a\nb\r", `a\nb\u000d`},
		{"c1-control", "a\u009bb", `a\u009bb`},
		{"right-to-left", "a\u202eb", `a\u202eb`},
		{"line-separator", "a\u2028b", `a\u2028b`},
		{"not-utf8", "a\x9bb", "a\ufffdb"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Printable(test.in); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestNumber(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 12345: "12,345", 1234567: "1,234,567"} {
		if got := Number(n); got != want {
			t.Errorf("Number(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestMoment(t *testing.T) {
	at := time.Date(2026, 3, 10, 1, 59, 59, 0, time.FixedZone("", 2*60*60))
	if got := Moment(at); got != "2026-03-09 23:59 UTC" || Moment(time.Time{}) != "" {
		t.Errorf("got %q, and %q for none", got, Moment(time.Time{}))
	}
}

func TestCounted(t *testing.T) {
	for n, want := range map[int]string{0: "0 accounts", 1: "1 account", 2000: "2,000 accounts"} {
		if got := Counted(n, "account"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Who is missing from a source that wasn't read whole may be in it.
func TestTextOfAPartialRead(t *testing.T) {
	p := &Plan{Leavers: []Leaver{{ExternalID: "E1", AccountID: 1, Reason: Kept}}}
	for _, test := range []struct {
		read record.Completeness
		want string
	}{
		{record.Proven, "left their source 1\n"},
		{record.Plausible, "left their source 1\n"},
		{record.Stale, "absence unknown 1\n"},
		{record.Incomplete, "absence unknown 1\n"},
	} {
		var out strings.Builder
		if err := p.WriteText(&out, TextOptions{Source: Source{Completeness: test.read.String()}}); err != nil || !strings.HasPrefix(out.String(), test.want) {
			t.Errorf("%s: %v, got\n%swant %q", test.read, err, out.String(), test.want)
		}
		if unknown := strings.HasPrefix(test.want, "absence"); strings.Contains(out.String(), "1 of unknown absence\n") != unknown || strings.Contains(out.String(), "1 leaver left alone\n") == unknown {
			t.Errorf("%s: the sum is\n%s", test.read, out.String())
		}
	}
}

func TestTextIsCut(t *testing.T) {
	p := &Plan{}
	for i := range 1002 {
		p.Operations = append(p.Operations, Operation{Kind: Create, ExternalID: fmt.Sprint("E", i), Reason: NewRecord})
	}
	var all, cut strings.Builder
	if err := p.WriteText(&all, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(all.String(), "\n"); n != 1004 {
		t.Errorf("everything has %d lines", n)
	}
	if err := p.WriteText(&cut, TextOptions{Most: 2}); err != nil {
		t.Fatal(err)
	}
	const want = `create 1,002
  E0
  E1
  … and 1,000 more; --all shows every one
plan: 1,002 to create, 0 to update, 0 to release, 0 to delete; 0 unchanged, 0 rejected
`
	if cut.String() != want {
		t.Errorf("got\n%s\nwant\n%s", cut.String(), want)
	}
}
