package plan

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"cubesync/sync/user"
)

// TestTerminal compares what a terminal shows of testdata/text/plan.txtar with the files beside it. There, ␛ stands
// for the escape character.
func TestTerminal(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/text/plan.txtar")
	if err != nil {
		t.Fatal(err)
	}
	p := readScenario(t, archive).plan(t)
	for name, options := range map[string]TextOptions{
		"wide.txt":   {},
		"80.txt":     {Width: 80},
		"40.txt":     {Width: 40},
		"colour.txt": {Width: 80, Colour: true},
		"cut.txt":    {Width: 80, Most: 1},
	} {
		t.Run(strings.TrimSuffix(name, ".txt"), func(t *testing.T) {
			var out strings.Builder
			if err := p.WriteText(&out, options); err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(out.String(), "\x1b", "␛")
			file := "testdata/text/" + name
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("it differs (-want +got); if it is right, go test ./sync/plan -update\n%s", diff)
			}
		})
	}
}

// TestLinesFit writes plans of random values at random widths: no line is wider than the terminal, breaking lines and
// colouring loses nothing, and no value brings a control character of its own.
func TestLinesFit(t *testing.T) {
	sequence := regexp.MustCompile("\x1b\\[[0-9;]+m")
	letters := rapid.StringOfN(rapid.SampledFrom([]rune("ab  é日本e\u0301👩\u200d💻\u202e\x1b\x00\n\t{}\",→א")), 0, 120, -1)
	fit := rapid.Custom(func(t *rapid.T) *Plan {
		p := &Plan{}
		for range rapid.IntRange(1, 4).Draw(t, "operations") {
			p.Operations = append(p.Operations, Operation{
				Kind: rapid.SampledFrom(Kinds()).Draw(t, "kind"), ExternalID: letters.Draw(t, "id"), AccountID: 7, Position: "users.csv:2",
				Blocked: rapid.SampledFrom([]Reason{"", "", RefusedBefore}).Draw(t, "blocked"), Detail: letters.Draw(t, "detail"),
				WaitsFor: rapid.SliceOfN(letters, 0, 2).Draw(t, "waits"),
				Changes: []Change{
					{Field: user.Login, Before: letters.Draw(t, "before"), After: letters.Draw(t, "after")},
					{Field: user.CustomData, Before: letters.Draw(t, "before"), After: letters.Draw(t, "after")},
				},
			})
		}
		p.Rejects = []Reject{{Position: "users.csv:3", ExternalID: letters.Draw(t, "id"), Detail: letters.Draw(t, "detail"), Reason: BadRecord}}
		return p
	})
	rapid.Check(t, func(t *rapid.T) {
		p := fit.Draw(t, "plan")
		width := rapid.IntRange(24, 120).Draw(t, "width")
		var whole, broken, coloured strings.Builder
		_ = p.WriteText(&whole, TextOptions{})
		_ = p.WriteText(&broken, TextOptions{Width: width})
		_ = p.WriteText(&coloured, TextOptions{Width: width, Colour: true})
		for line := range strings.Lines(broken.String()) {
			line = strings.TrimSuffix(line, "\n")
			if widthOf([]span{say(line)}) > width {
				t.Fatalf("wider than %d: %q", width, line)
			}
			if strings.ContainsFunc(line, func(r rune) bool { return unsafeRune(r) && r != '\u200e' }) {
				t.Fatalf("not safe: %q", line)
			}
		}
		if got := sequence.ReplaceAllString(coloured.String(), ""); got != broken.String() {
			t.Fatalf("coloured\n%q\nplain\n%q", got, broken.String())
		}
		if got, want := marks(broken.String()), marks(whole.String()); got != want {
			t.Fatalf("broken\n%s\nwhole\n%s", got, want)
		}
	})
}

// marks are the characters of a text apart from space, sorted: where the tail stands depends on the width.
func marks(text string) string {
	runes := []rune(strings.Join(strings.Fields(text), ""))
	slices.Sort(runes)
	return string(runes)
}
