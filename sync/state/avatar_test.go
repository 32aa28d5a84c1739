package state

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/user"
)

func TestAvatarsAreRemembered(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	run := begin(t, s)
	finish(t, s, run, End{Observed: accounts("E1", "E2")}, 0)
	second := begin(t, s)
	set := plan.Uploaded{Stamp: "s", SHA256: "h", UID: "u", Place: "avatar", Refused: &plan.Refusal{Digest: "d", Words: "no"}}
	for externalID, of := range map[string]account.Account{"E1": sampleAccount(1, "E1"), "E9": sampleAccount(9, "E9")} {
		if err := s.SetAvatar(t.Context(), second, externalID, of, set); err != nil {
			t.Fatal(err)
		}
	}
	s = reopen(t, s, dir)
	for _, test := range []struct {
		externalID string
		id         int64
		want       plan.Uploaded
	}{{"E1", 1, set}, {"E9", 9, set}, {"E1", 2, plan.Uploaded{}}, {"E2", 2, plan.Uploaded{}}, {"none", 1, plan.Uploaded{}}} {
		got, err := s.Avatar(t.Context(), test.externalID, test.id)
		if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
			t.Errorf("%s with account %d: %v\n%s", test.externalID, test.id, err, diff)
		}
	}
	if known := knownByID(t, s)["E1"]; known.Avatar != set && cmp.Diff(known.Avatar, set) != "" {
		t.Errorf("the planner is told %+v", known.Avatar)
	}
	found, err := s.Accounts(t.Context(), []string{"E1", "E9", "none"})
	if err != nil || len(found) != 2 || found["E9"].ID != 9 || found["E1"].ID != 1 {
		t.Errorf("accounts %v, %v", found, err)
	}
	// The list that was made before the avatar was set is older, and another account's avatar is nobody's.
	finish(t, s, second, End{Observed: accounts("E1", "E2")}, 0)
	if got, _ := s.Avatar(t.Context(), "E1", 1); got.UID != "u" {
		t.Errorf("after the run: %+v", got)
	}
	other := sampleAccount(77, "E1")
	finish(t, s, begin(t, s), End{Rows: []int64{1, 2}, Observed: func(yield func(string, account.Account) bool) {
		_ = yield("E1", other) && yield("E2", sampleAccount(2, "E2"))
	}}, 0)
	if got, _ := s.Avatar(t.Context(), "E1", 77); got != (plan.Uploaded{}) {
		t.Errorf("another account has %+v", got)
	}
}

// An e-mail is due from the commit that records a sign-up, however it was found out, and only while it is wanted.
func TestResetsAreDue(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	run := begin(t, s)
	signUp := func(id int64, externalID string) Outcome {
		a := sampleAccount(id, externalID)
		a.Values[user.Email] = user.Text(externalID + "@example.com")
		return Outcome{Operation: plan.Operation{Kind: plan.Create, ExternalID: externalID}, Ending: DoneApplied, Account: &a}
	}
	write(t, s, run, signUp(1, "before"))
	s.OweResets()
	failed := signUp(3, "failed")
	failed.Ending, failed.Account = DoneFailed, nil
	adopted := signUp(4, "adopted")
	adopted.Operation.Kind, adopted.Operation.AccountID = plan.Adopt, 4
	intend(t, s, run, plan.Operation{Kind: plan.Create, ExternalID: "settled"}, plan.Operation{Kind: plan.Create, ExternalID: "vanished"})
	write(t, s, run, signUp(2, "applied"), failed, adopted)
	for _, intent := range pending(t, s) {
		found := Settled{Intent: intent, Applied: intent.ExternalID == "settled"}
		if found.Applied {
			found.Account = signUp(5, "settled").Account
		}
		if err := s.Settle(t.Context(), []Settled{found}); err != nil {
			t.Fatal(err)
		}
	}
	s = reopen(t, s, dir)
	due := func(in ResetState) (names []string) {
		t.Helper()
		all, err := s.Resets(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range all {
			if one.Email != one.ExternalID+"@example.com" || one.AccountID == 0 || one.Reset.State != in {
				t.Errorf("%+v", one)
			}
			names = append(names, one.ExternalID)
		}
		return names
	}
	if diff := cmp.Diff([]string{"applied", "settled"}, due(ResetDue)); diff != "" {
		t.Error(diff)
	}
	for _, externalID := range []string{"applied", "nobody"} {
		if err := s.SetReset(t.Context(), externalID, Reset{State: ResetTried, Run: run}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"settled"}, due(ResetDue)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"applied"}, due(ResetTried)); diff != "" {
		t.Error(diff)
	}
}

func TestExtras(t *testing.T) {
	var e Extras
	for _, ending := range []Ending{DoneApplied, DoneFailed, DoneSkipped, DoneUnknown, NotAttempted} {
		e.Count(ending)
	}
	e.Waiting = 9
	if e != (Extras{1, 1, 1, 1, 1, 9}) || e.Troubles() != 4 {
		t.Errorf("%+v, %d troubles", e, e.Troubles())
	}
}
