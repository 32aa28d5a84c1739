package report

import (
	"fmt"
	"io"
	"strings"

	"cubesync/sync/plan"
)

// absenceUnknown reports whether nobody is known to have left in the read behind the report.
func (r Report) absenceUnknown() bool {
	return r.Plan != nil && r.Plan.AbsenceUnknown(plan.Source{Completeness: r.Run.Verdict.Completeness})
}

// writeLeaverCounts says how many owned accounts have no record and stay, and why.
func (r Report) writeLeaverCounts(w io.Writer) {
	n := r.Run.Tally.LeaversLeft
	switch {
	case n == 0:
	case r.absenceUnknown():
		writeLine(w, "absence unknown", n, "nobody leaves: the read doesn't show who left")
	default:
		writeLine(w, "leavers left alone", n, r.whyLeftAlone())
	}
}

// whyLeftAlone counts the leavers by what keeps them.
func (r Report) whyLeftAlone() string {
	if r.Plan == nil {
		return ""
	}
	counts := map[plan.Reason]int{}
	for i := range r.Plan.Leavers {
		counts[r.Plan.Leavers[i].Reason]++
	}
	var parts []string
	for _, by := range []struct {
		reason plan.Reason
		words  string
	}{{plan.InGrace, "in grace"}, {plan.Kept, "kept"}, {plan.IsProtected, "protected"}} {
		if n := counts[by.reason]; n > 0 {
			parts = append(parts, plan.Number(n)+" "+by.words)
		}
	}
	return strings.Join(parts, ", ")
}

// writeLeavers names those who will go, each with the day. Those who are kept would be the same every night.
func (r Report) writeLeavers(w io.Writer) {
	var going []plan.Leaver
	for _, l := range r.Plan.Leavers {
		if l.Reason == plan.InGrace {
			going = append(going, l)
		}
	}
	for i, l := range going {
		if r.cut(w, i, len(going), "leavers in grace") {
			return
		}
		fmt.Fprintf(w, "  leaver %s (account %d): %s\n", plan.Printable(l.ExternalID), l.AccountID, l.Fate())
	}
}
