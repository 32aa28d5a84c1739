package reconcile

import (
	"time"

	"cubesync/sync/apply"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// Costs say what a pipeline's operations take beyond their own call.
type Costs struct {
	RateLimit    float64 // requests a second; 0: not known
	OwnerUpdates bool    // each update signs in as its user, and out again
	OwnerDeletes bool    // so does each delete
	// KeptSessions is how many sessions of owners there are already, which needn't be opened; nil: none.
	KeptSessions func() int
}

// budget counts the calls of a plan: those that made it, and those that carry it out where none has to be repeated.
func (r *run) budget() plan.Calls {
	calls := r.spent()
	if r.Calls == nil {
		calls = plan.Calls{List: r.mirrored.calls, LookUp: r.lookups, Session: 1}
	}
	calls = calls.Plus(r.cost())
	if rate := r.Costs.RateLimit; rate > 0 {
		calls.Seconds = float64(calls.Sum()) / rate
	}
	return calls
}

// spent counts the calls that the run has sent so far.
func (r *run) spent() plan.Calls {
	var spent plan.Calls
	if r.Calls == nil {
		return spent
	}
	for kind, n := range r.Calls() {
		n -= r.callsBefore[kind]
		switch kind {
		case "list":
			spent.List += n
		case "look-up":
			spent.LookUp += n
		case "session", "login", "logout", "destroy":
			spent.Session += n
		case "file", "upload":
			spent.File += n
		default:
			spent.Write += n
		}
	}
	return spent
}

// announce notes what carrying the plan out will have cost, before it is begun; the truth is added at the end.
func (r *run) announce() {
	if r.Calls != nil {
		r.Run.Budget = &state.Budget{Announced: r.spent().Plus(r.cost())}
	}
}

// settleUp adds the truth, and how long the rest would have taken.
func (r *run) settleUp() {
	if r.Run.Budget == nil {
		return
	}
	r.Run.Budget.Made = r.spent()
	if r.Run.Status != state.Applied && r.forecast != nil {
		r.forecast.foretell(time.Now())
	}
}

// cost counts the calls that carry the plan out.
func (r *run) cost() plan.Calls {
	var calls plan.Calls
	parkings, members, looks := r.rings()
	updates := r.Plan.Count(plan.Update) + r.Plan.Count(plan.Adopt) + r.Plan.Count(plan.Release) + parkings
	deletes := r.Plan.Count(plan.Delete)
	calls.Write = r.Plan.Count(plan.Create) + updates + deletes
	calls.LookUp = looks
	if deletes > 0 {
		calls.LookUp += (&apply.Applier{DeletesALook: r.deletesALook(), Troubled: r.troubled}).DeleteLooks(r.Plan.All())
	}
	opened := 0
	if reads := updates + members; r.Costs.OwnerUpdates {
		calls.Session += 2 * reads // in and out
		opened = min(r.mostUpdates(), r.atOnce())
	} else {
		calls.LookUp += reads // read again before it is written
	}
	avatars := r.Plan.AvatarsSent() // a file is announced and declared complete; its upload takes no permit
	calls.File, calls.Write = 2*avatars, calls.Write+avatars
	if r.Costs.OwnerUpdates {
		calls.Session += 2 * avatars
	} else {
		calls.LookUp += avatars
	}
	calls.LookUp += (avatars + avatarBatch - 1) / avatarBatch
	if r.Costs.OwnerDeletes { // the session goes with its user
		calls.Session += 2 * deletes
		opened = max(opened, deletes)
	}
	if r.Costs.KeptSessions != nil {
		opened -= r.Costs.KeptSessions()
	}
	if r.Calls != nil {
		calls.Session += max(0, opened) // they are kept for the next owner
	}
	return calls
}

// atOnce is how many calls are under way at the same time, as far as is known before.
func (r *run) atOnce() int {
	n := r.Workers
	if r.Width != nil {
		n = min(n, r.Width())
	}
	return max(1, n)
}

// mostUpdates is the largest number of updates that may be under way together; a ring is one.
func (r *run) mostUpdates() int {
	waves := map[int]int{}
	last := ""
	most := 0
	for i := range r.Plan.Operations {
		op := &r.Plan.Operations[i]
		if op.Blocked != "" || op.Kind == plan.Create || op.Kind == plan.Delete || op.Ring != "" && op.Ring == last {
			continue
		}
		last = op.Ring
		waves[op.Wave]++
		most = max(most, waves[op.Wave])
	}
	return most
}

// deletesALook is how many deletes share a look-up: as many as are sent in a third of the time for which it holds, as it is
// made while those before are sent. 0: as many as it takes values.
func (p *Pipeline) deletesALook() int {
	const seconds = 0.35
	if p.Costs.RateLimit <= 0 {
		return 0
	}
	return max(1, int(min(seconds*p.Costs.RateLimit, lookupBatch)))
}

// rings counts what swaps take beyond the members' own writes: their parkings, and before a ring is begun everybody in it
// is read, and all that they claim is looked up.
func (r *run) rings() (parkings, members, looks int) {
	claims := map[string]*[2]int{} // logins and e-mails, by ring
	for i := range r.Plan.Operations {
		op := &r.Plan.Operations[i]
		switch {
		case op.Ring == "" || op.Blocked != "":
			continue
		case op.Step == plan.Park:
			parkings++
			continue
		}
		members++
		if claims[op.Ring] == nil {
			claims[op.Ring] = new([2]int)
		}
		for _, c := range op.Changes {
			switch {
			case c.After == "":
			case c.Field == user.Login:
				claims[op.Ring][0]++
			case c.Field == user.Email:
				claims[op.Ring][1]++
			}
		}
	}
	for _, values := range claims {
		for _, n := range values {
			looks += (n + lookupBatch - 1) / lookupBatch
		}
	}
	return parkings, members, looks
}
