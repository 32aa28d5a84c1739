package plan

import (
	"fmt"
	"slices"
	"strings"

	"cubesync/sync/account"
)

// deviates reports whether the row can be decided about only when all rows are known: its own account is listed under
// another external ID, or another's is listed under its.
func (b *builder) deviates(r row) bool {
	if was, lost := b.lostBy(r); lost {
		if _, alive := b.foundByID[r.known.AccountID]; alive && (was.externalID == r.key || was.rival == r.key) {
			return true
		}
	}
	return slices.ContainsFunc(b.carriers(r), func(a account.Account) bool { return b.belongsElsewhere(a, r.key) })
}

// lostBy returns what is remembered of the row's known account where it isn't listed in the row.
func (b *builder) lostBy(r row) (lost, bool) {
	if r.known == nil || r.known.AccountID == 0 {
		return lost{}, false
	}
	was, lost := b.lost[r.known.AccountID]
	return was, lost
}

// own returns the account that the row's external ID was known to have, wherever it is now; nil where it is gone.
func (b *builder) own(r row) *account.Account {
	if i := slices.IndexFunc(r.observed, r.knows); i >= 0 {
		return &r.observed[i]
	}
	if was, lost := b.lostBy(r); lost && was.externalID == r.key {
		if a, alive := b.foundByID[r.known.AccountID]; alive {
			return &a
		}
	}
	return nil
}

// carriers returns the accounts that carry the row's external ID: the listed ones, or, where there are none, those that
// were looked up: signed up a moment ago, bereft of our tag, or never ours.
func (b *builder) carriers(r row) []account.Account {
	if len(r.observed) > 0 {
		return r.observed
	}
	return b.holdersOf(r.key)
}

// belongsElsewhere reports whether the account is known as that of another external ID which the source still has.
func (b *builder) belongsElsewhere(a account.Account, key string) bool {
	was, lost := b.lost[a.ID]
	return lost && was.wanted && was.externalID != key
}

// matchDeviating decides about the rows that were put off. An account known by its id comes before one that carries the
// external ID; where both claim something else, nobody is touched.
func (b *builder) matchDeviating() {
	if len(b.deviating) == 0 {
		return
	}
	for _, key := range sortedKeys(b.deviating) {
		r := b.deviating[key]
		if detail := b.contradiction(r); detail != "" {
			b.reject(r.desired[0], Ambiguous, detail)
			continue
		}
		b.withRecord(r.desired[0], r)
	}
	slices.SortStableFunc(b.plan.Operations, func(a, b Operation) int { return strings.Compare(a.ExternalID, b.ExternalID) })
	slices.SortStableFunc(b.plan.Remarks, func(a, b Remark) int { return strings.Compare(a.ExternalID, b.ExternalID) })
}

// contradiction says which two claims exclude each other, "" where none do.
func (b *builder) contradiction(r row) string {
	if was, lost := b.lostBy(r); lost && was.rival != "" {
		return fmt.Sprintf("account %d is known as that of %q and of %q, and carries the external ID of neither: give it one", r.known.AccountID, was.externalID, was.rival)
	}
	own := b.own(r)
	for _, a := range b.carriers(r) {
		switch {
		case own != nil && a.ID == own.ID:
		case !b.belongsElsewhere(a, r.key):
			if own != nil {
				return fmt.Sprintf("account %d was known as theirs, and account %d carries their external ID now: take it off one of them", own.ID, a.ID)
			}
		case own == nil:
			return fmt.Sprintf("account %d carries this external ID now and was known under %q, which the source has too: give one of them another account",
				a.ID, b.lost[a.ID].externalID)
		}
	}
	if own != nil && own.ExternalID != r.key && b.isContested(*own) {
		return fmt.Sprintf("its account %d now carries the external ID %q, which the source has too: give one of them another account", own.ID, own.ExternalID)
	}
	return ""
}

// isContested reports whether the source has a record under the external ID that the account carries, and no other
// account for it.
func (b *builder) isContested(a account.Account) bool {
	if a.ExternalID == "" {
		return false
	}
	if r, deviating := b.deviating[a.ExternalID]; deviating {
		return b.own(r) == nil
	}
	_, wanted := slices.BinarySearch(b.lookups.ExternalIDs, a.ExternalID)
	return wanted || b.rejected[a.ExternalID]
}

// withRecord decides about a record that is the only one of its external ID.
func (b *builder) withRecord(d Desired, r row) {
	known := Known{ExternalID: r.key}
	if r.known != nil {
		known = *r.known
	}
	record := d.Digest
	if len(r.observed) != 1 {
		d.Digest = 0 // no single account to recognise
	}
	accounts := b.carriers(r)
	if own := b.own(r); own != nil && b.deviates(r) {
		accounts = []account.Account{*own}
	}
	switch len(accounts) {
	case 0:
		d.Digest = record
		b.create(d, known)
	case 1:
		b.withAccount(d, known, accounts[0])
	default:
		b.reject(d, Ambiguous, fmt.Sprintf("%s have this external ID and neither is touched: take it off all but one", accountNumbers(accounts)))
	}
}

// withAccount decides about a record and the account that is theirs, or carries their external ID.
func (b *builder) withAccount(d Desired, known Known, have account.Account) {
	ours := have.HasTag(b.policy.OwnerTag)
	other := b.otherOwner(have)
	switch {
	case b.policy.Protected.covers(have):
		b.reject(d, IsProtected, protectedDetail(have))
	case ours && other != "":
		b.reject(d, NotOurs, fmt.Sprintf("its account %d carries %q too, the owner tag of another pipeline, so nothing is written to it: take one of them off", have.ID, other))
	case ours:
		reason := FieldsDiffer
		if have.ExternalID != d.User.ExternalID {
			reason = LostID
		}
		b.update(d, known, have, reason)
	case known.AccountID == have.ID && other != "":
		b.reject(d, NotOurs, fmt.Sprintf("its account %d lost the tag %q and carries %q, the owner tag of another pipeline: take one of them off", have.ID, b.policy.OwnerTag, other))
	case known.AccountID == have.ID:
		b.update(d, known, have, LostTag)
	case b.mayAdopt(account.ByExternalID):
		b.create(d, Known{ExternalID: known.ExternalID, Refusal: known.Refusal})
	default:
		b.reject(d, NotOurs, fmt.Sprintf("exists as account %d, not ours: it doesn't carry the tag %q", have.ID, b.policy.OwnerTag))
	}
}

func (b *builder) update(d Desired, known Known, have account.Account, reason Reason) {
	if known.AccountID != have.ID {
		known.Mine, known.Learned, known.KeptID = Mine{}, nil, nil // they are of an account that is gone
	}
	changes, remarks := diff(d.User, have, known, b.policy)
	for _, remark := range remarks {
		remark.ExternalID, remark.AccountID, remark.Position = d.User.ExternalID, have.ID, d.Position
		b.plan.Remarks = append(b.plan.Remarks, remark)
	}
	settled := b.depict(d, known, &have)
	before := externalIDBefore(d, known, have)
	if before == nil && reason == LostID {
		reason = FieldsDiffer
	}
	if len(changes) == 0 && before == nil {
		b.plan.Unchanged++
		if len(remarks) == 0 && settled {
			b.agree(d, known, have)
		}
		return
	}
	op := Operation{
		Kind: Update, ExternalID: d.User.ExternalID, AccountID: have.ID, Position: d.Position,
		Reason: reason, Changes: changes, ExternalIDBefore: before, Account: new(have), Mine: Merged(d.User.Values),
	}
	if b.policy.UpdatesOff {
		op.Blocked, op.Detail = UpdatesOff, "updates: off"
	}
	b.add(op, known)
}

// externalIDBefore returns the external ID that is to be replaced; nil where there is nothing to replace, or the
// service doesn't.
func externalIDBefore(d Desired, known Known, have account.Account) *string {
	if have.ExternalID == d.User.ExternalID || known.KeptID != nil && *known.KeptID == have.ExternalID {
		return nil
	}
	return new(have.ExternalID)
}

func (b *builder) create(d Desired, known Known) {
	reason := NewRecord
	if known.AccountID != 0 {
		reason = Vanished
	}
	op := Operation{
		Kind: Create, ExternalID: d.User.ExternalID, Position: d.Position, Reason: reason,
		Changes: createChanges(d.User, b.policy), Mine: Merged(d.User.Values), Record: d.Digest,
	}
	if reason == Vanished && b.policy.LeaveVanished {
		op.Blocked = LeftVanished
		op.Detail = fmt.Sprintf("account %d disappeared without us (vanished: leave)", known.AccountID)
	}
	if len(b.policy.Adopt) > 0 {
		b.adoptable[op.ExternalID] = d
	}
	if d.Unfit != "" {
		b.unfit[op.ExternalID] = d.Unfit
	}
	if settled := b.depict(d, known, nil); !settled {
		op.Record = 0 // they agree when their avatar is settled too
	}
	b.add(op, known)
}
