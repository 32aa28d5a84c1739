package account

import (
	"errors"
	"fmt"
	"testing"

	"cubesync/sync/user"
)

func TestHasTag(t *testing.T) {
	for _, test := range []struct {
		tags, tag string
		want      bool
	}{
		{"staff", "staff", true},
		{"a,staff,z", "staff", true},
		{"staffing", "staff", false},
		{"Staff", "staff", false},
		{"", "staff", false},
		{"", "", false},
	} {
		var a Account
		a.Values[user.Tags] = user.Text(test.tags)
		if got := a.HasTag(test.tag); got != test.want {
			t.Errorf("%q has %q: %v", test.tags, test.tag, got)
		}
	}
}

func TestKinds(t *testing.T) {
	unusable := map[Kind]bool{Unauthenticated: true, Throttled: true, Unavailable: true}
	seen := map[string]bool{}
	for k := Ambiguous; k <= Unavailable; k++ {
		if k.Unusable() != unusable[k] {
			t.Errorf("%s, unusable: %v", k, k.Unusable())
		}
		if k.String() == "" || seen[k.String()] {
			t.Errorf("kind %d is called %q", k, k)
		}
		seen[k.String()] = true
		if got := KindOf(fmt.Errorf("wrapped: %w", &Error{Kind: k})); got != k {
			t.Errorf("KindOf a wrapped %s = %s", k, got)
		}
	}
	if got := KindOf(errors.New("anything else")); got != Ambiguous {
		t.Errorf("what can't be classified is %s", got)
	}
}

func TestError(t *testing.T) {
	for want, e := range map[string]*Error{
		"list users: unavailable":                                             {Kind: Unavailable, Call: "list users"},
		"sign up: conflict (HTTP 422): login has already been taken":          {Kind: Conflict, Call: "sign up", Status: 422, Words: "login has already been taken"},
		"update user: forbidden (HTTP 403): Need user; set updates to owner":  {Kind: Forbidden, Call: "update user", Status: 403, Words: "Need user", Hint: "set updates to owner"},
		"delete user: unauthenticated; check connectycube.application.secret": {Kind: Unauthenticated, Call: "delete user", Hint: "check connectycube.application.secret"},
	} {
		if e.Error() != want {
			t.Errorf("got %q, want %q", e.Error(), want)
		}
	}
}
