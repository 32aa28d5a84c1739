package state

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/user"
)

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
