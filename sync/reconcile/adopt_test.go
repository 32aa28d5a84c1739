package reconcile_test

import (
	"strings"
	"testing"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// adopting is a world whose server lets a service user write others, and where accounts may be taken over.
func adopting(t *testing.T, options emulator.Options) *world {
	t.Helper()
	options.WriteOthers = true
	options.Users = []emulator.SeedUser{{Login: "service", Password: "the service's own"}}
	server, err := emulator.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	client, err := connectycube.New(connectycube.Options{
		Endpoint: "http://emulator.invalid", ApplicationID: "1", AuthKey: emulator.DefaultAuthKey, AdminKey: emulator.DefaultAdminKey,
		User: &connectycube.Credentials{Login: "service", Password: "the service's own"}, Base: server.Transport(),
	})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, t.TempDir())
	w.server, w.client = server, client
	w.Service = client.Service(connectycube.Authority{Updates: connectycube.UpdatesAsShared, Deletes: connectycube.DeletesAsAdmin})
	w.ServiceUser = client.UserID
	w.Policy.Adopt = []account.Key{account.ByExternalID, account.ByLogin, account.ByEmail}
	return w
}

// Where the service doesn't take external IDs, an adopted account is known by its id: that is said once, and later runs
// are quiet, write what changes, and delete whoever leaves.
func TestAdoptedAccountsAreKnownByTheirIDs(t *testing.T) {
	w := adopting(t, emulator.Options{FixedExternalIDs: true})
	w.source.persons = staff(5)
	var made []account.Account
	for _, p := range w.source.persons[:2] {
		a, err := w.Service.Create(t.Context(), user.User{Values: user.Values{user.Login: user.Text(p[1]), user.FullName: user.Text("Before")}}, "a-password-of-their-own")
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, a)
	}
	first := w.sync(t)
	wantStatus(t, first, state.Applied)
	if n := first.Run.Tally.Done[plan.Adopt]; n != 2 || first.Run.Tally.Ignored != 2 {
		t.Fatalf("%d adopted, %d ignored", n, first.Run.Tally.Ignored)
	}
	for _, o := range first.Troubles {
		if !strings.Contains(o.Words, "known by its id") {
			t.Errorf("%s: %s", o.Operation, o.Words)
		}
	}
	before := w.writes()
	for range 2 {
		quiet := w.sync(t)
		if w.writes() != before || quiet.Run.Tally.Unchanged != 5 || quiet.Run.Tally.Ignored != 0 {
			t.Fatalf("a quiet run wrote %d times: %+v", w.writes()-before, quiet.Run.Tally)
		}
	}
	w.source.persons[0][3] = "Another Name"
	w.source.persons[0][6] = "b"
	if n := w.sync(t).Run.Tally.Done[plan.Update]; n != 1 {
		t.Errorf("%d updated", n)
	}
	now := w.find(t, account.ByLogin, w.source.persons[0][1])
	if now.ID != made[0].ID || now.Values[user.FullName].Text != "Another Name" || now.Values[user.Tags].Text != "b,"+ownerTag {
		t.Errorf("it became %+v", now)
	}
}

// The service's own user is nobody's account, whatever the source says.
func TestTheServiceUserIsNeverTouched(t *testing.T) {
	w := adopting(t, emulator.Options{})
	w.source.persons = staff(3)
	w.source.persons[1][1] = "service"
	result := w.sync(t)
	if result.Run.Tally.Rejected != 1 || result.Plan.Rejects[0].Reason != plan.IsProtected {
		t.Errorf("rejected: %+v", result.Plan.Rejects)
	}
	if got := w.find(t, account.ByLogin, "service"); got.HasTag(ownerTag) {
		t.Errorf("the service's user is ours now: %+v", got)
	}
}

// An account whose external ID was taken away by hand is still the same person's, and nobody is signed up again.
func TestAClearedExternalIDIsGivenBack(t *testing.T) {
	w := adopting(t, emulator.Options{})
	w.source.persons = staff(3)
	w.sync(t)
	was := w.find(t, account.ByExternalID, "e0001")
	_, err := w.Service.Update(t.Context(), was, func(account.Account) (account.Write, error) { return account.Write{ExternalID: "mistake"}, nil })
	if err != nil {
		t.Fatal(err)
	}
	result := w.sync(t)
	if n := result.Run.Tally.Done[plan.Update]; n != 1 || result.Run.Tally.Done[plan.Create] > 0 {
		t.Errorf("done: %v", result.Run.Tally.Done)
	}
	if now := w.find(t, account.ByExternalID, "e0001"); now.ID != was.ID {
		t.Errorf("account %d, was %d", now.ID, was.ID)
	}
	if before := w.writes(); w.sync(t).Run.Tally.Unchanged != 3 || w.writes() != before {
		t.Error("the run after it isn't quiet")
	}
}

// A swap of e-mails goes through the journal as two entries and ends each record once.
func TestSwapIsJournalledInTwoSteps(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(4)
	w.sync(t)
	one, two := &w.source.persons[1], &w.source.persons[2]
	one[2], two[2] = two[2], one[2]
	result := w.sync(t)
	if n := result.Run.Tally.Done[plan.Update]; n != 2 || result.Run.Tally.Applied != 2 {
		t.Errorf("%+v", result.Run.Tally)
	}
	store := w.peek(t)
	var steps []string
	err := store.Outcomes(t.Context(), result.Run.ID, func(o state.StoredOutcome) error {
		steps = append(steps, o.ExternalID+string(o.Step)+" "+string(o.Ending))
		return nil
	})
	if want := "e0001park applied, e0001 applied, e0002 applied"; err != nil || strings.Join(steps, ", ") != want {
		t.Errorf("the journal has %v, %v", steps, err)
	}
	if before := w.writes(); w.sync(t).Run.Tally.Unchanged != 4 || w.writes() != before {
		t.Error("the run after it isn't quiet")
	}
}
