package state

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/plan"
)

// renamed is the operation that gives account 7 the external ID N.
func renamed() plan.Operation {
	old := "P"
	return plan.Operation{Kind: plan.Update, ExternalID: "N", AccountID: 7, Reason: plan.Rekeyed, ExternalIDBefore: &old, Mine: mineOf("a", "")}
}

// rekeying is a store in which account 7, of which much is known, is being renamed from P to N.
func rekeying(t *testing.T) (*Store, int64) {
	t.Helper()
	s := openStore(t, t.TempDir())
	run := begin(t, s)
	made := Outcome{
		Operation: plan.Operation{Kind: plan.Create, ExternalID: "P", Mine: mineOf("a", "")}, Ending: DoneApplied,
		Account: &account.Account{ID: 7, ExternalID: "P"}, Learned: []plan.Learned{{Field: 1, Sent: "x", Got: "y"}},
	}
	if err := s.Record(t.Context(), run, []Outcome{made}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetRekeying(t.Context(), map[string]string{"N": "P"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Intend(t.Context(), run, []plan.Operation{renamed()}); err != nil {
		t.Fatal(err)
	}
	return s, run
}

// carried makes sure that all that was known under P is known under another external ID, and nothing else is.
func carried(t *testing.T, s *Store, to string) {
	t.Helper()
	known, err := allKnown(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	want := []plan.Known{{ExternalID: to, AccountID: 7, Mine: mineOf("a", ""), Learned: []plan.Learned{{Field: 1, Sent: "x", Got: "y"}}}}
	if diff := cmp.Diff(want, known); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestRename(t *testing.T) {
	now := account.Account{ID: 7, ExternalID: "N"}
	t.Run("applied", func(t *testing.T) {
		s, run := rekeying(t)
		if err := s.Record(t.Context(), run, []Outcome{{Operation: renamed(), Ending: DoneApplied, Account: &now}}); err != nil {
			t.Fatal(err)
		}
		carried(t, s, "N")
	})
	for _, test := range []struct {
		name    string
		found   *account.Account
		pairs   map[string]string
		carried string
	}{
		{"found-done", &now, map[string]string{"N": "P"}, "N"},
		{"found-undone", nil, map[string]string{"N": "P"}, "P"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, _ := rekeying(t)
			pending, err := s.Pending(t.Context())
			if err != nil || len(pending) != 1 {
				t.Fatalf("%d are pending, %v", len(pending), err)
			}
			if err := s.Settle(t.Context(), []Settled{{Intent: pending[0], Account: test.found}}); err != nil {
				t.Fatal(err)
			}
			carried(t, s, test.carried)
		})
	}
}

func TestRekeyingIsRemembered(t *testing.T) {
	s, _ := rekeying(t)
	pairs, err := s.Rekeying(t.Context())
	if diff := cmp.Diff(map[string]string{"N": "P"}, pairs); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}
