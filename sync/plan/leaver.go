package plan

import (
	"fmt"
	"slices"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// withoutRecord decides about owned accounts that the source doesn't mention.
func (b *builder) withoutRecord(r row) {
	if b.rejected[r.key] {
		return
	}
	var accounts []account.Account
	for _, a := range r.observed {
		if !b.belongsElsewhere(a, r.key) {
			accounts = append(accounts, a)
		}
	}
	if len(accounts) == 1 {
		b.leaver(accounts[0], r)
		return
	}
	for _, a := range accounts {
		b.plan.Remarks = append(b.plan.Remarks, Remark{
			ExternalID: r.key, AccountID: a.ID, Reason: Ambiguous,
			Detail: fmt.Sprintf("%s have this external ID and neither is touched: take it off all but one", accountNumbers(accounts)),
		})
	}
}

// leaver decides about an account whose person has no record. What is known of another account, whose external ID this
// one carries now, says nothing about it.
func (b *builder) leaver(a account.Account, r row) {
	var known Known
	if r.known != nil && (r.knows(a) || r.known.AccountID == 0) {
		known = *r.known
	}
	leaver := Leaver{ExternalID: a.ExternalID, AccountID: a.ID}
	var until string
	switch {
	case b.policy.Protected.covers(a):
		leaver.Reason, until = IsProtected, "nobody protects it any more"
	case b.policy.Leavers == KeepLeavers:
		leaver.Reason, until = Kept, "the policy changes (leavers: keep)"
	case b.policy.Leavers == DeleteLeavers && b.otherOwner(a) != "":
		b.leavers[a.ID] = "one of its owner tags is taken off"
		b.plan.Remarks = append(b.plan.Remarks, Remark{
			ExternalID: a.ExternalID, AccountID: a.ID, Reason: Ambiguous,
			Detail: fmt.Sprintf("carries %q too, the owner tag of another pipeline, so it isn't deleted: take one of them off", b.otherOwner(a)),
		})
		return
	case b.in.AbsenceUnknown != "":
		leaver.Reason, until = AbsenceUnknown, "a read shows for certain who left"
	default:
		if b.served(&leaver, known) {
			b.leave(a, known)
			return
		}
		leaver.Reason = InGrace
		until = Moment(leaver.Due) + " at the earliest"
	}
	b.leavers[a.ID] = until
	b.plan.Leavers = append(b.plan.Leavers, leaver)
}

// served fills in how long the leaver has been missing and reports whether that is long enough.
func (b *builder) served(leaver *Leaver, known Known) bool {
	leaver.Since = b.in.Now
	if known.Absence != nil {
		leaver.Reads = known.Absence.Reads
		if known.Absence.Since.Before(b.in.Now) {
			leaver.Since = known.Absence.Since
		}
	}
	if b.in.CountsAsRead {
		leaver.Reads++
	}
	leaver.Due = leaver.Since.Add(b.policy.GraceSpan)
	leaver.MoreReads = max(0, b.policy.GraceReads-leaver.Reads)
	return leaver.MoreReads == 0 && !b.in.Now.Before(leaver.Due)
}

func (b *builder) leave(a account.Account, known Known) {
	op := Operation{Kind: Delete, ExternalID: a.ExternalID, AccountID: a.ID, Reason: LeftSource, Account: new(a)}
	if b.policy.Leavers == ReleaseLeavers {
		op.Kind = Release
		before := a.Values[user.Tags].Text
		kept := slices.DeleteFunc(user.SplitTags(before), func(tag string) bool { return tag == b.policy.OwnerTag })
		op.Changes = []Change{{Field: user.Tags, Before: before, After: user.JoinTags(kept)}}
		b.leavers[a.ID] = "its user changes it (this plan only takes our tag off)"
	}
	op.Approved = known.Absence != nil && known.Absence.Approved == b.policy.Leavers
	b.add(op, known)
}
