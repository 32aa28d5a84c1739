package state

import (
	"database/sql"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// agreementOf is the agreement of an account with a record of no importance.
func agreementOf(a account.Account) plan.Agreement {
	return plan.Agreement{Digests: plan.Digests{Key: plan.KeyOf(a.ExternalID), Record: 7, Account: a.Digest()}, Login: 1, Email: 2}
}

// agreeingAll are the agreements of accounts.
func agreeingAll(all ...account.Account) map[string]plan.Agreement {
	agreed := map[string]plan.Agreement{}
	for _, a := range all {
		agreed[a.ExternalID] = agreementOf(a)
	}
	return agreed
}

// some are accounts of the external IDs, numbered from 1 on.
func some(externalIDs ...string) (all []account.Account) {
	for i, externalID := range externalIDs {
		all = append(all, sampleAccount(int64(i+1), externalID))
	}
	return all
}

// townOf is a store in which the accounts of all these external IDs are known and agree.
func townOf(t *testing.T, externalIDs ...string) *Store {
	t.Helper()
	s := openStore(t, t.TempDir())
	all := some(externalIDs...)
	finish(t, s, begin(t, s), End{Observed: listed(all...), Agreed: agreeingAll(all...)}, 0)
	if _, open := agreementsByID(t, s); len(open) > 0 {
		t.Fatalf("open from the start: %v", open)
	}
	return s
}

// agreementsByID are all agreements, and who has none, by external ID. They are asked for in each way there is.
func agreementsByID(t testing.TB, s *Store) (agreed map[string]plan.Agreement, open []string) {
	t.Helper()
	agreements, err := s.Agreements(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := map[int64]string{}
	err = s.read(t.Context(), "looking", func(db *sql.DB) error {
		return eachRow(t.Context(), db, func(r *row) error { names[r.number] = r.externalID; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	claims := map[int64]plan.Agreement{}
	err = s.moment(t.Context(), "looking", func(tx *sql.Tx) error {
		k := claimsPacking()
		return k.read(t.Context(), tx, math.MinInt64, math.MaxInt64, func(p *part) {
			for at := 0; at < partSize; at += claimsSize {
				claims[(p.number*partSize+int64(at))/claimsSize] = plan.Agreement{Login: digestAt(p.slots[at:], 0), Email: digestAt(p.slots[at:], 1)}
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	agreed = map[string]plan.Agreement{}
	var rows []int64
	for row, a := range agreements.Rows() {
		rows = append(rows, row)
		found, ok := agreements.Find(a.Key)
		if names[row] == "" || !ok || found != row || agreements.At(row) != a || row >= agreements.Span() {
			t.Errorf("row %d (%q) of %d: found %d, %v; at %v, yielded %v", row, names[row], agreements.Span(), found, ok, agreements.At(row), a)
		}
		whole := claims[row]
		whole.Digests = a
		agreed[names[row]] = whole
		delete(names, row)
	}
	for _, claim := range []user.Digest{1, 2} {
		claiming, err := agreements.Claiming(t.Context(), map[user.Digest]bool{claim: true, 9: true})
		if err != nil || !slices.Equal(claiming, rows) {
			t.Errorf("%d is claimed by %v, %v, want %v", claim, claiming, err, rows)
		}
	}
	for _, row := range agreements.Open() {
		if agreements.At(row) != (plan.Digests{}) {
			t.Errorf("the open row %d has the agreement %v", row, agreements.At(row))
		}
		open = append(open, names[row])
		delete(names, row)
	}
	if len(names) > 0 || len(agreed) != agreements.Len() || !slices.IsSorted(agreements.Open()) || slices.Contains(open, "") {
		t.Errorf("neither agreed nor open: %v; %d agreed, said to be %d; open %v", names, len(agreed), agreements.Len(), agreements.Open())
	}
	slices.Sort(open)
	return agreed, open
}

func TestAgreementsOfAnEmptyState(t *testing.T) {
	a, err := peek(t, t.TempDir()).Agreements(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, found := a.Find(5); found || a.Len() != 0 || a.Span() != 0 || len(a.Open()) != 0 || a.At(1).Key != 0 {
		t.Errorf("%+v", a)
	}
}

const digestsPerPart = partSize / digestsSize

// More rows than a part holds, with gaps, through a restart and a look.
func TestAgreementsAreKept(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	all := manyAccounts(3*partSize/claimsSize + 7)
	want := agreeingAll(all...)
	for i := digestsPerPart - 1; i < 2*digestsPerPart; i += 2 { // the last of a part, and many of the next
		delete(want, all[i].ExternalID)
	}
	finish(t, s, begin(t, s), End{Observed: listed(all...), Agreed: want}, 0)
	for name, s := range map[string]*Store{"reopened": reopen(t, s, dir), "looked-at": peek(t, dir)} {
		t.Run(name, func(t *testing.T) {
			got, open := agreementsByID(t, s)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(got)+len(open) != len(all) {
				t.Errorf("%d agree and %d are open of %d", len(got), len(open), len(all))
			}
		})
	}
}

// Whoever is concerned has to agree again; nobody else is touched, or even read.
func TestOthersAreNotTouched(t *testing.T) {
	s := openStore(t, t.TempDir())
	all := manyAccounts(2 * digestsPerPart)
	finish(t, s, begin(t, s), End{Observed: listed(all...), Agreed: agreeingAll(all...)}, 0)
	before := stateOf(t, s)
	concerned := []int64{before[all[3].ExternalID].number, before[all[4].ExternalID].number}
	execute(t, s.file, "UPDATE agreement SET sum = sum + 1 WHERE number = 1") // whoever reads these notices
	execute(t, s.file, "UPDATE claim SET sum = sum + 1 WHERE number = 1")
	execute(t, s.file, "DROP TRIGGER known_changed")
	execute(t, s.file, "UPDATE known SET sum = sum + 1 WHERE row > 10")
	again := agreementOf(all[3])
	again.Record = 8
	end := End{Rows: concerned, Observed: listed(all[3], all[4]), Agreed: map[string]plan.Agreement{all[3].ExternalID: again, all[7].ExternalID: again}}
	finish(t, s, begin(t, s), end, 0)
	execute(t, s.file, "UPDATE agreement SET sum = sum - 1 WHERE number = 1")
	execute(t, s.file, "UPDATE claim SET sum = sum - 1 WHERE number = 1")
	execute(t, s.file, "UPDATE known SET sum = sum - 1 WHERE row > 10")
	if !maps.Equal(before, stateOf(t, s)) {
		t.Error("rows were changed")
	}
	want := agreeingAll(all...)
	want[all[3].ExternalID] = again
	delete(want, all[4].ExternalID)
	got, open := agreementsByID(t, s)
	if diff := cmp.Diff(want, got); diff != "" || !slices.Equal(open, []string{all[4].ExternalID}) {
		t.Errorf("open %v; agreements (-want +got):\n%s", open, diff)
	}
}

// A number that is given again brings nothing of its old row along, and an empty part isn't kept.
func TestRemovedRowsLeaveNothingBehind(t *testing.T) {
	s := townOf(t, "E1", "E2")
	finish(t, s, begin(t, s), End{Observed: accounts("E1")}, 0)
	a := sampleAccount(5, "E5")
	write(t, s, begin(t, s), Outcome{Operation: createOf("E5"), Ending: DoneApplied, Account: &a})
	if rows := stateOf(t, s); len(rows) != 2 || rows["E5"].number != 2 {
		t.Fatalf("the number wasn't given again: %v", rows)
	}
	execute(t, s.file, "DELETE FROM unagreed") // shows what the slots say
	agreements, err := s.Agreements(t.Context())
	if err != nil || agreements.At(2).Key != 0 {
		t.Errorf("%v; the new row's slot says %v", err, agreements.At(2))
	}
	execute(t, s.file, "INSERT INTO unagreed SELECT row, -row FROM known")
	finish(t, s, begin(t, s), End{}, 0)
	parts := 0
	if err := s.reader.QueryRowContext(t.Context(), "SELECT (SELECT count(*) FROM agreement) + (SELECT count(*) FROM claim)").Scan(&parts); err != nil || parts != 0 {
		t.Errorf("%d parts are kept of nobody: %v", parts, err)
	}
}

// Who claims what is read later, and belongs to the moment of the agreements or isn't told.
func TestClaiming(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	all := some("E1", "E2", "E3", "E4")
	agreements := agreeingAll(all...)
	for i, claims := range [][2]user.Digest{{10, 20}, {11, 0}, {0, 10}, {1<<16 + 10, 12}} {
		a := agreements[all[i].ExternalID]
		a.Login, a.Email = claims[0], claims[1]
		agreements[all[i].ExternalID] = a
	}
	finish(t, s, begin(t, s), End{Observed: listed(all...), Agreed: agreements}, 0)
	write(t, s, begin(t, s), Outcome{Operation: plan.Operation{Kind: plan.Update, ExternalID: "E2", AccountID: 2}, Ending: DoneApplied, Account: &all[1]})
	ask := func(a *Agreements, claims ...user.Digest) ([]int64, error) {
		set := map[user.Digest]bool{}
		for _, claim := range claims {
			set[claim] = true
		}
		return a.Claiming(t.Context(), set)
	}
	for name, s := range map[string]*Store{"its-own": s, "looked-at": peek(t, dir)} {
		t.Run(name, func(t *testing.T) {
			a, err := s.Agreements(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for claim, want := range map[user.Digest][]int64{10: {1, 3}, 20: {1}, 11: nil /* open */, 12: {4}, 1<<16 + 10: {4}, 1<<16 + 20: nil} {
				if got, err := ask(a, claim); err != nil || !slices.Equal(got, want) {
					t.Errorf("%d is claimed by %v, %v, want %v", claim, got, err, want)
				}
			}
		})
	}
	for name, test := range map[string]struct {
		happens   func(t *testing.T, run int64)
		overtaken bool
	}{
		"nothing-is-given": {func(t *testing.T, run int64) { finish(t, s, run, End{Rows: []int64{}}, 0) }, false},
		"a-row-is-opened": {func(t *testing.T, run int64) {
			write(t, s, run, Outcome{Operation: createOf("E1"), Ending: DoneFailed, Refused: true})
		}, false},
		"another-claim": {func(t *testing.T, run int64) {
			a := agreements["E3"]
			a.Email = 99
			finish(t, s, run, End{Rows: []int64{3}, Observed: listed(all[2]), Agreed: map[string]plan.Agreement{"E3": a}}, 0)
		}, true},
		"another-record": {func(t *testing.T, run int64) {
			a := agreements["E4"]
			a.Record = 99
			finish(t, s, run, End{Rows: []int64{4}, Observed: listed(all[3]), Agreed: map[string]plan.Agreement{"E4": a}}, 0)
		}, true},
		"a-row-ends": {func(t *testing.T, run int64) { finish(t, s, run, End{Rows: []int64{2}}, 0) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, look := range []*Store{s, peek(t, dir)} {
				a, err := look.Agreements(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if look != s {
					test.happens(t, begin(t, s))
				}
				_, err = ask(a, 10)
				if overtaken := err != nil && strings.Contains(err.Error(), "do it again"); overtaken != (test.overtaken && look != s) || overtaken != (err != nil) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

// Two rows, or three, that share a key can't be told apart by it.
func TestSharedKeysAreOpen(t *testing.T) {
	s := openStore(t, t.TempDir())
	all := some("E1", "E2", "E3", "E4", "E5")
	agreed := agreeingAll(all...)
	for _, id := range []string{"E2", "E3", "E5"} {
		a := agreed[id]
		a.Key = agreed["E2"].Key
		agreed[id] = a
	}
	finish(t, s, begin(t, s), End{Observed: listed(all...), Agreed: agreed}, 0)
	got, open := agreementsByID(t, s)
	if diff := cmp.Diff([]string{"E2", "E3", "E5"}, open); diff != "" || len(got) != 2 {
		t.Errorf("agreed %v; open (-want +got):\n%s", got, diff)
	}
	agreements, err := s.Agreements(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if row, found := agreements.Find(agreed["E2"].Key); found {
		t.Errorf("the shared key finds row %d", row)
	}
}
