package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// A large wave comes in pieces; a ring is never cut, and waves are never mixed.
func TestWavesInPieces(t *testing.T) {
	ops := make([]plan.Operation, 2*wavePiece+100)
	for i := range ops {
		ops[i].ExternalID = fmt.Sprint(i)
		if i >= wavePiece-2 && i < wavePiece+3 {
			ops[i].Ring = "a"
		}
		if i >= 2*wavePiece+3 {
			ops[i].Wave = 1
		}
	}
	var sizes []int
	next := 0
	for piece, err := range waves(plan.Held(ops)) {
		if err != nil {
			t.Fatal(err)
		}
		all := slices.Concat(piece...)
		sizes = append(sizes, len(all))
		for _, op := range all {
			if op.ExternalID != fmt.Sprint(next) || op.Wave != all[0].Wave {
				t.Fatalf("%s of wave %d stands where %d belongs", op.ExternalID, op.Wave, next)
			}
			next++
		}
	}
	if want := []int{wavePiece + 3, wavePiece, 97}; fmt.Sprint(sizes) != fmt.Sprint(want) {
		t.Errorf("pieces of %v, want %v", sizes, want)
	}
}

// lateService signs one user up late, and all others at once.
type lateService struct {
	account.Service
	late string // external ID

	signedUp  atomic.Int64
	meanwhile int64 // others signed up before the late one was
}

func (s *lateService) Create(_ context.Context, u user.User, _ string) (account.Account, error) {
	if u.ExternalID == s.late {
		time.Sleep(time.Second)
		s.meanwhile = s.signedUp.Load()
	}
	return account.Account{ID: s.signedUp.Add(1), ExternalID: u.ExternalID, Values: u.Values}, nil
}

// forgetfulJournal keeps nothing.
type forgetfulJournal struct{}

func (forgetfulJournal) Intend(context.Context, int64, []plan.Operation) error { return nil }
func (forgetfulJournal) Record(context.Context, int64, []state.Outcome) error  { return nil }

// A call that is late at the end of a piece holds up nobody of the next one.
func TestPiecesFollowWithoutAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ops := signUps(wavePiece + 100)
		service := &lateService{late: ops[wavePiece-1].ExternalID}
		a := &Applier{
			Service: service, Journal: forgetfulJournal{}, Workers: 2,
			Password: func(string) (string, error) { return "password", nil },
		}
		if err := a.Apply(t.Context(), nil, ops); err != nil {
			t.Error(err)
		}
		if want := int64(len(ops) - 1); service.meanwhile != want {
			t.Errorf("meanwhile %d of %d were signed up", service.meanwhile, want)
		}
	})
}

// Operations that can't be read on stop the run and say so; those before them were carried out.
func TestOperationsCannotBeReadOn(t *testing.T) {
	s := newStage()
	var seen []state.Outcome
	a := &Applier{
		Service: s.service, Journal: s.journal, Run: 1, OwnerTag: "staff", Workers: 2,
		Password: func(externalID string) (string, error) { return "password of " + externalID, nil },
		Agree:    func(*plan.Operation, *account.Account) plan.Agreement { return plan.Agreement{Login: 7} },
		Observe:  func(o state.Outcome) { seen = append(seen, o) },
	}
	s.service.intended = s.journal.opened
	err := a.ApplyAll(s.ctx, s.stop, func(yield func(*plan.Operation, error) bool) {
		first, second := signUp("E1"), signUp("E2")
		second.Wave = 1
		_ = yield(&first, nil) && yield(&second, nil) && yield(nil, errors.New("the disk is gone"))
	})
	if err == nil || !strings.Contains(err.Error(), "the disk is gone") {
		t.Errorf("got %v", err)
	}
	if len(seen) != 1 || seen[0].Ending != state.DoneApplied || seen[0].Agreement.Login != 7 {
		t.Errorf("outcomes: %+v", seen)
	}
}
