package apply

import (
	"testing"
	"testing/synctest"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

func TestSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := newService(person(1, "made"), person(2, "still-there"), person(3, "updated"),
			with(person(4, "stranger"), user.Tags, "web"), with(person(5, "released"), user.Tags, ""), person(6, "not-released"))
		pending := []state.Intent{
			{Kind: plan.Create, ExternalID: "made"},
			{Kind: plan.Create, ExternalID: "not-made"},
			{Kind: plan.Create, ExternalID: "stranger"},
			{Kind: plan.Release, ExternalID: "released", AccountID: 5},
			{Kind: plan.Release, ExternalID: "not-released", AccountID: 6},
			{Kind: plan.Release, ExternalID: "released-and-gone", AccountID: 8},
			{Kind: plan.Delete, ExternalID: "gone", AccountID: 9},
			{Kind: plan.Delete, ExternalID: "still-there", AccountID: 2},
			{Kind: plan.Update, ExternalID: "updated", AccountID: 3},
		}
		settled, err := Settle(t.Context(), service, "staff", pending)
		if err != nil || len(settled) != len(pending) {
			t.Fatalf("%d settled: %v", len(settled), err)
		}
		applied := map[string]bool{"made": true, "gone": true, "released": true}
		for i, s := range settled {
			if s.Intent != pending[i] || s.Applied != applied[s.Intent.ExternalID] {
				t.Errorf("%s %s: applied %v", s.Intent.Kind, s.Intent.ExternalID, s.Applied)
			}
			if s.Intent.ExternalID == "made" && (s.Account == nil || s.Account.ID != 1) {
				t.Errorf("the account that was made: %+v", s.Account)
			}
		}
		if len(service.log) > 0 {
			t.Errorf("settling wrote: %v", service.log)
		}

		service.script = always("find", fault{err: kind(account.Unavailable)})
		if _, err := Settle(t.Context(), service, "staff", pending); account.KindOf(err) != account.Unavailable {
			t.Errorf("%v", err)
		}
	})
}
