package plan

import (
	"fmt"
	"strings"
	"testing"
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
