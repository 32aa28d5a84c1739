package reconcile_test

import (
	"testing"
	"time"

	"cubesync/sync/state"
)

// Our clock is set a month ahead between two runs, and the service's goes on as before: nobody's grace is over.
func TestGraceWhileOurClockIsSet(t *testing.T) {
	for name, jump := range map[string]time.Duration{"a-month": 30 * day, "a-century": 36_500 * day} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := ninetyNights(t, staff(20), func(h *history) { h.Policy.GraceReads = 2 }, func(t *testing.T, h *history, n int) {
				switch n {
				case 10:
					h.leaves("e0007")
				case 11:
					time.Sleep(jump)
					h.server.SetClock(-jump)
				}
				if n < 13 {
					wantStatus(t, h.run(t), state.Applied)
				}
				if n == 12 && len(h.deleted) > 0 {
					t.Errorf("deleted after two days: %v", h.deleted)
				}
				if n == 13 {
					wantStatus(t, h.run(t), state.Applied)
				}
			})
			if len(h.deleted) != 1 {
				t.Errorf("deleted when the days were over: %v", h.deleted)
			}
		})
	}
}
