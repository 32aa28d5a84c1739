package plan

import (
	"fmt"
	"slices"
	"strconv"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// Moved blocks an operation of a saved plan whose account isn't any more what it was planned from.
const Moved Reason = "moved"

// Concerned returns what has to be looked up again before the operations that a saved plan holds are carried out: the accounts
// that they write, and what sign-ups claim, and the external IDs that are given.
func (p *Plan) Concerned() Lookups {
	var l Lookups
	for i := range p.Operations {
		op := &p.Operations[i]
		switch {
		case op.Blocked != "" || op.Step == Park:
		case op.Kind == Create:
			l.ExternalIDs = append(l.ExternalIDs, op.ExternalID)
			for _, c := range op.Changes {
				switch c.Field {
				case user.Login:
					l.Logins = append(l.Logins, c.After)
				case user.Email:
					l.Emails = append(l.Emails, c.After)
				}
			}
		default:
			l.IDs = append(l.IDs, strconv.FormatInt(op.AccountID, 10))
			if op.ExternalIDBefore != nil {
				l.ExternalIDs = append(l.ExternalIDs, op.ExternalID)
			}
		}
	}
	return l
}

// Recheck compares what the plan holds with the accounts that the look-ups of Concerned found, and blocks what no longer fits
// them, together with all that waits for it. An account that is gone doesn't block its delete.
//
//	operation             | is blocked when
//	----------------------+----------------------------------------------------------------------------------------
//	create                | an account has its external ID, or one that this plan doesn't free its login or e-mail
//	any other             | its account is gone, or has another external ID, or gained or lost our tag, or the policy
//	                      | spares it now; or another account has the external ID that it is to get
//	update, adopt, release| a field that it writes has become something else than it was or shall be
func (p *Plan) Recheck(policy Policy, found []account.Account) {
	now := make(map[int64]account.Account, len(found))
	for _, a := range found {
		now[a.ID] = a
	}
	freedBy := map[int64]string{} // the external ID of the operation that writes the account
	for i := range p.Operations {
		freedBy[p.Operations[i].AccountID] = p.Operations[i].ExternalID
	}
	holders := holdingsOf(sortedByID(now))
	for i := range p.Operations {
		op := &p.Operations[i]
		if op.Blocked != "" {
			continue
		}
		why := ""
		if op.Kind == Create {
			why = holders.standsInTheWay(op, freedBy)
		} else {
			a, there := now[op.AccountID]
			if why = op.outdated(policy, a, there); why == "" && op.ExternalIDBefore != nil {
				why = holders.hasExternalID(op, freedBy)
			}
			if there && why == "" && op.Kind != Adopt { // whether that is still the one that was found, the write checks
				op.Account = new(a) // its login may be another, to sign in with
			}
		}
		if why != "" {
			op.Blocked, op.Detail = Moved, "changed since the plan was made: "+why
		}
	}
	p.blockDependants()
}

// outdated says why the operation no longer fits its account, "" if it does.
func (o *Operation) outdated(policy Policy, now account.Account, there bool) string {
	was, ownerTag, spared := o.Was(), policy.OwnerTag, policy.Spares(o.Kind, now)
	switch {
	case !there && o.Kind == Delete:
		return ""
	case !there:
		return fmt.Sprintf("account %d is gone", o.AccountID)
	case spared != "":
		return spared
	case now.ExternalID != was.ExternalID && now.ExternalID != o.ExternalID:
		return fmt.Sprintf("account %d has the external ID %q now", now.ID, now.ExternalID)
	case o.Kind != Release && now.HasTag(ownerTag) != was.HasTag(ownerTag) && !o.retags(ownerTag, now):
		return fmt.Sprintf("account %d gained or lost the tag %q", now.ID, ownerTag)
	}
	for _, c := range o.Changes {
		current := now.Values[c.Field].Text
		if c.Field.Equal(current, c.Before) || c.Field.Equal(current, c.After) || o.Awaits(c.Field, current) {
			continue
		}
		if _, ok := c.Onto(current); !ok {
			return fmt.Sprintf("%s of account %d is %q, and was %q", c.Field, now.ID, current, c.Before)
		}
	}
	return ""
}

// retags reports whether the account carries our tag now because the operation was to put it there, and was carried out
// before.
func (o *Operation) retags(ownerTag string, now account.Account) bool {
	return now.HasTag(ownerTag) && slices.ContainsFunc(o.Changes, func(c Change) bool {
		return c.Field == user.Tags && slices.Contains(user.SplitTags(c.After), ownerTag)
	})
}

// holdings are which account holds what a sign-up may claim.
type holdings struct {
	byExternalID map[string]account.Account
	byValue      map[held]account.Account
}

type held struct {
	field user.Field
	value string // canonical
}

func holdingsOf(accounts []account.Account) holdings {
	h := holdings{byExternalID: map[string]account.Account{}, byValue: map[held]account.Account{}}
	for _, a := range accounts {
		if a.ExternalID != "" {
			h.byExternalID[a.ExternalID] = a
		}
		for _, field := range claimed() {
			if value := a.Values[field].Text; value != "" {
				h.byValue[held{field, field.Canonical(value)}] = a
			}
		}
	}
	return h
}

// standsInTheWay says who holds what the sign-up claims, "" where nobody does or this plan frees it first.
func (h holdings) standsInTheWay(op *Operation, freedBy map[int64]string) string {
	if why := h.hasExternalID(op, freedBy); why != "" {
		return why
	}
	for _, c := range op.Changes {
		a, taken := h.byValue[held{c.Field, c.Field.Canonical(c.After)}]
		if taken && !slices.Contains(op.WaitsFor, freedBy[a.ID]) {
			return fmt.Sprintf("account %d has the %s %s now", a.ID, c.Field, c.After)
		}
	}
	return ""
}

// hasExternalID says which other account has the operation's external ID, "" where none has or this plan frees it first.
func (h holdings) hasExternalID(op *Operation, freedBy map[int64]string) string {
	a, exists := h.byExternalID[op.ExternalID]
	if !exists || a.ID == op.AccountID || slices.Contains(op.WaitsFor, freedBy[a.ID]) {
		return ""
	}
	return fmt.Sprintf("account %d has this external ID now", a.ID)
}

// blockDependants blocks the other steps of a blocked operation and whatever waits for it.
func (p *Plan) blockDependants() {
	why := map[string]string{} // by external ID, of those that aren't carried out any more
	for i := range p.Operations {
		if op := &p.Operations[i]; op.Blocked == Moved {
			why[op.ExternalID] = op.ExternalID
		}
	}
	for again := len(why) > 0; again; {
		again = false
		for i := range p.Operations {
			op := &p.Operations[i]
			root, stuck := why[op.ExternalID]
			for _, other := range op.WaitsFor {
				if !stuck {
					root, stuck = why[other]
				}
			}
			if stuck && op.Blocked == "" {
				op.Blocked, op.Detail = WaitsForOther, fmt.Sprintf("waits for %s, which changed since the plan was made", root)
				why[op.ExternalID] = root
				again = true
			}
		}
	}
}
