package mapping

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"cubesync/sync/record"
)

// passwordName is the password's name in messages, beside those of the fields.
const passwordName = "password"

// As ConnectyCube takes them.
const (
	minPassword = 8 // characters
	maxPassword = 40
)

// Password returns the password that the record has for a new user, exactly as it stands there. problem says why it can't be
// one, "" if it can, and never what it is. Without a column for passwords it returns neither.
func (m *Mapper) Password(rec record.Record) (password, problem string) {
	p := m.at(rec)
	if problem = p.unfit(rec); problem != "" {
		return "", problem
	}
	return rec.At(p.secret).Text(), ""
}

// unfit says why the record's password can't be a new user's, "" if it can.
func (p *placed) unfit(rec record.Record) string {
	if p.password == "" {
		return ""
	}
	text := rec.At(p.secret).Text()
	switch n := utf8.RuneCountInString(text); {
	case strings.TrimSpace(text) == "":
		return "it is empty, and a new user needs one: fill it in"
	case !utf8.ValidString(text):
		return "it isn't valid UTF-8: correct the source's encoding"
	case strings.ContainsFunc(text, unicode.IsControl):
		return "it contains a line break or another control character, or there are several of it: give one, in one line"
	case strings.TrimSpace(text) != text:
		return "white space stands around it, which nobody would type: remove it"
	case isHashed(text):
		return "it is the hash of a password, which nobody can sign in with: give the password itself, or configure derive or random"
	case n < minPassword:
		return "it is shorter than 8 characters, the least that ConnectyCube takes: give a longer one"
	case n > maxPassword:
		return "it is longer than 40 characters, the most that ConnectyCube takes: give a shorter one"
	}
	return ""
}

// hashed is how hashes begin: those of directories, {SSHA} and all others of RFC 2307, and those of crypt, such as $6$ and $2y$.
// Hexadecimal ones can't be told from a password.
var hashed = regexp.MustCompile(`^(?:\{[A-Za-z][\w./-]*\}|\$(?:1|2[abxy]?|5|6|7|y|gy|md5|sha1|apr1|P|H|S|argon2[a-z]*|scrypt|bcrypt[\w-]*|pbkdf2[\w-]*)\$)`)

// isHashed reports whether a password is what systems keep instead of one.
func isHashed(password string) bool { return hashed.MatchString(password) }
