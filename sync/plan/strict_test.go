package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// never is how many writes a night makes that isn't broken off.
const never = -1

// night carries a plan out against a service that is as strict as the real one: it keeps logins, e-mails and external IDs
// unique, and lets an account be written only with its own user's password, unless the session may write others. It
// returns what no plan may ever make it say: an error for a write that had no chance, or that was sent without the right
// to. After so many writes the night is broken off, as by a power cut.
func (w *town) night(p *Plan, breaksOff int) error {
	listed := w.listed(w.surveyed)
	done := map[string]bool{}
	writes := 0
	for start := 0; start < len(p.Operations); {
		end := start + 1
		for ring := p.Operations[start].Ring; ring != "" && end < len(p.Operations) && p.Operations[end].Ring == ring; {
			end++
		}
		unit := p.Operations[start:end]
		start = end
		cut, err := w.carryOutUnit(p, unit, done, &writes, breaksOff)
		if cut || err != nil {
			return err
		}
	}
	w.remember(p, listed, w.surveyed.Unlisted(), done)
	return nil
}

// carryOutUnit carries an operation out, or a ring: as a whole, or not at all.
func (w *town) carryOutUnit(p *Plan, unit []Operation, done map[string]bool, writes *int, breaksOff int) (cut bool, err error) {
	inside := map[string]bool{}
	for _, op := range unit {
		inside[op.ExternalID] = op.Ring != ""
	}
	for _, op := range unit {
		if op.Blocked != "" || slices.ContainsFunc(op.WaitsFor, func(other string) bool { return !done[other] && !inside[other] }) {
			return false, nil
		}
	}
	if unit[0].Step == Park {
		if why := w.ringRefused(p, unit); why != "" {
			w.refuse(unit[0], why)
			return false, nil
		}
		for _, op := range unit {
			w.parks(op)
		}
	}
	var before *town
	if len(unit) > 1 {
		before = w.clone()
	}
	for n, op := range unit {
		if *writes == breaksOff {
			return true, nil
		}
		refused, err := w.send(p, op, done)
		if err != nil {
			return false, err
		}
		if refused != "" {
			w.undo(before, unit[:n])
			w.refuse(op, refused)
			return false, nil
		}
		*writes++
	}
	for _, op := range unit {
		done[op.ExternalID] = done[op.ExternalID] || op.Step == ""
	}
	return false, nil
}

// parks remembers what is given up, before it is.
func (w *town) parks(op Operation) {
	if op.Step != Park {
		return
	}
	gives := Parked{}
	known := w.know(op)
	if known.Parked != nil {
		gives = *known.Parked
	}
	for _, c := range op.Changes {
		if c.Field == user.Login {
			gives.Login = c.Before
		} else {
			gives.Email = c.Before
		}
	}
	known.Parked = &gives
}

// undo puts back what a ring wrote. An adopted account stays adopted.
func (w *town) undo(before *town, written []Operation) {
	w.undone = w.undone || len(written) > 0
	for _, op := range written {
		a, was := w.byID(op.AccountID), before.byID(op.AccountID)
		for _, c := range op.Changes {
			if op.Kind != Adopt || slices.Contains(claimed(), c.Field) {
				a.Values[c.Field] = was.Values[c.Field]
			}
		}
		if known := before.known[op.ExternalID]; known != nil {
			same := *known
			w.known[op.ExternalID] = &same
		} else {
			delete(w.known, op.ExternalID)
		}
	}
}

// send carries one operation out. It returns the service's words where that refuses.
func (w *town) send(p *Plan, op Operation, done map[string]bool) (refused string, err error) {
	a := w.byID(op.AccountID)
	switch {
	case op.Kind == Create && op.AccountID != 0, op.Kind != Create && a == nil:
		return "", fmt.Errorf("%s is of no account", op)
	case (op.Kind == Update || op.Kind == Adopt) && w.input.Policy.UpdatesOff:
		return "", fmt.Errorf("%s is sent, though updates are off", op)
	case op.Kind == Adopt && !w.shared:
		return "", fmt.Errorf("%s is sent, though nothing permits it", op)
	}
	if words := w.mayWrite(op); words != "" {
		return words, nil
	}
	if w.picky[op.AccountID] && op.Step == "" && len(claims(op)) > 0 {
		return "not permitted", nil
	}
	if all := w.inTheWay(op); len(all) > 0 {
		for _, t := range all {
			if op.Kind == Create || w.promises(p, t, op) {
				return "", fmt.Errorf("%s claims the %s that account %d still holds", op, t, t.by.ID)
			}
		}
		return all[0].String() + " has already been taken", nil
	}
	w.carryOut(op)
	if op.Kind == Create {
		w.passwords[w.accounts[len(w.accounts)-1].ID] = op.ExternalID
	}
	if a = w.byID(op.AccountID); op.Step == Park && a.Values[user.Login].Text == "" && a.Values[user.Email].Text == "" {
		return "", fmt.Errorf("%s leaves its user nothing to sign in with", op)
	}
	return "", nil
}

// mayWrite returns the service's words where it doesn't let the account be written.
func (w *town) mayWrite(op Operation) string {
	switch {
	case op.Kind == Create, op.Kind == Delete, w.shared:
		return ""
	case op.Kind == Release && w.input.Policy.UpdatesOff:
		return "forbidden"
	case w.passwords[op.AccountID] != op.ExternalID:
		return "the user has another password"
	}
	return ""
}

// taken is something that an operation claims and another account holds.
type taken struct {
	field user.Field
	isID  bool // it is the external ID, and not the field
	by    *account.Account
}

func (t taken) String() string {
	if t.isID {
		return "external ID"
	}
	return t.field.String()
}

// inTheWay returns what an operation claims in vain.
func (w *town) inTheWay(op Operation) []taken {
	if op.Kind == Release || op.Kind == Delete {
		return nil
	}
	var all []taken
	for _, c := range op.Changes {
		if slices.Contains(claimed(), c.Field) {
			if by := w.holder(c.Field, c.After, op.AccountID); by != nil {
				all = append(all, taken{c.Field, false, by})
			}
		}
	}
	if op.Step == "" && w.uniqueIDs && (op.Kind == Create || op.ExternalIDBefore != nil && !w.fixedIDs) {
		for i := range w.accounts {
			if by := &w.accounts[i]; by.ID != op.AccountID && by.ExternalID == op.ExternalID {
				all = append(all, taken{user.Login, true, by})
			}
		}
	}
	return all
}

// promises reports whether an operation of the plan that is to be sent takes away from its account what op claims.
func (w *town) promises(p *Plan, t taken, op Operation) bool {
	for i := range p.Operations {
		other := &p.Operations[i]
		if other.AccountID != t.by.ID || other.Blocked != "" || w.wasRefused(*other) {
			continue
		}
		gives := func(c Change) bool {
			return c.Field == t.field && slices.ContainsFunc(op.Changes, func(o Change) bool {
				return o.Field == t.field && o.Field.Equal(o.After, c.Before)
			})
		}
		if other.Kind == Delete || t.isID && other.ExternalIDBefore != nil || !t.isID && slices.ContainsFunc(other.Changes, gives) {
			return true
		}
	}
	return false
}

// refuse remembers that the service refused the operation, and nothing else.
func (w *town) refuse(op Operation, words string) {
	k := w.known[op.ExternalID]
	if k == nil {
		k = &Known{ExternalID: op.ExternalID}
		w.known[op.ExternalID] = k
	}
	if op.Step == PutBack {
		gaveUp := Parked{}
		if k.Parked != nil {
			gaveUp = *k.Parked
		}
		gaveUp.Refused = append(slices.Clone(gaveUp.Refused), Refusal{Digest: op.Digest, Words: words})
		k.Parked = &gaveUp
		return
	}
	k.Refusal = &Refusal{Digest: op.Digest, Words: words}
}

func (w *town) wasRefused(op Operation) bool {
	k := w.known[op.ExternalID]
	return k != nil && k.Refusal != nil
}

// ringRefused says why a ring can't be written as a whole, which is found out before its first member is parked.
func (w *town) ringRefused(p *Plan, ring []Operation) string {
	for _, op := range ring {
		if op.Step == Park {
			continue
		}
		if words := w.mayWrite(op); words != "" {
			return op.ExternalID + ": " + words
		}
		for _, t := range w.inTheWay(op) {
			if !w.promises(p, t, op) {
				return op.ExternalID + ": " + t.String() + " has already been taken"
			}
		}
	}
	return ""
}

// listed returns our accounts by the external IDs under which they are known.
func (w *town) listed(survey *Survey) map[string][]account.Account {
	listed := map[string][]account.Account{}
	for _, a := range w.accounts {
		id := a.ExternalID
		if other, otherwise := survey.KnownAs(a.ID); otherwise {
			id = other
		}
		if id != "" && a.HasTag("staff") {
			listed[id] = append(listed[id], a)
		}
	}
	return listed
}

// remember does what the state does at the end of an applied run: what wasn't written is known as it was listed.
func (w *town) remember(p *Plan, listed map[string][]account.Account, unlisted []string, written map[string]bool) {
	absent := map[string]bool{}
	for _, l := range p.Leavers {
		absent[l.ExternalID] = l.Reason != Kept
	}
	for _, op := range p.Operations {
		absent[op.ExternalID] = absent[op.ExternalID] || op.Kind == Delete || op.Kind == Release
	}
	kept := map[string]bool{} // what is known of them stays
	for _, id := range unlisted {
		kept[id] = true
	}
	for _, r := range p.Rejects {
		kept[r.ExternalID] = true
	}
	for _, op := range p.Operations {
		kept[op.ExternalID] = kept[op.ExternalID] || op.Reason == LostTag
	}
	for id := range listed {
		if w.known[id] == nil && !written[id] {
			w.known[id] = &Known{ExternalID: id}
		}
	}
	for id, k := range w.known {
		if !written[id] {
			k.show(listed[id], kept[id])
		}
		switch {
		case !absent[id] || k.AccountID == 0:
			k.Absence = nil
		case !w.input.CountsAsRead || w.input.AbsenceUnknown != "":
		case k.Absence == nil:
			k.Absence = &Absence{Reads: 1, Since: w.input.Now}
		default:
			k.Absence = &Absence{Reads: k.Absence.Reads + 1, Since: k.Absence.Since}
		}
		if k.AccountID == 0 && k.Refusal == nil {
			delete(w.known, id)
		}
	}
}

// show takes in which accounts were listed. Among several only the one that was known counts.
func (k *Known) show(listed []account.Account, kept bool) {
	i := slices.IndexFunc(listed, func(a account.Account) bool { return a.ID == k.AccountID })
	switch {
	case i >= 0, kept, len(listed) > 1:
	case len(listed) == 0:
		*k = Known{ExternalID: k.ExternalID, Refusal: k.Refusal}
	default:
		*k = Known{ExternalID: k.ExternalID, AccountID: listed[0].ID, Refusal: k.Refusal}
	}
	if i >= 0 {
		k.forgetParked(listed[i])
	}
}

// forgetParked forgets what the account has again.
func (k *Known) forgetParked(now account.Account) {
	if k.Parked != nil && !k.Parked.LackedBy(now) {
		k.Parked = nil
	}
}

// seen is everything that a person or a machine sees of a plan.
func seen(p *Plan) (string, error) {
	var out bytes.Buffer
	err := p.WriteText(&out, TextOptions{})
	data, alsoErr := json.Marshal(p)
	digest, digestErr := p.Digest()
	return out.String() + string(data) + digest, errors.Join(err, alsoErr, digestErr)
}
