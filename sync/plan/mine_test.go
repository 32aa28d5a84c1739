package plan

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// Of everything that is wanted, only what is merged is ours; what is wanted empty is set, and what isn't wanted isn't.
func TestMine(t *testing.T) {
	for name, test := range map[string]struct{ want, ours user.Values }{
		"nothing":        {user.Values{}, user.Values{}},
		"never-merged":   {user.Values{user.Login: user.Text("ann"), user.Phone: user.Text("1")}, user.Values{}},
		"tags":           {user.Values{user.Login: user.Text("ann"), user.Tags: user.Text("vip")}, user.Values{user.Tags: user.Text("vip")}},
		"empty-tags":     {user.Values{user.Tags: user.Text("")}, user.Values{user.Tags: user.Text("")}},
		"custom-data":    {user.Values{user.CustomData: user.Text("{}")}, user.Values{user.CustomData: user.Text("{}")}},
		"tags-and-these": {user.Values{user.CustomData: user.Text("{}"), user.Tags: user.Text("vip")}, user.Values{user.CustomData: user.Text("{}"), user.Tags: user.Text("vip")}},
	} {
		t.Run(name, func(t *testing.T) {
			mine := Merged(test.want)
			var all user.Values
			for field, text := range mine.All() {
				all[field] = user.Text(text)
			}
			var again Mine
			for i, value := range test.want {
				if value.Set {
					again.Set(user.Field(i), value.Text)
				}
			}
			if all != test.ours || again != mine {
				t.Errorf("ours is %v, set one by one %v, want %v", maps.Collect(mine.All()), maps.Collect(again.All()), test.ours)
			}
			for range mine.All() {
				break // a walk may end early
			}
		})
	}
}

func TestOperationWithoutAnAccount(t *testing.T) {
	op := Operation{Kind: Create, ExternalID: "E1"}
	if diff := cmp.Diff(account.Account{}, op.Was()); diff != "" {
		t.Errorf("a create was planned from an account (-want +got):\n%s", diff)
	}
	op.Account = &account.Account{ID: 7}
	if was := op.Was(); was.ID != 7 {
		t.Errorf("planned from account %d", was.ID)
	}
}
