package user

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

func TestComputedLogin(t *testing.T) {
	rule := regexp.MustCompile(`^[a-z0-9-]{3,70}$`)
	seen := map[string]string{}
	ids := []string{"E1", "e1", "é", "É", strings.Repeat("x", 254), strings.Repeat("x", 255), " ", "E 1", "E1 "}
	for i := range 10_000 {
		ids = append(ids, fmt.Sprint(i))
	}
	for _, id := range ids {
		login := ComputedLogin(id)
		if !rule.MatchString(login) || login != ComputedLogin(id) {
			t.Errorf("%q: login %q isn't stable or doesn't fit", id, login)
		}
		if other, twice := seen[login]; twice {
			t.Errorf("%q and %q share the login %q", id, other, login)
		}
		seen[login] = id
	}
	// What was signed up once must be found again by every later version.
	if got, want := ComputedLogin("E1"), "id-5497e7f0df907b27bf8e0fae229cd16ce2ecb1b3"; got != want {
		t.Errorf("login of E1: %q; want %q", got, want)
	}
}
