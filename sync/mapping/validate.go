package mapping

import (
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cubesync/sync/account"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// What ConnectyCube takes, and what we leave room for.
const (
	minLogin      = 3 // characters
	maxLogin      = 70
	maxTags       = account.MaxTags - 1 // the owner tag takes one
	maxTag        = 255
	maxExternalID = 255
)

// shownBytes is how much of a bad value a message shows.
const shownBytes = 100

// problems are what is wrong with one record.
type problems []problem

type problem struct{ field, text string }

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, problem{field, fmt.Sprintf(format, args...)})
}

// reject makes one error of all problems.
func (p problems) reject(rec record.Record, externalID string) *record.RejectError {
	reject := &record.RejectError{Position: rec.Position, ExternalID: externalID, Uncertain: rec.Uncertain}
	if len(p) == 1 {
		reject.Field, reject.Problem = p[0].field, p[0].text
		return reject
	}
	texts := make([]string, len(p))
	for i, each := range p {
		texts[i] = strings.TrimPrefix(each.field+": "+each.text, ": ")
	}
	reject.Problem = strings.Join(texts, "; ")
	return reject
}

// ExternalID returns an external ID as that of a record would be, and why it can't be anybody's.
func ExternalID(text string) (string, error) {
	var found problems
	id := user.Clean(text)
	found.checkExternalID(id, "")
	if len(found) > 0 {
		return id, fmt.Errorf("%s: %s", found[0].field, found[0].text)
	}
	return id, nil
}

// checkExternalID reports whether the external ID can be read at all; a readable one may still be refused. What a
// template makes without one of its columns is another person's, or nobody's.
func (p *problems) checkExternalID(id, emptyColumn string) (readable bool) {
	switch {
	case id == "":
		p.add(externalIDName, "it is empty, and without it nobody can be recognised: fill it in")
		return false
	case emptyColumn != "":
		p.add(externalIDName, "the column %q is empty, and without it %s may be another person: fill it in", emptyColumn, excerpt(id))
		return false
	}
	if !p.checkText(externalIDName, id) {
		return false
	}
	if i := invisibleAt(id); i >= 0 {
		r, _ := utf8.DecodeRuneInString(id[i:])
		p.add(externalIDName, "%s has the invisible character %U in it, with which it would be another person's: remove it", excerpt(id), r)
		return false
	}
	if n := utf8.RuneCountInString(id); n > maxExternalID {
		p.add(externalIDName, "it has %d characters and may have %d", n, maxExternalID)
	}
	return true
}

// Readable reports whether an external ID that a source read by itself, of a record that it rejects, is one that can be read.
func Readable(externalID string) bool {
	var found problems
	return found.checkExternalID(externalID, "")
}

// invisibleAt returns where a text has the first character that nobody sees, -1 without one.
func invisibleAt(text string) int {
	if user.Plain(text) {
		return -1
	}
	return strings.IndexFunc(text, user.Invisible)
}

func (p *problems) checkField(field user.Field, text string) {
	if text == "" || !p.checkText(field.String(), text) {
		return
	}
	switch field {
	case user.Login:
		if n := utf8.RuneCountInString(text); n < minLogin || n > maxLogin {
			p.add(field.String(), "%s has %d characters and needs %d to %d", excerpt(text), n, minLogin, maxLogin)
		}
	case user.Email:
		if address, err := mail.ParseAddress(text); err != nil || address.Address != text {
			p.add(field.String(), "%s isn't an e-mail address: write name@domain and nothing else", excerpt(text))
		}
	}
}

// checkText refuses what no line of text contains.
func (p *problems) checkText(name, text string) bool {
	if user.Plain(text) {
		return true
	}
	if !p.checkUTF8(name, text) {
		return false
	}
	if i := strings.IndexFunc(text, unicode.IsControl); i >= 0 {
		r, _ := utf8.DecodeRuneInString(text[i:])
		p.add(name, "%s contains the control character %U: remove it", excerpt(text), r)
		return false
	}
	return true
}

func (p *problems) checkUTF8(name, text string) bool {
	if !utf8.ValidString(text) {
		p.add(name, "%s isn't valid UTF-8: correct the source's encoding", excerpt(text))
		return false
	}
	return true
}

func (p *problems) checkTags(tags []string) {
	name := user.Tags.String()
	distinct := slices.Clone(tags)
	slices.Sort(distinct)
	distinct = slices.DeleteFunc(slices.Compact(distinct), func(tag string) bool { return tag == "" })
	for _, tag := range distinct {
		if !p.checkText(name, tag) {
			continue
		}
		if strings.Contains(tag, ",") {
			p.add(name, "%s contains a comma, which separates tags: remove it, or split the value at it", excerpt(tag))
		}
		if n := utf8.RuneCountInString(tag); n > maxTag {
			p.add(name, "%s has %d characters and may have %d", excerpt(tag), n, maxTag)
		}
	}
	if len(distinct) > maxTags {
		p.add(name, "%s are %d tags, and a user has room for %d beside the owner tag: leave some out", excerpt(strings.Join(distinct, ", ")), len(distinct), maxTags)
	}
}

// object returns a JSON object as user.CustomData compares it, "" for an empty one.
func (p *problems) object(text string) string {
	if text == "" || !p.checkUTF8(user.CustomData.String(), text) {
		return ""
	}
	object, ok := user.JSONObject(text)
	switch {
	case !ok:
		p.add(user.CustomData.String(), "%s isn't a JSON object: write {\"key\": value, …}", excerpt(text))
		return ""
	case len(object) == 0:
		return ""
	}
	return user.CustomData.Canonical(text)
}

// excerpt quotes a value, or the beginning of a long one.
func excerpt(text string) string {
	if len(text) <= shownBytes {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprintf("%q…", strings.ToValidUTF8(text[:shownBytes], ""))
}
