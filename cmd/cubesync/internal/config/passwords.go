package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"cubesync/source/csvfile"
)

// minSecretLength is how many characters keep a secret that passwords are computed from beyond guessing.
const minSecretLength = 32

func (c *checker) passwords(n node, app application) Passwords {
	group := n.object("write derive, random or column under it", "derive", "random", "column")
	if !n.given() {
		return Passwords{}
	}
	switch group.one("derive", "random", "column") {
	case "derive":
		return Passwords{Derive: c.derive(group.get("derive"), app)}
	case "random":
		return c.random(group.get("random"))
	case "column":
		column, _ := group.get("column").text()
		return Passwords{Column: column}
	}
	return Passwords{}
}

// passwordColumn hands the column of passwords to the mapping, and sees to it that nothing else is made of it: whatever is would
// be shown, kept and compared.
func (c *checker) passwordColumn(n node, p *Pipeline) {
	column := p.Passwords.Column
	if column == "" {
		return
	}
	at := n.child("column")
	p.Mapping.Password = column
	used, _ := p.mappedColumns() // there is a complaint of a mapping that is none

	if slices.ContainsFunc(used, func(other string) bool { return strings.EqualFold(other, column) }) { // LDAP tells no case
		at.complain(fmt.Sprintf("%q is used by the mapping too, so that passwords would be shown and kept", column), "take it out of the mapping")
	}
	if csv := p.Source.CSV; csv != nil && csv.Path == csvfile.StandardInput {
		at.complain("comes through standard input, which is put aside on the disk while it is read", "name a file as source.csv.path")
	}
	if len(p.Source.Parts) > 0 {
		at.complain("comes from several sources, which are put aside on the disk to be joined", "let one source have all that is mapped, or choose derive or random")
	}
}

// random reads passwords that nobody knows: true, or what is done for those who get them.
func (c *checker) random(n node) Passwords {
	p := Passwords{Random: true}
	if n.value.kind != objectKind {
		if n.is(boolKind, "write random: true") && !n.flag() {
			n.complain("leaves no way to make passwords", "write random: true, or derive")
		}
		return p
	}
	group := n.object("write reset_email: true under it", "reset_email", "per_minute")
	p.ResetEmail = group.get("reset_email").flag()
	pace := group.get("per_minute")
	p.PerMinute = pace.integer(0, 1, maxPerMinute)
	if pace.given() && !p.ResetEmail {
		pace.complain("has no use without reset_email: true", "write that, or take the line out")
	}
	return p
}

// maxPerMinute is more e-mails than any service sends.
const maxPerMinute = 60_000

func (c *checker) derive(n node, app application) *Derive {
	group := n.object("write secret: under it", "secret", "previous")
	derive := &Derive{
		Secret:   group.need("secret", "write ${NAME} or file:PATH").passwordSecret(app),
		Previous: group.get("previous").passwordSecret(app),
	}
	if !derive.Secret.IsZero() && derive.Secret == derive.Previous {
		group.get("previous").complain("is the secret itself", "write the one before it, or take the line out")
	}
	return derive
}

// passwordSecret returns a secret that passwords are computed from.
func (n node) passwordSecret(app application) Secret {
	secret, ok := n.secret()
	switch {
	case !ok:
	case secret.Reveal() == SampleSecret && app.reach == liveReach:
		n.complain("is the sample's, which everybody can read", fmt.Sprintf("write your own of at least %d characters: ${NAME} or file:PATH", minSecretLength))
	case secret.Reveal() == SampleSecret:
	case utf8.RuneCountInString(secret.Reveal()) < minSecretLength:
		n.complain(fmt.Sprintf("is shorter than %d characters", minSecretLength), "make one with: openssl rand -base64 33")
	}
	return secret
}
