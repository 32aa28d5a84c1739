package apply

import (
	"cmp"
	"iter"
	"slices"

	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// unit is what one worker carries out without a pause: a single operation or a whole ring.
type unit []plan.Operation

// units yields the units of operations, in their order.
func units(operations []plan.Operation) iter.Seq[unit] {
	return func(yield func(unit) bool) {
		for start := 0; start < len(operations); {
			end := start + 1
			for ring := operations[start].Ring; ring != "" && end < len(operations) && operations[end].Ring == ring; {
				end++
			}
			if !yield(operations[start:end]) {
				return
			}
			start = end
		}
	}
}

// waves yields the units that may be under way together, wave by wave. A wave of very many comes in pieces, none of which cuts
// a ring, so that they needn't be in memory together. An error is the last.
func waves(operations iter.Seq2[*plan.Operation, error]) iter.Seq2[[]unit, error] {
	return func(yield func([]unit, error) bool) {
		var piece []plan.Operation
		for op, err := range operations {
			if err != nil {
				yield(nil, err)
				return
			}
			if ends(piece, op) {
				if !yield(slices.Collect(units(piece)), nil) {
					return
				}
				piece = make([]plan.Operation, 0, len(piece)) // the last one's may still be under way
			}
			piece = append(piece, *op)
		}
		if len(piece) > 0 {
			yield(slices.Collect(units(piece)), nil)
		}
	}
}

// ends reports whether a piece of a wave ends before the next operation.
func ends(piece []plan.Operation, next *plan.Operation) bool {
	if len(piece) == 0 {
		return false
	}
	last := &piece[len(piece)-1]
	inRing := next.Ring != "" && next.Ring == last.Ring
	return next.Wave != last.Wave || len(piece) >= wavePiece && !inRing
}

// suspects are the external IDs of those who were in trouble before, and of whoever stands in a ring with one. Where the
// operations can't be read on, whoever carries them out sees it too.
func (a *Applier) suspects(operations iter.Seq2[*plan.Operation, error]) map[string]bool {
	suspects := map[string]bool{}
	if len(a.Troubled) == 0 {
		return suspects
	}
	for wave, err := range waves(operations) {
		if err != nil {
			break
		}
		for _, u := range wave {
			if a.troubledIn(u) == 0 {
				continue
			}
			for i := range u {
				suspects[u[i].ExternalID] = true
			}
		}
	}
	return suspects
}

// troubledIn is the last run in which somebody of the unit was in trouble; 0 where nobody was.
func (a *Applier) troubledIn(u unit) (run int64) {
	for i := range u {
		run = max(run, a.Troubled[plan.KeyOf(u[i].ExternalID)])
	}
	return run
}

// order sorts the units of one wave, or of a piece of it, so that a run that is cut off has done what matters most; what matters equally keeps the
// plan's order. Who was in trouble before comes last, and of them first whose last try is the longest ago: so that each has
// its turn.
func (a *Applier) order(wave []unit) {
	slices.SortStableFunc(wave, func(u, v unit) int {
		return cmp.Or(cmp.Compare(a.troubledIn(u), a.troubledIn(v)), cmp.Compare(importanceOf(u), importanceOf(v)))
	})
}

// importance says how much it matters that an operation is carried out, the least value first.
type importance int

const (
	getIn    importance = iota // without it somebody can't sign in at all
	identity                   // by what somebody signs in or is recognised
	details                    // everything else about somebody
	goodbye                    // releases and deletes
)

// importanceOf is that of the most important operation of the unit.
func importanceOf(u unit) importance {
	most := goodbye
	for i := range u {
		most = min(most, importanceOfOne(&u[i]))
	}
	return most
}

func importanceOfOne(op *plan.Operation) importance {
	switch {
	case op.Kind == plan.Release || op.Kind == plan.Delete:
		return goodbye
	case op.Kind == plan.Create || op.Step == plan.PutBack:
		return getIn
	case op.Kind == plan.Adopt || op.ExternalIDBefore != nil || op.Reason == plan.LostTag:
		return identity
	case slices.ContainsFunc(op.Changes, func(c plan.Change) bool { return c.Field == user.Login || c.Field == user.Email }):
		return identity
	default:
		return details
	}
}

// chunks yields as many units at a time as one commit opens.
func chunks(wave []unit) iter.Seq[[]unit] {
	return func(yield func([]unit) bool) {
		start, size := 0, 0
		for i, u := range wave {
			if i > start && size+len(u) > intentChunk {
				if !yield(wave[start:i]) {
					return
				}
				start, size = i, 0
			}
			size += len(u)
		}
		if size > 0 {
			yield(wave[start:])
		}
	}
}

// groups cuts a chunk into what is one piece of work: deletes share look-ups, everything else goes singly.
func (r *run) groups(chunk []unit) (singly, deletes [][]plan.Operation) {
	var others, suspects []plan.Operation
	for _, u := range chunk {
		switch {
		case u[0].Kind != plan.Delete:
			singly = append(singly, u)
		case r.suspects[u[0].ExternalID]:
			suspects = append(suspects, u...)
		default:
			others = append(others, u...)
		}
	}
	for _, some := range [][]plan.Operation{others, suspects} {
		deletes = slices.AppendSeq(deletes, slices.Chunk(some, r.shareALook()))
	}
	return singly, deletes
}
