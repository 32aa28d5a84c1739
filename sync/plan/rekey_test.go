package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// Each row of the table above Rekey.
func TestRekey(t *testing.T) {
	of := func(id int64, externalID string) account.Account {
		return account.Account{ID: id, ExternalID: externalID}
	}
	in := Renames{
		Observed: []account.Account{of(1, "A"), of(2, "B"), of(3, "B"), of(4, "C"), of(5, "D2"), of(6, "E"), of(7, "F"), of(8, "G"), of(9, "")},
		Found:    []account.Account{of(5, "D2"), of(99, "E2"), of(98, "X2")},
		Known:    []Known{{ExternalID: "A", AccountID: 1, Mine: Mine{Tags: user.Text("a")}}, {ExternalID: "F2", AccountID: 97}, {ExternalID: "G2", Refusal: &Refusal{}}},
		Policy:   Policy{Protected: Protected{IDs: []int64{4}}},
	}
	for i, pair := range []string{"A A2", "B B2", "C C2", "D D2", "E E2", "F F2", "G G2", "X X2", "Y Y2"} {
		old, now, _ := strings.Cut(pair, " ")
		in.Wanted = append(in.Wanted, Rename{Old: old, New: now, Position: record.Position(fmt.Sprint("map.csv:", i+2))})
	}
	p := Rekey(in)
	var got []string
	for _, op := range p.Operations {
		got = append(got, fmt.Sprint(op.Kind, " ", *op.ExternalIDBefore, " ", op.ExternalID, " ", op.AccountID, " ", op.Position, " ", op.Reason, " ", op.Mine.Tags.Text, len(op.Changes)))
	}
	for _, r := range p.Rejects {
		got = append(got, fmt.Sprint(r.ExternalID, " ", r.Position, " ", r.Reason, ": ", r.Detail))
	}
	want := []string{
		"update A A2 1 map.csv:2 rekeyed a0",
		"update G G2 8 map.csv:8 rekeyed 0",
		"B map.csv:3 ambiguous: accounts 2 and 3 have this external ID and neither is touched: take it off all but one",
		"C map.csv:4 protected: its account 4 is protected, so nothing is written to it",
		`E map.csv:6 value-taken: account 99 has the external ID "E2" already`,
		`F map.csv:7 ambiguous: account 97 is known as that of "F2"`,
		"X map.csv:9 unknown-external-id: no account of ours has this external ID: check the map",
		"Y map.csv:10 unknown-external-id: no account of ours has this external ID: check the map",
	}
	if diff := cmp.Diff(want, got); diff != "" || p.Unchanged != 1 || p.Owned != 9 || p.Desired != 9 {
		t.Errorf("%d unchanged of %d among %d (-want +got)\n%s", p.Unchanged, p.Desired, p.Owned, diff)
	}
}
