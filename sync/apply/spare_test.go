package apply

import (
	"slices"
	"testing"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// Whom the policy spares is asked once more of the account that the write is about to change.
func TestSparedAccountsAreNeverWritten(t *testing.T) {
	protected := func(id int64, externalID string) account.Account {
		return with(person(id, externalID), user.Tags, "staff,vip")
	}
	s := newStage(protected(1, "updated"), protected(2, "deleted"), protected(3, "released"), person(4, "another"))
	s.spare = func(_ plan.Kind, now account.Account) string {
		if now.HasTag("vip") {
			return "it is protected"
		}
		return ""
	}
	ops := []plan.Operation{
		{Kind: plan.Update, ExternalID: "updated", AccountID: 1, Account: new(person(1, "updated")), Changes: []plan.Change{{Field: user.Phone, After: "1"}}},
		{Kind: plan.Delete, ExternalID: "deleted", AccountID: 2, Account: new(person(2, "deleted"))},
		{Kind: plan.Release, ExternalID: "released", AccountID: 3, Account: new(person(3, "released")), Changes: []plan.Change{{Field: user.Tags, Before: "staff", After: ""}}},
		{Kind: plan.Delete, ExternalID: "another", AccountID: 4, Account: new(person(4, "another"))},
	}
	outcomes, err := s.apply(t, ops...)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range ops[:3] {
		o := outcomes[nameOf(op)]
		if want := "changed since the plan was made: it is protected"; o.Ending != state.DoneSkipped || o.Words != want {
			t.Errorf("%s: %s %q", op, o.Ending, o.Words)
		}
	}
	if o := outcomes[nameOf(ops[3])]; o.Ending != state.DoneApplied || slices.Contains(s.service.log, "delete deleted") {
		t.Errorf("%s: %s; asked: %v", ops[3], o.Ending, s.service.log)
	}
}
