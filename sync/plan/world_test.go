package plan

import (
	"slices"
	"strconv"
	"strings"

	"pgregory.net/rapid"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// world is an application that keeps logins and e-mails unique, the source, and what earlier runs left.
type world struct {
	accounts []account.Account
	desired  []Desired
	known    map[string]*Known
	input    Input // all but the sequences
	lastID   int64
	fixedIDs bool // external IDs never change
	strict   bool // no write may meet a value that somebody holds
}

func (w *world) plan() *Plan {
	survey := w.survey()
	return survey.Build(w.find(survey.Lookups()))
}

func (w *world) survey() *Survey {
	in := w.input
	desired := slices.SortedStableFunc(slices.Values(w.desired), func(a, b Desired) int {
		return strings.Compare(a.User.ExternalID, b.User.ExternalID)
	})
	var listed []account.Account
	for _, a := range w.accounts {
		if a.HasTag("staff") {
			listed = append(listed, a)
		}
	}
	slices.SortStableFunc(listed, func(a, b account.Account) int { return strings.Compare(a.ExternalID, b.ExternalID) })
	var known []Known
	for _, k := range w.known {
		known = append(known, *k)
	}
	slices.SortFunc(known, func(a, b Known) int { return strings.Compare(a.ExternalID, b.ExternalID) })
	in.Desired, in.Observed, in.Known = slices.Values(desired), slices.Values(listed), slices.Values(known)
	return NewSurvey(in)
}

func (w *world) find(lookups Lookups) []account.Account {
	var found []account.Account
	for _, a := range w.accounts {
		if slices.Contains(lookups.IDs, strconv.FormatInt(a.ID, 10)) || slices.Contains(lookups.ExternalIDs, a.ExternalID) ||
			holds(a, user.Login, lookups.Logins) || holds(a, user.Email, lookups.Emails) {
			found = append(found, a)
		}
	}
	return found
}

func (w *world) byID(id int64) *account.Account {
	for i := range w.accounts {
		if w.accounts[i].ID == id {
			return &w.accounts[i]
		}
	}
	return nil
}

func (w *world) byExternalID(externalID string) *account.Account {
	i := slices.IndexFunc(w.accounts, func(a account.Account) bool { return a.ExternalID == externalID })
	return &w.accounts[i]
}

// holder returns another account that holds the value.
func (w *world) holder(field user.Field, value string, but int64) *account.Account {
	for i := range w.accounts {
		if a := &w.accounts[i]; a.ID != but && value != "" && field.Equal(a.Values[field].Text, value) {
			return a
		}
	}
	return nil
}

// apply carries the plan out in its order, as the service would, and remembers what the state remembers. It fails where
// an operation claims what is free only later in the plan.
func (w *world) apply(t *rapid.T, p *Plan) {
	done := map[string]bool{}
	tried, given := map[string]bool{}, map[string]bool{} // rings that were looked at, and those that aren't begun
	frees := map[string]bool{}
	for _, op := range p.Operations {
		frees[op.ExternalID] = op.Kind != Create && op.Blocked == ""
	}
	wave := 0
	for _, op := range p.Operations {
		if op.Wave < wave {
			t.Fatalf("%s of wave %d comes after wave %d", op, op.Wave, wave)
		}
		wave = op.Wave
		if op.Blocked != "" || slices.ContainsFunc(op.WaitsFor, func(other string) bool { return !done[other] }) {
			continue
		}
		if op.Ring != "" && !tried[op.Ring] {
			tried[op.Ring] = true
			given[op.Ring] = w.hindered(p, op)
			if given[op.Ring] {
				w.know(op).Refusal = &Refusal{Digest: op.Digest, Words: "one of the ring can't be written"}
			}
		}
		if given[op.Ring] {
			continue
		}
		if held := w.held(op); held != nil {
			if w.strict || op.Kind == Create || frees[held.ExternalID] && !done[held.ExternalID] && w.gives(p, held, op) {
				t.Fatalf("%s claims what account %d still holds:\n%s", op, held.ID, bytesOf(t, p))
			}
			w.know(op).Refusal = &Refusal{Digest: op.Digest, Words: "has already been taken"}
			continue
		}
		w.carryOut(op)
		done[op.ExternalID] = true
	}
	for _, l := range p.Leavers {
		if l.Reason == InGrace {
			w.know(Operation{ExternalID: l.ExternalID, AccountID: l.AccountID}).Absence = &Absence{Reads: l.Reads, Since: l.Since}
		}
	}
}

// hindered reports whether a member of the ring that the parking begins claims what nobody in the plan gives up, as
// apply finds out before it parks anybody.
func (w *world) hindered(p *Plan, parking Operation) bool {
	members := []string{parking.ExternalID}
	for i := 0; i < len(members); i++ {
		for _, op := range p.Operations {
			if op.ExternalID != members[i] || op.Ring != parking.Ring {
				continue
			}
			if held := w.held(op); held != nil && !w.gives(p, held, op) {
				return true
			}
			for _, other := range op.WaitsFor {
				if !slices.Contains(members, other) {
					members = append(members, other)
				}
			}
		}
	}
	return false
}

// held returns the account that stands in the operation's way.
func (w *world) held(op Operation) *account.Account {
	for _, c := range op.Changes {
		if !slices.Contains(claimed(), c.Field) || op.Kind == Release {
			continue
		}
		if held := w.holder(c.Field, c.After, op.AccountID); held != nil {
			return held
		}
	}
	return nil
}

// gives reports whether the plan makes the holder give up what the operation claims.
func (w *world) gives(p *Plan, held *account.Account, op Operation) bool {
	for _, other := range p.Operations {
		if other.AccountID != held.ID {
			continue
		}
		for _, c := range op.Changes {
			if !slices.Contains(claimed(), c.Field) {
				continue
			}
			gives := slices.ContainsFunc(other.Changes, func(o Change) bool { return o.Field == c.Field && o.Field.Equal(o.Before, c.After) })
			if gives || other.Kind == Delete {
				return true
			}
		}
	}
	return false
}

func (w *world) carryOut(op Operation) {
	switch op.Kind {
	case Delete:
		w.accounts = slices.DeleteFunc(w.accounts, func(a account.Account) bool { return a.ID == op.AccountID })
		delete(w.known, op.ExternalID)
		return
	case Create:
		w.lastID++
		a := account.Account{ID: 1000 + w.lastID, ExternalID: op.ExternalID}
		for _, field := range user.Fields() {
			a.Values[field] = user.Text("")
		}
		w.accounts = append(w.accounts, a)
		op.AccountID = a.ID
	}
	a := w.byID(op.AccountID)
	known := w.know(op)
	if op.ExternalIDBefore != nil {
		if w.fixedIDs {
			known.KeptID = op.ExternalIDBefore
		} else {
			a.ExternalID = op.ExternalID
		}
	}
	for _, c := range op.Changes {
		a.Values[c.Field] = user.Text(kept(c))
		if got := kept(c); !c.Field.Equal(got, c.After) {
			known.Learned = append(known.Learned, Learned{Field: c.Field, Sent: c.After, Got: got, Ignored: c.Field.Equal(got, c.Before)})
		}
	}
	known.Refusal = nil
	known.forgetParked(*a)
	for field, mine := range op.Mine.All() {
		known.Mine.Set(field, mine)
	}
	if op.Kind == Release {
		delete(w.known, op.ExternalID)
	}
}

// kept is what the service makes of a value: it puts a scheme before websites and single spaces into names.
func kept(c Change) string {
	switch {
	case c.Field == user.Website && c.After != "" && !strings.HasPrefix(c.After, "http"):
		return "http://" + c.After
	case c.Field == user.FullName:
		return strings.Join(strings.Fields(c.After), " ")
	default:
		return c.After
	}
}

// know returns the entry of the operation's external ID; what was known of another account is forgotten.
func (w *world) know(op Operation) *Known {
	k := w.known[op.ExternalID]
	if k == nil {
		k = &Known{ExternalID: op.ExternalID}
		w.known[op.ExternalID] = k
	}
	if op.AccountID != 0 && k.AccountID != op.AccountID {
		*k = Known{ExternalID: k.ExternalID, AccountID: op.AccountID}
	}
	return k
}
