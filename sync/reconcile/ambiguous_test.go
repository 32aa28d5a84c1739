package reconcile_test

import (
	"testing"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// What a run found ambiguous isn't decided by the next one.
func TestAmbiguousForMoreThanOneNight(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(3)
	w.sync(t)
	theirs := w.find(t, account.ByExternalID, "e0001")
	_, err := w.Service.Update(t.Context(), theirs, func(account.Account) (change account.Write, _ error) {
		change.Values[user.Tags] = user.Text("")
		change.ExternalID = "elsewhere"
		return change, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	stranger := user.User{ExternalID: "e0001"}
	stranger.Values[user.Login], stranger.Values[user.Tags] = user.Text("a-second-one"), user.Text(ownerTag)
	_, err = w.Service.Create(t.Context(), stranger, "a password of theirs")
	if err != nil {
		t.Fatal(err)
	}
	for night := range 2 {
		result := w.sync(t)
		if len(result.Plan.Rejects) != 1 {
			t.Errorf("night %d: %v, %v", night, result.Plan.Rejects, result.Plan.Operations)
		}
	}
}
