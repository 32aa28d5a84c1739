package plan

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"cubesync/sync/record"
)

// Decision is what a plan does about one external ID.
type Decision struct {
	What    string   `json:"what"` // unchanged, the kind of an operation, reject, or leaver
	Reason  Reason   `json:"reason,omitempty"`
	Blocked Reason   `json:"blocked,omitempty"`
	Detail  string   `json:"detail,omitempty"`
	Changes []Change `json:"changes,omitempty"`
}

const undecided = "unchanged"

func (d Decision) String() string {
	var b strings.Builder
	b.WriteString(d.What)
	switch {
	case d.Blocked != "":
		b.WriteString(", not sent: " + string(d.Blocked))
	case d.Reason != "" && d.Reason != NewRecord && d.Reason != FieldsDiffer:
		b.WriteString(": " + string(d.Reason))
	}
	if d.Detail != "" {
		b.WriteString(" (" + Printable(d.Detail) + ")")
	}
	for _, c := range d.Changes {
		b.WriteString("  " + c.Field.String() + ": ")
		if d.What != string(Create) {
			b.WriteString(OrEmpty(c.Before) + Arrow(c.Before, c.After))
		}
		b.WriteString(OrEmpty(c.After))
	}
	return b.String()
}

// Difference is somebody about whom two plans decide differently.
type Difference struct {
	ExternalID string          `json:"external_id"`
	Position   record.Position `json:"position,omitempty"`
	Now        Decision        `json:"now"`
	Old        Decision        `json:"old"`
}

// Differences compares what two plans do about everybody, sorted by external ID. Rejects without one are compared by
// their position.
func Differences(now, old *Plan) []Difference {
	decisions, before := now.decisions(), old.decisions()
	positions := map[string]record.Position{}
	for _, all := range []map[string]decided{before, decisions} {
		for key, d := range all {
			positions[key] = cmp.Or(d.position, positions[key])
		}
	}
	var differences []Difference
	for key, position := range positions {
		d := Difference{ExternalID: decisions[key].externalID, Position: position, Now: decisions[key].Decision, Old: before[key].Decision}
		d.ExternalID = cmp.Or(d.ExternalID, before[key].externalID)
		d.Now.What, d.Old.What = cmp.Or(d.Now.What, undecided), cmp.Or(d.Old.What, undecided)
		if !reflect.DeepEqual(d.Now, d.Old) {
			differences = append(differences, d)
		}
	}
	slices.SortFunc(differences, func(a, b Difference) int {
		return cmp.Or(strings.Compare(a.ExternalID, b.ExternalID), comparePositions(a.Position, b.Position))
	})
	return differences
}

type decided struct {
	Decision
	externalID string
	position   record.Position
}

// decisions are what the plan does, by external ID; what it says about several records of one is taken together.
func (p *Plan) decisions() map[string]decided {
	all := map[string]decided{}
	for i := range p.Operations {
		if op := &p.Operations[i]; op.Step == "" {
			all[op.ExternalID] = decided{Decision{What: string(op.Kind), Reason: op.Reason, Blocked: op.Blocked, Detail: op.Detail, Changes: op.Changes}, op.ExternalID, op.Position}
		}
	}
	for _, r := range p.Rejects {
		key := cmp.Or(r.ExternalID, "\x00"+string(r.Position))
		if _, decided := all[key]; !decided {
			all[key] = decidedReject(r)
		}
	}
	for _, l := range p.Leavers {
		all[l.ExternalID] = decided{Decision{What: "leaver", Reason: l.Reason}, l.ExternalID, ""}
	}
	return all
}

func decidedReject(r Reject) decided {
	return decided{Decision{What: "reject", Reason: r.Reason, Detail: r.Detail}, r.ExternalID, r.Position}
}
