package plan

import (
	"slices"
	"testing"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// What was refused is sent again when the account is another one than the service refused it for, though the operation
// would change the same.
func TestRefusedUntilTheAccountChanges(t *testing.T) {
	a := account.Account{ID: 1, ExternalID: "E1"}
	for _, field := range user.Fields() {
		a.Values[field] = user.Text("")
	}
	a.Values[user.Login], a.Values[user.Tags] = user.Text("ann"), user.Text("staff")
	var want user.Values
	want[user.Email] = user.Text("taken@example.com")
	build := func(refusal *Refusal) Operation {
		survey := NewSurvey(Input{
			Desired:  slices.Values([]Desired{{User: user.User{ExternalID: "E1", Values: want}}}),
			Observed: slices.Values([]account.Account{a}),
			Known:    slices.Values([]Known{{ExternalID: "E1", AccountID: 1, Refusal: refusal}}),
			Policy:   Policy{OwnerTag: "staff", Leavers: KeepLeavers},
		})
		p := survey.Build(nil)
		if len(p.Operations) != 1 {
			t.Fatalf("planned %v", p.Operations)
		}
		return p.Operations[0]
	}
	refusal := &Refusal{Digest: build(nil).Digest, Words: "has already been taken"}
	if again := build(refusal); again.Blocked != RefusedBefore {
		t.Errorf("sent again: %+v", again)
	}
	a.Values[user.FullName] = user.Text("Ann")
	if now := build(refusal); now.Blocked != "" {
		t.Errorf("the account has changed, and it is still blocked: %+v", now)
	}
}
