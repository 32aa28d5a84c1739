package state

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/plan"
)

// Few rows are read by their numbers and many by looking at all: both in the order of their external IDs.
func TestRemember(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	run := begin(t, s)
	const n = 300
	for i := range n { // the higher the number, the lower the external ID
		a := sampleAccount(int64(i+1), fmt.Sprintf("E%03d", n-i))
		write(t, s, run, Outcome{Operation: createOf(a.ExternalID), Ending: DoneApplied, Account: &a})
	}
	refused := plan.Operation{Kind: plan.Create, ExternalID: "a", Digest: "d"}
	write(t, s, run, Outcome{Operation: refused, Ending: DoneFailed, Refused: true})
	write(t, s, run, Outcome{Operation: plan.Operation{Kind: plan.Delete, ExternalID: "E298", AccountID: 3}, Ending: DoneApplied})
	numbers := map[string]int64{}
	for id, r := range stateOf(t, s) {
		numbers[id] = r.number
	}
	for _, s := range []*Store{s, peek(t, dir)} {
		for name, ids := range map[string][]string{
			"none": nil,
			"few":  {"E300", "a", "E010", "E200", "E298", "E010"},
			"many": slices.Collect(func(yield func(string) bool) {
				for id := range numbers {
					if id != "E007" && !yield(id) {
						return
					}
				}
			}),
		} {
			t.Run(name, func(t *testing.T) {
				var rows []int64
				want := []string{}
				for _, id := range ids {
					rows = append(rows, numbers[id])
					if id != "E298" { // of whom nothing is left
						want = append(want, id)
					}
				}
				slices.Sort(want)
				want = slices.Compact(want)
				given := slices.Clone(rows)
				all, err := s.Remember(t.Context(), rows)
				if err != nil {
					t.Fatal(err)
				}
				got := []string{}
				for _, r := range all {
					got = append(got, r.ExternalID)
					expected := Remembered{Row: numbers[r.ExternalID], Known: plan.Known{ExternalID: r.ExternalID}}
					if r.ExternalID == "a" {
						expected.Refusal = &plan.Refusal{Digest: "d"}
					} else {
						expected.AccountID, expected.Mine = r.Row, mineTags("staff")
						expected.Account = sampleAccount(r.Row, r.ExternalID)
					}
					if diff := cmp.Diff(expected, r); diff != "" {
						t.Errorf("(-want +got):\n%s", diff)
					}
				}
				if diff := cmp.Diff(want, got); diff != "" || !slices.Equal(given, rows) {
					t.Errorf("external IDs (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// A row that isn't there is damage; beside a look, a run may have removed it.
func TestRememberMissesARow(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	finish(t, s, begin(t, s), End{Observed: accounts("E1", "E2", "E3", "E4", "E5", "E6", "E7", "E8")}, 0)
	execute(t, s.file, "DELETE FROM known WHERE row = 2")
	for _, rows := range [][]int64{{2}, {1, 2, 3, 4}} { // by number, and by looking at all
		_, err := s.Remember(t.Context(), rows)
		if _, damaged := errors.AsType[*DamagedError](err); !damaged {
			t.Errorf("got %v, want a DamagedError", err)
		}
		if got, err := peek(t, dir).Remember(t.Context(), rows); err != nil || len(got) != len(rows)-1 {
			t.Errorf("a look gives %d of %d, %v", len(got), len(rows), err)
		}
	}
}

// The mirror has the account as the service told it, whatever it is known by.
func TestAccountsComeBackAsListed(t *testing.T) {
	for name, own := range map[string]string{"the-same": "E1", "another": "other", "none": "", "another-spelling": "e1"} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, t.TempDir())
			a := sampleAccount(1, own)
			known := func(yield func(string, account.Account) bool) { yield("E1", a) }
			finish(t, s, begin(t, s), End{Observed: known}, 0)
			first := stateOf(t, s)["E1"]
			if strings.Contains(first.account, "external_id") != (own != "E1") {
				t.Errorf("stored as %s", first.account)
			}
			all, err := s.Remember(t.Context(), []int64{1})
			if err != nil || len(all) != 1 {
				t.Fatal(all, err)
			}
			if diff := cmp.Diff(a, all[0].Account); diff != "" || all[0].ExternalID != "E1" || all[0].Account.Digest() != a.Digest() {
				t.Errorf("known by %q (-want +got):\n%s", all[0].ExternalID, diff)
			}
			found, err := s.Lookup(t.Context(), "E1")
			if err != nil || len(found) != 1 || found[0].ExternalID != "E1" {
				t.Errorf("looked up: %v, %v", found, err)
			}
			a.ExternalID = "later"
			finish(t, s, begin(t, s), End{Observed: known}, 0)
			if now := stateOf(t, s)["E1"]; !strings.Contains(now.account, `"external_id":"later"`) {
				t.Errorf("the new external ID isn't noticed: %s", now.account)
			}
		})
	}
}

// A renamed row keeps its number, and its account the external ID that it had.
func TestRenameKeepsTheRow(t *testing.T) {
	s, run := rekeying(t)
	before := stateOf(t, s)["P"]
	lost := Outcome{Operation: renamed(), Ending: DoneApplied} // the answer is lost
	write(t, s, run, lost)
	after := stateOf(t, s)
	if len(after) != 1 || after["N"].number != before.number {
		t.Fatalf("%v, before %v", after, before)
	}
	all, err := s.Remember(t.Context(), []int64{before.number})
	if err != nil || len(all) != 1 || all[0].ExternalID != "N" || all[0].Account.ExternalID != "P" {
		t.Errorf("%+v, %v", all, err)
	}
}
