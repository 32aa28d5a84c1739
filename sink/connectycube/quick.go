package connectycube

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// quick reads the answer about one user that the service usually gives, without looking anything up by reflection: it comes
// after each write. Whatever looks different isn't wrong, but left to encoding/json, which reads all of it as quick does.
type quick struct {
	rest string
	bad  bool // it looks different
}

// readQuickly reads {"user":{…}} and reports whether it could.
func readQuickly(body []byte, into *wireUser) bool {
	for _, c := range body {
		if c < ' ' { // in a text that is an error, elsewhere a pretty answer
			return false
		}
	}
	if !utf8.Valid(body) {
		return false
	}
	q := quick{rest: string(body)} // one copy, of which the texts are parts
	var u wireUser
	q.take(`{"user":{`)
	q.user(&u)
	q.take("}}")
	if q.bad || q.rest != "" {
		return false
	}
	*into = u
	return true
}

func (q *quick) user(u *wireUser) {
	for {
		key := q.key()
		switch key {
		case "id":
			u.ID = q.value()
		case "login":
			u.Login = q.value()
		case "email":
			u.Email = q.value()
		case "full_name":
			u.FullName = q.value()
		case "phone":
			u.Phone = q.value()
		case "website":
			u.Website = q.value()
		case "external_id":
			u.ExternalID = q.value()
		case "custom_data":
			u.CustomData = q.value()
		case "user_tags":
			u.UserTags = q.tags()
		case "created_at":
			u.CreatedAt = q.value()
		case "updated_at":
			u.UpdatedAt = q.value()
		default:
			q.value()
		}
		if q.bad || !q.has(",") {
			return
		}
	}
}

// key reads a name and its colon. encoding/json takes names in other letters for ours too, so these look different.
func (q *quick) key() string {
	q.take(`"`)
	name, rest, found := strings.Cut(q.rest, `":`)
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && c != '_' {
			q.bad = true
		}
	}
	q.rest, q.bad = rest, q.bad || !found
	return name
}

// value reads a text, a whole number, true, false or null.
func (q *quick) value() wireText {
	if q.has(`"`) {
		return wireText(q.text())
	}
	end := strings.IndexAny(q.rest, ",}]")
	if end < 0 {
		q.bad = true
		return ""
	}
	word := q.rest[:end]
	q.rest = q.rest[end:]
	switch word {
	case "null":
		return ""
	case "true", "false":
		return wireText(word)
	}
	if n, err := strconv.ParseInt(word, 10, 64); err != nil || strconv.FormatInt(n, 10) != word {
		q.bad = true
	}
	return wireText(word)
}

// tags reads an array of values, or one text.
func (q *quick) tags() (tags wireTags) {
	if !q.has("[") {
		return tagsIn(q.value())
	}
	if q.has("]") {
		return nil
	}
	for {
		tags = append(tags, q.value())
		if q.bad || !q.has(",") {
			break
		}
	}
	q.take("]")
	return tags
}

// text reads what is left of a quoted text.
func (q *quick) text() string {
	end := strings.IndexByte(q.rest, '"')
	if end < 0 {
		q.bad = true
		return ""
	}
	text := q.rest[:end]
	if strings.IndexByte(text, '\\') < 0 {
		q.rest = q.rest[end+1:]
		return text
	}
	return q.unescaped()
}

// unescaped reads what is left of a text that holds backslashes.
func (q *quick) unescaped() string {
	text := make([]byte, 0, 2*strings.IndexByte(q.rest, '"')+64)
	for {
		n := strings.IndexAny(q.rest, `"\`)
		if n < 0 || n+1 == len(q.rest) {
			q.bad = true
			return ""
		}
		text = append(text, q.rest[:n]...)
		ends, letter := q.rest[n] == '"', q.rest[n+1]
		if ends {
			q.rest = q.rest[n+1:]
			return string(text)
		}
		q.rest = q.rest[n+2:]
		if i := strings.IndexByte(`"\/bfnrt`, letter); i >= 0 {
			text = append(text, "\"\\/\b\f\n\r\t"[i])
			continue
		}
		if letter != 'u' {
			q.bad = true
			return ""
		}
		text = utf8.AppendRune(text, q.number())
	}
}

// number reads the four digits of a character. Halves of one look different.
func (q *quick) number() rune {
	if len(q.rest) < 4 {
		q.bad = true
		return 0
	}
	number, err := strconv.ParseUint(q.rest[:4], 16, 16)
	q.rest = q.rest[4:]
	q.bad = q.bad || err != nil || number >= 0xd800 && number < 0xe000
	return rune(number)
}

// has reads what is given if it comes next.
func (q *quick) has(next string) (there bool) {
	q.rest, there = strings.CutPrefix(q.rest, next)
	return there
}

func (q *quick) take(next string) {
	if !q.has(next) {
		q.bad = true
	}
}
