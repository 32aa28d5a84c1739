package reconcile_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
)

// newMailing is a world whose new users have passwords that nobody knows, and are sent e-mails for their own.
func newMailing(t *testing.T, stateDir string) *world {
	t.Helper()
	w := newWorld(t, stateDir)
	w.Password = func(string) (string, error) { return rand.Text(), nil }
	w.Resets = &reconcile.Resets{Service: w.client}
	return w
}

// mailed is how many e-mails each address was sent.
func (w *world) mailed() map[string]int {
	sent := map[string]int{}
	for _, mail := range w.server.Outbox() {
		sent[mail.To]++
	}
	return sent
}

func wantResets(t *testing.T, result *reconcile.Result, want state.Extras) {
	t.Helper()
	if got := result.Run.Tally.Resets; got != want {
		t.Fatalf("e-mails %+v, want %+v; %v", got, want, words(result))
	}
}

func (w *world) wantMailed(t *testing.T, n int) {
	t.Helper()
	mailed := w.mailed()
	for to, times := range mailed {
		if times != 1 {
			t.Errorf("%s was sent %d e-mails", to, times)
		}
	}
	if len(mailed) != n {
		t.Errorf("%d people were sent e-mails, want %d", len(mailed), n)
	}
}

func TestResets(t *testing.T) {
	w := newMailing(t, t.TempDir())
	w.source.persons = staff(30)
	w.source.persons[4][2] = "" // nobody can be sent anything there
	first := w.sync(t)
	wantStatus(t, first, state.Applied)
	wantResets(t, first, state.Extras{Done: 29, Waiting: 1})
	w.wantMailed(t, 29)
	for range 3 {
		again := w.sync(t)
		wantResets(t, again, state.Extras{Waiting: 1})
		if again.Run.Tally.Unchanged != 30 {
			t.Errorf("%+v", again.Run.Tally)
		}
	}
	w.source.persons = append(w.source.persons, staff(31)[30])
	wantResets(t, w.sync(t), state.Extras{Done: 1, Waiting: 1})
	w.wantMailed(t, 30)
}

// One that may be under way is told once and never sent again; one that certainly isn't is sent by the next run.
func TestResetsInDoubt(t *testing.T) {
	for _, test := range []struct {
		do     emulator.FaultKind
		status int
		first  state.Extras
		later  int // sent by the second run
		mailed int
	}{
		{do: emulator.LoseAfter, first: state.Extras{Done: 4, Unknown: 1}, mailed: 5},
		{do: emulator.LoseBefore, first: state.Extras{Done: 4, Unknown: 1}, mailed: 4},
		{do: emulator.ErrorAfter, first: state.Extras{Done: 4, Unknown: 1}, mailed: 5},
		{do: emulator.ErrorBefore, status: 403, first: state.Extras{Done: 4, Failed: 1}, later: 1, mailed: 5},
		{do: emulator.ErrorBefore, status: 422, first: state.Extras{Done: 4, Failed: 1}, mailed: 4},
	} {
		t.Run(fmt.Sprintf("%s-%d", test.do, test.status), func(t *testing.T) {
			w := newMailing(t, t.TempDir())
			w.source.persons = staff(5)
			if err := w.server.SetFaults(1, emulator.Fault{Do: test.do, Call: emulator.PasswordReset, Status: test.status}); err != nil {
				t.Fatal(err)
			}
			first := w.sync(t)
			wantStatus(t, first, state.Applied)
			wantResets(t, first, test.first)
			if len(first.Troubles) != 1 {
				t.Errorf("troubles %q", words(first))
			}
			wantResets(t, w.sync(t), state.Extras{Done: test.later})
			wantResets(t, w.sync(t), state.Extras{})
			w.wantMailed(t, test.mailed)
		})
	}
}

// What a killed run had begun to send is told by the next one, and not sent again; what it hadn't is sent.
func TestResetsAfterAKill(t *testing.T) {
	w := newMailing(t, t.TempDir())
	w.source.persons = staff(4)
	resets := w.Resets
	w.Resets = &reconcile.Resets{Service: nil}
	stop := make(chan struct{})
	interrupted := w.order(t, reconcile.Order{Stop: stop, Progress: &stopper{at: "apply", stop: stop}})
	wantStatus(t, interrupted, state.Interrupted)
	store, err := state.Open(t.Context(), w.StateDir, w.Identity)
	if err != nil {
		t.Fatal(err)
	}
	due, err := store.Resets(t.Context(), state.ResetDue)
	if err != nil || len(due) == 0 {
		t.Fatalf("%d are due, %v", len(due), err)
	}
	err = store.SetReset(t.Context(), due[0].ExternalID, state.Reset{State: state.ResetTried, Run: interrupted.Run.ID})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	w.Resets = resets
	next := w.sync(t)
	wantResets(t, next, state.Extras{Done: 3, Unknown: 1})
	if got := words(next); !slices.Equal(got, []string{due[0].ExternalID + " password e-mail: the run that sent it was broken off; it may have been sent, so it isn't sent again"}) {
		t.Errorf("troubles %q", got)
	}
	wantResets(t, w.sync(t), state.Extras{})
	w.wantMailed(t, 3)
}

// Nobody is sent anything whom this state didn't see signed up.
func TestNoResetsAfterALostState(t *testing.T) {
	w := newMailing(t, t.TempDir())
	w.source.persons = staff(5)
	resets := w.Resets
	w.Resets = nil
	w.sync(t)
	w.Resets = resets
	wantResets(t, w.sync(t), state.Extras{}) // they were signed up before e-mails were wanted
	w.StateDir = t.TempDir()
	wantResets(t, w.sync(t), state.Extras{})
	w.wantMailed(t, 0)
}

// A sign-up in doubt that turns out to have happened is one.
func TestResetsAfterASignUpInDoubt(t *testing.T) {
	w := newMailing(t, t.TempDir())
	w.source.persons = staff(3)
	if err := w.server.SetFaults(1, emulator.Fault{Do: emulator.LoseAfter, Call: emulator.SignUp}); err != nil {
		t.Fatal(err)
	}
	w.sync(t)
	w.sync(t)
	w.wantMailed(t, 3)
}

func TestResetsInVain(t *testing.T) {
	w := newMailing(t, t.TempDir())
	w.Workers = 1
	w.source.persons = staff(40)
	if err := w.server.SetFaults(1, emulator.Fault{Do: emulator.ErrorBefore, Status: 403, Call: emulator.PasswordReset, Times: 1000}); err != nil {
		t.Fatal(err)
	}
	first := w.sync(t)
	wantStatus(t, first, state.Applied)
	got := first.Run.Tally.Resets
	if got.Failed < 10 || got.Failed > 11 || got.NotAttempted != 40-got.Failed {
		t.Fatalf("%+v", got)
	}
	if err := w.server.SetFaults(1); err != nil {
		t.Fatal(err)
	}
	wantResets(t, w.sync(t), state.Extras{Done: 40})
	w.wantMailed(t, 40)
}

func TestResetsArePaced(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newMailing(t, dir)
		w.Resets.Pause = time.Minute
		w.source.persons = staff(5)
		wantResets(t, w.sync(t), state.Extras{Done: 5})
		mails := w.server.Outbox()
		for i := 1; i < len(mails); i++ {
			if apart := mails[i].At.Sub(mails[i-1].At); apart < time.Minute-time.Second {
				t.Errorf("e-mail %d came %v after the one before", i, apart)
			}
		}
	})
}

// watched looks into the state while an e-mail is being sent.
type watched struct {
	account.Resets
	look func()
}

func (w watched) ResetPassword(ctx context.Context, email string) error {
	w.look()
	return w.Resets.ResetPassword(ctx, email)
}

// A kill while an e-mail is sent leaves it in doubt, and not due.
func TestResetsAreWrittenDownFirst(t *testing.T) {
	w := newMailing(t, t.TempDir())
	w.Workers = 1
	w.source.persons = staff(3)
	sent := 0
	w.Resets.Service = watched{w.client, func() {
		sent++
		store, err := state.Peek(t.Context(), w.StateDir, w.Identity)
		if err != nil {
			t.Error(err)
			return
		}
		tried, err := store.Resets(t.Context(), state.ResetTried)
		due, errDue := store.Resets(t.Context(), state.ResetDue)
		if err != nil || errDue != nil || len(tried) != 1 || len(due) != 3-sent {
			t.Errorf("during e-mail %d: %v are tried and %v due, %v, %v", sent, tried, due, err, errDue)
		}
	}}
	wantResets(t, w.sync(t), state.Extras{Done: 3})
}
