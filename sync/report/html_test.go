package report_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/plan"
	"cubesync/sync/report"
)

func page(t *testing.T, r report.Review) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// between returns what stands between two texts, and the page with a mark in its place.
func between(t *testing.T, page, begin, end string) (inner, rest string) {
	t.Helper()
	before, after, ok := strings.Cut(page, begin)
	inner, after, found := strings.Cut(after, end)
	if !ok || !found {
		t.Fatalf("nothing stands between %s and %s", begin, end)
	}
	return inner, before + begin + "…" + end + after
}

func TestPage(t *testing.T) {
	text := page(t, reviewed())
	_, text = between(t, text, "<style>", "</style>")
	_, text = between(t, text, "<script>", "</script>")
	text = regexp.MustCompile(`sha256-.*?&#39;`).ReplaceAllString(text, "sha256-…&#39;")
	data, text := between(t, text, `<script id="data" type="application/json">`, "</script>")
	golden(t, "review.html", text)
	var indented any
	if err := json.Unmarshal([]byte(data), &indented); err != nil {
		t.Fatal(err)
	}
	spelled, err := json.MarshalIndent(indented, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "review.html.json", string(spelled)+"\n")
}

func TestPageRunsNothingElse(t *testing.T) {
	text := page(t, reviewed())
	policy, _ := between(t, text, `Content-Security-Policy" content="`, `"`)
	policy = html.UnescapeString(policy)
	style, _ := between(t, text, "<style>", "</style>")
	script, _ := between(t, text, "<script>", "</script>")
	for _, want := range []string{
		"default-src 'none'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'",
		"style-src '" + hash(style) + "'", "script-src '" + hash(script) + "'",
	} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy lacks %s: %s", want, policy)
		}
	}
	for _, outside := range []string{"http:", "//cdn", "src=", "href=", "@import", "url(", "fetch(", "innerHTML", "eval("} {
		page := strings.ReplaceAll(text, "https://api.example.com", "")
		if strings.Contains(page, outside) {
			t.Errorf("the page has %s", outside)
		}
	}
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// TestPageKeepsValuesText compares the tags of a page of attacks with those of a page of the same shape without any:
// nothing but ours is markup, and the script gets each value as it was.
func TestPageKeepsValuesText(t *testing.T) {
	tags := func(page string) map[string]int {
		_, page = between(t, page, "<style>", "</style>")
		_, page = between(t, page, "<script>", "</script>")
		_, page = between(t, page, `<script id="data" type="application/json">`, "</script>")
		counts := map[string]int{}
		for _, tag := range regexp.MustCompile(`<[^>]*>?`).FindAllString(page, -1) {
			name := strings.ToLower(strings.TrimRight(strings.Fields(tag)[0], ">"))
			counts[name]++
		}
		return counts
	}
	bad, good := attacked(), attacked()
	good.File.Header.Pipeline, good.File.Header.Guards, good.Approve = "staff", make([]plan.Trip, len(bad.File.Header.Guards)), "approve"
	for i := range good.File.Header.Guards {
		good.File.Header.Guards[i].Concerns = []string{"E1"}
	}
	h := &good.File.Header
	h.Endpoint, h.ApplicationID, h.OwnerTag, h.Leavers, h.AbsenceUnknown = "x", "x", "x", "x", "x"
	h.Source = plan.Source{Completeness: "proven", Reason: "x"}
	h.Source.Evidence.Name = "x"
	text := page(t, bad)
	if diff := cmp.Diff(tags(page(t, good)), tags(text)); diff != "" {
		t.Errorf("a value is markup (-without +with attacks)\n%s", diff)
	}
	data, _ := between(t, text, `<script id="data" type="application/json">`, "</script>")
	if i := strings.IndexAny(data, "<>&\u2028\u2029\x1b\u202e"); i >= 0 {
		t.Errorf("the data ends the script or turns text round: %q", data[i:min(i+40, len(data))])
	}
	var got struct {
		Entries []struct {
			ID     string       `json:"i"`
			Detail string       `json:"d"`
			Fields [][3]*string `json:"f"`
		} `json:"entries"`
	}
	if err := json.Unmarshal([]byte(data), &got); err != nil {
		t.Fatal(err)
	}
	for i, bad := range attacks() { // the sign-ups stand first
		if login := got.Entries[i].Fields[0]; *login[0] != "login" || login[1] != nil || *login[2] != plan.Printable(bad) {
			t.Errorf("%q became %q", bad, *login[2])
		}
	}
}

func TestPageSaysWhatItLeavesOut(t *testing.T) {
	text := page(t, many(100_000))
	if !strings.Contains(text, "this page has 100,000 of 100,011 entries") {
		t.Error("it isn't said")
	}
	if !strings.Contains(text, `"i":"E9"`) || !strings.Contains(text, `"i":"E11"`) {
		t.Error("many sign-ups crowd out the rest")
	}
}

func TestPageOfRedacted(t *testing.T) {
	r := reviewed()
	r.File = r.File.Redacted()
	text := page(t, r)
	if !strings.Contains(text, "Redacted: ") {
		t.Error("it isn't said")
	}
	if strings.Contains(text, "zoe.lee") {
		t.Error("a person is named")
	}
}

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*plan.File)
		want string
	}{
		{"held", func(*plan.File) {}, "held by a guard: nothing is written"},
		{"held-twice", func(f *plan.File) { f.Header.Guards = make([]plan.Trip, 2) }, "held by 2 guards: nothing is written"},
		{"incomplete", func(f *plan.File) { f.Header.Source.Completeness = "incomplete" }, "the read of the source is incomplete: nothing is written"},
		{"open", func(f *plan.File) { f.Header.Guards = nil }, "6 operations"},
		{"one", func(f *plan.File) { f.Header.Guards, f.Plan.Operations = nil, f.Plan.Operations[:1] }, "1 operation"},
		{"nothing", func(f *plan.File) { f.Header.Guards, f.Plan.Operations = nil, nil }, "nothing to do"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := reviewed()
			c.edit(r.File)
			if text := page(t, r); !strings.Contains(text, ">"+c.want+"</p>") {
				status, _ := between(t, text, `<p class="status`, "</p>")
				t.Errorf("got %s, want %s", status, c.want)
			}
		})
	}
}

func BenchmarkPage(b *testing.B) {
	r := many(50_000)
	for b.Loop() {
		if err := r.WriteHTML(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
