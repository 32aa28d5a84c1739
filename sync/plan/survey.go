package plan

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strconv"

	"cubesync/sync/account"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// claimed are the fields whose values only one account of an application can hold.
func claimed() []user.Field { return []user.Field{user.Login, user.Email} }

// claim is a value that only one account can hold: one of these, or an external ID.
type claim struct {
	key   account.Key
	value string // canonical
}

func claimOf(field user.Field, value string) claim {
	return claim{keyOf(field), field.Canonical(value)}
}

func keyOf(field user.Field) account.Key {
	if field == user.Login {
		return account.ByLogin
	}
	return account.ByEmail
}

// Survey is the first look at an Input: which records contradict each other, and what has to be looked up in
// ConnectyCube before anything can be decided.
type Survey struct {
	in       Input
	contests map[claim][]record.Position // values that several persons of the source want
	lost     map[int64]lost              // accounts known to be ours that aren't listed under their external ID
	strays   map[int64]account.Account   // of them, those that are listed under another one, or under none
	shared   map[int64]bool              // accounts that were known under more than one external ID
	unlisted []string
	lookups  Lookups
	rows     int // whom something may be planned for
}

// lost is what we knew of an account that isn't listed under its external ID any more.
type lost struct {
	externalID string
	wanted     bool   // the source still has a record for it, be it a rejected one
	rival      string // another such external ID, "" for none
}

// Lookups are the values that planned sign-ups would claim, and the accounts that should be there and weren't listed.
type Lookups struct {
	ExternalIDs []string
	Logins      []string
	Emails      []string
	IDs         []string
}

// NewSurvey walks the input once.
func NewSurvey(in Input) *Survey {
	s := &Survey{
		in:       in,
		contests: map[claim][]record.Position{},
		lost:     map[int64]lost{},
		strays:   map[int64]account.Account{},
		shared:   map[int64]bool{},
	}
	rejected := map[string]bool{}
	for _, r := range in.Rejects {
		rejected[r.ExternalID] = true
	}
	claimants := map[user.Digest]user.Digest{} // persons by what they claim: only digests, as there may be millions
	contested := map[user.Digest]bool{}
	for row := range join(in) {
		s.rows++
		s.lookups.lookUpParked(row)
		for c := range row.claims() {
			digest := c.digest()
			if first, held := claimants[digest]; !held {
				claimants[digest] = KeyOf(row.key)
			} else if first != KeyOf(row.key) {
				contested[digest] = true
			}
		}
		if k := row.known; k != nil && k.AccountID != 0 && !slices.ContainsFunc(row.observed, row.knows) {
			wanted := len(row.desired) > 0 || rejected[row.key]
			s.lose(k.AccountID, row.key, wanted)
			if wanted && len(row.observed) == 0 {
				s.unlisted = append(s.unlisted, row.key)
			}
		}
		if len(row.observed) > 0 {
			continue
		}
		if len(row.desired) > 0 {
			want := row.desired[0].User
			s.lookups.ExternalIDs = append(s.lookups.ExternalIDs, want.ExternalID)
			s.lookups.Logins = append(s.lookups.Logins, row.wants(want, user.Login))
			if email := row.wants(want, user.Email); email != "" {
				s.lookups.Emails = append(s.lookups.Emails, email)
			}
		}
	}
	s.findContests(contested)
	s.findStrays()
	return s
}

// findContests gathers where the records stand that claim what another person's does.
func (s *Survey) findContests(contested map[user.Digest]bool) {
	if len(contested) == 0 {
		return
	}
	first := map[claim]string{} // external ID
	for row := range join(s.in) {
		for c, d := range row.claims() {
			if !contested[c.digest()] {
				continue
			}
			if holder, held := first[c]; !held {
				first[c] = row.key
			} else if holder == row.key {
				continue
			}
			s.contests[c] = append(s.contests[c], d.Position)
		}
	}
}

// lose remembers a known account. Of several external IDs under which it is known, those that the source has count.
func (s *Survey) lose(id int64, externalID string, wanted bool) {
	first, twice := s.lost[id]
	switch {
	case twice && first.wanted && wanted:
		first.rival = externalID
		s.lost[id] = first
	case !twice || wanted:
		s.lost[id] = lost{externalID: externalID, wanted: wanted}
	}
}

// findStrays looks for the lost accounts among the listed ones; those that aren't there are looked up.
func (s *Survey) findStrays() {
	if len(s.lost) == 0 {
		return
	}
	for row := range join(s.in) {
		for _, a := range row.observed {
			switch {
			case row.knows(a):
				if _, elsewhere := s.lost[a.ID]; elsewhere { // who was known to have it there was wrong
					delete(s.lost, a.ID)
					s.shared[a.ID] = true
				}
			default:
				if _, lost := s.lost[a.ID]; lost {
					s.strays[a.ID] = a
				}
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.lost)) {
		if _, listed := s.strays[id]; !listed {
			s.lookups.IDs = append(s.lookups.IDs, strconv.FormatInt(id, 10))
		}
	}
}

// KnownAs returns the external ID of the source under which a listed account is known, where that isn't the one that it
// carries; false for all others.
func (s *Survey) KnownAs(id int64) (string, bool) {
	_, stray := s.strays[id]
	was := s.lost[id]
	return was.externalID, stray && was.wanted && was.rival == ""
}

// Unlisted returns the external IDs that are in the source and known to have an account which wasn't listed: it
// vanished, or lost our tag. What is known of them is still needed.
func (s *Survey) Unlisted() []string { return s.unlisted }

// Lookups returns what Build has to be told about.
func (s *Survey) Lookups() Lookups { return s.lookups }

// row is everything that the three sequences hold under one external ID. It is good until the next is asked for: see keep.
type row struct {
	key      string
	desired  []Desired
	observed []account.Account
	known    *Known
}

// keep returns a copy that stays.
func (r row) keep() row {
	r.desired, r.observed = slices.Clone(r.desired), slices.Clone(r.observed)
	if r.known != nil {
		only := *r.known
		r.known = &only
	}
	return r
}

// knows reports whether the account is the one that the row's external ID was known to have.
func (r row) knows(a account.Account) bool { return r.known != nil && r.known.AccountID == a.ID }

// wants returns the value of a claimed field that a user of the row wants, "" for none. Whoever may have to be signed
// up wants a login in any case.
func (r row) wants(u user.User, field user.Field) string {
	if field == user.Login && len(r.observed) == 0 {
		return signUpLogin(u)
	}
	return u.Values[field].Text
}

// claims yields what the records of the row claim.
func (r row) claims() iter.Seq2[claim, *Desired] {
	return func(yield func(claim, *Desired) bool) {
		for i := range r.desired {
			for _, field := range claimed() {
				value := r.wants(r.desired[i].User, field)
				if value != "" && !yield(claimOf(field, value), &r.desired[i]) {
					return
				}
			}
		}
	}
}

// join walks the three sorted sequences side by side and yields one row an external ID, in order. Within a row the
// order of the input doesn't count.
func join(in Input) iter.Seq[row] {
	return func(yield func(row) bool) {
		desired, stopDesired := iter.Pull(in.Desired)
		defer stopDesired()
		observed, stopObserved := iter.Pull(in.Observed)
		defer stopObserved()
		known, stopKnown := iter.Pull(in.Known)
		defer stopKnown()

		d, moreDesired := desired()
		o, moreObserved := observed()
		k, moreKnown := known()
		var last row // whose room is used again
		var only Known
		for moreDesired || moreObserved || moreKnown {
			r := row{desired: last.desired[:0], observed: last.observed[:0]}
			r.key = lowest(
				side{d.User.ExternalID, moreDesired}, side{o.ExternalID, moreObserved}, side{k.ExternalID, moreKnown},
			)
			for moreDesired && d.User.ExternalID == r.key {
				r.desired = append(r.desired, d)
				d, moreDesired = desired()
			}
			for moreObserved && o.ExternalID == r.key {
				r.observed = append(r.observed, o)
				o, moreObserved = observed()
			}
			for moreKnown && k.ExternalID == r.key {
				only = k
				r.known = &only
				k, moreKnown = known()
			}
			slices.SortStableFunc(r.desired, func(a, b Desired) int { return comparePositions(a.Position, b.Position) })
			slices.SortStableFunc(r.observed, func(a, b account.Account) int { return cmp.Compare(a.ID, b.ID) })
			if !yield(r) {
				return
			}
			last = r
		}
	}
}

type side struct {
	key  string
	more bool
}

func lowest(sides ...side) string {
	key, found := "", false
	for _, s := range sides {
		if s.more && (!found || s.key < key) {
			key, found = s.key, true
		}
	}
	return key
}
