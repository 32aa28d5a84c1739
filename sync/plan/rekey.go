package plan

import (
	"fmt"
	"slices"

	"cubesync/sync/account"
	"cubesync/sync/record"
)

// Rename is an account's change of external ID, as a person orders it.
type Rename struct {
	Old, New string
	Position record.Position
}

// Renames are what a change of keys is planned from.
type Renames struct {
	Wanted   []Rename          // each external ID stands in them once, old or new
	Observed []account.Account // the accounts that carry the owner tag
	Found    []account.Account // those that have one of the new external IDs, whoever's they are
	Known    []Known
	Policy   Policy
}

// Rekey plans a change of external IDs, the only one there is. It changes nothing else of an account.
//
//	accounts of ours with the old external ID | the new one           | decision
//	------------------------------------------+-----------------------+--------------------------------
//	none                                      | one account of ours   | unchanged: it was carried already
//	none                                      | nobody's, or others'  | reject unknown-external-id
//	several                                   |                       | reject ambiguous
//	one, protected                            |                       | reject protected
//	one                                       | another account's     | reject value-taken
//	one                                       | known as another's    | reject ambiguous
//	one                                       | nobody's              | update
func Rekey(in Renames) *Plan {
	ours, theirs := byID(in.Observed), byID(in.Found)
	known := make(map[string]Known, len(in.Known))
	for _, k := range in.Known {
		known[k.ExternalID] = k
	}
	p := &Plan{Owned: len(in.Observed), Desired: len(in.Wanted)}
	for _, r := range in.Wanted {
		reject := func(reason Reason, format string, args ...any) {
			p.Rejects = append(p.Rejects, Reject{Position: r.Position, ExternalID: r.Old, Reason: reason, Detail: fmt.Sprintf(format, args...)})
		}
		accounts := ours[r.Old]
		switch {
		case len(accounts) == 0 && len(ours[r.New]) == 1:
			p.Unchanged++
		case len(accounts) == 0:
			reject(UnknownID, "no account of ours has this external ID: check the map")
		case len(accounts) > 1:
			reject(Ambiguous, "%s have this external ID and neither is touched: take it off all but one", accountNumbers(accounts))
		case in.Policy.Protected.covers(accounts[0]):
			reject(IsProtected, "its account %d is protected, so nothing is written to it", accounts[0].ID)
		case len(ours[r.New])+len(theirs[r.New]) > 0:
			reject(ValueTaken, "account %d has the external ID %q already", slices.Concat(ours[r.New], theirs[r.New])[0].ID, r.New)
		case known[r.New].AccountID != 0:
			reject(Ambiguous, "account %d is known as that of %q", known[r.New].AccountID, r.New)
		default:
			p.Operations = append(p.Operations, Operation{
				Kind: Update, ExternalID: r.New, AccountID: accounts[0].ID, Position: r.Position, Reason: Rekeyed,
				ExternalIDBefore: &r.Old, Account: &accounts[0], Mine: known[r.Old].Mine,
			})
		}
	}
	return p
}

func byID(accounts []account.Account) map[string][]account.Account {
	all := make(map[string][]account.Account, len(accounts))
	for _, a := range accounts {
		if a.ExternalID != "" {
			all[a.ExternalID] = append(all[a.ExternalID], a)
		}
	}
	return all
}
