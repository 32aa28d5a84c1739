package plan

import "iter"

// Revise has the sign-ups that the plan doesn't hold judged, so many at a time, each lot as a plan of its own. It returns what
// is left of the whole plan: without those whom judge took out of their lot, and with those whom it blocked held, in their
// places. The plan itself stays as it is, and so must what its sign-ups are read from.
func (p *Plan) Revise(lot int, judge func(some *Plan) error) (*Plan, error) {
	if p.SignUps == nil {
		return p, nil
	}
	r := revision{
		whole: p, judge: judge, kept: make([]bool, 0, p.SignUps.Count), blocked: map[int]Operation{}, unchanged: p.Unchanged,
	}
	var some []Operation
	for op, err := range p.SignUps.Each {
		if err != nil {
			return nil, err
		}
		if some = append(some, *op); len(some) < lot {
			continue
		}
		if err := r.take(some); err != nil {
			return nil, err
		}
		some = some[:0]
	}
	if err := r.take(some); err != nil {
		return nil, err
	}
	if n := len(r.kept); n != p.SignUps.Count {
		return nil, incomplete(n, p.SignUps.Count)
	}
	return r.left(), nil
}

// revision is what was judged so far.
type revision struct {
	whole     *Plan
	judge     func(*Plan) error
	kept      []bool            // the sign-ups, by their number: those that stay as they are
	blocked   map[int]Operation // of all others, those that were blocked
	first     []Operation       // of those that stay
	unchanged int
}

// take has a lot judged.
func (r *revision) take(lot []Operation) error {
	some := Plan{Operations: append([]Operation{}, lot...)}
	if err := r.judge(&some); err != nil {
		return err
	}
	r.unchanged += some.Unchanged
	left := some.Operations
	for i := range lot {
		here := len(left) > 0 && left[0].ExternalID == lot[i].ExternalID
		stays := here && left[0].Blocked == ""
		switch {
		case here && !stays:
			r.blocked[len(r.kept)] = left[0]
		case stays && len(r.first) < concernsMost:
			r.first = append(r.first, left[0])
		}
		r.kept = append(r.kept, stays)
		if here {
			left = left[1:]
		}
	}
	return nil
}

// left is the plan of what stays and what is held.
func (r *revision) left() *Plan {
	p, was := *r.whole, r.whole.SignUps
	s := &SignUps{Each: only(was.Each, r.kept), first: r.first}
	p.Operations, p.Unchanged = make([]Operation, 0, len(p.Operations)+len(r.blocked)), r.unchanged
	hold := func(op Operation) {
		p.Operations = append(p.Operations, op)
		s.pass()
	}
	i := 0
	for n, stays := range r.kept {
		for ; i < len(was.before) && was.before[i] <= n; i++ {
			hold(r.whole.Operations[i])
		}
		if op, blocked := r.blocked[n]; blocked {
			hold(op)
		} else if stays {
			s.Count++
		}
	}
	for ; i < len(was.before); i++ {
		hold(r.whole.Operations[i])
	}
	if p.SignUps = s; s.Count == 0 {
		p.SignUps = nil
	}
	return &p
}

// only yields those of the operations that are kept, by their number.
func only(each iter.Seq2[*Operation, error], kept []bool) iter.Seq2[*Operation, error] {
	return func(yield func(*Operation, error) bool) {
		n := 0
		for op, err := range each {
			if (err != nil || n < len(kept) && kept[n]) && !yield(op, err) {
				return
			}
			n++
		}
	}
}
