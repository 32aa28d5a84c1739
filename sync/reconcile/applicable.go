package reconcile

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/state"
)

// NotApplicableError is a saved plan, or a held run, that can't be carried out, and why.
type NotApplicableError struct{ why string }

func (e *NotApplicableError) Error() string { return e.why }

func notApplicable(format string, args ...any) error {
	return &NotApplicableError{fmt.Sprintf(format, args...)}
}

// held returns a held run that a person may approve. A newer run supersedes it, unless it was over the same plan and
// didn't carry it out. A *NotApplicableError says why it can't be.
func (p *Pipeline) held(ctx context.Context, store *state.Store, number int64) (*state.Run, error) {
	runs, err := store.Runs(ctx, 0)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(runs, func(r state.Run) bool { return r.ID == number })
	if i < 0 {
		return nil, notApplicable("pipeline %s has no run %d", p.Name, number)
	}
	run := &runs[i]
	switch {
	case run.Status != state.Held:
		return nil, notApplicable("run %d isn't held: it ended as %s", number, run.Status)
	case !run.Approvable():
		return nil, notApplicable("run %d saw a source without any usable record, which can't be approved: check the source", number)
	case !Approvable(*run):
		return nil, notApplicable("run %d held the plan of a file by guard %s: such a plan isn't approved, sync again", number, run.Trips[0].Guard)
	case run.Config != p.Digest:
		return nil, notApplicable("run %d was made with another configuration than this one: name the right one with --config, or sync again", number)
	}
	if newer := superseding(runs[:i], run.Reviewed); newer != "" {
		return nil, notApplicable("run %d can't be approved: %s", number, newer)
	}
	return run, nil
}

// superseding says which of the newer runs, newest first, knows more than a plan that was reviewed before them; "" where
// none does, because all of them made the same plan and none carried it out.
func superseding(newer []state.Run, reviewed string) string {
	for _, run := range newer {
		switch {
		case run.Status == state.Applied || run.Reviewed == "":
			return fmt.Sprintf("run %d came after it and ended as %s", run.ID, run.Status)
		case run.Reviewed != reviewed && run.Status == state.Held:
			return fmt.Sprintf("run %d came after it and is held over another plan", run.ID)
		case run.Reviewed != reviewed:
			return fmt.Sprintf("run %d came after it and made another plan", run.ID)
		}
	}
	return ""
}

// belongsTo is whose plan it is.
func belongsTo(h *plan.Header) state.Identity {
	return state.Identity{Endpoint: h.Endpoint, ApplicationID: h.ApplicationID, Pipeline: h.Pipeline, OwnerTag: h.OwnerTag}
}

// unlike says why what is kept as the plan of a run isn't what a person saw of it; "" if it is.
func (p *Pipeline) unlike(h *plan.Header, run *state.Run) string {
	switch {
	case h.Forgotten > 0:
		return "somebody was forgotten since, so that what is kept of its plan isn't what was reviewed"
	case h.Redacted || h.Run != run.ID || h.Reviewed != run.Reviewed:
		return "the plan that is kept under its number is another one"
	case belongsTo(h) != p.Identity:
		return "the plan that is kept under its number belongs to another application, pipeline or owner tag"
	}
	return ""
}

// unfit says why the pipeline can't carry the plan out, "" if it can.
func (p *Pipeline) unfit(h *plan.Header, now time.Time) string {
	id := p.Identity
	switch {
	case h.Redacted:
		return "the plan is a redacted view, made for sharing: its values are gone; apply the plan that it was made from"
	case h.Forgotten > 0:
		return "somebody was forgotten since the plan was made, so that it isn't what was reviewed: make the plan again"
	case h.Endpoint != id.Endpoint || h.ApplicationID != id.ApplicationID:
		return fmt.Sprintf("the plan belongs to application %s at %s, and the configuration to application %s at %s", h.ApplicationID, h.Endpoint, id.ApplicationID, id.Endpoint)
	case h.Pipeline != id.Pipeline || h.OwnerTag != id.OwnerTag:
		return fmt.Sprintf("the plan belongs to pipeline %s with owner tag %q, not to pipeline %s with owner tag %q: name another with --pipeline, or make the plan again", h.Pipeline, h.OwnerTag, id.Pipeline, id.OwnerTag)
	case h.Source.Completeness != record.Plausible.String() && h.Source.Completeness != record.Proven.String():
		return fmt.Sprintf("the plan was made from a source that was read %s: nothing may be written by it", h.Source.Completeness)
	case h.Config != p.Digest:
		return "the configuration has changed since the plan was made: make the plan again"
	case now.After(h.ExpiresAt):
		return fmt.Sprintf("the plan expired at %s (plan_expires): make the plan again", plan.Moment(h.ExpiresAt))
	case len(h.Guards) > 0 && h.Run != 0:
		return fmt.Sprintf("the plan is held by guard %s: if it is right, cubesync approve %d --pipeline %s", h.Guards[0].Guard, h.Run, h.Pipeline)
	case len(h.Guards) > 0:
		return fmt.Sprintf("the plan is held by guard %s (%s): `cubesync sync` holds it under a number, which `cubesync approve` takes", h.Guards[0].Guard, h.Guards[0].Saw)
	}
	return ""
}

// overtaken says which run knows more than a plan; "" where none does. Among runs, newest first, the state must still
// have the one that came before the plan.
func overtaken(h *plan.Header, runs []state.Run) string {
	if h.AfterRun > 0 && (len(runs) == 0 || runs[0].ID < h.AfterRun) {
		return fmt.Sprintf("the plan was made after run %d, which the state doesn't know", h.AfterRun)
	}
	i := slices.IndexFunc(runs, func(r state.Run) bool { return r.ID <= h.AfterRun && !r.StartedAt.After(h.MadeAt) })
	if i < 0 {
		i = len(runs)
	}
	if newer := superseding(runs[:i], h.Reviewed); newer != "" {
		return "the plan is overtaken: " + newer
	}
	return ""
}
