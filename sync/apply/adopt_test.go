package apply_test

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

// stranger signs somebody up whom cubesync didn't make.
func (w *town) stranger(t *testing.T, u user.User) account.Account {
	t.Helper()
	a, err := w.service.Create(t.Context(), u, "a-password-of-their-own")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func named(login, email string) user.User {
	return user.User{Values: user.Values{user.Login: user.Text(login), user.Email: user.Text(email), user.Tags: user.Text("vip")}}
}

func adopting(options emulator.Options) (emulator.Options, plan.Policy) {
	options.WriteOthers = true
	return options, plan.Policy{
		OwnerTag: ownerTag, Leavers: plan.KeepLeavers, Adopt: []account.Key{account.ByExternalID, account.ByLogin, account.ByEmail},
	}
}

func TestAdopt(t *testing.T) {
	for name, was := range map[string]user.User{
		"by-login":       named("ann", "ann@old.example"),
		"by-email":       named("annie", "Ann@example.com"),
		"by-external-id": {ExternalID: "E1", Values: user.Values{user.Login: user.Text("somebody"), user.Tags: user.Text("vip")}},
	} {
		t.Run(name, func(t *testing.T) {
			options, policy := adopting(emulator.Options{})
			w := openTown(t, options, connectycube.UpdatesAsShared)
			w.policy = policy
			made := w.stranger(t, was)
			w.source = map[string]logon{"E1": {"ann", "ann@example.com"}}
			w.night(t)
			w.is(t)
			now := w.find(t, "E1")
			if now.ID != made.ID || now.Values[user.Tags].Text != "staff,vip" {
				t.Errorf("it became account %d with the tags %q", now.ID, now.Values[user.Tags].Text)
			}
		})
	}
}

// Where the service doesn't take an external ID, that is said once, and the account is known by its id.
func TestAdoptWhereExternalIDsStay(t *testing.T) {
	options, policy := adopting(emulator.Options{FixedExternalIDs: true})
	w := openTown(t, options, connectycube.UpdatesAsShared)
	w.policy = policy
	made := w.stranger(t, named("ann", "ann@example.com"))
	w.source = map[string]logon{"E1": {"ann", "ann@example.com"}}
	w.night(t)
	if len(w.last) != 1 {
		t.Fatalf("%d outcomes", len(w.last))
	}
	got := w.last[0]
	if got.Ending != state.DoneApplied || got.KeptID == nil || *got.KeptID != "" || got.Ignored != 1 || !strings.Contains(got.Words, "kept the external ID") {
		t.Errorf("it ended as %s: %s (ignored %d)", got.Ending, got.Words, got.Ignored)
	}
	w.known = []plan.Known{{ExternalID: "E1", AccountID: made.ID, KeptID: got.KeptID}} // as the state remembers it
	if p := w.plan(t); len(p.Operations) > 0 || p.Unchanged != 1 {
		t.Errorf("the next night plans %v", p.Operations)
	}
	w.source = map[string]logon{"E1": {"ann", "ann@new.example"}}
	if endings := w.night(t); endings["E1 "+string(state.DoneApplied)] != 1 {
		t.Errorf("a change ends as %v", endings)
	}
	w.known = nil // a lost state finds it by the login again
	if p := w.plan(t); len(p.Operations) != 1 || p.Operations[0].Kind != plan.Adopt {
		t.Errorf("without a state it plans %v", p.Operations)
	}
}

// An account that isn't what it was found as any more isn't taken over.
func TestAdoptWhatMovedMeanwhile(t *testing.T) {
	options, policy := adopting(emulator.Options{})
	w := openTown(t, options, connectycube.UpdatesAsShared)
	w.policy = policy
	made := w.stranger(t, named("ann", "ann@example.com"))
	w.source = map[string]logon{"E1": {"ann", "ann@example.com"}}
	p := w.plan(t)
	_, err := w.service.Service.Update(t.Context(), made, func(account.Account) (account.Write, error) {
		return account.Write{Values: user.Values{user.Login: user.Text("another"), user.Email: user.Text("another@example.com")}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.carryOut(t, p)
	if len(w.last) != 1 || w.last[0].Ending != state.DoneSkipped || !strings.Contains(w.last[0].Words, "has another") {
		t.Errorf("it ended as %+v", w.last)
	}
}

// An account whose external ID somebody changed gets it back, by its own user, with the password of the record's.
func TestExternalIDIsGivenBack(t *testing.T) {
	for name, moved := range map[string]string{"cleared": "", "changed": "E9"} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, map[string]logon{"E1": {"ann", "ann@example.com"}})
			was := w.find(t, "E1")
			w.lose(t, was, moved)
			w.known = []plan.Known{{ExternalID: "E1", AccountID: was.ID}}
			if endings := w.night(t); endings["E1 "+string(state.DoneApplied)] != 1 {
				t.Errorf("it ended as %v", endings)
			}
			w.is(t)
			if now := w.find(t, "E1"); now.ID != was.ID {
				t.Errorf("E1 is account %d now, and was %d", now.ID, was.ID)
			}
		})
	}
}
