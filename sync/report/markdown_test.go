package report_test

import (
	"html"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/report"
	"cubesync/sync/state"
)

// commentMost is how many characters a comment on GitHub holds.
const commentMost = 65_536

func markdown(t *testing.T, r report.Review) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	if b.Len() > commentMost {
		t.Errorf("%d bytes don't fit a comment", b.Len())
	}
	return b.String()
}

func TestMarkdown(t *testing.T) {
	golden(t, "review.md", markdown(t, reviewed()))
}

func TestMarkdownOfRedacted(t *testing.T) {
	r := reviewed()
	r.File, r.Approve = r.File.Redacted(), ""
	golden(t, "redacted.md", markdown(t, r))
}

func TestMarkdownOfNothing(t *testing.T) {
	golden(t, "nothing.md", markdown(t, report.Review{File: &plan.File{Header: plan.Header{Pipeline: "staff"}, Plan: &plan.Plan{Unchanged: 5}}}))
}

// TestMarkdownKeepsValuesInTheirCells reads attacks as a renderer does: rows have the cells of their head, there is no
// tag, link, mention or mark but ours, and every value is what it was.
func TestMarkdownKeepsValuesInTheirCells(t *testing.T) {
	text := markdown(t, attacked())
	ours := strings.Fields("<code> </code> <details> </details> <summary> </summary> <b> </b> <br>")
	for _, tag := range regexp.MustCompile(`<[^>]*>?`).FindAllString(text, -1) {
		if !slices.Contains(ours, tag) && tag != "<details open>" {
			t.Errorf("a tag of somebody else's: %s", tag)
		}
	}
	reference := regexp.MustCompile(`&#\d+;`)
	cells := 0
	for line := range strings.Lines(text) {
		bare := reference.ReplaceAllString(strings.TrimSuffix(line, "\n"), "")
		if strings.ContainsAny(bare, "@`\\[]{}$~=\x1b\r\u2028\u2029\u202e") || strings.Contains(bare, "&") {
			t.Errorf("a mark of somebody else's: %q", bare)
		}
		switch n := strings.Count(bare, "|"); {
		case !strings.HasPrefix(bare, "|"):
			if cells = 0; n > 0 {
				t.Errorf("a row that doesn't begin as one: %q", bare)
			}
		case cells == 0:
			cells = n
		case n != cells:
			t.Errorf("%d cells instead of %d: %q", n-1, cells-1, bare)
		}
	}
	var shown []string
	for _, code := range regexp.MustCompile(`<code>(.*?)</code>`).FindAllStringSubmatch(text, -1) {
		shown = append(shown, strings.ReplaceAll(html.UnescapeString(code[1]), "\u00a0", " "))
	}
	for _, bad := range attacks()[:8] { // those that weren't cut
		if want := plan.Printable(bad); !slices.Contains(shown, want) {
			t.Errorf("%q isn't shown as it is", want)
		}
	}
}

func TestMarkdownIsCut(t *testing.T) {
	text := markdown(t, many(5000))
	match := regexp.MustCompile(`Cut to fit a comment, not shown here: ([\d,]+)\.`).FindStringSubmatch(text)
	if match == nil {
		t.Fatal("it doesn't say that it was cut")
	}
	left, err := strconv.Atoi(strings.ReplaceAll(match[1], ",", ""))
	if err != nil {
		t.Fatal(err)
	}
	shown := len(regexp.MustCompile(`(?m)^\| <code>[EN]\d`).FindAllString(text, -1))
	if got, want := shown+left, 5011; got != want {
		t.Errorf("%d shown and %d left make %d, want %d", shown, left, got, want)
	}
	if shown < 50 {
		t.Errorf("%d shown: there was room for more", shown)
	}
	if !strings.Contains(text, "… and "+match[1]+" more\n") {
		t.Error("the section that was cut doesn't say so")
	}
	if !strings.Contains(text, "<code>E9</code>") {
		t.Error("many sign-ups crowd out the delete")
	}
}

func TestMarkdownOfManyGuards(t *testing.T) {
	r := reviewed()
	for range 2000 {
		r.File.Header.Guards = append(r.File.Header.Guards, r.File.Header.Guards[0])
	}
	if text := markdown(t, r); !strings.Contains(text, "<code>E9</code>") {
		t.Error("many guards crowd out the delete")
	}
}

func TestMarkdownOfLongValues(t *testing.T) {
	text := markdown(t, report.Review{File: &plan.File{Plan: &plan.Plan{Rejects: []plan.Reject{
		{ExternalID: "E1", Detail: strings.Repeat("日", 200)}, {ExternalID: "E2", Detail: strings.Repeat("日", 201)},
		{ExternalID: "E3", Detail: "two  spaces "},
	}}}})
	var got []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "| <code>E") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	want := []string{
		"| <code>E1</code> |  |  | <code>" + strings.Repeat("日", 200) + "</code> |  |",
		"| <code>E2</code> |  |  | <code>" + strings.Repeat("日", 200) + "</code> … (201 characters) |  |",
		"| <code>E3</code> |  |  | <code>two &#160;spaces&#160;</code> |  |",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// The page of a run that was carried out says how it ended, and not what could still be done.
func TestReviewOfARun(t *testing.T) {
	r := reviewed()
	r.Approve, r.File.Header.Guards = "", nil
	r.Run = &state.Run{ID: 27, Status: state.Applied, Tally: state.Tally{Failed: 1, Recreated: 1, Done: map[plan.Kind]int{plan.Create: 2, plan.Delete: 1}}}
	r.Troubles = []state.Outcome{{Operation: r.File.Plan.Operations[0], Ending: state.DoneFailed, Words: "sign-up: conflict (HTTP 422)"}}
	r.Listed = &state.Listed{Accounts: 1, All: state.ListedNever}
	for name, text := range map[string]string{"markdown": markdown(t, r), "html": page(t, r)} {
		for _, want := range []string{
			"2 created", "1 of them again", "1 deleted, 1 failed", "HTTP 422", "1 account, all, for the first time", "goes not before 2026",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
		if strings.Contains(text, "can be applied until") {
			t.Errorf("%s says that it can be applied", name)
		}
	}
}

// Several sources are shown each with what it says of itself.
func TestReviewOfSeveralSources(t *testing.T) {
	r := reviewed()
	hr := r.File.Header.Source.Evidence
	r.File.Header.Source.Evidence = record.Evidence{Name: "hr: /data/users.csv + ad: directory7", Parts: []record.Evidence{hr, {Name: "directory7"}}}
	for name, text := range map[string]string{"markdown": markdown(t, r), "html": page(t, r)} {
		if !strings.Contains(text, "81,234 bytes") || strings.Count(text, "directory7") != 1 {
			t.Errorf("%s: got\n%s", name, text)
		}
	}
}

// Of a source that wasn't read whole nobody is shown as a leaver.
func TestReviewOfAPartialRead(t *testing.T) {
	r := reviewed()
	r.File.Header.Source.Completeness = "incomplete"
	if text := markdown(t, r); !strings.Contains(text, "<b>absence unknown</b>: 2") || strings.Contains(text, "<b>leavers</b>") {
		t.Errorf("got\n%s", text)
	}
	if text := page(t, r); !strings.Contains(text, `class="absence-unknown">absence unknown <b>2</b>`) {
		t.Errorf("got\n%s", text)
	}
}
