package plan

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"iter"
	"slices"

	"cubesync/sync/account"
)

// SignUps are the sign-ups of newcomers that a plan doesn't hold in memory, as there may be millions: see Crowd. They are
// all of one kind: none is blocked, none waits for anybody, and nobody waits for any of them.
type SignUps struct {
	Count int
	// Each yields them, as often as it is asked. An operation is good until the next one; an error is the last.
	Each iter.Seq2[*Operation, error]

	before []int       // how many come before each operation that the plan holds
	first  []Operation // a few, for guards to name
}

// take counts the next sign-up.
func (s *SignUps) take(op *Operation) {
	if s.Count++; s.Count <= concernsMost {
		s.first = append(s.first, *op)
	}
}

// pass notes where the next operation stands that the plan holds.
func (s *SignUps) pass() { s.before = append(s.before, s.Count) }

// IsSignUp reports whether the operation is one of those that a plan needn't hold. It says nothing that isn't the same in all
// of them, but who is signed up, with what, and by which record.
func (o *Operation) IsSignUp() bool {
	alike := o.Kind == Create && o.Step == "" && o.Reason == NewRecord && o.AccountID == 0 && o.Account == nil && o.ExternalIDBefore == nil && !o.Approved
	free := o.Blocked == "" && o.Detail == "" && o.Wave == 0 && len(o.WaitsFor) == 0 && len(o.Parked) == 0 && o.Ring == ""
	return alike && free && !slices.ContainsFunc(o.Changes, func(c Change) bool { return c.Before != "" })
}

// Aside is where sign-ups are put that a plan doesn't hold.
type Aside interface {
	// Add puts an operation aside that IsSignUp.
	Add(op *Operation) error
	// All yields them as they came, as SignUps.Each does.
	All() iter.Seq2[*Operation, error]
}

// Join adds the sign-ups of newcomers, sorted by external ID, to the plan that was made for everybody else. Then it is the
// plan of all, in the same order.
func (p *Plan) Join(count int, each iter.Seq2[*Operation, error]) error {
	if count == 0 {
		return nil
	}
	s := &SignUps{Each: each}
	places := p.places()
	for op, err := range each {
		if err != nil {
			return err
		}
		for len(s.before) < len(places) && places[len(s.before)] < op.ExternalID {
			s.pass()
		}
		s.take(op)
	}
	if s.Count != count {
		return incomplete(s.Count, count)
	}
	for len(s.before) < len(p.Operations) {
		s.pass()
	}
	p.SignUps = s
	p.Desired += count
	return nil
}

func incomplete(there, count int) error {
	return fmt.Errorf("of %d sign-ups that were planned, %d are still there", count, there)
}

// places are the external IDs by which the operations of the first wave stand in their order: a ring stands where the
// lowest of its members would. What comes after all sign-ups has none.
func (p *Plan) places() []string {
	lowest := map[string]string{} // of each ring
	for i := range p.Operations {
		if op := &p.Operations[i]; op.Ring != "" {
			lowest[op.Ring] = min(op.ExternalID, cmp.Or(lowest[op.Ring], op.ExternalID))
		}
	}
	var places []string
	for i := range p.Operations {
		op := &p.Operations[i]
		if op.Wave > 0 || op.Step == PutBack {
			break
		}
		places = append(places, cmp.Or(lowest[op.Ring], op.ExternalID))
	}
	return places
}

// Hold takes the sign-ups into memory: a plan of few operations is used most easily so.
func (p *Plan) Hold() error {
	if p.SignUps == nil {
		return nil
	}
	all := make([]Operation, 0, len(p.Operations)+p.SignUps.Count)
	for op, err := range p.All() {
		if err != nil {
			return err
		}
		all = append(all, *op)
	}
	p.Operations, p.SignUps = all, nil
	return nil
}

// All yields the operations in the order in which they are carried out, those too that the plan doesn't hold. An operation
// is good until the next one; an error is the last.
func (p *Plan) All() iter.Seq2[*Operation, error] {
	if p.SignUps == nil {
		return Held(p.Operations)
	}
	return func(yield func(*Operation, error) bool) {
		i, n := 0, 0
		for op, err := range p.SignUps.Each {
			if err != nil {
				yield(nil, err)
				return
			}
			for ; i < len(p.Operations) && p.SignUps.before[i] <= n; i++ {
				if !yield(&p.Operations[i], nil) {
					return
				}
			}
			if !yield(op, nil) {
				return
			}
			n++
		}
		if n != p.SignUps.Count {
			yield(nil, incomplete(n, p.SignUps.Count))
			return
		}
		for ; i < len(p.Operations); i++ {
			if !yield(&p.Operations[i], nil) {
				return
			}
		}
	}
}

// Held yields operations that are in memory.
func Held(ops []Operation) iter.Seq2[*Operation, error] {
	return func(yield func(*Operation, error) bool) {
		for i := range ops {
			if !yield(&ops[i], nil) {
				return
			}
		}
	}
}

// WriteJSON writes the plan as one JSON object, without holding it.
func (p *Plan) WriteJSON(w io.Writer) error {
	rest := *p
	rest.Operations, rest.SignUps = []Operation{}, nil
	text, err := encodeLine(rest)
	if err != nil {
		return err
	}
	const begins = `{"operations":[` // the first of its keys
	if _, err := io.WriteString(w, begins); err != nil {
		return err
	}
	separator := ""
	for op, err := range p.All() {
		if err != nil {
			return err
		}
		line, err := encodeLine(op)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s%s", separator, line); err != nil {
			return err
		}
		separator = ","
	}
	_, err = w.Write(bytes.TrimPrefix(text, []byte(begins)))
	return err
}

// of yields the operations among which all of a kind are.
func (p *Plan) of(kind Kind) iter.Seq2[*Operation, error] {
	if kind == Create {
		return p.All()
	}
	return Held(p.Operations)
}

// unheld returns how many operations the plan doesn't hold.
func (p *Plan) unheld() int {
	if p.SignUps == nil {
		return 0
	}
	return p.SignUps.Count
}

// foremost yields the operations that the plan holds and, in their places, the first of those that it doesn't.
func (p *Plan) foremost() iter.Seq[*Operation] {
	few := Plan{Operations: p.Operations}
	if p.SignUps != nil {
		few.SignUps = &SignUps{Count: len(p.SignUps.first), Each: Held(p.SignUps.first), before: p.SignUps.before}
	}
	return func(yield func(*Operation) bool) {
		for op, err := range few.All() {
			if err != nil || !yield(op) { // what is in memory can't be lost
				return
			}
		}
	}
}

// redactedSignUps are the sign-ups as others may see them.
func (s *SignUps) redacted(r redaction) *SignUps {
	if s == nil {
		return nil
	}
	hidden := &SignUps{Count: s.Count, before: slices.Clone(s.before)}
	hidden.Each = func(yield func(*Operation, error) bool) {
		for op, err := range s.Each {
			if err != nil {
				yield(nil, err)
				return
			}
			if shown := r.operation(*op); !yield(&shown, nil) {
				return
			}
		}
	}
	for _, op := range s.first {
		hidden.first = append(hidden.first, r.operation(op))
	}
	return hidden
}

// NewcomerPlan decides about newcomers as Build does about everybody, whatever else is in the input. It returns their
// sign-ups, and those of them whom the policy has something else done about: they belong to everybody else.
func NewcomerPlan(in Input, newcomers []Desired) (signUps []Operation, others []Desired) {
	in.Desired, in.Rejects, in.Agreeing = slices.Values(newcomers), nil, 0
	in.Observed, in.Known = func(func(account.Account) bool) {}, func(func(Known) bool) {}
	signUps = slices.DeleteFunc(NewSurvey(in).Build(nil).Operations, func(op Operation) bool { return !op.IsSignUp() })
	planned := 0 // both are sorted by external ID
	for _, d := range newcomers {
		if planned < len(signUps) && signUps[planned].ExternalID == d.User.ExternalID {
			planned++
		} else {
			others = append(others, d)
		}
	}
	return signUps, others
}
