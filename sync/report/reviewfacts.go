package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// status says in a few words what would happen, and whether something stands in its way.
func (r Review) status() (text string, stopped bool) {
	h := &r.File.Header
	if r.Run != nil {
		return r.ended()
	}
	switch n := len(h.Guards); {
	case h.Source.Partial():
		return "the read of the source is " + h.Source.Completeness + ": nothing is written", true
	case n == 1:
		return "held by a guard: nothing is written", true
	case n > 1:
		return fmt.Sprintf("held by %d guards: nothing is written", n), true
	}
	switch n := r.File.Plan.Writes(); n {
	case 0:
		return "nothing to do", false
	default:
		return plan.Counted(n, "operation"), false
	}
}

// ended says how the run ended that carried the plan out.
func (r Review) ended() (text string, trouble bool) {
	t := &r.Run.Tally
	parts := []string{fmt.Sprintf("run %d: %s", r.Run.ID, r.Run.Status)}
	if r.Run.Problem != "" {
		parts = append(parts, r.Run.Problem)
	}
	add := func(n int, what string, bad bool) {
		if n > 0 {
			parts = append(parts, plan.Number(n)+" "+what)
			trouble = trouble || bad
		}
	}
	for _, kind := range plan.Kinds() {
		did := strings.TrimSuffix(string(kind), "e") + "ed"
		if kind == plan.Create && t.Recreated > 0 {
			did += " (" + recreatedNote(*t) + ")"
		}
		add(t.Done[kind], did, false)
	}
	add(t.Failed+t.LeaversFailed, "failed", true)
	add(t.Unknown+t.LeaversUnknown, "unknown", true)
	add(t.NotAttempted+t.LeaversNotAttempted, "not attempted", true)
	add(t.Rejected, "rejected", true)
	add(t.LockedOut, "locked out", true)
	add(t.Avatars.Done, "avatars set", false)
	add(t.Avatars.Troubles(), "avatars not set", true)
	add(t.Resets.Done, "password e-mails sent", false)
	add(t.Resets.Troubles(), "password e-mails not sent or in doubt", true)
	return plan.Printable(strings.Join(parts, ", ")), trouble || r.Run.Status != state.Applied
}

// fact is a line about the plan as a whole.
type fact struct{ Name, Value string }

func (r Review) facts() []fact {
	h := &r.File.Header
	var all []fact
	add := func(name string, parts ...string) {
		parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
		if len(parts) > 0 {
			all = append(all, fact{name, plan.Printable(strings.Join(parts, ", "))})
		}
	}
	counted := func(before string, n int, one string) string {
		if n == 0 {
			return ""
		}
		return before + plan.Counted(n, one)
	}
	add("Application", h.Endpoint, h.ApplicationID)
	add("Owner tag", h.OwnerTag, counted("carried by ", r.File.Plan.Owned, "account"))
	if h.Run > 0 {
		add("Run", fmt.Sprint(h.Run))
	}
	until := prefixed("can be applied until ", plan.Moment(h.ExpiresAt))
	if r.Run != nil || len(h.Guards) > 0 {
		until = "" // it was, or can't be
	}
	add("Made", plan.Moment(h.MadeAt), until)
	for _, evidence := range h.Source.Evidence.Each() {
		add("Source", evidence.Name, prefixed("changed ", plan.Moment(evidence.ModTime)), counted("", int(evidence.Size), "byte"), prefixed("SHA-256 ", evidence.SHA256))
	}
	if h.Source.Completeness != "" {
		add("Read", h.Source.Completeness+prefixed(": ", h.Source.Reason))
	}
	collapsed, filtered := "", ""
	if n := r.File.Plan.Collapsed; n > 0 {
		collapsed = plan.Number(n) + " collapsed"
	}
	if n := r.File.Plan.Filtered; n > 0 {
		filtered = plan.Number(n) + " filtered"
	}
	add("Records", plan.Number(h.Counts.Read)+" read", plan.Number(r.File.Plan.Unchanged)+" unchanged", collapsed, filtered)
	add("Leavers", prefixed("policy: ", string(h.Leavers)), prefixed("absence is unknown: ", h.AbsenceUnknown))
	if r.Listed != nil {
		add("Listed", plan.Counted(r.Listed.Accounts, "account"), listedNote(r.Listed))
	}
	if c := h.Calls; c.Seconds > 0 {
		calls := c.List + c.LookUp + c.Session + c.Write + c.File
		add("Calls", plan.Number(calls)+" to ConnectyCube", plan.Number(c.Write)+" of them user writes", duration(time.Duration(c.Seconds*float64(time.Second)))+" at the rate limit")
	}
	return all
}

// reasons returns what the reasons of the plan mean, in the order in which they first occur.
func (r Review) reasons() []fact {
	var all []fact
	seen := map[plan.Reason]bool{}
	add := func(reason plan.Reason) {
		if seen[reason] {
			return
		}
		seen[reason] = true
		if meaning := reason.Meaning(); meaning != "" {
			all = append(all, fact{string(reason), meaning})
		}
	}
	p := r.File.Plan
	if p.SignUps != nil {
		add(plan.NewRecord)
	}
	for i := range p.Operations {
		add(cmp.Or(p.Operations[i].Blocked, p.Operations[i].Reason))
	}
	for i := range p.Rejects {
		add(p.Rejects[i].Reason)
	}
	for i := range p.Leavers {
		add(p.Leavers[i].Reason)
	}
	for i := range p.Remarks {
		add(p.Remarks[i].Reason)
	}
	for i := range p.Avatars {
		add(p.Avatars[i].Blocked)
	}
	return all
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// fairShares divides room among needs: each gets what it needs or, where that is too much, as much as the others.
func fairShares(needs []int, room int) []int {
	order := make([]int, len(needs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(needs[a], needs[b]) })
	shares := make([]int, len(needs))
	for i, at := range order {
		shares[at] = min(needs[at], room/(len(order)-i))
		room -= shares[at]
	}
	return shares
}
