package reconcile

import (
	"fmt"
	"io/fs"
	"slices"
	"time"

	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// StoredPlan returns the plan that is kept of a run, as plan.ReadFile does; an fs.ErrNotExist where there is none. Numbers
// begin again when a state is lost, and plans outlive it: one of a run that had the same number isn't this run's.
func StoredPlan(store *state.Store, run state.Run, aside plan.Aside) (*plan.File, error) {
	file, err := store.Plan(run.ID, aside)
	if err != nil {
		return nil, err
	}
	if !sameRun(&file.Header, run) {
		return nil, fmt.Errorf("the plan that is kept of run %d is of another run: %w", run.ID, fs.ErrNotExist)
	}
	return file, nil
}

// sameRun reports whether a plan can be what the run made, or carried out. A run that was killed kept no digest.
func sameRun(h *plan.Header, run state.Run) bool {
	const rounding = time.Second // between the state's times and the plan's
	made := run.StartedAt
	if !run.PlannedAt.IsZero() {
		made = run.PlannedAt
	}
	return !h.MadeAt.Before(made.Add(-rounding)) && (run.Reviewed == "" || h.Reviewed == run.Reviewed)
}

// Approvable reports whether a person may let the run's plan pass. One that came from a file can't be: only its first
// run may be agreed to later.
func Approvable(run state.Run) bool {
	fromFile := !run.PlannedAt.IsZero() && run.Approves == 0
	judged := slices.ContainsFunc(run.Trips, func(t plan.Trip) bool { return !t.Asked() })
	return run.Approvable() && (!fromFile || !judged)
}
