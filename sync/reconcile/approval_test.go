package reconcile_test

import (
	"testing"

	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// What a person approves is what they were shown, and nothing else that happens to people in grace.
func TestApprovalIsForNothingElse(t *testing.T) {
	for name, test := range map[string]struct {
		set     func(h *history)
		night   func(h *history, n int)
		approve int // the night whose run is approved
		most    int // who may have been deleted at the end, of a hundred
	}{
		"held-for-new-names": {
			set: func(h *history) { h.Policy.GraceReads, h.Policy.GraceSpan = 30, 30*day },
			night: func(h *history, n int) {
				if n < 8 {
					h.persons = h.persons[:len(h.persons)-5]
				}
				if n == 8 {
					for i := range h.persons {
						h.persons[i][3] += " PhD"
					}
				}
			},
			approve: 8, most: 10,
		},
		"released-becomes-deleted": {
			set: func(h *history) {
				h.Policy.Leavers, h.Settings = plan.ReleaseLeavers, map[string]string{"leavers": "release"}
			},
			night: func(h *history, n int) {
				if n == 5 {
					h.persons = h.persons[:60]
				}
				if n == 6 {
					h.Policy.Leavers, h.Settings = plan.DeleteLeavers, map[string]string{"leavers": "delete"}
				}
			},
			approve: 5,
		},
		"protected-then": {
			set: func(h *history) { h.Policy.Protected.Tags = []string{"a"} },
			night: func(h *history, n int) {
				if n == 5 {
					h.persons = h.persons[:60]
				}
				if n == 40 {
					h.Policy.Protected.Tags = nil
				}
			},
			approve: 5,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := ninetyNights(t, staff(100), test.set, func(t *testing.T, h *history, n int) {
				test.night(h, n)
				result := h.run(t)
				if n == test.approve {
					wantStatus(t, result, state.Held)
					h.took(t, h.approve(t, result.Run.ID))
				}
			})
			if len(h.deleted) > test.most {
				t.Errorf("%d of 100 deleted, at most %d had been agreed to", len(h.deleted), test.most)
			}
		})
	}
}
