package apply

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
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

// Whatever stops a plan of several waves with swaps in them, and whenever, while the crew grows and shrinks: each operation ends
// once, and none is sent before the waves before it, and those that it waits for, have ended.
func TestRandomWaves(t *testing.T) {
	for seed := range uint64(80) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { randomWaves(t, rand.New(rand.NewPCG(seed, 2))) })
		})
	}
}

func randomWaves(t *testing.T, random *rand.Rand) {
	s := newStage()
	s.workers = 1 + random.IntN(8)
	ops := randomPlan(s, random)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	s.ctx = ctx
	time.AfterFunc(time.Duration(random.IntN(len(ops)*20))*time.Millisecond, []func(){
		func() {}, func() { close(s.stop) }, cancel, func() { s.journal.breaks(true, false) }, func() { s.journal.breaks(false, true) },
	}[random.IntN(5)])
	canary, steady := random.IntN(3) == 0, random.IntN(2) == 0
	faults := []account.Kind{account.Ambiguous, account.Invalid, account.Conflict, account.Forbidden, account.Unavailable}[:random.IntN(6)]

	var mu sync.Mutex // random is shared
	open := make([]map[string]bool, ops[len(ops)-1].Wave+1)
	of := map[string]plan.Operation{}
	for _, op := range ops {
		if open[op.Wave] == nil {
			open[op.Wave] = map[string]bool{}
		}
		open[op.Wave][nameOf(op)], of[op.ExternalID] = true, op
	}
	s.service.script = func(call, externalID string, _ int) fault {
		mu.Lock()
		defer mu.Unlock()
		for wave := range of[externalID].Wave {
			if len(open[wave]) > 0 && !canary {
				t.Errorf("%s %s of wave %d, and %d of wave %d haven't ended", call, externalID, of[externalID].Wave, len(open[wave]), wave)
			}
		}
		for _, other := range of[externalID].WaitsFor {
			if op := of[other]; op.Wave < of[externalID].Wave && open[op.Wave][other] {
				t.Errorf("%s %s, which waits for %s, and that hasn't ended", call, externalID, other)
			}
		}
		if len(faults) > 0 && random.IntN(20) == 0 {
			err := kind(faults[random.IntN(len(faults))])
			return fault{err: err, lost: true}
		}
		return fault{}
	}
	s.set = func(a *Applier) {
		a.Width = func() int {
			mu.Lock()
			defer mu.Unlock()
			if steady {
				return s.workers
			}
			return random.IntN(s.workers + 1)
		}
		if canary {
			a.Canary = Canary{Share: random.Float64()}
		}
		seen := a.Observe
		a.Observe = func(o state.Outcome) {
			mu.Lock()
			defer mu.Unlock()
			delete(open[o.Operation.Wave], nameOf(o.Operation))
			seen(o)
		}
	}
	outcomes, err := s.apply(t, ops...)
	if n := count(outcomes)[state.NotAttempted]; err == nil && n > 0 {
		t.Errorf("no error, and %d weren't attempted", n)
	}
	for _, op := range ops {
		for _, other := range op.WaitsFor {
			if outcomes[nameOf(op)].Ending == state.DoneApplied && op.Ring == "" && outcomes[other].Ending != state.DoneApplied {
				t.Errorf("%s was applied, and %s, for which it waits, is %s", op, other, outcomes[other].Ending)
			}
		}
	}
}

// randomPlan is a plan of a few waves, whose operations wait for some of those before, and its accounts. Now and then it takes
// several chunks.
func randomPlan(s *stage, random *rand.Rand) (ops []plan.Operation) {
	most := 40
	if random.IntN(10) == 0 {
		most = intentChunk
	}
	var before []string // of earlier waves
	for wave := range 1 + random.IntN(4) {
		began := len(ops)
		for range 1 + random.IntN(most) {
			id := int64(10 * len(ops))
			a := person(id, fmt.Sprintf("E%d", id))
			accounts, some := []account.Account{a}, []plan.Operation{change(a, user.FullName, "New")}
			switch random.IntN(5) {
			case 0:
				accounts, some[0] = nil, signUp(a.ExternalID)
			case 1:
				some[0] = remove(a)
			case 2:
				some[0] = release(a)
			case 3:
				accounts, some = handRoundAmong(a.ExternalID+"-", id, 2+random.IntN(3))
			}
			for _, a := range accounts {
				s.service.accounts[a.ID] = a
			}
			last := &some[len(some)-1]
			if len(before) > 0 && random.IntN(8) == 0 {
				last.WaitsFor = append(last.WaitsFor, before[random.IntN(len(before))])
			}
			for i := range some {
				some[i].Wave = wave
			}
			ops = append(ops, some...)
		}
		for _, op := range ops[began:] {
			if op.Kind != plan.Create { // for which nobody waits
				before = append(before, op.ExternalID)
			}
		}
	}
	return ops
}

// breaks lets the journal fail from now on.
func (j *recordingJournal) breaks(intends, records bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := errors.New("the disk is full"); intends {
		j.intendErr = err
	} else if records {
		j.recordErr = err
	}
}
