package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

func derived(externalID string) string {
	return user.DerivePassword("a secret of the tests", externalID)
}

// rekeyed is a world of three whose external IDs can be changed. Restart forgets what a process knows.
type rekeyed struct {
	*world
	service *forgetful
}

func rekeying(t *testing.T, options emulator.Options) *rekeyed {
	t.Helper()
	w := &rekeyed{world: newWorld(t, t.TempDir())}
	server, err := emulator.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	w.server = server
	w.restart(t)
	w.source.persons = staff(3)
	wantStatus(t, w.sync(t), state.Applied)
	return w
}

func (w *rekeyed) restart(t *testing.T) {
	t.Helper()
	var err error
	w.client, err = connectycube.New(connectycube.Options{
		Endpoint: "http://emulator.invalid", ApplicationID: "1", AuthKey: emulator.DefaultAuthKey, AdminKey: emulator.DefaultAdminKey, Base: w.server.Transport(),
	})
	if err != nil {
		t.Fatal(err)
	}
	var others sync.Map
	w.service = &forgetful{Service: w.client.Service(connectycube.Authority{
		Updates: connectycube.UpdatesAsOwner, Deletes: connectycube.DeletesAsAdmin,
		Passwords: func(externalID string) []string {
			all := []string{derived(externalID)}
			if other, ok := others.Load(externalID); ok {
				all = append(all, derived(fmt.Sprint(other)))
			}
			return all
		},
	})}
	w.Service = w.service
	w.Rekeying = reconcile.Rekeying{
		Service: w.service, Password: func(externalID string) (string, error) { return derived(externalID), nil },
		MayHave: func(one, other string) { others.Store(one, other); others.Store(other, one) },
	}
}

// forgetful is a service whose next answers to updates are lost, after or before they are carried out. While it is down it
// takes none.
type forgetful struct {
	account.Service
	mu           sync.Mutex
	after, never int
	down         bool
}

func (f *forgetful) Update(ctx context.Context, known account.Account, change func(account.Account) (account.Write, error)) (account.Account, error) {
	if f.down {
		return account.Account{}, &account.Error{Kind: account.Unavailable, Call: "update user"}
	}
	f.mu.Lock()
	after, never := f.after > 0, f.never > 0
	f.after, f.never = f.after-1, f.never-1
	f.mu.Unlock()
	lost := &account.Error{Kind: account.Ambiguous, Call: "update user", Words: "the answer is lost"}
	if never {
		return account.Account{}, lost
	}
	a, err := f.Service.Update(ctx, known, change)
	if after {
		return account.Account{}, lost
	}
	return a, err
}

func keys(w *world) []plan.Rename {
	var all []plan.Rename
	for i, p := range w.source.persons {
		all = append(all, plan.Rename{Old: p[0], New: "n" + p[0], Position: "map.csv:2"})
		w.source.persons[i][0] = "n" + p[0]
	}
	return all
}

func (w *rekeyed) rekey(t *testing.T, wanted []plan.Rename) *reconcile.Result {
	t.Helper()
	result, err := w.Rekey(t.Context(), "map.csv", wanted, reconcile.Order{})
	if err != nil {
		t.Fatal(err)
	}
	w.adds(t, result.Run.Tally)
	return result
}

// settledIn makes sure that the new keys are all there is: a sync is quiet, and everybody can be written as themselves.
func (w *rekeyed) settledIn(t *testing.T) {
	t.Helper()
	before := w.writes()
	quiet := w.sync(t)
	wantStatus(t, quiet, state.Applied)
	if quiet.Run.Tally.Unchanged != 3 || w.writes() != before {
		t.Errorf("the sync after it isn't quiet: %d writes, %+v", w.writes()-before, quiet.Run.Tally)
	}
	w.restart(t)
	for i := range w.source.persons {
		w.source.persons[i][3] = fmt.Sprint("Renamed ", i)
	}
	if done := w.sync(t).Run.Tally.Done[plan.Update]; done != 3 {
		t.Errorf("%d of 3 could be written", done)
	}
}

func TestRekey(t *testing.T) {
	for name, test := range map[string]struct{ after, never int }{"answered": {}, "answers-lost": {after: 2}, "requests-lost": {never: 2}} {
		t.Run(name, func(t *testing.T) {
			w := rekeying(t, emulator.Options{})
			before := w.writes()
			w.service.after, w.service.never = test.after, test.never
			result := w.rekey(t, keys(w.world))
			wantStatus(t, result, state.Applied)
			if n := w.writes() - before; n != 3 || result.Run.Tally.Done[plan.Update] != 3 || !result.Run.Rekey {
				t.Errorf("%d writes: %+v", n, result.Run.Tally)
			}
			w.settledIn(t)
		})
	}
}

// A run that was killed is finished by the same map, or found out about by a sync, whichever comes first.
func TestRekeyIsFinishedAfterACrash(t *testing.T) {
	for name, between := range map[string]func(*testing.T, *rekeyed){
		"the-map-again": func(*testing.T, *rekeyed) {},
		"a-sync-between": func(t *testing.T, w *rekeyed) {
			if done := w.sync(t).Run.Tally.Done; len(done) > 0 {
				t.Errorf("a sync between did %v", done)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := rekeying(t, emulator.Options{})
			wanted := keys(w.world)
			w.brokenOff(t, wanted)
			w.restart(t)
			between(t, w)
			wantStatus(t, w.rekey(t, wanted), state.Applied)
			w.settledIn(t)
		})
	}
}

// brokenOff leaves what a rekey leaves that is killed after the first of the accounts was written.
func (w *rekeyed) brokenOff(t *testing.T, wanted []plan.Rename) {
	t.Helper()
	pairs := map[string]string{}
	var operations []plan.Operation
	for _, r := range wanted {
		pairs[r.New] = r.Old
		a := w.find(t, account.ByExternalID, r.Old)
		operations = append(operations, plan.Operation{Kind: plan.Update, ExternalID: r.New, AccountID: a.ID, Reason: plan.Rekeyed, ExternalIDBefore: &r.Old, Account: &a})
	}
	store, err := state.Open(t.Context(), w.StateDir, w.Identity)
	if err == nil {
		err = errors.Join(store.SetRekeying(t.Context(), pairs), store.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	w.killedWhile(t, operations...)
	_, err = w.Service.Update(t.Context(), operations[0].Was(), func(account.Account) (account.Write, error) {
		return account.Write{ExternalID: wanted[0].New, Password: derived(wanted[0].New)}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Where the service keeps external IDs, nobody is locked out: the password is put back, and where a crash came between,
// both are tried.
func TestRekeyOnAServerThatKeepsExternalIDs(t *testing.T) {
	write := func(t *testing.T, w *rekeyed) {
		t.Helper()
		w.source.persons[0][3] = "Another Name"
		result := w.sync(t)
		if result.Run.Tally.Done[plan.Update] != 1 {
			t.Errorf("it can't be written any more: %+v", result.Troubles)
		}
	}
	t.Run("put-back", func(t *testing.T) {
		w := rekeying(t, emulator.Options{FixedExternalIDs: true})
		w.Workers = 1
		old := append([]person(nil), w.source.persons...)
		result := w.rekey(t, keys(w.world))
		wantStatus(t, result, state.Unusable)
		if tally := result.Run.Tally; tally.Failed != 1 || tally.NotAttempted != 2 || !strings.Contains(result.Troubles[0].Words, "kept") {
			t.Errorf("%+v: %+v", tally, result.Troubles)
		}
		w.restart(t)
		w.Rekeying.MayHave = nil // the old password alone must do
		w.source.persons = old
		write(t, w)
	})
	t.Run("a-crash-between", func(t *testing.T) {
		w := rekeying(t, emulator.Options{FixedExternalIDs: true})
		old := append([]person(nil), w.source.persons...)
		w.brokenOff(t, keys(w.world))
		w.restart(t)
		w.source.persons = old
		write(t, w)
	})
	t.Run("a-crash-between-and-a-run-that-sends-nothing", func(t *testing.T) {
		w := rekeying(t, emulator.Options{FixedExternalIDs: true})
		old := append([]person(nil), w.source.persons...)
		wanted := keys(w.world)
		w.brokenOff(t, wanted)
		w.restart(t)
		w.service.down = true
		if tally := w.rekey(t, wanted).Run.Tally; tally.NotAttempted != 3 {
			t.Errorf("%+v", tally)
		}
		w.restart(t)
		w.source.persons = old
		write(t, w)
	})
}

func TestRekeyRefuses(t *testing.T) {
	w := rekeying(t, emulator.Options{})
	before := w.writes()
	no := func(*plan.Plan) bool { return false }
	held, err := w.Rekey(t.Context(), "map.csv", []plan.Rename{{Old: "e0000", New: "n"}}, reconcile.Order{Confirm: no})
	if err != nil || held.Run.Status != state.Held || guards(held) != "rekey" || held.Run.ID != 0 {
		t.Errorf("without a yes: %+v, %v", held, err)
	}
	var refused *reconcile.NotApplicableError
	w.Rekeying.Service = nil
	if _, err := w.Rekey(t.Context(), "map.csv", nil, reconcile.Order{}); !errors.As(err, &refused) {
		t.Errorf("without the right to: %v", err)
	}
	if w.writes() != before {
		t.Error("something was written")
	}
}

// A leaver in grace stays one under the new external ID, and its grace goes on.
func TestRekeyCarriesGraceAlong(t *testing.T) {
	w := rekeying(t, emulator.Options{})
	w.Policy.GraceReads, w.Policy.GraceSpan, w.Guards.Shrink = 3, time.Hour, 1
	w.source.persons = w.source.persons[:2]
	if n := w.sync(t).Plan.Leavers[0].Reads; n != 1 {
		t.Fatalf("%d reads", n)
	}
	w.rekey(t, []plan.Rename{{Old: "e0002", New: "n0002"}})
	w.source.persons[0][3] = "new evidence"
	leavers := w.sync(t).Plan.Leavers
	if len(leavers) != 1 || leavers[0].ExternalID != "n0002" || leavers[0].Reads != 2 {
		t.Errorf("%+v", leavers)
	}
}

// Whose change of external ID was broken off isn't deleted under the old one, nor signed up under the new one, however few
// they are and whatever their records claim, until the map is carried or a person says so.
func TestRekeyBrokenOffLosesNobody(t *testing.T) {
	half := func(t *testing.T) (*rekeyed, []plan.Rename) {
		t.Helper()
		w := rekeying(t, emulator.Options{})
		w.source.persons = staff(40)
		wantStatus(t, w.sync(t), state.Applied)
		wanted := keys(w.world)[:3]
		w.source.persons = staff(40)
		for i := range wanted {
			w.source.persons[i][0] = wanted[i].New
		}
		return w, wanted
	}
	held := func(t *testing.T, w *rekeyed) *reconcile.Result {
		t.Helper()
		before := w.writes()
		result := w.sync(t)
		if wantStatus(t, result, state.Held); guards(result) != "rekeyed" || w.writes() != before {
			t.Errorf("%s, %d writes", guards(result), w.writes()-before)
		}
		return result
	}
	settled := func(t *testing.T, w *rekeyed, wanted []plan.Rename) {
		t.Helper()
		wantStatus(t, w.rekey(t, wanted), state.Applied)
		if quiet := w.sync(t); quiet.Run.Tally.Unchanged != 40 || w.server.Counters().Written.AdminDelete != 0 || w.server.Counters().Written.SignUp != 40 {
			t.Errorf("%+v", quiet.Run.Tally)
		}
	}
	t.Run("killed", func(t *testing.T) {
		w, wanted := half(t)
		w.brokenOff(t, wanted)
		w.restart(t)
		held(t, w)
		held(t, w)
		settled(t, w, wanted)
	})
	t.Run("not-sent", func(t *testing.T) {
		w, wanted := half(t)
		w.service.down = true
		if tally := w.rekey(t, wanted[:2]).Run.Tally; tally.NotAttempted != 2 {
			t.Errorf("%+v", tally)
		}
		w.restart(t)
		w.source.persons[2][0] = wanted[2].Old
		held(t, w)
		w.source.persons[2][0] = wanted[2].New
		settled(t, w, wanted)
	})
	t.Run("who-claims-nothing-of-the-old-one", func(t *testing.T) {
		w, wanted := half(t)
		w.Policy.Leavers = plan.KeepLeavers
		w.source.persons = staff(40)
		wantStatus(t, w.sync(t), state.Applied)
		for i := range wanted {
			p := &w.source.persons[i]
			p[0], p[1], p[2] = wanted[i].New, "other-"+wanted[i].New, wanted[i].New+"@example.org"
		}
		w.service.down = true
		w.rekey(t, wanted)
		w.restart(t)
		held(t, w)
	})
	t.Run("given-up", func(t *testing.T) {
		w, wanted := half(t)
		w.service.down = true
		w.rekey(t, wanted)
		w.restart(t)
		w.source.persons = staff(40)[1:] // who has left, with all others under their old external IDs
		result := w.sync(t)
		wantStatus(t, result, state.Applied)
		if result.Run.Tally.Done[plan.Delete] != 1 {
			t.Errorf("%+v", result.Run.Tally)
		}
	})
	t.Run("approved", func(t *testing.T) {
		w, wanted := half(t)
		w.service.down = true
		w.rekey(t, wanted)
		w.restart(t)
		w.source.persons[2][0] = wanted[2].Old
		run := held(t, w).Run.ID
		result, err := w.Approve(t.Context(), run, reconcile.Order{})
		if err != nil || result.Run.Tally.Done[plan.Delete] != 2 {
			t.Fatalf("%+v, %v", result, err)
		}
		wantStatus(t, w.sync(t), state.Applied)
		if quiet := w.sync(t); quiet.Run.Tally.Unchanged != 40 {
			t.Errorf("%+v", quiet.Run.Tally)
		}
	})
}

// A plan that was saved before a change of external IDs was broken off isn't carried out over it.
func TestHalfARekeyHoldsASavedPlan(t *testing.T) {
	w := rekeying(t, emulator.Options{})
	w.source.persons = staff(40)
	wantStatus(t, w.sync(t), state.Applied)
	wanted := keys(w.world)[:2]
	w.source.persons = staff(40)
	for i := range wanted {
		w.source.persons[i][0] = wanted[i].New
	}
	w.brokenOff(t, wanted)
	w.restart(t)
	file := w.save(t)
	if len(file.Header.Guards) != 1 || file.Header.Guards[0].Guard != "rekeyed" {
		t.Fatalf("%+v", file.Header.Guards)
	}
	file.Header.Guards = nil // as whoever writes by hand
	wantStatus(t, w.apply(t, file), state.Held)
}
