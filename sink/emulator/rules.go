package emulator

import (
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxTags is how many tags a user can have. Documented.
const maxTags = 5

// rule looks at a user as it would become and complains about it.
type rule func(*person, problems)

// rules are all that don't need to know other users; uniqueness is the directory's.
func rules() []rule {
	return []rule{loginOrEmail, loginLength, emailSyntax, tagCount, wholeNumbers}
}

func loginOrEmail(p *person, wrong problems) {
	if p.Login == "" && p.Email == "" {
		wrong.add("base", "login or email is required")
	}
}

func loginLength(p *person, wrong problems) {
	if p.Login != "" {
		checkLength("login", p.Login, 3, 70, wrong)
	}
}

func emailSyntax(p *person, wrong problems) {
	if p.Email == "" {
		return
	}
	if parsed, err := mail.ParseAddress(p.Email); err != nil || parsed.Address != p.Email {
		wrong.add("email", "should look like an email address.")
	}
}

func tagCount(p *person, wrong problems) {
	if len(p.Tags) > maxTags {
		wrong.add("tag_list", "is too long (maximum is %d tags)", maxTags)
	}
}

func wholeNumbers(p *person, wrong problems) {
	for _, name := range []string{"external_user_id", "blob_id", "timezone"} {
		text := *p.field(name)
		n, err := strconv.ParseInt(text, 10, 64)
		if text != "" && (err != nil || strconv.FormatInt(n, 10) != text) {
			wrong.add(name, "is not a number")
		}
	}
}

func (o *Options) checkPassword(password string, wrong problems) {
	switch {
	case password == "":
		wrong.add("password", "can't be blank")
	case !o.AnyPassword:
		checkLength("password", password, 8, 40, wrong)
	}
}

func checkLength(field, text string, least, most int, wrong problems) {
	switch n := utf8.RuneCountInString(text); {
	case n < least:
		wrong.add(field, "is too short (minimum is %d characters)", least)
	case n > most:
		wrong.add(field, "is too long (maximum is %d characters)", most)
	}
}

// assign puts the given parameters into p, normalised; parameters that aren't given leave p as it is.
func (o *Options) assign(p *person, params map[string]value) {
	for name, v := range params {
		if field := p.field(name); field != nil {
			*field = o.normalise(name, v.text)
		}
	}
	if v, given := params["tag_list"]; given {
		p.Tags = tags(v)
	}
}

// normalise is what the service does to a text on its way in.
func (o *Options) normalise(field, text string) string {
	if !o.KeepsSpaces {
		text = strings.TrimSpace(text)
	}
	switch {
	case field == "email" && !o.KeepsEmailCase:
		return strings.ToLower(text)
	case field == "website" && text != "" && !strings.Contains(text, "://"):
		return "http://" + text
	}
	return text
}

func tags(v value) []string {
	list := v.list
	if list == nil {
		list = strings.Split(v.text, ",")
	}
	var kept []string
	for _, tag := range list {
		if tag = strings.TrimSpace(tag); tag != "" && !slices.Contains(kept, tag) {
			kept = append(kept, tag)
		}
	}
	return kept
}
