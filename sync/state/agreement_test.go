package state

import (
	"context"
	"database/sql"
	"errors"
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

// Whatever is written of a row takes its agreement away, in the same commit.
func TestWritesTakeAgreementsAway(t *testing.T) {
	one := sampleAccount(1, "E1")
	update := plan.Operation{Kind: plan.Update, ExternalID: "E1", AccountID: 1, Digest: "d"}
	park := update
	park.Step, park.Changes = plan.Park, []plan.Change{{Field: user.Email, Before: "e1@example.com"}}
	rename, old := plan.Operation{Kind: plan.Update, ExternalID: "E3", AccountID: 1, Reason: plan.Rekeyed}, "E1"
	rename.ExternalIDBefore = &old
	onto := rename
	onto.ExternalID = "E2"
	tests := map[string]struct {
		write func(t *testing.T, s *Store, run int64)
		open  []string
	}{
		"nothing":       {func(t *testing.T, s *Store, run int64) {}, nil},
		"a-mere-intent": {func(t *testing.T, s *Store, run int64) { intend(t, s, run, update) }, nil},
		"a-failure": {func(t *testing.T, s *Store, run int64) {
			write(t, s, run, Outcome{Operation: update, Ending: DoneFailed})
		}, nil},
		"a-refusal": {func(t *testing.T, s *Store, run int64) {
			write(t, s, run, Outcome{Operation: update, Ending: DoneFailed, Refused: true})
		}, []string{"E1"}},
		"an-update": {func(t *testing.T, s *Store, run int64) {
			write(t, s, run, Outcome{Operation: update, Ending: DoneApplied, Account: &one})
		}, []string{"E1"}},
		"a-parking": {func(t *testing.T, s *Store, run int64) { intend(t, s, run, park) }, []string{"E1"}},
		"a-rename": {func(t *testing.T, s *Store, run int64) {
			write(t, s, run, Outcome{Operation: rename, Ending: DoneApplied, Account: &one})
		}, []string{"E3"}},
		"a-rename-onto-E2": {func(t *testing.T, s *Store, run int64) {
			write(t, s, run, Outcome{Operation: onto, Ending: DoneApplied, Account: &one})
		}, []string{"E2"}},
		"a-settled-update": {func(t *testing.T, s *Store, run int64) {
			intend(t, s, run, update)
			if err := s.Settle(t.Context(), []Settled{{Intent: pending(t, s)[0], Account: &one}}); err != nil {
				t.Fatal(err)
			}
		}, []string{"E1"}},
		"a-new-row": {func(t *testing.T, s *Store, run int64) {
			a := sampleAccount(9, "E9")
			write(t, s, run, Outcome{Operation: createOf("E9"), Ending: DoneApplied, Account: &a})
		}, []string{"E9"}},
		"an-absence-of-a-saved-plan": {func(t *testing.T, s *Store, run int64) {
			end := &End{Absent: []string{"E1", "E7"}, Counts: true, Now: monday}
			if err := s.Finish(t.Context(), Run{ID: run, Status: Applied}, end, 0); err != nil {
				t.Fatal(err)
			}
			if k := knownByID(t, s)["E1"]; k.Absence == nil || k.Absence.Reads != 1 {
				t.Errorf("the absence wasn't counted: %+v", k)
			}
		}, []string{"E1"}},
		"a-held-run": {func(t *testing.T, s *Store, run int64) {
			if err := s.Finish(t.Context(), Run{ID: run, Status: Held}, nil, 0); err != nil {
				t.Fatal(err)
			}
		}, nil},
		"being-seen": {func(t *testing.T, s *Store, run int64) {
			if err := s.Seen(t.Context(), func(string) bool { return true }); err != nil {
				t.Fatal(err)
			}
		}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := townOf(t, "E1", "E2")
			before, _ := agreementsByID(t, s)
			test.write(t, s, begin(t, s))
			got, open := agreementsByID(t, s)
			if diff := cmp.Diff(test.open, open); diff != "" {
				t.Errorf("open (-want +got):\n%s", diff)
			}
			for id, a := range got {
				if before[id] != a {
					t.Errorf("%s agrees as %v, before as %v", id, a, before[id])
				}
			}
		})
	}
}

// Only whose account was listed alone and of whom there is nothing else to say gets an agreement.
func TestWhoGetsAnAgreement(t *testing.T) {
	update := plan.Operation{Kind: plan.Update, ExternalID: "E1", AccountID: 1, Digest: "d"}
	one, other := sampleAccount(1, "E1"), sampleAccount(9, "E1")
	learned := Outcome{Operation: update, Ending: DoneApplied, Account: &one, Learned: []plan.Learned{{Field: user.Phone, Sent: "1", Got: "2"}}}
	kept := Outcome{Operation: update, Ending: DoneApplied, Account: &one, KeptID: new(string)}
	tests := map[string]struct {
		before, during []Outcome
		opened         []plan.Operation // in this run
		change         func(*End)
		agrees         bool
	}{
		"as-before":                   {agrees: true},
		"written-before":              {before: []Outcome{{Operation: update, Ending: DoneApplied, Account: &one}}, agrees: true},
		"failed-before":               {before: []Outcome{{Operation: update, Ending: DoneFailed}}, agrees: true},
		"refused-before":              {before: []Outcome{{Operation: update, Ending: DoneFailed, Refused: true}}, agrees: true},
		"learned-before":              {before: []Outcome{learned}, agrees: true},
		"kept-its-external-ID-before": {before: []Outcome{kept}},
		"written":                     {during: []Outcome{{Operation: update, Ending: DoneApplied, Account: &one}}},
		"failed":                      {during: []Outcome{{Operation: update, Ending: DoneFailed}}},
		"skipped":                     {during: []Outcome{{Operation: update, Ending: DoneSkipped}}},
		"opened":                      {opened: []plan.Operation{update}},
		"nobody-says-so":              {change: func(e *End) { e.Agreed = nil }},
		"without-a-key":               {change: func(e *End) { e.Agreed["E1"] = plan.Agreement{Digests: plan.Digests{Record: 7}} }},
		"absent":                      {change: func(e *End) { e.Absent, e.Counts = []string{"E1"}, true }},
		"not-listed-but-kept":         {change: func(e *End) { e.Observed, e.Keep = listed(), []string{"E1"} }},
		"two-accounts":                {change: func(e *End) { e.Observed = listed(one, other) }},
		"another-account-kept":        {change: func(e *End) { e.Observed, e.Keep = listed(other), []string{"E1"} }},
		"another-account":             {change: func(e *End) { e.Observed = listed(other) }, agrees: true},
		"known-by-another-name": {change: func(e *End) {
			e.Observed = func(yield func(string, account.Account) bool) { yield("E1", sampleAccount(1, "other")) }
		}, agrees: true},
		"not-concerned-but-open": {change: func(e *End) { e.Rows, e.Observed = []int64{}, listed() }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, t.TempDir())
			finish(t, s, begin(t, s), End{Observed: listed(one)}, 0)
			write(t, s, begin(t, s), test.before...)
			run := begin(t, s)
			intend(t, s, run, test.opened...)
			write(t, s, run, test.during...)
			end := End{Observed: listed(one), Agreed: agreeingAll(one)}
			if test.change != nil {
				test.change(&end)
			}
			finish(t, s, run, end, 0)
			if got, _ := agreementsByID(t, s); (len(got) == 1) != test.agrees {
				t.Errorf("agreements: %v", got)
			}
		})
	}
}

// What a later run has to think of, although neither record nor account changes, keeps a row from agreeing.
func TestWhatIsRememberedAndAgreements(t *testing.T) {
	for name, test := range map[string]struct {
		notes  notes
		agrees bool
	}{
		"nothing": {notes{}, true},
		"mine":    {notes{Mine: valuesCopy{Tags: "staff"}}, true},
		"learned": {notes{Learned: []plan.Learned{{Field: user.Phone, Sent: "1", Got: "2"}}}, true},
		"refusal": {notes{Refusal: &plan.Refusal{Digest: "d"}}, true},
		"absence": {notes{Absence: &plan.Absence{Reads: 1}}, false},
		"kept-id": {notes{KeptID: new(string)}, false},
		"parked":  {notes{Parked: &plan.Parked{Email: "e1@example.com"}}, false},
	} {
		e := entry{account: sampleAccount(1, "E1"), notes: test.notes}
		if got := e.mayAgree(1); got != test.agrees {
			t.Errorf("%s: %v", name, got)
		}
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

func TestDamagedAgreements(t *testing.T) {
	for name, damage := range map[string]string{
		"slot":                    "UPDATE agreement SET slots = x'01' || substr(slots, 2)",
		"number-of-a-part":        "UPDATE agreement SET number = number + 4611686018427387000",
		"negative-number":         "UPDATE agreement SET number = -1",
		"cut-off":                 "UPDATE agreement SET slots = substr(slots, 2)",
		"text":                    "UPDATE agreement SET slots = 'x'",
		"nothing":                 "UPDATE agreement SET sum = 'x'",
		"row-without-one":         "UPDATE unagreed SET row = 1",
		"twin-of-one-without-one": "UPDATE unagreed SET twin = -1",
	} {
		t.Run(name, func(t *testing.T) {
			s := townOf(t, "E1", "E2")
			a := sampleAccount(2, "E2")
			write(t, s, begin(t, s), Outcome{Operation: createOf("E2"), Ending: DoneApplied, Account: &a})
			execute(t, s.file, damage)
			_, err := s.Agreements(t.Context())
			if _, damaged := errors.AsType[*DamagedError](err); !damaged {
				t.Errorf("got %v, want a DamagedError", err)
			}
		})
	}
	for name, damage := range map[string]string{
		"claims":           "UPDATE claim SET slots = x'07' || substr(slots, 2)",
		"claims-elsewhere": "UPDATE claim SET number = number + 1",
		"generation":       "UPDATE fact SET value = '\"x\"' WHERE name = 'agreements'",
	} {
		t.Run(name, func(t *testing.T) {
			s := townOf(t, "E1", "E2")
			a, err := s.Agreements(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			execute(t, s.file, damage)
			_, err = a.Claiming(t.Context(), map[user.Digest]bool{1: true})
			if _, damaged := errors.AsType[*DamagedError](err); !damaged {
				t.Errorf("got %v, want a DamagedError", err)
			}
		})
	}
	t.Run("found-by-the-end-of-a-run", func(t *testing.T) {
		s := townOf(t, "E1", "E2")
		execute(t, s.file, "UPDATE agreement SET slots = x'01' || substr(slots, 2)")
		a := agreementOf(sampleAccount(1, "E1"))
		a.Record = 8
		end := &End{Rows: []int64{1}, Observed: accounts("E1"), Agreed: map[string]plan.Agreement{"E1": a}, Now: monday}
		err := s.Finish(t.Context(), Run{ID: begin(t, s), Status: Applied}, end, 0)
		if _, damaged := errors.AsType[*DamagedError](err); !damaged {
			t.Errorf("got %v, want a DamagedError", err)
		}
	})
}

func TestListingIsKept(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	check := func(want Listing) {
		t.Helper()
		for _, s := range []*Store{s, peek(t, dir)} {
			if got, err := s.Listing(t.Context()); err != nil || !got.Watermark.Equal(want.Watermark) || got.SinceFull != want.SinceFull {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
		}
	}
	check(Listing{})
	first := Listing{Watermark: monday, SinceFull: 3}
	finish(t, s, begin(t, s), End{Listing: &first}, 0)
	check(first)
	finish(t, s, begin(t, s), End{}, 0) // it listed nothing
	first.SinceFull++
	check(first)
	if err := s.Finish(context.Background(), Run{ID: begin(t, s), Status: Held}, nil, 0); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s, dir)
	first.SinceFull++
	check(first)
	finish(t, s, begin(t, s), End{Listing: &Listing{Watermark: monday.AddDate(0, 0, 1)}}, 0)
	check(Listing{Watermark: monday.AddDate(0, 0, 1)})
}

// Who was signed up agrees from the commit on that records it, unless there is something else to think of.
func TestSignUpsAgreeFromTheStart(t *testing.T) {
	one := sampleAccount(1, "E1")
	signUp := plan.Operation{Kind: plan.Create, ExternalID: "E1"}
	tests := map[string]struct {
		change func(*Outcome)
		want   bool
	}{
		"as-planned":        {func(*Outcome) {}, true},
		"without-agreement": {func(o *Outcome) { o.Agreement = plan.Agreement{} }, false},
		"failed":            {func(o *Outcome) { o.Ending, o.Refused, o.Account = DoneFailed, true, nil }, false},
		"in-doubt":          {func(o *Outcome) { o.Ending, o.Account = DoneUnknown, nil }, false},
		"without-answer":    {func(o *Outcome) { o.Account = nil }, false},
		"an-update":         {func(o *Outcome) { o.Operation.Kind = plan.Update }, false},
		"learned-something": {func(o *Outcome) { o.Learned = []plan.Learned{{Field: user.Phone, Sent: "1", Got: "2"}} }, false},
		"another-id-stays":  {func(o *Outcome) { o.KeptID = new("E9") }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, t.TempDir())
			outcome := Outcome{Operation: signUp, Ending: DoneApplied, Account: &one, Agreement: agreementOf(one)}
			test.change(&outcome)
			write(t, s, begin(t, s), outcome)
			agreed, _ := agreementsByID(t, s)
			if got := agreed["E1"] == agreementOf(one); got != test.want || len(agreed) > 1 {
				t.Errorf("agreements: %v", agreed)
			}
		})
	}
	t.Run("until-it-is-taken-away", func(t *testing.T) {
		s := openStore(t, t.TempDir())
		two := sampleAccount(2, "E2")
		write(t, s, begin(t, s), Outcome{Operation: signUp, Ending: DoneApplied, Account: &one, Agreement: agreementOf(one)},
			Outcome{Operation: plan.Operation{Kind: plan.Create, ExternalID: "E2"}, Ending: DoneApplied, Account: &two, Agreement: agreementOf(two)})
		agreements, err := s.Agreements(t.Context())
		if err != nil || agreements.Len() != 2 {
			t.Fatalf("%d agree, %v", agreements.Len(), err)
		}
		row, _ := agreements.Find(plan.KeyOf("E1"))
		if err := s.Disagree(t.Context(), []int64{row}); err != nil {
			t.Fatal(err)
		}
		if agreed, open := agreementsByID(t, s); len(agreed) != 1 || agreed["E2"].Key == 0 || !slices.Equal(open, []string{"E1"}) {
			t.Errorf("agreements: %v, open: %v", agreed, open)
		}
	})
}
