package state

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// What a parking gives up is known from before it is sent until the account has something in its place, or ConnectyCube
// refused to take it back.
func TestParkedValues(t *testing.T) {
	was := sampleAccount(7, "E1")
	was.Values[user.Login], was.Values[user.Email] = user.Text("ann"), user.Text("ann@example.com")
	parking := plan.Operation{
		Kind: plan.Update, Step: plan.Park, ExternalID: "E1", AccountID: 7, Account: &was,
		Changes: []plan.Change{{Field: user.Login, Before: "ann", After: plan.ParkedLogin("E1")}, {Field: user.Email, Before: "ann@example.com"}},
	}
	end := plan.Operation{Kind: plan.Update, ExternalID: "E1", AccountID: 7, Account: &was}
	back := end
	back.Step, back.Digest = plan.PutBack, "giving back"
	now := func(login, email string) *account.Account {
		a := was
		a.Values[user.Login], a.Values[user.Email] = user.Text(login), user.Text(email)
		return &a
	}
	parked := now(plan.ParkedLogin("E1"), "")
	both := &plan.Parked{Login: "ann", Email: "ann@example.com"}
	waiting := &plan.Parked{Login: "ann", Email: "ann@example.com", Waits: true}
	for name, test := range map[string]struct {
		ended []Outcome
		lists *account.Account
		want  *plan.Parked
	}{
		"killed":            {nil, nil, both},
		"parked":            {[]Outcome{{Operation: parking, Ending: DoneApplied, Account: parked}}, nil, both},
		"parked-and-listed": {[]Outcome{{Operation: parking, Ending: DoneApplied, Account: parked}}, parked, waiting},
		"half-of-it":        {nil, now("ann", ""), waiting},
		"never-sent":        {nil, &was, nil},
		"swapped":           {[]Outcome{{Operation: end, Ending: DoneApplied, Account: now("bob", "bob@example.com")}}, nil, nil},
		"given-back":        {[]Outcome{{Operation: back, Ending: DoneApplied, Account: &was}}, nil, nil},
		"another-account":   {nil, func() *account.Account { a := *parked; a.ID = 8; return &a }(), &plan.Parked{Waits: true}},
		"left-halfway":      {nil, parked, waiting},
		"not-taken-back": {
			[]Outcome{{Operation: back, Ending: DoneFailed, Refused: true, Whatever: true, Words: "no"}}, nil,
			&plan.Parked{Login: "ann", Email: "ann@example.com", Refused: []plan.Refusal{{Digest: "giving back", Words: "no", Whatever: true}}},
		},
		"the-swap-s-refused": {[]Outcome{{Operation: parking, Ending: DoneFailed, Refused: true}}, nil, both},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openStore(t, dir)
			run := begin(t, s)
			intend(t, s, run, parking, end, back)
			s = reopen(t, s, dir)
			write(t, s, run, test.ended...)
			if test.lists != nil {
				next := begin(t, s)
				finish(t, s, next, End{Observed: listed(*test.lists)}, 0)
			}
			got := knownOf(t, s, "E1")
			if diff := cmp.Diff(test.want, got.Parked); diff != "" {
				t.Errorf("what E1 gave up (-want +got):\n%s", diff)
			}
		})
	}
}

// What was given up in an earlier swap isn't lost when another one is begun.
func TestParkedTwice(t *testing.T) {
	s := openStore(t, t.TempDir())
	was := sampleAccount(7, "E1")
	park := func(c plan.Change) plan.Operation {
		return plan.Operation{Kind: plan.Update, Step: plan.Park, ExternalID: "E1", AccountID: 7, Account: &was, Changes: []plan.Change{c}}
	}
	intend(t, s, begin(t, s), park(plan.Change{Field: user.Email, Before: "ann@example.com"}))
	intend(t, s, begin(t, s), park(plan.Change{Field: user.Login, Before: "ann", After: plan.ParkedLogin("E1")}))
	if diff := cmp.Diff(&plan.Parked{Login: "ann", Email: "ann@example.com"}, knownOf(t, s, "E1").Parked); diff != "" {
		t.Errorf("what E1 gave up (-want +got):\n%s", diff)
	}
}

// A list is older than what its run tried: who had everything then may have given it up since, if nothing proves the opposite.
// Who lacked something even then has waited for one run more.
func TestParkedValuesOfARunThatFailed(t *testing.T) {
	was := sampleAccount(7, "E1")
	was.Values[user.Email] = user.Text("ann@example.com")
	lacking := was
	lacking.Values[user.Email] = user.Text("")
	for name, test := range map[string]struct {
		lists account.Account
		ended Ending
		want  *plan.Parked
	}{
		"in-doubt":        {was, DoneUnknown, &plan.Parked{Email: "ann@example.com"}},
		"not-begun":       {was, DoneSkipped, &plan.Parked{Email: "ann@example.com"}},
		"lacking-already": {lacking, DoneSkipped, &plan.Parked{Email: "ann@example.com", Waits: true}},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, t.TempDir())
			run := begin(t, s)
			parking := plan.Operation{
				Kind: plan.Update, Step: plan.Park, ExternalID: "E1", AccountID: 7, Account: &was,
				Changes: []plan.Change{{Field: user.Email, Before: "ann@example.com"}},
			}
			intend(t, s, run, parking)
			write(t, s, run, Outcome{Operation: parking, Ending: test.ended})
			finish(t, s, run, End{Observed: listed(test.lists)}, 0)
			if diff := cmp.Diff(test.want, knownOf(t, s, "E1").Parked); diff != "" {
				t.Errorf("what E1 gave up (-want +got):\n%s", diff)
			}
		})
	}
}
