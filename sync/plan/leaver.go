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
	for _, a := range r.observed {
		if was, moved := b.lost[a.ID]; moved {
			b.plan.Remarks = append(b.plan.Remarks, Remark{
				ExternalID: r.key, AccountID: a.ID, Reason: Ambiguous,
				Detail: fmt.Sprintf("was known under the external ID %q; not counted as a leaver", was.externalID),
			})
			continue
		}
		if len(r.observed) > 1 {
			b.plan.Remarks = append(b.plan.Remarks, Remark{
				ExternalID: r.key, AccountID: a.ID, Reason: Ambiguous,
				Detail: fmt.Sprintf("%s have this external ID and neither is touched: take it off all but one", accountNumbers(r.observed)),
			})
			continue
		}
		b.leaver(a, r.known)
	}
}

func (b *builder) leaver(a account.Account, known *Known) {
	leaver := Leaver{ExternalID: a.ExternalID, AccountID: a.ID}
	var until string
	switch {
	case b.policy.Leavers == KeepLeavers:
		leaver.Reason, until = Kept, "the policy changes (leavers: keep)"
	case b.in.AbsenceUnknown != "":
		leaver.Reason, until = AbsenceUnknown, "a read shows for certain who left"
	default:
		if b.served(&leaver, known) {
			b.leave(a, known)
			return
		}
		leaver.Reason = InGrace
		until = fmt.Sprintf("%s at the earliest", leaver.Due.UTC().Format("2006-01-02 15:04 MST"))
	}
	b.leavers[a.ID] = until
	b.plan.Leavers = append(b.plan.Leavers, leaver)
}

// served fills in how long the leaver has been missing and reports whether that is long enough.
func (b *builder) served(leaver *Leaver, known *Known) bool {
	leaver.Since = b.in.Now
	if known != nil && known.Absence != nil {
		leaver.Reads, leaver.Since = known.Absence.Reads, known.Absence.Since
	}
	if b.in.CountsAsRead {
		leaver.Reads++
	}
	leaver.Due = leaver.Since.Add(b.policy.GraceSpan)
	return leaver.Reads >= b.policy.GraceReads && !b.in.Now.Before(leaver.Due)
}

func (b *builder) leave(a account.Account, known *Known) {
	op := Operation{Kind: Delete, ExternalID: a.ExternalID, AccountID: a.ID, Reason: LeftSource, Account: a}
	if b.policy.Leavers == ReleaseLeavers {
		op.Kind = Release
		before := a.Values[user.Tags].Text
		kept := slices.DeleteFunc(user.SplitTags(before), func(tag string) bool { return tag == b.policy.OwnerTag })
		op.Changes = []Change{{Field: user.Tags, Before: before, After: user.JoinTags(kept)}}
		b.leavers[a.ID] = "its user changes it (this plan only takes our tag off)"
	}
	if known == nil {
		known = &Known{}
	}
	b.add(op, *known)
}
