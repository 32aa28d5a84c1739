package plan

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/text/unicode/bidi"
)

// TextOptions say how a plan is written.
type TextOptions struct {
	Most   int    // entries of each group; 0: all
	Width  int    // columns of the terminal, at which lines are broken; 0: one line an entry, for files and other programs
	Colour bool   // with a terminal's escape sequences
	Source Source // that the plan was made from; of one that wasn't read whole nobody is shown as having left it
}

// WriteText writes the plan for people: a group for each kind of operation with its count, one entry an operation with
// every field before and after, then what is rejected and what is left alone. Without colour it has no control
// character but line breaks, whatever the values are.
func (p *Plan) WriteText(w io.Writer, o TextOptions) error {
	out := newTextWriter(w, o)
	for _, kind := range Kinds() {
		if err := p.writeOperations(out, kind); err != nil {
			return err
		}
	}
	out.group("not sent", plain, p.Blocked())
	for i := range p.Operations {
		if op := &p.Operations[i]; op.Blocked != "" {
			head := append([]span{{string(op.Kind), styleOf(op.Kind)}, say(" ")}, subject(op)...)
			head = append(head, say(fmt.Sprintf(": %s (%s)", op.Blocked, Printable(op.Detail))))
			out.entry(entry{head: head, fields: changesText(op)})
		}
	}
	p.writeAvatars(out)
	out.group("rejected", plain, len(p.Rejects))
	for _, r := range p.Rejects {
		out.entry(entry{head: []span{
			{Printable(string(r.Position)), faint}, say(": " + withID(r.ExternalID)), say(Printable(r.Detail)), {" (" + string(r.Reason) + ")", faint},
		}})
	}
	unknown := p.AbsenceUnknown(o.Source)
	left := "left their source"
	if unknown {
		left = "absence unknown"
	}
	out.group(left, plain, len(p.Leavers))
	for _, l := range p.Leavers {
		out.entry(entry{head: []span{{Printable(l.ExternalID), bold}, {fmt.Sprintf(" (account %d)", l.AccountID), faint}, say(": " + l.Fate())}})
	}
	out.group("remarks", plain, len(p.Remarks))
	for _, r := range p.Remarks {
		out.entry(entry{head: []span{say(r.String())}})
	}
	out.end()
	p.writeSum(out, unknown)
	return out.Flush()
}

func (p *Plan) writeAvatars(out *textWriter) {
	out.group("avatars", styleOf(Update), len(p.Avatars))
	for i := range p.Avatars {
		a := &p.Avatars[i]
		head := subject(&Operation{ExternalID: a.ExternalID, AccountID: a.AccountID, Position: a.Position})
		var tail []span
		if a.Blocked != "" {
			tail = append(tail, say(fmt.Sprintf("; not sent: %s (%s)", a.Blocked, Printable(a.Detail))))
		}
		out.entry(entry{head: head, fields: []fieldSpans{{avatarField, []span{{a.What(), styleOf(Update)}}}}, tail: tail})
	}
}

// What says for people which picture becomes the avatar.
func (a *Avatar) What() string {
	var parts []string
	if a.Source != "" {
		parts = append(parts, Printable(a.Source))
	}
	if a.SHA256 != "" {
		const shown = 12
		parts = append(parts, fmt.Sprintf("sha256 %.*s…, %s", shown, a.SHA256, sizeText(a.Bytes)))
	}
	if a.Replaces {
		parts = append(parts, "in place of another one of ours")
	}
	return strings.Join(parts, ", ")
}

func sizeText(bytes int) string {
	const kilobyte = 1000
	if bytes < kilobyte {
		return Number(bytes) + " bytes"
	}
	return Number((bytes+kilobyte/2)/kilobyte) + " KB"
}

func (p *Plan) writeSum(out *textWriter, unknown bool) {
	left := "leavers left alone"
	switch {
	case unknown:
		left = "of unknown absence"
	case len(p.Leavers) == 1:
		left = "leaver left alone"
	}
	line := []span{{"plan: ", bold}}
	add := func(before string, n int, what string, style style) {
		if n == 0 {
			style = plain
		}
		line = append(line, say(before), span{Number(n), style}, say(noBreak+what))
	}
	add("", p.Count(Create), "to create", styleOf(Create))
	add(", ", p.Count(Update), "to update", styleOf(Update))
	add(", ", p.Count(Release), "to release", styleOf(Release))
	add(", ", p.Count(Delete), "to delete", styleOf(Delete))
	add("; ", p.Unchanged, "unchanged", plain)
	add(", ", len(p.Rejects), "rejected", plain)
	for _, more := range []struct {
		n    int
		what string
	}{{p.Count(Adopt), "to adopt"}, {p.Blocked(), "not sent"}, {p.Collapsed, "collapsed"}, {p.Filtered, "filtered"}, {len(p.Leavers), left}} {
		if more.n > 0 {
			add(", ", more.n, more.what, plain)
		}
	}
	if n := p.AvatarsSent(); n == 1 {
		add(", ", n, "avatar to set", plain)
	} else if n > 1 {
		add(", ", n, "avatars to set", plain)
	}
	const hanging = 6
	out.line(0, hanging, line)
}

func (p *Plan) writeOperations(out *textWriter, kind Kind) error {
	out.group(string(kind), styleOf(kind), p.Count(kind))
	for op, err := range p.of(kind) {
		if err != nil {
			return err
		}
		if out.full() {
			return nil
		}
		if op.Kind != kind || !op.counts() || op.Blocked != "" {
			continue
		}
		var tail []span
		if op.Reason != NewRecord && op.Reason != FieldsDiffer {
			tail = append(tail, span{" [" + string(op.Reason) + "]", faint})
		}
		for _, note := range op.Order() {
			tail = append(tail, span{" [" + note + "]", faint})
		}
		out.entry(entry{head: subject(op), fields: changesText(op), tail: tail})
	}
	return nil
}

// Order says for people what the operation gives up before others, and whom it comes after.
func (o *Operation) Order() []string {
	var gives, after, notes []string
	for _, g := range o.Parked {
		gives = append(gives, "its "+g.Field.String()+" to "+Printable(g.To))
	}
	for _, other := range o.WaitsFor {
		if other != o.ExternalID { // its own parking
			after = append(after, Printable(other))
		}
	}
	if len(gives) > 0 {
		notes = append(notes, "parked: gives "+strings.Join(gives, " and ")+" first")
	}
	if len(after) > 0 {
		notes = append(notes, "after "+strings.Join(after, ", "))
	}
	return notes
}

// subject names whom an operation concerns, and where the record stands.
func subject(op *Operation) []span {
	spans := []span{{Printable(op.ExternalID), bold}}
	if op.AccountID != 0 {
		spans = append(spans, span{fmt.Sprintf(" (account %d)", op.AccountID), faint})
	}
	if op.Position != "" {
		spans = append(spans, span{" " + Printable(string(op.Position)), faint})
	}
	return spans
}

// changesText shows every field, of an update with what it is now.
func changesText(op *Operation) []fieldSpans {
	var fields []fieldSpans
	if op.ExternalIDBefore != nil {
		fields = append(fields, fieldSpans{"external_id", fromTo(*op.ExternalIDBefore, op.ExternalID, styleOf(op.Kind))})
	}
	for _, c := range op.Changes {
		value := []span{{OrEmpty(c.After), styleOf(op.Kind)}}
		if op.Kind != Create {
			value = fromTo(c.Before, c.After, styleOf(op.Kind))
		}
		fields = append(fields, fieldSpans{c.Field.String(), value})
	}
	return fields
}

func fromTo(before, after string, style style) []span {
	return []span{say(OrEmpty(before)), say(Arrow(before, after)), {OrEmpty(after), style}}
}

// Arrow stands between a value before and after. Between values that are written from right to left it is kept from
// turning round: there "a → b" would be shown as "b → a".
func Arrow(before, after string) string {
	rightToLeft := func(r rune) bool {
		p, _ := bidi.LookupRune(r)
		return p.Class() == bidi.R || p.Class() == bidi.AL || p.Class() == bidi.AN
	}
	if strings.ContainsFunc(before+after, rightToLeft) {
		const leftToRight = "\u200e"
		return " " + leftToRight + "→" + leftToRight + " "
	}
	return " → "
}

// OrEmpty is a value for people, who see where there is none.
func OrEmpty(value string) string {
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

// AbsenceUnknown reports whether those whom the plan has as leavers may be in the source all the same, because it wasn't
// read whole, or because its read doesn't show for certain who left.
func (p *Plan) AbsenceUnknown(read Source) bool {
	return read.Partial() || slices.ContainsFunc(p.Leavers, func(l Leaver) bool { return l.Reason == AbsenceUnknown })
}

// Fate says for people what becomes of the leaver.
func (l Leaver) Fate() string {
	switch l.Reason {
	case InGrace:
		more := ""
		if l.MoreReads > 0 {
			more = fmt.Sprintf("; reads still to come: %d", l.MoreReads)
		}
		return fmt.Sprintf("in grace, reads without them: %d since %s, goes not before %s%s",
			l.Reads, Moment(l.Since), Moment(l.Due), more)
	case IsProtected:
		return "protected, never touched"
	case AbsenceUnknown:
		return "no record in this read, which doesn't show for certain who left: nobody leaves"
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
