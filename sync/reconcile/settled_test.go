package reconcile_test

import (
	"maps"
	"strings"
	"testing"

	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// What keeps a leaver from going for a night mustn't let a changed policy settle meanwhile: nobody was ever asked.
func TestChangedPolicyBehindWhatSparesALeaver(t *testing.T) {
	for name, spare := range map[string]func(t *testing.T, n *nightly) (lift func()){
		"nothing": func(*testing.T, *nightly) func() { return func() {} },
		"protected-by-a-tag": func(t *testing.T, n *nightly) func() {
			n.Policy.Protected.Tags = []string{"vip"}
			n.edit(t, "e0003", only(user.Tags, ownerTag+",vip"))
			return func() { n.edit(t, "e0003", only(user.Tags, ownerTag)) }
		},
		"tag-of-another-pipeline": func(t *testing.T, n *nightly) func() {
			n.Policy.OtherOwnerTags = []string{"another"}
			n.edit(t, "e0003", only(user.Tags, ownerTag+",another"))
			return func() { n.edit(t, "e0003", only(user.Tags, ownerTag)) }
		},
		"second-account": func(t *testing.T, n *nightly) func() {
			second := n.signUpTwin(t, "e0003")
			return func() {
				if err := n.Service.Delete(t.Context(), second); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := &nightly{history: &history{world: newWorldOf(t, t.TempDir(), emulator.Options{SharedExternalIDs: true})}}
			defer func() { _ = n.server.Close() }()
			n.Policy.Leavers, n.Settings = plan.KeepLeavers, map[string]string{"leavers": "keep"}
			n.source.persons = staff(20)
			wantStatus(t, n.sync(t), state.Applied)
			lift := spare(t, n)
			n.source.persons = without(n.source.persons, 3)
			wantStatus(t, n.sync(t), state.Applied) // kept
			n.Policy.Leavers, n.Settings = plan.DeleteLeavers, map[string]string{"leavers": "delete"}
			n.sync(t)
			lift()
			wantHeldForSettings(t, n.sync(t))
		})
	}
}

// signUpTwin makes a second account of ours with the external ID.
func (n *nightly) signUpTwin(t *testing.T, externalID string) account.Account {
	t.Helper()
	u := user.User{ExternalID: externalID}
	u.Values[user.Login], u.Values[user.Tags] = user.Text("twin"), user.Text(ownerTag)
	a, err := n.Service.Create(t.Context(), u, "a-password-of-theirs")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The release of somebody halfway through a swap is put off by one night, in which the changed policy mustn't settle.
func TestChangedPolicyBehindAPutBack(t *testing.T) {
	w := leftHalfway(t)
	w.Settings, w.Policy.UpdatesOff = map[string]string{"leavers": "keep"}, true // so that nothing is given back yet
	wantStatus(t, w.sync(t), state.Applied)
	w.Policy.UpdatesOff = false
	w.source.persons = without(staff(5), 1)
	w.Policy.Leavers, w.Settings = plan.ReleaseLeavers, map[string]string{"leavers": "release"}
	first := w.sync(t)
	wantStatus(t, first, state.Applied)
	if op := first.Plan.Operations; len(op) != 2 || op[0].Kind != plan.Release || op[0].Blocked != plan.WaitsForOther || op[1].Step != plan.PutBack {
		t.Errorf("want a release that waits for a put-back, got %v", op)
	}
	wantHeldForSettings(t, w.sync(t))
}

// Approving many updates isn't approving who leaves.
func TestApprovingAnotherGuardSettlesThePolicy(t *testing.T) {
	w := newWorld(t, t.TempDir())
	defer func() { _ = w.server.Close() }()
	w.Policy.Leavers, w.Settings = plan.KeepLeavers, map[string]string{"leavers": "keep"}
	w.Policy.GraceReads = 2
	w.source.persons = staff(50)
	wantStatus(t, w.sync(t), state.Applied)
	w.source.persons = without(w.source.persons, 3)
	wantStatus(t, w.sync(t), state.Applied)
	w.Policy.Leavers, w.Settings = plan.DeleteLeavers, map[string]string{"leavers": "delete"}
	for i := range w.source.persons {
		w.source.persons[i][4] = "+1 555 0199"
	}
	held := w.sync(t)
	if got := guards(held); got != "updates field" {
		t.Fatalf("tripped %q, want updates and field", got)
	}
	w.agreeTo(t, held)
	w.source.persons[0][3] += "x" // new evidence
	wantHeldForSettings(t, w.sync(t))
}

// Who approved that people leave under a changed policy isn't asked about it again, whoever else is spared for now.
func TestApprovedPolicyIsSettled(t *testing.T) {
	w := newWorld(t, t.TempDir())
	defer func() { _ = w.server.Close() }()
	w.Policy.Leavers, w.Settings = plan.KeepLeavers, map[string]string{"leavers": "keep"}
	w.Policy.Protected.Tags = []string{"vip"}
	w.source.persons = staff(50)
	wantStatus(t, w.sync(t), state.Applied)
	w.edit(t, "e0007", only(user.Tags, ownerTag+",vip"))
	w.source.persons = without(without(w.source.persons, 7), 3)
	w.Policy.Leavers, w.Settings = plan.DeleteLeavers, map[string]string{"leavers": "delete"}
	held := w.sync(t)
	wantHeldForSettings(t, held)
	if gone := w.agreeTo(t, held).Gone; len(gone) != 1 {
		t.Fatalf("%d went by the approval, want 1", len(gone))
	}
	w.source.persons = without(w.source.persons, 10)
	if result := w.sync(t); result.Run.Status != state.Applied || len(result.Gone) != 1 {
		t.Errorf("%s, tripped %q, %d gone: the policy had been approved", result.Run.Status, guards(result), len(result.Gone))
	}
}

// A pipeline that is taken out of the configuration takes its tag along, which kept people from being deleted.
func TestAnotherPipelineIsTakenOut(t *testing.T) {
	w := newWorld(t, t.TempDir())
	defer func() { _ = w.server.Close() }()
	others := func(tags ...string) {
		w.Policy.OtherOwnerTags = tags
		w.Settings = map[string]string{"leavers": "delete", "other_owner_tags": strings.Join(tags, ",")}
	}
	others("partners")
	w.source.persons = staff(20)
	wantStatus(t, w.sync(t), state.Applied)
	w.edit(t, "e0003", only(user.Tags, ownerTag+",partners"))
	w.source.persons = without(w.source.persons, 3) // moved to the other pipeline
	wantStatus(t, w.sync(t), state.Applied)
	others()
	held := w.sync(t)
	wantHeldForSettings(t, held)
	if saw := held.Run.Trips[0].Saw; !strings.Contains(saw, "a change of the owner tags of other pipelines since run 2") {
		t.Errorf("the guard doesn't say what changed: %s", saw)
	}
}

// Without a baseline nobody can tell whether settings changed since the run that is forgotten. So its lack doesn't settle any:
// whom the first run that is remembered misses, the second one doesn't let go unasked.
func TestSettingsChangedWhileTheStateWasLost(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, w *world){
		"state-lost":       func(t *testing.T, w *world) { w.StateDir = t.TempDir() },
		"pipeline-renamed": func(_ *testing.T, w *world) { w.Name, w.Identity.Pipeline = "people", "people" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, t.TempDir())
			defer func() { _ = w.server.Close() }()
			w.Settings = map[string]string{"filter": "none"}
			w.source.persons = staff(20)
			wantStatus(t, w.sync(t), state.Applied)
			lose(t, w)
			w.Settings = map[string]string{"filter": "narrower"}
			w.source.persons = without(staff(20), 3)
			wantStatus(t, w.sync(t), state.Applied) // the first that is remembered deletes nobody
			held := w.sync(t)
			wantHeldForSettings(t, held)
			if saw := held.Run.Trips[0].Saw; !strings.Contains(saw, "the first run that is remembered missed people already") {
				t.Errorf("the guard doesn't say why: %s", saw)
			}
			if gone := w.agreeTo(t, held).Gone; len(gone) != 1 {
				t.Fatalf("%d went by the approval, want 1", len(gone))
			}
			w.source.persons = without(w.source.persons, 7)
			if result := w.sync(t); len(result.Gone) != 1 {
				t.Errorf("%s, tripped %q: the settings had been approved", result.Run.Status, guards(result))
			}
		})
	}
}

// A setting that an earlier version didn't keep holds nobody up, unless somebody is missing who could go because of it.
func TestNewSettingAfterAnUpgrade(t *testing.T) {
	for name, missing := range map[string]bool{"nobody-missing": false, "somebody-in-grace": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, t.TempDir())
			defer func() { _ = w.server.Close() }()
			w.Settings, w.Policy.GraceReads = map[string]string{"leavers": "delete"}, 3
			w.source.persons = staff(20)
			wantStatus(t, w.sync(t), state.Applied)
			w.Settings = maps.Clone(w.Settings)
			w.Settings["other_owner_tags"] = "digest"
			if !missing {
				wantStatus(t, w.sync(t), state.Applied)
			}
			w.source.persons = without(w.source.persons, 3)
			for range 2 {
				w.source.persons[0][3] += "x" // new evidence
				wantStatus(t, w.sync(t), state.Applied)
			}
			w.source.persons[0][3] += "x"
			last := w.sync(t)
			if !missing {
				if len(last.Gone) != 1 {
					t.Errorf("%d gone, tripped %q: nothing had changed since nobody was missing", len(last.Gone), guards(last))
				}
				return
			}
			wantHeldForSettings(t, last)
			if saw := last.Run.Trips[0].Saw; !strings.Contains(saw, "the owner tags of other pipelines (not kept by earlier versions)") {
				t.Errorf("the guard doesn't say what is new: %s", saw)
			}
		})
	}
}

func without(persons []person, i int) []person {
	return append(persons[:i:i], persons[i+1:]...)
}

func (w *world) agreeTo(t *testing.T, held *reconcile.Result) *reconcile.Result {
	t.Helper()
	result, err := w.Approve(t.Context(), held.Run.ID, reconcile.Order{})
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, result, state.Applied)
	return result
}

func wantHeldForSettings(t *testing.T, result *reconcile.Result) {
	t.Helper()
	if result.Run.Status != state.Held || guards(result) != "settings" || len(result.Gone) > 0 {
		t.Fatalf("%s, tripped %q, %d gone: want it held by the guard settings", result.Run.Status, guards(result), len(result.Gone))
	}
}
