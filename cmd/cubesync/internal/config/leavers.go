package config

import (
	"fmt"
	"math"
	"time"

	"cubesync/sync/plan"
)

// The answers to vanished.
const (
	recreateVanished = "recreate"
	leaveVanished    = "leave"
)

// writes reads whose right each kind of write is made with, and checks that there is such a right.
func (c *checker) writes(group object, app application, p *Pipeline) {
	creates := group.get("creates")
	updates := group.need("updates", "say who writes: owner, shared or off")
	deletes := group.get("deletes")
	p.Creates = Authority(creates.choice(string(defaultCreates), string(WithKey), string(AsShared)))
	p.Updates = Authority(updates.choice("", string(AsOwner), string(AsShared), string(Off)))
	p.Deletes = Authority(deletes.choice(string(defaultDeletes), string(AsAdmin), string(AsOwner), string(AsShared), string(Off)))
	p.Policy.UpdatesOff = p.Updates == Off
	if p.Creates == AsShared && !app.serviceUser {
		creates.complain("shared needs connectycube.service_user", "add it, or choose key")
	}
	updates.permitted(p.Updates, p.Passwords, app)
}

// permitted complains of an authority that the rest of the file doesn't give.
func (n node) permitted(as Authority, passwords Passwords, app application) {
	if problem, remedy := app.lacks(as, passwords); problem != "" {
		n.complain(problem, remedy)
	}
}

// lacks says what an authority to update or delete needs and isn't there; "" where nothing is missing.
func (a application) lacks(as Authority, passwords Passwords) (problem, remedy string) {
	switch {
	case as == AsOwner && a.identity:
		return "owner signs users in with their passwords, and custom_identity means that your identity provider signs them in", "choose another"
	case as == AsOwner && (passwords.Random || passwords.Column != ""):
		return "owner needs passwords that cubesync can compute", "write passwords: {derive: …}, or choose another"
	case as == AsShared && !a.serviceUser:
		return "shared needs connectycube.service_user", "add it, or choose another"
	case as == AsShared && a.guest:
		return "shared can't be a guest, who is another user in each session and has no right to others' accounts",
			"sign in as a user with a login under connectycube.service_user, or choose another"
	case as == AsAdmin && !a.adminKey:
		return "admin needs connectycube.admin_key", "add it, or choose another"
	}
	return "", ""
}

// leavers reads what becomes of those who left the source.
func (c *checker) leavers(group object, app application, p *Pipeline) {
	leavers := group.need("leavers", "say what becomes of users that have left the source: keep, release or delete")
	policy := &p.Policy
	policy.Leavers = plan.Leavers(leavers.choice("", string(plan.KeepLeavers), string(plan.ReleaseLeavers), string(plan.DeleteLeavers)))
	policy.GraceReads, policy.GraceSpan = c.grace(group.get("grace"))
	vanished := group.get("vanished")
	policy.LeaveVanished = vanished.choice(defaultVanished, recreateVanished, leaveVanished) == leaveVanished

	leaving := policy.Leavers == plan.ReleaseLeavers || policy.Leavers == plan.DeleteLeavers
	if csv := p.Source.CSV; leaving && csv != nil && !csv.AcceptPlausible && csv.Complete == (Complete{}) {
		leavers.complain(string(policy.Leavers)+" on a CSV file, which can't prove that it is whole",
			"say what proves it with complete under source.csv, or accept that with completeness: plausible, or choose keep")
	} else if leaving && csv != nil && csv.Lenient {
		leavers.complain(string(policy.Leavers)+" on a CSV file with quotes: lenient, in which records may be lost", "write quotes: strict, or choose keep")
	}
	if policy.Leavers == plan.ReleaseLeavers && p.Updates == Off {
		leavers.complain("release needs updates, which are off", "choose owner or shared for updates, or keep")
	}
	if policy.Leavers != plan.DeleteLeavers {
		return
	}
	group.get("deletes").permitted(p.Deletes, p.Passwords, app) // nobody else is ever deleted
	if p.Deletes == Off {
		leavers.complain("delete needs deletes, which are off", "add deletes: admin, owner or shared, or choose keep")
	}
	if !vanished.given() {
		leavers.complain("delete needs vanished to be said", "add vanished: recreate or leave")
	}
}

// grace returns how many reads, over how long, must miss a leaver.
func (c *checker) grace(n node) (reads int, span time.Duration) {
	const remedy = "write none, or {reads: 3, span: 72h}"
	if n.given() && n.value.kind == textKind {
		if n.value.text != "none" {
			n.complain(fmt.Sprintf("unknown value %q", n.value.text), remedy)
		}
		return 0, 0
	}
	group := n.object(remedy, "reads", "span")
	return group.get("reads").integer(defaultGraceReads, 1, math.MaxInt),
		group.get("span").duration(defaultGraceSpan, 0, 366*day)
}
