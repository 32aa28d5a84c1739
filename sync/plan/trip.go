package plan

import (
	"fmt"
	"slices"
	"strings"

	"cubesync/sync/user"
)

// concernsMost is how many external IDs a guard names: enough to see what they have in common.
const concernsMost = 5

// Trip is a guard that stops a run.
type Trip struct {
	Guard string `json:"guard"`
	Saw   string `json:"saw"`
	Limit string `json:"limit"`
	// Concerns are the external IDs of the first operations that it counted, Count is how many there are; of a source
	// that shrank, of those who are missing.
	Concerns []string `json:"concerns,omitempty"`
	Count    int      `json:"count,omitempty"`
	Remedy   string   `json:"remedy"`
}

// Approvable reports whether a person may let the plan pass: nobody means that everybody has left.
func (t Trip) Approvable() bool { return t.Guard != guardEmpty }

// NamesLeavers reports whether the guard shows all who are missing, those too who are still in grace: who approves it
// has agreed to see them go.
func (t Trip) NamesLeavers() bool { return t.Guard == guardShrink }

// ShowsLeavers reports whether the guard asks about people who leave: who approves it has looked at what becomes of those
// without a record.
func (t Trip) ShowsLeavers() bool {
	return slices.Contains([]string{guardShrink, guardDeletes, guardWeekDeletes, guardSettings}, t.Guard)
}

// Asked reports whether a person said no to the plan, or wasn't there to be asked, and no guard judged it.
func (t Trip) Asked() bool { return t.Guard == guardFirstRun || t.Guard == guardRekey }

// Whom names for people whom it concerns, "" where that is nobody: "E1, E2 and 7 more".
func (t Trip) Whom() string {
	if len(t.Concerns) == 0 {
		return ""
	}
	names := make([]string, min(len(t.Concerns), concernsMost)) // a file may hold any number
	for i := range names {
		names[i] = Printable(t.Concerns[i])
	}
	whom := strings.Join(names, ", ")
	if more := t.Count - len(names); more > 0 {
		whom += fmt.Sprintf(" and %s more", Number(more))
	}
	return whom
}

func (t Trip) String() string {
	whom := t.Whom()
	if whom != "" {
		whom = "; concerns " + whom
	}
	return fmt.Sprintf("guard %s: %s, permitted %s%s; %s", t.Guard, t.Saw, t.Limit, whom, t.Remedy)
}

// concerned counts whom a guard looks at, and keeps the first of them: there may be millions.
type concerned struct {
	n     int
	first []string
}

func (c *concerned) add(externalID string) {
	c.n++
	if len(c.first) < concernsMost {
		c.first = append(c.first, externalID)
	}
}

// operations are those that fulfil the condition.
func (p *Plan) operations(condition func(*Operation) bool) concerned {
	var who concerned
	for op := range p.foremost() {
		if op.counts() && condition(op) {
			who.add(op.ExternalID)
		}
	}
	if s := p.SignUps; s != nil && condition(&s.first[0]) { // they are alike
		who.n += s.Count - len(s.first)
	}
	return who
}

// sent are the operations of the kinds that are to be sent.
func (p *Plan) sent(kinds ...Kind) concerned {
	return p.operations(func(op *Operation) bool { return op.Blocked == "" && slices.Contains(kinds, op.Kind) })
}

// leaving are the releases and deletes.
func (p *Plan) leaving() concerned { return p.sent(Release, Delete) }

// unapproved are the releases and deletes that nobody has approved yet.
func (p *Plan) unapproved() concerned {
	return p.operations(func(op *Operation) bool { return op.leaves() && op.Blocked == "" && !op.Approved })
}

func (o *Operation) leaves() bool { return o.Kind == Release || o.Kind == Delete }

// missing are all who have an account of ours and no record, whatever becomes of them.
func (p *Plan) missing() concerned {
	who := p.operations((*Operation).leaves)
	for i := range p.Leavers {
		who.add(p.Leavers[i].ExternalID)
	}
	return who
}

// MayLose reports whether anybody has an account of ours and no record, and isn't kept for good: whom a plan by changed
// settings may let go, be it only once something else doesn't spare them any more.
func (p *Plan) MayLose() bool {
	return slices.ContainsFunc(p.Leavers, func(l Leaver) bool { return l.Reason != Kept }) ||
		slices.ContainsFunc(p.Operations, func(op Operation) bool { return op.leaves() }) || // blocked ones too
		slices.ContainsFunc(p.Remarks, func(r Remark) bool { return r.Reason == Ambiguous }) // see Remark
}

func (p *Plan) fieldChanges(field user.Field) concerned {
	return p.operations(func(op *Operation) bool {
		return op.Kind == Update && op.Blocked == "" && slices.ContainsFunc(op.Changes, func(c Change) bool { return c.Field == field })
	})
}

// respelled are the sign-ups under another spelling of the external ID of somebody who is missing, and the releases and deletes of
// whom a rejected record shows under another spelling.
func (p *Plan) respelled() concerned {
	missing := map[string]bool{} // and whether they are to go now
	for i := range p.Leavers {
		missing[user.LooseKey(p.Leavers[i].ExternalID)] = false
	}
	for i := range p.Operations {
		if op := &p.Operations[i]; op.leaves() {
			key := user.LooseKey(op.ExternalID)
			missing[key] = missing[key] || op.Blocked == ""
		}
	}
	var who concerned
	if len(missing) == 0 {
		return who
	}
	for op, err := range p.All() {
		if err != nil {
			break // whoever carries it out meets the error, too
		}
		if _, written := missing[user.LooseKey(op.ExternalID)]; written && op.Kind == Create && op.Blocked == "" {
			who.add(strings.Clone(op.ExternalID)) // it is good until the next one
		}
	}
	for _, r := range p.Rejects {
		if missing[user.LooseKey(r.ExternalID)] {
			who.add(r.ExternalID)
		}
	}
	return who
}

// heldByLeavers are the sign-ups that want what a leaver has: those that are refused for it, and those that wait until
// the leaver is deleted.
func (p *Plan) heldByLeavers() concerned {
	deleted := map[string]bool{}
	for i := range p.Operations {
		if p.Operations[i].Kind == Delete {
			deleted[p.Operations[i].ExternalID] = true
		}
	}
	who := p.operations(func(op *Operation) bool {
		return op.Kind == Create && slices.ContainsFunc(op.WaitsFor, func(other string) bool { return deleted[other] })
	})
	for _, r := range p.Rejects {
		if r.Reason == HeldByLeaver {
			who.add(r.ExternalID)
		}
	}
	return who
}

// halfRekeyed are, of changes that weren't finished, the sign-ups with a new external ID, and the releases and deletes of who has
// the old one while the source has the new. Where it hasn't, the change was given up.
func (p *Plan) halfRekeyed(rekeying map[string]string) concerned {
	var who concerned
	if len(rekeying) == 0 {
		return who
	}
	changed := map[string]bool{} // old external IDs, of those whom the source has under the new
	for _, r := range p.Rejects {
		changed[rekeying[r.ExternalID]] = true
	}
	for op, err := range p.All() {
		if err == nil && op.Kind == Create { // whoever carries it out meets the error, too
			changed[rekeying[op.ExternalID]] = true
		}
	}
	delete(changed, "") // of all others
	for op, err := range p.All() {
		if err != nil || op.Blocked != "" {
			continue
		}
		if _, isNew := rekeying[op.ExternalID]; isNew && op.Kind == Create || op.leaves() && changed[op.ExternalID] {
			who.add(strings.Clone(op.ExternalID))
		}
	}
	return who
}
