package report

import (
	"bufio"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"html/template"
	"io"
	"strings"

	"cubesync/sync/plan"
)

//go:embed page/page.tmpl
var pageTemplate string

//go:embed page/page.css
var pageStyle string

//go:embed page/page.js
var pageScript string

// pageMost is how many entries a page has at most: what a browser still filters at once.
const pageMost = 100_000

// page is what the template shows.
type page struct {
	Policy, Pipeline string
	Style            template.CSS
	Script           template.JS
	Status           string
	Stopped          bool
	Redacted         bool
	Guards           []plan.Trip
	Approve          string
	Facts, Reasons   []fact
	Groups           []pageGroup
	All, Shown       string // entries
	Left             bool   // not all are shown
	Unchanged        string
	Data             pageData
}

type pageGroup struct {
	Name, Class, Number string
	Count               int
}

// pageData is what the script reads.
type pageData struct {
	Groups  []pageDataGroup `json:"groups"`
	Entries []pageEntry     `json:"entries"`
}

type pageDataGroup struct {
	Name  string `json:"name"`
	Class string `json:"class"`
}

type pageEntry struct {
	Group    int          `json:"g"`
	ID       string       `json:"i,omitempty"`
	Account  int64        `json:"a,omitempty"`
	Position string       `json:"p,omitempty"`
	Fields   [][3]*string `json:"f,omitempty"` // name, before, after
	Detail   string       `json:"d,omitempty"`
	Reason   string       `json:"w,omitempty"`
}

// WriteHTML writes the plan as one page that loads nothing: it can be mailed, kept with a build, and opened from a
// disk. Its policy lets no script run but its own, and that one only sets text.
func (r Review) WriteHTML(w io.Writer) error {
	t, err := template.New("page").Parse(pageTemplate)
	if err != nil {
		return err
	}
	r.failed = new(error)
	shown := r.page()
	if *r.failed != nil {
		return *r.failed
	}
	out := bufio.NewWriterSize(w, 64<<10)
	if err := t.Execute(out, shown); err != nil {
		return err
	}
	return out.Flush()
}

func (r Review) page() page {
	h := &r.File.Header
	p := page{
		Policy: "default-src 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'; " +
			"style-src '" + hashOf(pageStyle) + "'; script-src '" + hashOf(pageScript) + "'",
		Pipeline: plan.Printable(h.Pipeline),
		Style:    template.CSS(pageStyle), //nolint:gosec // our own
		Script:   template.JS(pageScript), //nolint:gosec // our own
		Redacted: h.Redacted, Approve: r.Approve, Facts: r.facts(), Reasons: r.reasons(), Unchanged: plan.Number(r.File.Plan.Unchanged),
	}
	p.Status, p.Stopped = r.status()
	for _, trip := range h.Guards {
		p.Guards = append(p.Guards, plan.Trip{
			Guard: plan.Printable(trip.Guard), Saw: plan.Printable(trip.Saw), Limit: plan.Printable(trip.Limit), Remedy: plan.Printable(trip.Remedy),
			Concerns: trip.Concerns, Count: trip.Count, // Whom makes them printable
		})
	}
	groups := r.groups()
	all := 0
	var counts []int
	for _, g := range groups {
		class := strings.ReplaceAll(g.name, " ", "-")
		p.Groups = append(p.Groups, pageGroup{g.name, class, plan.Number(g.count), g.count})
		p.Data.Groups = append(p.Data.Groups, pageDataGroup{g.name, class})
		counts = append(counts, g.count)
		all += g.count
	}
	p.Data.Entries = make([]pageEntry, 0, min(all, pageMost))
	for i, share := range fairShares(counts, pageMost) {
		p.Data.add(i, groups[i], share)
	}
	p.All, p.Shown, p.Left = plan.Number(all), plan.Number(len(p.Data.Entries)), len(p.Data.Entries) < all
	return p
}

func (d *pageData) add(i int, g group, most int) {
	for e := range g.entries {
		if most--; most < 0 {
			return
		}
		shown := pageEntry{Group: i, ID: e.id, Account: e.account, Position: e.position, Detail: e.detail, Reason: e.reason}
		for _, f := range e.fields {
			shown.Fields = append(shown.Fields, [3]*string{&f.name, f.before, f.after})
		}
		d.Entries = append(d.Entries, shown)
	}
}

// hashOf names a script or a style in a content security policy.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
