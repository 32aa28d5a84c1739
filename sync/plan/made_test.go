package plan

import (
	"testing"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

func TestDropMade(t *testing.T) {
	signUp := Operation{Kind: Create, ExternalID: "E1", Changes: []Change{{Field: user.Login, After: "ann"}}}
	ours := member(1, "E1", "ann", "ann@example.com", "staff")
	for _, test := range []struct {
		name  string
		found []account.Account
		left  int
	}{
		{"made", []account.Account{ours}, 0},
		{"found-twice", []account.Account{ours, ours}, 0},
		{"not-made", nil, 1},
		{"of-somebody-else", []account.Account{member(1, "E1", "ann", "", "")}, 1},
		{"another-login", []account.Account{member(1, "E1", "anna", "", "staff")}, 1},
		{"another-external-id", []account.Account{member(1, "E2", "ann", "", "staff")}, 1},
		{"two-accounts", []account.Account{ours, member(2, "E1", "ann", "", "staff")}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			blocked := signUp
			blocked.Blocked = RefusedBefore
			p := Plan{Operations: []Operation{signUp, blocked, {Kind: Update, ExternalID: "E1"}}, Unchanged: 7}
			p.DropMade("staff", test.found)
			if got := len(p.Operations) - 2; got != test.left || p.Unchanged != 8-test.left {
				t.Errorf("%d sign-ups are left, %d unchanged", got, p.Unchanged)
			}
		})
	}
}
