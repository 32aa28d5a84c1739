package plan

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cubesync/sync/account"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// TakenOut stands in the place of a text that named somebody who was forgotten.
const TakenOut = "(taken out: it named somebody who was forgotten)"

// Person is what somebody is known by.
type Person struct {
	ExternalIDs []string
	AccountIDs  []int64
	Names       []string // their logins and e-mails
}

// Is reports whether the external ID or the account is theirs.
func (p *Person) Is(externalID string, accountID int64) bool {
	return externalID != "" && slices.Contains(p.ExternalIDs, externalID) || accountID != 0 && slices.Contains(p.AccountIDs, accountID)
}

// HasName reports whether a login or an e-mail is theirs.
func (p *Person) HasName(text string) bool {
	return text != "" && slices.ContainsFunc(p.Names, func(name string) bool {
		return user.Login.Equal(name, text) || user.Email.Equal(name, text)
	})
}

// Named reports whether prose names them: an external ID, login or e-mail of theirs stands in it as a word of its own.
func (p *Person) Named(prose string) bool {
	if prose == "" {
		return false
	}
	folded := strings.ToLower(prose)
	return slices.ContainsFunc(p.ExternalIDs, func(id string) bool { return hasWord(prose, id) }) ||
		slices.ContainsFunc(p.Names, func(name string) bool { return hasWord(folded, strings.ToLower(name)) })
}

// hasWord reports whether a word stands in a text with no letter or digit beside it.
func hasWord(text, word string) bool {
	for at := 0; word != ""; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return false
		}
		at += i
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(word):])
		if !partOfWord(before) && !partOfWord(after) {
			return true
		}
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	return false
}

func partOfWord(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// About reports whether a line is about them: an operation on their account, their reject, their absence, a remark upon
// them. A rejected record whose external ID can't be read is theirs where one of its cells says so.
func (p *Person) About(l Line) bool {
	switch {
	case l.Operation != nil:
		op := l.Operation
		return p.Is(op.ExternalID, op.AccountID) || op.ExternalIDBefore != nil && p.Is(*op.ExternalIDBefore, 0)
	case l.Reject != nil && l.Reject.ExternalID == "":
		return slices.ContainsFunc(l.Reject.Cells, func(v record.Value) bool { return p.HasName(v.Text()) || p.Is(v.Text(), 0) })
	case l.Reject != nil:
		return p.Is(l.Reject.ExternalID, 0)
	case l.Leaver != nil:
		return p.Is(l.Leaver.ExternalID, l.Leaver.AccountID)
	case l.Avatar != nil:
		return p.Is(l.Avatar.ExternalID, l.Avatar.AccountID)
	default:
		return p.Is(l.Remark.ExternalID, l.Remark.AccountID)
	}
}

// Forget takes out of the plan every line about somebody, and their names out of all others, and reports how many lines
// that changed. The header counts them: what is left of such a plan can be read, and not carried out any more, because it
// isn't what a person reviewed. An error means that the plan can't be read on; then it is as it was.
func (f *File) Forget(who *Person) (lines int, err error) {
	rest := &Plan{
		Owned: f.Plan.Owned, Desired: f.Plan.Desired, Collapsed: f.Plan.Collapsed, Filtered: f.Plan.Filtered, Unchanged: f.Plan.Unchanged,
		Operations: []Operation{}, Rejects: []Reject{}, Leavers: []Leaver{}, Remarks: []Remark{},
	}
	for l, err := range f.Plan.lines() {
		if err != nil {
			return 0, err
		}
		if who.About(l) {
			lines++
			continue
		}
		cleared, changed := who.clear(l)
		if changed {
			lines++
		}
		rest.add(cleared)
	}
	if who.renameRings(rest.Operations) {
		lines++
	}
	guards, changed := who.ClearTrips(f.Header.Guards)
	if changed {
		lines++
	}
	for _, prose := range []*string{&f.Header.AbsenceUnknown, &f.Header.Source.Reason, &f.Header.Source.Note} {
		if who.Named(*prose) {
			*prose = TakenOut
			lines++
		}
	}
	f.Header.Guards, f.Plan = guards, rest
	f.Header.Forgotten += lines
	return lines, nil
}

// clear takes their names out of a line about somebody else. What that one's own values are stays.
func (p *Person) clear(l Line) (_ Line, changed bool) {
	prose := func(text string) string {
		if !p.Named(text) {
			return text
		}
		changed = true
		return TakenOut
	}
	switch {
	case l.Operation != nil:
		op := *l.Operation
		op.Detail = prose(op.Detail)
		waits := slices.DeleteFunc(slices.Clone(op.WaitsFor), func(other string) bool { return p.Is(other, 0) })
		parked := slices.DeleteFunc(slices.Clone(op.Parked), func(g Given) bool { return p.Is(g.To, 0) })
		changed = changed || len(waits) < len(op.WaitsFor) || len(parked) < len(op.Parked)
		op.WaitsFor, op.Parked = waits, parked
		return Line{Operation: &op}, changed
	case l.Reject != nil:
		reject := *l.Reject
		reject.Detail = prose(reject.Detail)
		return Line{Reject: &reject}, changed
	case l.Remark != nil:
		remark := *l.Remark
		remark.Detail = prose(remark.Detail)
		return Line{Remark: &remark}, changed
	case l.Avatar != nil:
		avatar := *l.Avatar
		avatar.Detail = prose(avatar.Detail)
		return Line{Avatar: &avatar}, changed
	default:
		return l, false
	}
}

// renameRings names rings that were named for them by another member.
func (p *Person) renameRings(operations []Operation) (changed bool) {
	names := map[string]string{}
	for i := range operations {
		op := &operations[i]
		if op.Ring == "" || !p.Is(op.Ring, 0) {
			continue
		}
		if names[op.Ring] == "" {
			names[op.Ring] = op.ExternalID
		}
		op.Ring = names[op.Ring]
		changed = true
	}
	return changed
}

// ClearTrips returns guards that don't name them.
func (p *Person) ClearTrips(trips []Trip) (cleared []Trip, changed bool) {
	cleared = slices.Clone(trips)
	for i := range cleared {
		t := &cleared[i]
		concerns := slices.DeleteFunc(slices.Clone(t.Concerns), func(externalID string) bool { return p.Is(externalID, 0) })
		changed = changed || len(concerns) < len(t.Concerns)
		t.Concerns = concerns
		for _, prose := range []*string{&t.Saw, &t.Limit, &t.Remedy} {
			if p.Named(*prose) {
				*prose, changed = TakenOut, true
			}
		}
	}
	return cleared, changed
}

// Texts yields the texts that a line about somebody holds of them, but for tags and what is no text of theirs.
func (l Line) Texts(yield func(string)) {
	switch {
	case l.Operation != nil:
		op := l.Operation
		yield(op.ExternalID)
		yieldValues(op.Was(), yield)
		for _, c := range op.Changes {
			if c.Field != user.Tags {
				yield(c.Before)
				yield(c.After)
			}
		}
	case l.Reject != nil:
		yield(l.Reject.ExternalID)
		for _, cell := range l.Reject.Cells {
			yield(cell.Text())
		}
	case l.Leaver != nil:
		yield(l.Leaver.ExternalID)
	case l.Remark != nil:
		yield(l.Remark.ExternalID)
	case l.Avatar != nil:
		yield(l.Avatar.ExternalID)
		yield(l.Avatar.Source)
	}
}

func yieldValues(a account.Account, yield func(string)) {
	for field, value := range a.Values {
		if user.Field(field) != user.Tags {
			yield(value.Text)
		}
	}
}

// Spellings are the ways in which a text may stand in the files of a state: as it is, and as JSON writes it, in a plan and
// in the database, within JSON too.
func Spellings(text string) []string {
	all := []string{text}
	inside, err := json.Marshal(text)
	if err != nil {
		return all
	}
	twice, err := json.Marshal(string(inside[1 : len(inside)-1]))
	if err != nil {
		return all
	}
	all = append(all, string(inside[1:len(inside)-1]), string(twice[1:len(twice)-1]))
	if spelled := appendText(nil, text); len(spelled) > 1 {
		all = append(all, string(spelled[1:len(spelled)-1]))
	}
	slices.Sort(all)
	return slices.Compact(all)
}
