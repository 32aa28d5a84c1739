package plan

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// TextOptions say how much of a plan is written.
type TextOptions struct {
	Most int // lines of each group; 0: all
}

// WriteText writes the plan for people: a group for each kind of operation with its count, one line an operation with
// every field before and after, then what is rejected and what is left alone.
func (p *Plan) WriteText(w io.Writer, o TextOptions) error {
	out := &textWriter{Writer: bufio.NewWriter(w), most: o.Most}
	for _, kind := range Kinds() {
		p.writeOperations(out, kind)
	}
	out.group("not sent", p.Blocked())
	for i := range p.Operations {
		if op := &p.Operations[i]; op.Blocked != "" {
			out.line("%s %s: %s (%s)%s", op.Kind, subject(op), op.Blocked, Printable(op.Detail), changesText(op))
		}
	}
	out.group("rejected", len(p.Rejects))
	for _, r := range p.Rejects {
		out.line("%s: %s%s (%s)", Printable(string(r.Position)), withID(r.ExternalID), Printable(r.Detail), r.Reason)
	}
	out.group("left their source", len(p.Leavers))
	for _, l := range p.Leavers {
		out.line("%s (account %d): %s", Printable(l.ExternalID), l.AccountID, l.text())
	}
	out.group("remarks", len(p.Remarks))
	for _, r := range p.Remarks {
		out.line("%s", r)
	}
	out.end()
	fmt.Fprintf(out, "plan: %s to create, %s to update, %s to release, %s to delete; %s unchanged, %s rejected",
		Number(p.Count(Create)), Number(p.Count(Update)+p.Count(Adopt)), Number(p.Count(Release)), Number(p.Count(Delete)),
		Number(p.Unchanged), Number(len(p.Rejects)))
	for _, more := range []struct {
		n    int
		what string
	}{{p.Blocked(), "not sent"}, {p.Collapsed, "collapsed"}, {len(p.Leavers), "leavers left alone"}} {
		if more.n > 0 {
			fmt.Fprintf(out, ", %s %s", Number(more.n), more.what)
		}
	}
	fmt.Fprintln(out)
	return out.Flush()
}

func (p *Plan) writeOperations(out *textWriter, kind Kind) {
	n := p.Count(kind)
	out.group(string(kind), n)
	for i := range p.Operations {
		op := &p.Operations[i]
		if op.Kind != kind || op.Blocked != "" {
			continue
		}
		waits := ""
		if len(op.WaitsFor) > 0 {
			waits = " [after " + Printable(strings.Join(op.WaitsFor, ", ")) + "]"
		}
		why := ""
		if op.Reason != NewRecord && op.Reason != FieldsDiffer {
			why = " [" + string(op.Reason) + "]"
		}
		out.line("%s%s%s%s", subject(op), changesText(op), why, waits)
	}
}

// subject names whom an operation concerns, and where the record stands.
func subject(op *Operation) string {
	var b strings.Builder
	b.WriteString(Printable(op.ExternalID))
	if op.AccountID != 0 {
		fmt.Fprintf(&b, " (account %d)", op.AccountID)
	}
	if op.Position != "" {
		b.WriteString(" " + Printable(string(op.Position)))
	}
	return b.String()
}

// changesText shows every field, of an update with what it is now.
func changesText(op *Operation) string {
	var b strings.Builder
	for _, c := range op.Changes {
		b.WriteString("  " + c.Field.String() + ": ")
		if op.Kind != Create {
			b.WriteString(orEmpty(c.Before) + " → ")
		}
		b.WriteString(orEmpty(c.After))
	}
	return b.String()
}

func orEmpty(value string) string {
	if value == "" {
		return "(empty)"
	}
	return Printable(value)
}

func withID(externalID string) string {
	if externalID == "" {
		return ""
	}
	return Printable(externalID) + ": "
}

func (l Leaver) text() string {
	switch l.Reason {
	case InGrace:
		return fmt.Sprintf("in grace, reads without them: %d since %s, goes not before %s",
			l.Reads, l.Since.UTC().Format("2006-01-02 15:04 MST"), l.Due.UTC().Format("2006-01-02 15:04 MST"))
	case AbsenceUnknown:
		return "left alone, this read doesn't show for certain who left"
	default:
		return "kept"
	}
}

// String tells the remark in one line that is safe to show on a terminal.
func (r Remark) String() string {
	var b strings.Builder
	if r.Position != "" {
		b.WriteString(Printable(string(r.Position)) + ": ")
	}
	b.WriteString(withID(r.ExternalID))
	if r.AccountID != 0 {
		fmt.Fprintf(&b, "account %d: ", r.AccountID)
	}
	if r.Field != "" {
		fmt.Fprintf(&b, "%s: ", r.Field)
	}
	b.WriteString(Printable(r.Detail))
	return b.String()
}

// textWriter writes groups of lines and cuts each at a number of lines.
type textWriter struct {
	*bufio.Writer
	most, lines int
}

func (t *textWriter) group(name string, count int) {
	t.end()
	if count > 0 {
		fmt.Fprintf(t, "%s %s\n", name, Number(count))
	}
}

func (t *textWriter) line(format string, args ...any) {
	t.lines++
	if t.most == 0 || t.lines <= t.most {
		fmt.Fprintf(t, "  "+format+"\n", args...)
	}
}

func (t *textWriter) end() {
	if t.most > 0 && t.lines > t.most {
		fmt.Fprintf(t, "  … and %s more; --all shows every one\n", Number(t.lines-t.most))
	}
	t.lines = 0
}

// Printable makes a value safe to show on a terminal: control characters are spelled out, and bytes that aren't UTF-8
// replaced, since some terminals take them for control characters.
func Printable(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if !strings.ContainsFunc(s, unsafeRune) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case unsafeRune(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unsafeRune reports whether a character could move the cursor, hide or reorder text.
func unsafeRune(r rune) bool {
	const zeroWidthJoiner = 0x200d // holds emoji together
	return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) || (unicode.Is(unicode.Cf, r) && r != zeroWidthJoiner)
}

// Number writes n with commas between thousands.
func Number(n int) string {
	digits := fmt.Sprint(n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
