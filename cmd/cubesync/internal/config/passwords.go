package config

import (
	"fmt"
	"unicode/utf8"
)

// minSecretLength is how many characters keep a secret that passwords are computed from beyond guessing.
const minSecretLength = 32

func (c *checker) passwords(n node, app application) Passwords {
	group := n.object("write derive or random under it", "derive", "random")
	if !n.given() {
		return Passwords{}
	}
	switch group.one("derive", "random") {
	case "derive":
		return Passwords{Derive: c.derive(group.get("derive"), app)}
	case "random":
		random := group.get("random")
		if random.is(boolKind, "write random: true") && !random.flag() {
			random.complain("leaves no way to make passwords", "write random: true, or derive")
		}
		return Passwords{Random: true}
	}
	return Passwords{}
}

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
