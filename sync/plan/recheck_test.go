package plan

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

func member(id int64, externalID, login, email, tags string) account.Account {
	a := account.Account{ID: id, ExternalID: externalID}
	a.Values[user.Login], a.Values[user.Email], a.Values[user.Tags] = user.Text(login), user.Text(email), user.Text(tags)
	return a
}

func TestRecheck(t *testing.T) {
	bo, cy := member(1, "E1", "bo", "bo@example.com", "staff"), member(2, "E2", "cy", "cy@example.com", "staff")
	stray := member(3, "", "di", "di@example.com", "choir")
	email := func(before, after string) []Change {
		return []Change{{Field: user.Email, Before: before, After: after}}
	}
	signUp := Operation{Kind: Create, ExternalID: "E9", Changes: []Change{{Field: user.Login, After: "new"}, {Field: user.Email, After: "new@example.com"}}}
	edit := Operation{Kind: Update, ExternalID: "E1", AccountID: 1, Account: &bo, Changes: email("bo@example.com", "bo@example.org")}
	expel := Operation{Kind: Delete, ExternalID: "E2", AccountID: 2, Account: &cy}
	letGo := Operation{Kind: Release, ExternalID: "E2", AccountID: 2, Account: &cy, Changes: []Change{{Field: user.Tags, Before: "staff"}}}
	adopt := Operation{Kind: Adopt, ExternalID: "E3", AccountID: 3, Account: &stray, Changes: []Change{{Field: user.Tags, Before: "choir", After: "choir,staff"}}}
	none := ""
	rename := Operation{Kind: Update, ExternalID: "E4", AccountID: 4, Account: new(member(4, "", "fa", "", "staff")), ExternalIDBefore: &none}
	takeOver := Operation{Kind: Create, ExternalID: "E8", WaitsFor: []string{"E2"}, Changes: []Change{{Field: user.Login, After: "cy"}}, Wave: 1}

	for _, test := range []struct {
		name       string
		operations []Operation
		found      []account.Account
		want       map[string]Reason // of the blocked ones, by step and external ID
	}{
		{"nothing-moved", []Operation{edit, expel, adopt, signUp}, []account.Account{bo, cy, stray}, nil},
		{"case-and-space-are-no-change", []Operation{edit}, []account.Account{member(1, "E1", "bo", " BO@example.com", "staff")}, nil},
		{"another-field-moved", []Operation{edit}, []account.Account{member(1, "E1", "bobby", "bo@example.com", "staff")}, nil},
		{"done-already", []Operation{edit}, []account.Account{member(1, "E1", "bo", "bo@example.org", "staff")}, nil},
		{"its-field-moved", []Operation{edit}, []account.Account{member(1, "E1", "bo", "bob@example.net", "staff")}, map[string]Reason{"E1": Moved}},
		{"lost-the-tag", []Operation{edit}, []account.Account{member(1, "E1", "bo", "bo@example.com", "")}, map[string]Reason{"E1": Moved}},
		{"got-another-external-id", []Operation{edit}, []account.Account{member(1, "E7", "bo", "bo@example.com", "staff")}, map[string]Reason{"E1": Moved}},
		{"updated-account-gone", []Operation{edit}, nil, map[string]Reason{"E1": Moved}},
		{"deleted-account-gone", []Operation{expel}, nil, nil},
		{"deleted-account-let-go", []Operation{expel}, []account.Account{member(2, "E2", "cy", "cy@example.com", "")}, map[string]Reason{"E2": Moved}},
		{"released-account-let-go", []Operation{letGo}, []account.Account{member(2, "E2", "cy", "cy@example.com", "")}, nil},
		{"foreign-tags-are-merged", []Operation{letGo}, []account.Account{member(2, "E2", "cy", "cy@example.com", "choir,staff")}, nil},
		{"adopted-already", []Operation{adopt}, []account.Account{member(3, "E3", "di", "di@example.com", "choir,staff")}, nil},
		{"adopted-by-somebody-else", []Operation{adopt}, []account.Account{member(3, "X", "di", "di@example.com", "choir")}, map[string]Reason{"E3": Moved}},
		{"signed-up-meanwhile", []Operation{signUp}, []account.Account{member(5, "E9", "new", "new@example.com", "staff")}, map[string]Reason{"E9": Moved}},
		{"external-id-given-already", []Operation{rename}, []account.Account{member(4, "E4", "fa", "", "staff")}, nil},
		{"external-id-taken-meanwhile", []Operation{rename}, []account.Account{member(4, "", "fa", "", "staff"), member(5, "E4", "", "", "")}, map[string]Reason{"E4": Moved}},
		{"login-taken-meanwhile", []Operation{signUp}, []account.Account{member(5, "", "new", "", "")}, map[string]Reason{"E9": Moved}},
		{"email-taken-meanwhile", []Operation{signUp}, []account.Account{member(5, "", "", "NEW@example.com", "")}, map[string]Reason{"E9": Moved}},
		{"login-freed-by-the-plan", []Operation{expel, takeOver}, []account.Account{cy}, nil},
		{
			"what-frees-it-moved", []Operation{expel, takeOver}, []account.Account{member(2, "E2", "cy", "cy@example.com", "")},
			map[string]Reason{"E2": Moved, "E8": WaitsForOther},
		},
		{
			"a-ring-stays-whole",
			[]Operation{
				{Kind: Update, Step: Park, ExternalID: "E1", AccountID: 1, Account: &bo, Changes: email("bo@example.com", "")},
				{Kind: Update, ExternalID: "E2", AccountID: 2, Account: &cy, WaitsFor: []string{"E1"}, Changes: email("cy@example.com", "bo@example.com"), Wave: 1},
				{Kind: Update, ExternalID: "E1", AccountID: 1, Account: &bo, WaitsFor: []string{"E1", "E2"}, Changes: email("bo@example.com", "cy@example.com"), Wave: 2},
			},
			[]account.Account{bo, member(2, "E2", "cy", "other@example.com", "staff")},
			map[string]Reason{"E2": Moved, "parkE1": WaitsForOther, "E1": WaitsForOther},
		},
		{"blocked-before-stays-so", []Operation{{Kind: Update, ExternalID: "E1", AccountID: 1, Blocked: UpdatesOff}}, nil, map[string]Reason{"E1": UpdatesOff}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &Plan{Operations: slices.Clone(test.operations)}
			p.Recheck(Policy{OwnerTag: "staff"}, test.found)
			got := map[string]Reason{}
			for _, op := range p.Operations {
				if op.Blocked != "" {
					got[string(op.Step)+op.ExternalID] = op.Blocked
				}
			}
			if test.want == nil {
				test.want = map[string]Reason{}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("blocked (-want +got):\n%s", diff)
			}
		})
	}
}

// An update signs in with what the account has now; what is to be adopted is compared with what was found once more.
func TestRecheckKnowsTheAccountAsItIsNow(t *testing.T) {
	was, is := member(1, "E1", "bo", "bo@example.com", "staff"), member(1, "E1", "bobby", "bo@example.com", "staff")
	p := &Plan{Operations: []Operation{{Kind: Update, ExternalID: "E1", AccountID: 1, Account: &was}, {Kind: Adopt, ExternalID: "E1", AccountID: 1, Account: &was}}}
	p.Recheck(Policy{OwnerTag: "staff"}, []account.Account{is})
	if got := p.Operations[0].Was(); got != is {
		t.Errorf("the update signs in as %+v", got)
	}
	if got := p.Operations[1].Was(); got != was {
		t.Errorf("the adoption was found as %+v", got)
	}
}

func TestConcerned(t *testing.T) {
	p := &Plan{Operations: []Operation{
		{Kind: Create, ExternalID: "E1", Changes: []Change{{Field: user.Login, After: "a"}, {Field: user.Email, After: "a@example.com"}, {Field: user.Phone, After: "1"}}},
		{Kind: Create, ExternalID: "E2", Blocked: RefusedBefore, Changes: []Change{{Field: user.Login, After: "b"}}},
		{Kind: Update, Step: Park, ExternalID: "E3", AccountID: 3},
		{Kind: Update, ExternalID: "E3", AccountID: 3, ExternalIDBefore: new(string)},
		{Kind: Delete, ExternalID: "E4", AccountID: 4},
	}}
	want := Lookups{ExternalIDs: []string{"E1", "E3"}, Logins: []string{"a"}, Emails: []string{"a@example.com"}, IDs: []string{"3", "4"}}
	if diff := cmp.Diff(want, p.Concerned()); diff != "" {
		t.Error(diff)
	}
}
