package reconcile_test

import (
	"testing"
	"testing/synctest"

	"cubesync/sync/account"
	"cubesync/sync/state"
)

// Fifteen users whose updates always end in doubt open the breaker once. From then on they come last, and hold nobody up: not
// the others, and not the leavers either.
func TestTroubledUsersHoldNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, t.TempDir())
		defer func() { _ = w.server.Close() }()
		defer func() { _ = w.client.Close(t.Context()) }()
		w.source.persons = staff(40)
		w.sync(t)
		w.Guards, w.Workers = unguarded(), 1
		for i := range 35 {
			w.source.persons[i][3] = "Other Name"
		}
		w.Service = faultyWrites{Service: w.Service, before: func(id string, _ account.Write) error {
			if id < "e0015" {
				return lostAnswer()
			}
			return nil
		}}
		first := w.sync(t)
		wantStatus(t, first, state.Unusable)
		if first.Run.Breaker != state.InARow || first.Run.Tally.Applied != 0 {
			t.Errorf("breaker %q: %+v", first.Run.Breaker, first.Run.Tally)
		}
		w.source.persons = w.source.persons[:39]
		second := w.sync(t)
		wantStatus(t, second, state.Applied)
		if tally := second.Run.Tally; tally.Applied != 20 || tally.LeaversApplied != 1 || tally.Unknown+tally.Skipped != 15 {
			t.Errorf("second night: %+v", tally)
		}
		wantStatus(t, w.sync(t), state.Applied)
	})
}
