package plan

import (
	"testing"

	"cubesync/sync/account"
)

// What may have changed since a plan was made: who is protected, and who else owns the account.
func TestRecheckSparesAccounts(t *testing.T) {
	policy := Policy{OwnerTag: "staff", OtherOwnerTags: []string{"partners"}, Protected: Protected{IDs: []int64{3}, Tags: []string{"vip"}}}
	was := member(1, "E1", "bo", "", "staff")
	for name, test := range map[string]struct {
		kind    Kind
		id      int64
		tags    string
		blocked bool
	}{
		"update-protected-by-tag":   {Update, 1, "staff,vip", true},
		"delete-protected-by-tag":   {Delete, 1, "staff,vip", true},
		"release-protected-by-tag":  {Release, 1, "staff,vip", true},
		"delete-protected-by-id":    {Delete, 3, "staff", true},
		"update-of-two-pipelines":   {Update, 1, "staff,partners", true},
		"delete-of-two-pipelines":   {Delete, 1, "staff,partners", true},
		"adopt-another-pipelines":   {Adopt, 1, "staff,partners", true},
		"release-of-two-pipelines":  {Release, 1, "staff,partners", false},
		"delete-with-another-label": {Delete, 1, "staff,web", false},
	} {
		t.Run(name, func(t *testing.T) {
			before, now := was, member(test.id, "E1", "bo", "", test.tags)
			before.ID = test.id
			p := &Plan{Operations: []Operation{{Kind: test.kind, ExternalID: "E1", AccountID: test.id, Account: &before}}}
			p.Recheck(policy, []account.Account{now})
			if got := p.Operations[0]; (got.Blocked == Moved) != test.blocked {
				t.Errorf("blocked %q: %s", got.Blocked, got.Detail)
			}
		})
	}
}

func TestApprovalsAreOutOfTheLimitsOnly(t *testing.T) {
	p := &Plan{Owned: 20}
	for range 9 {
		p.Operations = append(p.Operations, Operation{Kind: Delete, Approved: true})
	}
	limits := DefaultLimits()
	base := &Baseline{Present: 0, Settled: map[string]string{"leavers": "a"}}
	same := map[string]string{"leavers": "a"}
	p.Desired = 11
	for _, test := range []struct {
		name string
		more []Operation
		s    Situation
		want string
	}{
		{"approved", nil, Situation{Baseline: base, Settings: same}, ""},
		{"settings-changed", nil, Situation{Baseline: base, Settings: map[string]string{"leavers": "b"}}, "settings"},
		{"more-than-half", []Operation{{Kind: Delete}, {Kind: Delete}}, Situation{Baseline: base, Settings: same}, "deletes week_deletes"},
		{"more-than-half-of-the-week", nil, Situation{Baseline: base, Settings: same, WeekDeletes: 2}, "week_deletes"},
		{"others-beside-them", []Operation{{Kind: Delete}}, Situation{Baseline: base, Settings: same}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			now := *p
			now.Operations = append(now.Operations[:9:9], test.more...)
			got := ""
			for _, trip := range Guard(&now, limits, test.s) {
				if got != "" {
					got += " "
				}
				got += trip.Guard
			}
			if got != test.want {
				t.Errorf("held by %q, want %q", got, test.want)
			}
		})
	}
}
