package plan

import (
	"fmt"
	"slices"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// onlyOurs compares the accounts with those before the night.
func (w *town) onlyOurs(before *town, p *Plan) error {
	ops := map[int64]Operation{}
	for _, op := range p.Operations {
		if op.counts() && op.AccountID != 0 {
			other, twice := ops[op.AccountID]
			switch {
			case twice && op.Blocked != "" && other.Step == PutBack:
				continue // that is sent instead of it
			case twice && op.Step == PutBack && other.Blocked != "":
			case twice:
				return fmt.Errorf("%s and %s are of one account", other, op)
			}
			ops[op.AccountID] = op
		}
	}
	for _, was := range before.accounts {
		now, op := w.byID(was.ID), ops[was.ID]
		if now != nil && now.Values == was.Values && now.ExternalID == was.ExternalID {
			continue
		}
		if err := before.mayChange(was, now, op); err != nil {
			return fmt.Errorf("account %d, by %q: %w", was.ID, op, err)
		}
	}
	of := func(accounts []account.Account) map[string]int {
		n := map[string]int{}
		for _, a := range accounts {
			if a.ExternalID != "" {
				n[a.ExternalID]++
			}
		}
		return n
	}
	had := of(before.accounts)
	for id, n := range of(w.accounts) {
		if n > max(1, had[id]) {
			return fmt.Errorf("%s has %d accounts, and had %d", id, n, had[id])
		}
	}
	return nil
}

// mayChange says why the operation may not have made this of an account; now is nil where it is gone.
func (w *town) mayChange(was account.Account, now *account.Account, op Operation) error {
	known := w.known[op.ExternalID]
	theirs := known != nil && known.AccountID == was.ID
	wanted := slices.IndexFunc(w.desired, func(d Desired) bool { return d.User.ExternalID == op.ExternalID })
	present := wanted >= 0 || slices.ContainsFunc(w.input.Rejects, func(r Reject) bool { return r.ExternalID == op.ExternalID })
	policy := w.input.Policy
	switch {
	case op.Kind == "":
		return fmt.Errorf("no operation is")
	case policy.Protected.covers(was):
		return fmt.Errorf("it is protected")
	case !was.HasTag("staff") && op.Kind != Adopt && (op.Reason != LostTag || !theirs):
		return fmt.Errorf("it was never ours")
	case was.ExternalID != op.ExternalID && !theirs && (op.Kind != Adopt || was.ExternalID != ""):
		return fmt.Errorf("it is somebody else's")
	case op.Kind == Adopt && len(policy.Adopt) == 0:
		return fmt.Errorf("nothing is adopted")
	case op.Kind == Delete || op.Kind == Release:
		if present || w.input.AbsenceUnknown != "" || policy.Leavers != Leavers(op.Kind) {
			return fmt.Errorf("present: %v, unknown: %q, leavers: %s", present, w.input.AbsenceUnknown, policy.Leavers)
		}
	case now == nil:
		return fmt.Errorf("it is gone")
	}
	if now == nil {
		return nil
	}
	for _, field := range user.Fields() {
		if before, after := was.Values[field].Text, now.Values[field].Text; before != after && !w.mapped(field, was, after, wanted, known) {
			return fmt.Errorf("%s isn't ours to change: %q, was %q", field, after, before)
		}
	}
	return nil
}

// mapped reports whether the source may change the field: it sets it, and the user doesn't own it. The owner tag and a
// // what is lacking since a swap that was broken off are ours in any case.
func (w *town) mapped(field user.Field, was account.Account, after string, wanted int, known *Known) bool {
	before := was.Values[field].Text
	if field == user.Tags {
		less := func(tags string) string {
			return user.JoinTags(slices.DeleteFunc(user.SplitTags(tags), func(tag string) bool { return tag == "staff" }))
		}
		if less(before) == less(after) {
			return true
		}
	}
	if field == user.Login && isParked(before) {
		return true
	}
	if field == user.Email && before == "" && known != nil && known.Parked != nil && after == known.Parked.Email {
		return true
	}
	if wanted < 0 {
		return false
	}
	switch w.input.Policy.Owners[field] {
	case OwnedAtCreate:
		return false
	case OwnedIfEmpty:
		return before == "" && w.desired[wanted].User.Values[field].Set
	default:
		return w.desired[wanted].User.Values[field].Set
	}
}
