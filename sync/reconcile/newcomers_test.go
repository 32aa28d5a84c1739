package reconcile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/avatar"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// beginners are a company before its first run: most are newcomers, some share something, and one is a stranger's namesake.
func beginners(t *testing.T, folder string) *world {
	t.Helper()
	w := newWorld(t, folder)
	w.source.persons = staff(60)
	w.source.persons[7][2] = w.source.persons[8][2] // two want one e-mail
	w.source.persons[9] = w.source.persons[10]      // the same twice
	w.source.persons[11][2] = "no address"          // rejected
	w.strangerWith(t, w.source.persons[14][2])
	w.source.persons[12][5], w.source.persons[13][7] = "example.com", "[1,2]" // the server changes these
	return w
}

// strangerWith makes an account that isn't ours.
func (w *world) strangerWith(t *testing.T, email string) {
	t.Helper()
	u := user.User{ExternalID: "x1"}
	u.Values[user.Login], u.Values[user.Email] = user.Text("a stranger"), user.Text(email)
	if _, err := w.Service.Create(t.Context(), u, "a password of theirs"); err != nil {
		t.Fatal(err)
	}
}

// keptPlan is the plan file that is kept of a run, but for what says when it was made.
func (w *world) keptPlan(t *testing.T, run int64) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(w.StateDir, "plans", "*", fmt.Sprintf("%d.jsonl", run)))
	if err != nil || len(paths) != 1 {
		t.Fatalf("%v, %v", paths, err)
	}
	text, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plan.ReadFile(bytes.NewReader(text), nil); err != nil {
		t.Fatal(err)
	}
	_, lines, _ := strings.Cut(string(text), "\n")
	return lines
}

// A plan that leaves its sign-ups on the disk is, wherever it is shown, kept or carried out, the one that holds them.
func TestPlanOnTheDisk(t *testing.T) {
	held, aside := beginners(t, t.TempDir()), beginners(t, t.TempDir())
	aside.HoldMost = 1
	var shown [2]string
	var results [2]*reconcile.Result
	for i, w := range []*world{held, aside} {
		looked, err := w.Preview(t.Context(), reconcile.Order{})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		err = errors.Join(looked.Plan.WriteJSON(&out), looked.Plan.WriteText(&out, plan.TextOptions{Most: 3}))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			whole, err := json.Marshal(looked.Plan)
			if err != nil || !strings.HasPrefix(out.String(), string(whole)) {
				t.Errorf("%v: the plan isn't written as JSON has it: %s", err, &out)
			}
		}
		shown[i] = out.String() + fmt.Sprintln(looked.Run.Tally, looked.Header.Counts, looked.Header.Calls, looked.Header.Reviewed)
		looked.Close()
		results[i] = w.order(t, reconcile.Order{})
		wantStatus(t, results[i], state.Applied)
	}
	if results[0].Plan.SignUps != nil || results[1].Plan.SignUps == nil || results[1].Plan.SignUps.Count < 50 {
		t.Fatalf("held: %+v, aside: %+v", results[0].Plan.SignUps, results[1].Plan.SignUps)
	}
	if !slices.ContainsFunc(results[1].Plan.Rejects, func(r plan.Reject) bool { return r.ExternalID == "e0014" && r.Reason == plan.NotOurs }) {
		t.Errorf("who has a stranger's e-mail isn't rejected: %v", results[1].Plan.Rejects)
	}
	if diff := cmp.Diff(shown[0], shown[1]); diff != "" {
		t.Errorf("on the disk it is another plan:\n%s", diff)
	}
	if diff := cmp.Diff(held.keptPlan(t, 1), aside.keptPlan(t, 1)); diff != "" {
		t.Errorf("the kept plan is another one:\n%s", diff)
	}
	if diff := cmp.Diff(results[0].Run.Tally, results[1].Run.Tally); diff != "" {
		t.Error(diff)
	}
	if a, b := held.writes(), aside.writes(); a != b || a == 0 {
		t.Errorf("%d and %d users were written", a, b)
	}
	results[1].Close()
	if _, err := results[1].Plan.Digest(); err == nil {
		t.Error("a plan can be read whose files are gone")
	}
}

// A plan whose sign-ups can't be put aside is none: what is left of it must not be taken for the whole.
func TestNoRoomForSignUps(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "missing")
	t.Setenv("TMPDIR", nowhere)
	w := newWorld(t, nowhere)
	w.source.persons = staff(100)
	for i := range w.source.persons {
		w.source.persons[i][7] = `{"x":"` + strings.Repeat("x", 50_000) + `"}`
	}
	w.source.persons[0][1] = w.source.persons[1][1] // two who are no newcomers
	result, err := w.Preview(t.Context(), reconcile.Order{})
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, result, state.Failed)
	if result.Plan != nil || !strings.Contains(result.Run.Problem, "putting aside on the disk") || result.Run.Tally.NotAttempted != 100 {
		t.Errorf("%q, %+v, plan %v", result.Run.Problem, result.Run.Tally, result.Plan)
	}
}

// Who was signed up as planned is passed over by the next run, also where the first one didn't come to its end.
func TestSignedUpAgreeFromTheStart(t *testing.T) {
	for name, stopAfter := range map[string]int{"applied": 0, "broken-off": 20} {
		t.Run(name, func(t *testing.T) {
			w := beginners(t, t.TempDir())
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			made := 0
			w.Service = counting{w.Service, new(sync.Mutex), func() {
				if made++; made == stopAfter {
					cancel()
				}
			}}
			if _, err := w.Sync(ctx, reconcile.Order{}); err != nil {
				t.Fatal(err)
			}
			agreed := w.agreements(t).Len()
			if least, most := min(made, 55)-5, made; agreed < least || agreed > most {
				t.Errorf("%d were signed up and %d agree", made, agreed)
			}
			before := w.writes()
			again := w.sync(t)
			if stopAfter == 0 && (w.writes() != before || again.Plan.Sent() != 0) {
				t.Errorf("the second run writes %d users:\n%v", w.writes()-before, again.Plan.Operations)
			}
			third := w.sync(t)
			if third.Plan.Sent() != 0 {
				t.Errorf("the third run writes %d users", third.Plan.Sent())
			}
		})
	}
}

// A run that signs people up takes the agreements of all concerned away first: what it knows of them is newer.
func TestConcernedDisagreeBeforeSignUps(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(30)
	w.sync(t)
	w.sync(t)
	if n := w.agreements(t).Len(); n != 30 {
		t.Fatalf("%d agree", n)
	}
	w.source.persons = append(w.source.persons[1:], staff(31)[30]) // one is gone, one is new
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.Service = counting{w.Service, new(sync.Mutex), cancel}
	if _, err := w.Sync(ctx, reconcile.Order{}); err != nil {
		t.Fatal(err)
	}
	if n := w.agreements(t).Len(); n != 29 && n != 30 { // the new one, if its answer still came
		t.Errorf("%d agree after a run that was broken off", n)
	}
	if _, still := w.agreements(t).Find(plan.KeyOf("e0000")); still {
		t.Error("who is gone still agrees")
	}
}

// An approved first import gives agreements too, as nobody has one yet; a later approved plan gives none.
func TestApprovedSignUpsAgree(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.source.persons = staff(40)
	no := func(*plan.Plan) bool { return false }
	wantStatus(t, w.order(t, reconcile.Order{Confirm: no}), state.Held)
	if _, err := w.Approve(t.Context(), 1, reconcile.Order{}); err != nil {
		t.Fatal(err)
	}
	if n := w.agreements(t).Len(); n != 40 {
		t.Errorf("%d of 40 agree", n)
	}
	w.Guards.Creates = plan.Ceiling{}
	w.source.persons = staff(45)
	held := w.sync(t)
	wantStatus(t, held, state.Held)
	if _, err := w.Approve(t.Context(), held.Run.ID, reconcile.Order{}); err != nil {
		t.Fatal(err)
	}
	if n := w.agreements(t).Len(); n != 40 {
		t.Errorf("%d agree, of whom the plan knew 40", n)
	}
}

// counting tells of every sign-up that was answered, of one at a time.
type counting struct {
	account.Service
	mu    *sync.Mutex
	after func()
}

func (c counting) Create(ctx context.Context, u user.User, password string) (account.Account, error) {
	made, err := c.Service.Create(ctx, u, password)
	if err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.after()
	}
	return made, err
}

// Who has a picture gets it as planned where sign-ups are left on the disk, and agrees only when they have it.
func TestNewcomersWithPictures(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInCustomData, avatar.Options{From: avatar.FromFile})
	g.people(t, 20)
	for i := range 10 {
		g.source.persons[2*i][4] = "" // no picture
	}
	g.HoldMost = 1
	if err := g.server.SetFaults(1, emulator.Fault{Do: emulator.ErrorBefore, Call: emulator.BlobCreate}); err != nil {
		t.Fatal(err)
	}
	first := g.sync(t)
	wantStatus(t, first, state.Applied)
	if first.Plan.SignUps == nil || first.Plan.SignUps.Count != 10 || len(first.Plan.Avatars) != 10 {
		t.Fatalf("%+v and %d avatars", first.Plan.SignUps, len(first.Plan.Avatars))
	}
	if a := first.Plan.Avatars[0]; a.SHA256 == "" || a.Bytes == 0 {
		t.Errorf("nobody looked at the picture: %+v", a)
	}
	wantAvatars(t, first, state.Extras{Done: 9, Unknown: 1})
	first.Close()
	wantAvatars(t, g.sync(t), state.Extras{Done: 1})
	wantAvatars(t, g.sync(t), state.Extras{})
	if got := g.avatarOf(t, "e0019"); !bytes.Equal(got, paint(t, 19)) {
		t.Error("e0019 has another picture")
	}
}

// What a sign-up owes and leaves behind is the same where the plan doesn't hold it.
func TestSignUpsOnTheDiskAreAsAllOthers(t *testing.T) {
	w := newMailing(t, t.TempDir())
	w.source.persons = staff(30)
	w.HoldMost = 1
	if err := w.server.SetFaults(1, emulator.Fault{Do: emulator.ErrorBefore, Call: emulator.SignUp, Status: 422}); err != nil {
		t.Fatal(err)
	}
	first := w.sync(t)
	if first.Plan.SignUps == nil || first.Run.Tally.Failed != 1 {
		t.Fatalf("%+v, %+v", first.Plan.SignUps, first.Run.Tally)
	}
	first.Close()
	wantResets(t, first, state.Extras{Done: 29})
	w.wantMailed(t, 29)
	troubled, err := w.peek(t).Troubled(t.Context())
	if err != nil || len(troubled) != 1 {
		t.Errorf("in trouble are %v, %v", troubled, err)
	}
}
