package reconcile_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/avatar"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

func TestAvatars(t *testing.T) {
	for _, place := range []connectycube.AvatarPlace{connectycube.AvatarInField, connectycube.AvatarInCustomData} {
		t.Run(string(place), func(t *testing.T) {
			g := newGallery(t, place, avatar.Options{From: avatar.FromFile})
			g.people(t, 40)
			first := g.sync(t)
			wantStatus(t, first, state.Applied)
			wantAvatars(t, first, state.Extras{Done: 40})

			before, uploaded := g.writes(), g.uploads()
			for night := range 3 {
				again := g.sync(t)
				wantStatus(t, again, state.Applied)
				if again.Run.Tally.Unchanged != 40 || g.writes() != before || g.uploads() != uploaded || len(again.Plan.Avatars)+len(again.Plan.Remarks) > 0 {
					t.Fatalf("night %d: %d writes, %d uploads, %+v", night, g.writes()-before, g.uploads()-uploaded, again.Run.Tally)
				}
			}

			g.photo(t, "7.png", 1007)
			g.touch(t, "8.png", 2008) // the same content
			changed := g.sync(t)
			wantAvatars(t, changed, state.Extras{Done: 1})
			if g.uploads() != uploaded+1 || g.writes() != before+1 {
				t.Errorf("%d uploads and %d writes for one photo", g.uploads()-uploaded, g.writes()-before)
			}
			if a := changed.Plan.Avatars[0]; a.ExternalID != "e0007" || !a.Replaces || a.SHA256 == "" || a.Source != "7.png" || a.Bytes == 0 {
				t.Errorf("planned %+v", a)
			}
			if place == connectycube.AvatarInCustomData {
				if got := g.avatarOf(t, "e0007"); !bytes.Equal(got, paint(t, 1007)) {
					t.Error("the avatar is another picture")
				}
				if got := g.find(t, account.ByExternalID, "e0007").Values[user.CustomData].Text; !strings.Contains(got, `"desk":1`) {
					t.Errorf("custom_data became %s", got)
				}
			}
		})
	}
}

// Users whose avatars didn't change are passed over, files included.
func TestUnchangedAvatarsArePassedOver(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInField, avatar.Options{From: avatar.FromFile})
	g.people(t, 10)
	for range 3 { // set, compared, agreed
		g.sync(t)
	}
	if n := g.agreements(t).Len(); n != 10 {
		t.Errorf("%d of 10 agree", n)
	}
	g.photo(t, "9.png", 99)
	result := g.sync(t)
	wantAvatars(t, result, state.Extras{Done: 1})
	if result.Run.Tally.Unchanged != 10 {
		t.Errorf("%+v", result.Run.Tally)
	}
}

// Whatever is lost on the way, the next run sets the avatar, and nobody's operation is the worse for it.
func TestAvatarsAfterFaults(t *testing.T) {
	for _, call := range []emulator.Kind{emulator.BlobCreate, emulator.BlobComplete, emulator.Update} {
		for _, do := range []emulator.FaultKind{emulator.LoseBefore, emulator.LoseAfter, emulator.ErrorBefore, emulator.ErrorAfter, emulator.Reset} {
			t.Run(fmt.Sprintf("%s-%s", call, do), func(t *testing.T) {
				t.Parallel()
				g := newGallery(t, connectycube.AvatarInCustomData, avatar.Options{From: avatar.FromFile})
				g.people(t, 3)
				if err := g.server.SetFaults(1, emulator.Fault{Do: do, Call: call}); err != nil {
					t.Fatal(err)
				}
				first := g.sync(t)
				wantStatus(t, first, state.Applied)
				if first.Run.Tally.Avatars.Done != 2 || first.Run.Tally.Avatars.Troubles() != 1 {
					t.Fatalf("%+v, %v", first.Run.Tally.Avatars, words(first))
				}
				wantAvatars(t, g.sync(t), state.Extras{Done: 1})
				before := g.writes()
				wantAvatars(t, g.sync(t), state.Extras{})
				if g.writes() != before {
					t.Error("the third run wrote something")
				}
				for i := range 3 {
					if got := g.avatarOf(t, fmt.Sprintf("e%04d", i)); !bytes.Equal(got, paint(t, i)) {
						t.Errorf("e%04d has another picture", i)
					}
				}
			})
		}
	}
}

// A service that takes no avatar isn't asked by everybody, and its refusal is remembered.
func TestAvatarsInVain(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInField, avatar.Options{From: avatar.FromFile})
	g.people(t, 60)
	if err := g.server.SetFaults(1, emulator.Fault{Do: emulator.ErrorBefore, Call: emulator.BlobCreate, Status: 403, Times: 1000}); err != nil {
		t.Fatal(err)
	}
	first := g.sync(t)
	wantStatus(t, first, state.Applied)
	if got := first.Run.Tally.Avatars; got.Failed < 10 || got.Failed > 10+4 || got.NotAttempted != 60-got.Failed || first.Run.Tally.Applied != 60 {
		t.Fatalf("%+v, %+v", got, first.Run.Tally)
	}
	if err := g.server.SetFaults(1); err != nil {
		t.Fatal(err)
	}
	failed := first.Run.Tally.Avatars.Failed
	uploaded := g.uploads()
	wantAvatars(t, g.sync(t), state.Extras{Done: 60 - failed, Skipped: failed}) // refused, and not sent again
	if n := g.uploads() - uploaded; n != int64(60-failed) {
		t.Errorf("%d uploads", n)
	}
	wantAvatars(t, g.order(t, reconcile.Order{RetryRefused: true}), state.Extras{Done: failed})
	wantAvatars(t, g.sync(t), state.Extras{})
}

// A plan that was reviewed sets what was seen in it: what changed since is left to the next one.
func TestAvatarsOfASavedPlan(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInCustomData, avatar.Options{From: avatar.FromFile})
	g.people(t, 20)
	file := g.save(t)
	if n := len(file.Plan.Avatars); n != 20 || g.uploads() > 0 {
		t.Fatalf("%d avatars are planned, %d uploads", n, g.uploads())
	}
	g.photo(t, "1.png", 101)
	g.source.persons[2][4] = "3.png"
	g.source.persons = slices.Delete(g.source.persons, 0, 1)
	result := g.apply(t, file)
	wantStatus(t, result, state.Applied)
	wantAvatars(t, result, state.Extras{Done: 17, Skipped: 3})
	if got := g.avatarOf(t, "e0003"); !bytes.Equal(got, paint(t, 3)) {
		t.Error("another picture was set")
	}
	wantAvatars(t, g.sync(t), state.Extras{Done: 2})
}

// A state that was lost costs the uploads, and nothing else.
func TestAvatarsAfterALostState(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInCustomData, avatar.Options{From: avatar.FromFile})
	g.people(t, 5)
	g.sync(t)
	g.StateDir = t.TempDir()
	result := g.sync(t)
	wantAvatars(t, result, state.Extras{Done: 5})
	if result.Run.Tally.Unchanged != 5 {
		t.Errorf("%+v", result.Run.Tally)
	}
	wantAvatars(t, g.sync(t), state.Extras{})
}

func TestAvatarsAreGuarded(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInField, avatar.Options{From: avatar.FromFile})
	g.people(t, 30)
	g.sync(t)
	for i := range 25 { // somebody exported the same silhouette for everybody
		g.photo(t, fmt.Sprintf("%d.png", i), 777)
	}
	uploaded := g.uploads()
	result := g.sync(t)
	wantStatus(t, result, state.Held)
	if guards(result) != "field" || g.uploads() != uploaded {
		t.Fatalf("held by %s, %d uploads", guards(result), g.uploads()-uploaded)
	}
	wantAvatars(t, g.approve(t, result.Run.ID), state.Extras{Done: 25})
}

// Nothing is begun after a stop, and the next run goes on.
func TestAvatarsAreStopped(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInField, avatar.Options{From: avatar.FromFile})
	g.people(t, 50)
	stop := make(chan struct{})
	result := g.order(t, reconcile.Order{Stop: stop, Progress: &stopper{at: "avatars", stop: stop}})
	wantStatus(t, result, state.Interrupted)
	done := result.Run.Tally.Avatars.Done
	if left := result.Run.Tally.Avatars.NotAttempted; left == 0 || done+left != 50 {
		t.Fatalf("%+v", result.Run.Tally.Avatars)
	}
	wantAvatars(t, g.sync(t), state.Extras{Done: 50 - done})
}

// stopper closes stop with the first step of a phase.
type stopper struct {
	at, phase string
	stop      chan struct{}
	closed    bool
}

func (s *stopper) Phase(name string, _ int) { s.phase = name }

func (s *stopper) Step(int) {
	if s.phase == s.at && !s.closed {
		s.closed = true
		close(s.stop)
	}
}
