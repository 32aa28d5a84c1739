package report

import (
	"fmt"
	"io"
	"strings"

	"cubesync/sync/plan"
)

// markdownMost is how many bytes the Markdown has at most. A comment on GitHub holds 65,536 characters; what is left
// is for the bot that posts it.
const markdownMost = 64_000

// WriteMarkdown writes the plan as a comment for a pull request, in the Markdown of GitHub and GitLab: a summary,
// the guards, and each group in a section that folds. It is cut so that it fits, every group equally, and says so.
func (r Review) WriteMarkdown(w io.Writer) error {
	r.failed = new(error)
	head := r.markdownHead()
	const note = 300 // bytes, for the line that says that it was cut
	room := markdownMost - len(head) - note
	var sections []*section
	for _, g := range r.groups() {
		if g.count > 0 {
			s := &section{group: g}
			sections = append(sections, s)
			room -= len(s.text(0))
		}
	}
	var needs []int
	for _, s := range sections {
		s.fill(room)
		needs = append(needs, s.size)
	}
	left := 0
	var body strings.Builder
	for i, share := range fairShares(needs, room) {
		shown := sections[i].fitting(share)
		left += sections[i].count - shown
		body.WriteString(sections[i].text(shown))
	}
	if left > 0 {
		head += fmt.Sprintf("\n_Cut to fit a comment, not shown here: %s. The page, the text and the plan's file have them all._\n", plan.Number(left))
	}
	if *r.failed != nil {
		return *r.failed
	}
	_, err := io.WriteString(w, head+body.String())
	return err
}

func (r Review) markdownHead() string {
	var b strings.Builder
	h := &r.File.Header
	status, stopped := r.status()
	mark := ""
	if stopped {
		mark = "⚠ "
	}
	fmt.Fprintf(&b, "### cubesync: plan of %s\n\n**%s%s**\n", markdownCode(h.Pipeline), mark, markdownText(status))
	if h.Redacted {
		fmt.Fprint(&b, "\nRedacted: what says something about a person is replaced by a short digest, the same for the same value. It can't be applied.\n")
	}
	fmt.Fprint(&b, "\n")
	names, rule, counts := "|", "|", "|"
	for _, g := range r.groups() {
		if g.count > 0 {
			names, rule, counts = names+" "+g.name+" |", rule+"--:|", counts+" "+plan.Number(g.count)+" |"
		}
	}
	fmt.Fprintf(&b, "%s unchanged |\n%s--:|\n%s %s |\n", names, rule, counts, plan.Number(r.File.Plan.Unchanged))
	b.WriteString(markdownGuards(h.Guards))
	if r.Approve != "" {
		fmt.Fprintf(&b, "\nIf this plan is right: %s\n", markdownCode(r.Approve))
	}
	b.WriteString(markdownFacts("What it was made from", r.facts(), markdownCode))
	b.WriteString(markdownFacts("What the reasons mean", r.reasons(), markdownText))
	return b.String()
}

func markdownFacts(title string, facts []fact, spell func(string) string) string {
	if len(facts) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n<details><summary>%s</summary>\n\n| | |\n|---|---|\n", title)
	for _, f := range facts {
		fmt.Fprintf(&b, "| %s | %s |\n", f.Name, spell(f.Value))
	}
	fmt.Fprint(&b, "\n</details>\n")
	return b.String()
}

func markdownGuards(trips []plan.Trip) string {
	if len(trips) == 0 {
		return ""
	}
	const most = 16_000 // bytes: the guards there are need far less, but a file may say anything
	var b strings.Builder
	fmt.Fprint(&b, "\n| Guard | Saw | Permitted | Concerns | What to do |\n|---|---|---|---|---|\n")
	for i, trip := range trips {
		row := fmt.Sprintf("| %s | %s | %s | %s | %s |\n",
			markdownCode(trip.Guard), markdownCode(trip.Saw), markdownCode(trip.Limit), markdownCode(trip.Whom()), markdownCode(trip.Remedy))
		if b.Len()+len(row) > most {
			fmt.Fprintf(&b, "\n… and %s more\n", plan.Number(len(trips)-i))
			break
		}
		b.WriteString(row)
	}
	return b.String()
}

// section is a group that folds.
type section struct {
	group
	rows []string
	size int // bytes of the rows
}

// fill makes the rows, as long as they may find room.
func (s *section) fill(room int) {
	for e := range s.entries {
		row := markdownRow(e)
		s.rows = append(s.rows, row)
		if s.size += len(row); s.size > room {
			return
		}
	}
}

// fitting returns how many rows have room.
func (s *section) fitting(room int) int {
	for i, row := range s.rows {
		if room -= len(row); room < 0 {
			return i
		}
	}
	return len(s.rows)
}

func (s *section) text(shown int) string {
	var b strings.Builder
	open := ""
	if s.name == string(plan.Delete) || s.name == string(plan.Release) {
		open = " open" // what can't be taken back is seen at once
	}
	fmt.Fprintf(&b, "\n<details%s><summary><b>%s</b>: %s</summary>\n\n", open, s.name, plan.Number(s.count))
	fmt.Fprint(&b, "| External ID | Account | Where | What | Why |\n|---|--:|---|---|---|\n")
	for _, row := range s.rows[:shown] {
		b.WriteString(row)
	}
	if left := s.count - shown; left > 0 {
		fmt.Fprintf(&b, "\n… and %s more\n", plan.Number(left))
	}
	fmt.Fprint(&b, "\n</details>\n")
	return b.String()
}

func markdownRow(e entry) string {
	var what []string
	if e.detail != "" {
		what = append(what, markdownCode(e.detail))
	}
	for _, f := range e.fields {
		text := f.name + ": "
		switch {
		case f.before == nil:
			text += markdownValue(*f.after)
		case f.after == nil:
			text += markdownValue(*f.before)
		default:
			text += markdownValue(*f.before) + plan.Arrow(*f.before, *f.after) + markdownValue(*f.after)
		}
		what = append(what, text)
	}
	account := ""
	if e.account != 0 {
		account = fmt.Sprint(e.account)
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", markdownCode(e.id), account, markdownCode(e.position), strings.Join(what, "<br>"), markdownCode(e.reason))
}
