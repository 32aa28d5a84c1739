package plan

import (
	"fmt"
	"slices"
	"testing"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// What a blocked ring, of people who sign in with their e-mails, says of its members doesn't grow with the square of their number.
func TestBlockedRingIsNamedBriefly(t *testing.T) {
	const members, longest = 2000, 300
	var desired []Desired
	var observed []account.Account
	for i := range members {
		id := fmt.Sprintf("E%04d", i)
		a := account.Account{ID: int64(i + 1), ExternalID: id}
		a.Values[user.Email] = user.Text(fmt.Sprintf("e%d@example.com", i))
		a.Values[user.Tags] = user.Text("staff")
		observed = append(observed, a)
		d := Desired{User: user.User{ExternalID: id}, Position: "row 1"}
		d.User.Values[user.Email] = user.Text(fmt.Sprintf("e%d@example.com", (i+1)%members))
		desired = append(desired, d)
	}
	p := NewSurvey(Input{
		Desired: slices.Values(desired), Observed: slices.Values(observed), Known: slices.Values([]Known{}),
		Policy: Policy{OwnerTag: "staff", Leavers: KeepLeavers},
	}).Build(nil)
	if p.Blocked() != members {
		t.Fatalf("%d of %d are blocked", p.Blocked(), members)
	}
	for _, op := range p.Operations {
		if op.Blocked != Cycle || len(op.Detail) > longest {
			t.Fatalf("%s: %s: %s", op.ExternalID, op.Blocked, op.Detail)
		}
	}
}
