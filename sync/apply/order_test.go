package apply

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// Within a wave, who can't get in comes before what somebody is recognised by, that before everything else, and who goes
// comes after them; who was in trouble before comes last of all, the longest ago first. What waits stays in its wave.
func TestOrderOfImportance(t *testing.T) {
	old := "X1"
	var accounts []account.Account
	of := func(id string) account.Account {
		a := person(int64(len(accounts)+1), id)
		accounts = append(accounts, a)
		return a
	}
	lostID := change(of("A3"), user.Phone, "1")
	lostID.ExternalIDBefore = &old
	lostTag := change(of("A4"), user.Phone, "1")
	lostTag.Reason = plan.LostTag
	adopted := change(of("A5"), user.Phone, "1")
	adopted.Kind = plan.Adopt
	putBack := change(of("A8"), user.Email, "a8@example.com")
	putBack.Step, putBack.Reason = plan.PutBack, plan.BrokenSwap
	late := signUp("A0")
	late.Wave = 1
	ops := []plan.Operation{
		release(of("A1")), change(of("A2"), user.FullName, "New"), lostID, lostTag, adopted,
		change(of("A6"), user.Email, "a6@example.com"), signUp("A7"), putBack, change(of("A9"), user.Login, "other"),
		signUp("B1"), signUp("B2"), signUp("B3"), late,
	}
	synctest.Test(t, func(t *testing.T) {
		s := newStage(accounts...)
		s.workers = 1
		s.set = func(a *Applier) {
			a.Troubled = map[user.Digest]int64{plan.KeyOf("B1"): 7, plan.KeyOf("B2"): 5}
		}
		if _, err := s.apply(t, ops...); err != nil {
			t.Error(err)
		}
		var got []string
		for _, call := range s.service.log {
			_, id, _ := strings.Cut(call, " ")
			got = append(got, id)
		}
		want := []string{"A7", "A8", "B3", "A3", "A4", "A5", "A6", "A9", "A2", "A1", "B2", "B1", "A0"}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("order (-got +want)\n%s", diff)
		}
	})
}
