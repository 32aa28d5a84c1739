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
			with(person(4, "stranger"), user.Tags, "web"), with(person(5, "released"), user.Tags, ""), person(6, "not-released"),
			person(7, "adopted"), with(person(10, ""), user.Tags, "staff"))
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
			{Kind: plan.Update, ExternalID: "updated-and-gone", AccountID: 8},
			{Kind: plan.Update, ExternalID: "stranger", AccountID: 4},
			{Kind: plan.Adopt, ExternalID: "adopted", AccountID: 7},
			{Kind: plan.Adopt, ExternalID: "stranger", AccountID: 4},
			{Kind: plan.Adopt, ExternalID: "ours-before", AccountID: 10},
		}
		settled, err := Settle(t.Context(), service, "staff", pending)
		if err != nil || len(settled) != len(pending) {
			t.Fatalf("%d settled: %v", len(settled), err)
		}
		applied := map[string]bool{"made": true, "gone": true, "released": true, "adopted": true}
		found := map[string]int64{"made": 1, "updated": 3, "adopted": 7}
		for i, s := range settled {
			if s.Intent != pending[i] || s.Applied != applied[s.Intent.ExternalID] {
				t.Errorf("%s %s: applied %v", s.Intent.Kind, s.Intent.ExternalID, s.Applied)
			}
			if id := found[s.Intent.ExternalID]; (s.Account == nil) != (id == 0) || id != 0 && s.Account.ID != id {
				t.Errorf("%s %s: account %+v, want %d", s.Intent.Kind, s.Intent.ExternalID, s.Account, id)
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
