package state

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// What may still be carried out is expected for as long as both clocks say, whatever else is found out about it.
func TestLateUntilBothClocksSaySo(t *testing.T) {
	for name, test := range map[string]struct {
		ours, service time.Duration // that pass
		want          bool
	}{
		"a-moment":             {0, 0, true},
		"nearly":               {plan.LateAtMost - time.Minute, plan.LateAtMost - time.Minute, true},
		"long-enough":          {plan.LateAtMost + time.Minute, plan.LateAtMost + time.Minute, false},
		"ours-is-set-ahead":    {time.Hour, time.Minute, true},
		"service-is-set-ahead": {time.Minute, time.Hour, true},
		"ours-is-set-back":     {-time.Hour, time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openStore(t, dir)
			now := time.Now()
			tick(t, s, now, monday)
			run := begin(t, s)
			intend(t, s, run, createOf("E1"))
			if got := late(t, s); len(got) != 1 || got["E1"].Login != "E1" {
				t.Errorf("before it is settled: %v", got)
			}
			if err := s.Settle(t.Context(), []Settled{{Intent: pending(t, s)[0]}}); err != nil {
				t.Fatal(err)
			}
			s = reopen(t, s, dir)
			tick(t, s, now.Add(test.ours), monday.Add(test.service))
			if got := late(t, s); (len(got) == 1) != test.want {
				t.Errorf("%v, want it expected: %v", got, test.want)
			}
		})
	}
}

// A clock that is set back while a run is at work makes nothing expected for a shorter time.
func TestLateAfterOurClockWasSetBack(t *testing.T) {
	s := openStore(t, t.TempDir())
	now := time.Now()
	tick(t, s, now.Add(time.Hour), monday)
	write(t, s, begin(t, s), Outcome{Operation: createOf("E1"), Ending: DoneFailed, Late: true})
	tick(t, s, now, monday.Add(time.Minute))
	if got := late(t, s); len(got) != 1 {
		t.Errorf("expected are %v", got)
	}
}

func tick(t *testing.T, s *Store, ours, service time.Time) {
	t.Helper()
	if err := s.Tick(t.Context(), ours, service); err != nil {
		t.Fatal(err)
	}
}

func late(t *testing.T, s *Store) map[string]plan.Late {
	t.Helper()
	all, err := s.Late(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Of what is in doubt, or was and may still be carried out, only what can make a second account is expected: from before it is
// settled, as a look shows it, and after.
func TestWhatIsExpectedLate(t *testing.T) {
	s := openStore(t, t.TempDir())
	tick(t, s, time.Now(), time.Time{})
	run := begin(t, s)
	if err := s.SetRekeying(t.Context(), map[string]string{"K5": "E5"}); err != nil {
		t.Fatal(err)
	}
	created := createOf("E1")
	created.Changes = []plan.Change{{Field: user.Login, After: "ann"}}
	of := func(kind plan.Kind, externalID string, id int64) plan.Operation {
		return plan.Operation{Kind: kind, ExternalID: externalID, AccountID: id}
	}
	intend(t, s, run, created, of(plan.Adopt, "E2", 2), of(plan.Update, "E3", 3), of(plan.Delete, "E4", 4), of(plan.Update, "K5", 5))
	again, other := createOf("E6"), createOf("E7")
	intend(t, s, run, again, other)
	a6, a7 := sampleAccount(6, "E6"), sampleAccount(7, "E7")
	write(t, s, run, Outcome{Operation: again, Ending: DoneApplied, Account: &a6, Late: true}, Outcome{Operation: other, Ending: DoneApplied, Account: &a7})
	want := map[string]plan.Late{"E1": {Login: "ann"}, "E2": {AccountID: 2}, "K5": {AccountID: 5}, "E6": {Login: "E6"}}
	check := func(when string) {
		t.Helper()
		got := late(t, s)
		for externalID, l := range got {
			if left := time.Until(l.Until); left <= plan.LateAtMost-time.Minute || left > plan.LateAtMost {
				t.Errorf("%s %s is expected for %v", when, externalID, left)
			}
			l.Until = time.Time{}
			got[externalID] = l
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	check("before it is settled")
	var settled []Settled
	for _, intent := range pending(t, s) {
		settled = append(settled, Settled{Intent: intent})
	}
	if err := s.Settle(t.Context(), settled); err != nil {
		t.Fatal(err)
	}
	check("after it is settled")
	execute(t, s.file, "UPDATE late SET since = 0")
	tick(t, s, time.Now(), time.Time{})
	left := 0
	if err := s.reader.QueryRowContext(t.Context(), "SELECT count(*) FROM late").Scan(&left); err != nil || left > 0 {
		t.Errorf("%d that nobody expects any more are kept: %v", left, err)
	}
}
