package apply

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
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
