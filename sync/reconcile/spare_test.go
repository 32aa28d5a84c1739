package reconcile_test

import (
	"testing"

	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// retag gives an account other tags, as a person would in the service's own console.
func (w *world) retag(t *testing.T, externalID, tags string) {
	t.Helper()
	_, err := w.Service.Update(t.Context(), w.find(t, account.ByExternalID, externalID), func(account.Account) (wr account.Write, _ error) {
		wr.Values[user.Tags] = user.Text(tags)
		return wr, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) exists(t *testing.T, externalID string) bool {
	t.Helper()
	found, err := w.Service.Find(t.Context(), account.ByExternalID, []string{externalID})
	if err != nil {
		t.Fatal(err)
	}
	return len(found) == 1
}

func TestProtectedSinceThePlanWasMade(t *testing.T) {
	for _, how := range []string{"apply", "approve"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t, t.TempDir())
			w.Policy.Protected.Tags = []string{"vip"}
			w.source.persons = staff(20)
			w.sync(t)
			present := 19
			if how == "approve" {
				present = 12
			}
			w.source.persons = staff(20)[:present]
			w.source.persons[1][3] = "Other Name"
			var file *plan.File
			var held *reconcile.Result
			if how == "apply" {
				file = w.save(t)
			} else {
				held = w.sync(t)
				wantStatus(t, held, state.Held)
			}
			w.retag(t, "e0019", "a,b,staff-sync,vip")
			w.retag(t, "e0001", "a,b,staff-sync,vip")
			if how == "apply" {
				w.apply(t, file)
			} else {
				w.approve(t, held.Run.ID)
			}
			if !w.exists(t, "e0019") {
				t.Error("a protected account was deleted")
			}
			if a := w.find(t, account.ByExternalID, "e0001"); a.Values[user.FullName].Text == "Other Name" {
				t.Error("a protected account was updated")
			}
		})
	}
}

func TestAnotherPipelineOwnsTheAccountToo(t *testing.T) {
	t.Run("leaver", func(t *testing.T) {
		w := newWorld(t, t.TempDir())
		w.Policy.OtherOwnerTags = []string{"partners"}
		w.source.persons = staff(20)
		w.sync(t)
		w.retag(t, "e0019", "a,b,staff-sync,partners")
		w.source.persons = staff(20)[:19]
		result := w.sync(t)
		if !w.exists(t, "e0019") {
			t.Error("it was deleted")
		}
		if remarks := result.Plan.Remarks; len(remarks) != 1 || remarks[0].Reason != plan.Ambiguous {
			t.Errorf("remarks: %+v", remarks)
		}
	})
	t.Run("adopted-meanwhile", func(t *testing.T) {
		w := adopting(t, emulator.Options{})
		w.Policy.OtherOwnerTags = []string{"partners"}
		w.source.persons = staff(3)
		theirs := user.User{ExternalID: "e0001", Values: user.Values{user.Login: user.Text("login-e0001")}}
		if _, err := w.Service.Create(t.Context(), theirs, "a-password-of-their-own"); err != nil {
			t.Fatal(err)
		}
		file := w.save(t)
		if file.Header.Counts.Adopt != 1 {
			t.Fatalf("%+v", file.Header.Counts)
		}
		w.retag(t, "e0001", "partners")
		w.apply(t, file)
		if now := w.find(t, account.ByExternalID, "e0001"); now.HasTag(ownerTag) {
			t.Errorf("two pipelines own account %d now: %s", now.ID, now.Values[user.Tags].Text)
		}
	})
}

func TestAdoptionThatWasNeverSentIsNotApplied(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.Policy.Adopt = []account.Key{account.ByLogin}
	w.source.persons = staff(3)
	ours := user.User{Values: user.Values{user.Login: user.Text("login-e0001"), user.Tags: user.Text(ownerTag)}}
	a, err := w.Service.Create(t.Context(), ours, user.DerivePassword("a secret of the tests", "e0001"))
	if err != nil {
		t.Fatal(err)
	}
	w.killedWhile(t, plan.Operation{Kind: plan.Adopt, ExternalID: "e0001", AccountID: a.ID, Account: &a})
	w.sync(t)
	err = w.peek(t).Outcomes(t.Context(), 1, func(o state.StoredOutcome) error {
		if o.Ending != state.NotAttempted {
			t.Errorf("%s %s: %s %s", o.Kind, o.ExternalID, o.Ending, o.Words)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
