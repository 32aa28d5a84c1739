package apply

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// Whatever goes wrong, each operation ends once, and what its outcome says is so.
func TestRandomFaults(t *testing.T) {
	for seed := range uint64(150) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { randomFaults(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func randomFaults(t *testing.T, random *rand.Rand) {
	s := newStage()
	s.workers = 1 + random.IntN(8)
	var ops []plan.Operation
	for i := range 40 {
		id := fmt.Sprintf("E%02d", i)
		a := person(int64(i+1), id)
		switch kind := random.IntN(4); kind {
		case 0:
			ops = append(ops, signUp(id))
			continue
		case 1:
			ops = append(ops, change(a, user.FullName, "New"))
		case 2:
			ops = append(ops, remove(a))
		case 3:
			ops = append(ops, release(a))
		}
		s.service.accounts[a.ID] = a
	}
	var lied []string // deletes that were answered and not done
	mayEnd := random.IntN(4) == 0
	s.service.script = func(call, externalID string, _ int) fault {
		s.service.mu.Lock() // the source of randomness is shared
		defer s.service.mu.Unlock()
		switch random.IntN(14) {
		case 0:
			return fault{lost: true}
		case 1:
			return fault{never: true}
		case 2:
			return fault{late: time.Duration(random.IntN(3000)) * time.Millisecond}
		case 3:
			return fault{err: invalid("no")}
		case 4:
			return fault{hidden: true}
		case 5:
			if call == "find" {
				return fault{err: errLost}
			}
		case 6:
			if call == "delete" {
				lied = append(lied, externalID)
				return fault{lies: true}
			}
		case 7:
			if mayEnd && random.IntN(3) == 0 {
				return fault{err: kind(account.Unavailable)}
			}
		}
		return fault{}
	}
	if random.IntN(4) == 0 {
		time.AfterFunc(time.Duration(random.IntN(1000))*time.Millisecond, func() { close(s.stop) })
	}
	outcomes, err := s.apply(t, ops...)
	n := count(outcomes)
	if err == nil && n[state.NotAttempted] > 0 {
		t.Errorf("no error, and %d weren't attempted", n[state.NotAttempted])
	}
	sent := map[string]bool{}
	for _, id := range s.service.log {
		sent[id] = true
	}
	for _, op := range ops {
		believable(t, s, op, outcomes[op.ExternalID], sent[string(op.Kind)+" "+op.ExternalID])
	}
	time.Sleep(time.Hour) // until what is late has happened
	for _, op := range ops {
		if made := s.service.of(op.ExternalID); len(made) > 1 {
			t.Errorf("%s has %d accounts", op.ExternalID, len(made))
		}
	}
}

// believable checks an outcome against the application as it is right after the run.
func believable(t *testing.T, s *stage, op plan.Operation, got state.Outcome, sent bool) {
	t.Helper()
	there := s.service.of(op.ExternalID)
	wrong := false
	switch {
	case got.Ending == state.NotAttempted && op.Kind == plan.Create:
		wrong = len(there) > 0
	case got.Ending != state.DoneApplied:
	case op.Kind == plan.Create:
		wrong = len(there) != 1 || got.Account == nil || got.Account.ID != there[0].ID
	case op.Kind == plan.Update:
		wrong = there[0].Values[user.FullName].Text != "New"
	case op.Kind == plan.Release:
		wrong = there[0].HasTag("staff")
	}
	if wrong {
		t.Errorf("%s: %s %q (sent: %v), but there is %+v", op, got.Ending, got.Words, sent, there)
	}
}
