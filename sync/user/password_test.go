package user

import (
	"regexp"
	"testing"
)

// The vectors come from another implementation:
//
//	printf %s ID | openssl dgst -sha256 -hmac SECRET -binary | base64 | tr '+/' '-_' | cut -c1-40
func TestDerivePassword(t *testing.T) {
	for _, test := range []struct{ name, secret, externalID, want string }{
		{"ascii", "correct horse battery staple", "E1", "O3b0ImBIFZFMIVBHZKWtx4b7_1cPAd152xDo0pC1"},
		{"beyond-ascii", "pässword", "Łukasz-7", "iyHkhN6yGk0VrA9yEdMVITkO7QAEGI13ZU4LB4lK"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := DerivePassword(test.secret, test.externalID); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestDerivedPasswordsFitTheService(t *testing.T) {
	fits := regexp.MustCompile(`^[A-Za-z0-9_-]{40}$`)
	seen := map[string]bool{}
	for _, secret := range []string{"", "a", "secret"} {
		for _, id := range []string{"", "E1", "E2", "e1", "\u65e5\u672c", "x\x00y"} {
			password := DerivePassword(secret, id)
			if !fits.MatchString(password) {
				t.Errorf("the password of %q is %q", id, password)
			}
			if seen[password] {
				t.Errorf("the password of %q is another's too", id)
			}
			seen[password] = true
		}
	}
}
