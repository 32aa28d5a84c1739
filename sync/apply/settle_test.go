package apply

import (
	"context"
	"slices"
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
		settled, err := Settle(t.Context(), service, "staff", pending, nil)
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
		if _, err := Settle(t.Context(), service, "staff", pending, nil); account.KindOf(err) != account.Unavailable {
			t.Errorf("%v", err)
		}
	})
}

// blind is a service whose look-ups by some keys show nobody.
type blind struct {
	account.Service
	keys []account.Key
}

func (b blind) Find(ctx context.Context, key account.Key, values []string) ([]account.Account, error) {
	if slices.Contains(b.keys, key) {
		return nil, nil
	}
	return b.Service.Find(ctx, key, values)
}

// A sign-up in doubt is looked up by all that it claimed, as apply does: by external ID, then login, then e-mail.
func TestSettleASignUp(t *testing.T) {
	service := newService(with(person(1, "E1"), user.Email, "ann@example.com"), with(person(2, "E2"), user.Email, "bo@example.com"), with(person(3, "other"), user.Tags, "web"))
	intents := []state.Intent{
		{Kind: plan.Create, ExternalID: "E1", Login: "login-E1", Email: "ann@example.com"},
		{Kind: plan.Create, ExternalID: "E2", Email: "bo@example.com"},
		{Kind: plan.Create, ExternalID: "E3", Login: "login-other"}, // somebody else's
		{Kind: plan.Create, ExternalID: "E4", Login: "login-E1"},    // E1's
		{Kind: plan.Create, ExternalID: "E5", Login: "login-E5", Email: "e5@example.com"},
	}
	for name, test := range map[string]struct {
		keys []account.Key
		want []bool
	}{
		"by-external-id": {[]account.Key{account.ByLogin, account.ByEmail}, []bool{true, true, false, false, false}},
		"by-login":       {[]account.Key{account.ByExternalID, account.ByEmail}, []bool{true, false, false, false, false}},
		"by-email":       {[]account.Key{account.ByExternalID, account.ByLogin}, []bool{true, true, false, false, false}},
		"not-at-all":     {[]account.Key{account.ByExternalID, account.ByLogin, account.ByEmail}, []bool{false, false, false, false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				settled, err := Settle(t.Context(), blind{service, test.keys}, "staff", intents, nil)
				if err != nil {
					t.Fatal(err)
				}
				for i, s := range settled {
					if s.Applied != test.want[i] || s.Applied && s.Account.ExternalID != intents[i].ExternalID {
						t.Errorf("%s: applied %v", intents[i].ExternalID, s.Applied)
					}
				}
			})
		})
	}
}
