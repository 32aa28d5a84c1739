package report

import (
	"iter"
	"strings"

	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// Review is a plan as people look at it before it is carried out: the same groups and words as a page for a browser
// and as Markdown for a pull request. Nothing of the plan is trusted: whatever stands in a value stays text.
type Review struct {
	File    *plan.File
	Approve string // the command that approves the held run; "" where nothing can be approved
	// Run is how the plan was carried out, and Troubles are the outcomes to look at; nil where nothing was.
	Run      *state.Run
	Troubles []state.Outcome
	Listed   *state.Listed // how the accounts were listed; nil where none were

	failed *error // that the operations can't be read on
}

// group is a part of a plan. Its entries are made as they are walked, since there may be more than anybody reads.
type group struct {
	name    string
	count   int
	entries iter.Seq[entry]
}

// entry is one operation, reject, leaver or remark. Its texts are plan.Printable.
type entry struct {
	id       string
	account  int64
	position string
	fields   []field
	detail   string
	reason   string
}

// field is a value before and after; nil where there is no before, or no after.
type field struct {
	name          string
	before, after *string
}

// groups returns every group, the empty ones too.
func (r Review) groups() []group {
	p := r.File.Plan
	leavers := "leavers"
	if p.AbsenceUnknown(r.File.Header.Source) {
		leavers = "absence unknown"
	}
	all := []group{{"not done", len(r.Troubles), each(r.Troubles, func(o *state.Outcome) entry {
		e := operation(&o.Operation)
		e.reason, e.fields = string(o.Ending), nil
		e.detail = string(o.Operation.Kind) + prefixed(": ", plan.Printable(o.Words))
		return e
	})}}
	for _, kind := range plan.Kinds() {
		from := plan.Held(p.Operations)
		if kind == plan.Create {
			from = p.All()
		}
		all = append(all, group{string(kind), p.Count(kind), r.operations(from, func(op *plan.Operation) bool {
			return op.Kind == kind && op.Step != plan.Park && op.Blocked == ""
		})})
	}
	return append(all,
		group{"not sent", p.Blocked(), r.operations(plan.Held(p.Operations), func(op *plan.Operation) bool { return op.Blocked != "" })},
		group{"rejected", len(p.Rejects), each(p.Rejects, func(r *plan.Reject) entry {
			return entry{id: plan.Printable(r.ExternalID), position: plan.Printable(string(r.Position)), detail: plan.Printable(r.Detail), reason: plan.Printable(string(r.Reason))}
		})},
		group{leavers, len(p.Leavers), each(p.Leavers, func(l *plan.Leaver) entry {
			return entry{id: plan.Printable(l.ExternalID), account: l.AccountID, detail: l.Fate(), reason: plan.Printable(string(l.Reason))}
		})},
		group{"remarks", len(p.Remarks), each(p.Remarks, func(r *plan.Remark) entry {
			e := entry{id: plan.Printable(r.ExternalID), account: r.AccountID, position: plan.Printable(string(r.Position)), reason: plan.Printable(string(r.Reason))}
			e.detail = plan.Printable(r.Detail)
			if r.Field != "" {
				e.detail = plan.Printable(r.Field) + ": " + e.detail
			}
			return e
		})},
		group{"avatars", len(p.Avatars), each(p.Avatars, func(a *plan.Avatar) entry {
			e := entry{id: plan.Printable(a.ExternalID), account: a.AccountID, position: plan.Printable(string(a.Position)), detail: a.What()}
			if a.Blocked != "" {
				e.reason, e.detail = plan.Printable(string(a.Blocked)), plan.Printable(a.Detail)
			}
			return e
		})},
	)
}

func each[T any](all []T, tell func(*T) entry) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for i := range all {
			if !yield(tell(&all[i])) {
				return
			}
		}
	}
}

func (r Review) operations(from iter.Seq2[*plan.Operation, error], in func(*plan.Operation) bool) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for op, err := range from {
			if err != nil {
				*r.failed = err
				return
			}
			if in(op) && !yield(operation(op)) {
				return
			}
		}
	}
}

func operation(op *plan.Operation) entry {
	e := entry{
		id: plan.Printable(op.ExternalID), account: op.AccountID, position: plan.Printable(string(op.Position)),
		reason: plan.Printable(string(op.Reason)), detail: strings.Join(op.Order(), "; "),
	}
	if op.Blocked != "" {
		e.reason = plan.Printable(string(op.Blocked))
		e.detail = string(op.Kind)
		if op.Detail != "" {
			e.detail += ": " + plan.Printable(op.Detail)
		}
	}
	if op.ExternalIDBefore != nil {
		e.fields = append(e.fields, changed("external_id", *op.ExternalIDBefore, op.ExternalID))
	}
	for _, c := range op.Changes {
		change := changed(c.Field.String(), c.Before, c.After)
		if op.Kind == plan.Create {
			change.before = nil
		}
		e.fields = append(e.fields, change)
	}
	if op.Kind == plan.Delete {
		e.fields = append(e.fields, whoGoes(op)...)
	}
	return e
}

func changed(name, before, after string) field {
	before, after = plan.Printable(before), plan.Printable(after)
	return field{name, &before, &after}
}

// whoGoes shows who somebody is of whom nothing is left afterwards.
func whoGoes(op *plan.Operation) []field {
	var fields []field
	for _, f := range []user.Field{user.Login, user.Email, user.FullName} {
		if value := plan.Printable(op.Was().Values[f].Text); value != "" {
			fields = append(fields, field{name: f.String(), before: &value})
		}
	}
	return fields
}
