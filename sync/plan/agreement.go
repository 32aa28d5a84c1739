package plan

import (
	"context"
	"iter"
	"slices"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// Agreement recognises a user whose record and account the last run found equal, or made so, without any of their values:
// while both digests stay as they are, there is nothing to decide.
type Agreement struct {
	Digests
	Login user.Digest // that the record claims; 0: none
	Email user.Digest // that the record claims; 0: none
}

// Digests are what a user is recognised by.
type Digests struct {
	Key     user.Digest // of the external ID: see KeyOf
	Record  user.Digest // of the record, and of everything else that decides about it
	Account user.Digest // of the account
}

// Agreements are the agreements of one pipeline, by the number of a row each.
type Agreements interface {
	// Span is more than the highest row.
	Span() int64
	// Find returns the row of a key; false also where two rows share it.
	Find(key user.Digest) (row int64, ok bool)
	At(row int64) Digests
	// Rows yields all of them, by rising row.
	Rows() iter.Seq2[int64, Digests]
	// Claiming returns the rows whose records claim one of these logins and e-mails. Few runs ask, so what is claimed
	// needn't be at hand: an error means that it can't be told.
	Claiming(ctx context.Context, claims map[user.Digest]bool) ([]int64, error)
}

func (c claim) digest() user.Digest { return user.DigestOf(string(c.key), c.value) }

// agree notes that a record equals its account and nothing is to be said about it, so that both can be recognised by
// their digests as long as nothing else is learned of them.
func (b *builder) agree(d Desired, known Known, have account.Account) {
	theirs := have.ExternalID == d.User.ExternalID && (known.AccountID == have.ID || known.AccountID == 0) && !b.shared[have.ID]
	if d.Digest == 0 || !theirs || known.Parked != nil { // halfway through a swap: see putBack
		return
	}
	agreement := Agreement{Digests: Digests{Key: KeyOf(d.User.ExternalID), Record: d.Digest, Account: have.Digest()}}
	if login := d.User.Values[user.Login].Text; login != "" {
		agreement.Login = claimOf(user.Login, login).digest()
	}
	if email := d.User.Values[user.Email].Text; email != "" {
		agreement.Email = claimOf(user.Email, email).digest()
	}
	b.plan.Agreed[d.User.ExternalID] = agreement
}

// SignedUp returns the agreement of somebody who was signed up and whose account is, in the service's answer, exactly what
// was planned; the zero Agreement where it isn't. It is good as long as it is for agree: a record and an account that
// are seen to be equal to it the next time would be found unchanged, without a word.
func (p *Policy) SignedUp(op *Operation, have *account.Account) Agreement {
	ours := have.ExternalID == op.ExternalID && have.HasTag(p.OwnerTag) && p.Spares(Update, *have) == ""
	if op.Kind != Create || op.Record == 0 || !ours || isParked(have.Values[user.Login].Text) {
		return Agreement{}
	}
	want := user.User{ExternalID: op.ExternalID}
	for i := range want.Values { // what isn't written may be wanted empty
		want.Values[i] = user.Text("")
	}
	for _, c := range op.Changes {
		want.Values[c.Field] = user.Text(c.After)
	}
	want.Values[user.CustomData], want.Values[user.Tags] = op.Mine.CustomData, op.Mine.Tags
	changes, remarks := diff(want, *have, Known{ExternalID: op.ExternalID, AccountID: have.ID, Mine: op.Mine}, *p)
	if len(changes)+len(remarks) > 0 {
		return Agreement{}
	}
	digests := meeting(&want)
	return Agreement{
		Digests: Digests{Key: digests[0], Record: op.Record, Account: have.Digest()}, Login: digests[1], Email: digests[2],
	}
}

// Sieve parts the users for whom nothing can have changed from those whom a plan has to be made for: they are
// concerned. First the accounts go through it, then the records.
//
// What is left of an Input after it makes the same plan as the whole would, but for the number of those who agree.
type Sieve struct {
	agreements Agreements
	marks      []mark // by row
	agreeing   int    // records that were passed over
	again      bool   // some of them are needed after all
	claims     map[user.Digest]bool
	next       int64 // the row after that of the last record: exports keep their order
}

// mark is what is known of a row in this run.
type mark uint8

const (
	accountAsBefore mark = 1 << iota // its account is the one of the agreement
	recordAsBefore                   // a record of this read was passed over
	isConcerned                      // whatever its record says
	wasRead                          // this read gave a record of it
)

// NewSieve takes no account for seen.
func NewSieve(agreements Agreements) *Sieve {
	return &Sieve{agreements: agreements, marks: make([]mark, agreements.Span()), claims: map[user.Digest]bool{}}
}

// AllAsBefore says that all accounts are as they were, but for those that Changed takes.
func (s *Sieve) AllAsBefore() {
	for i := range s.marks {
		s.marks[i] |= accountAsBefore
	}
}

// Account takes a listed account and reports whether it is the one of an agreement. One that isn't is needed.
func (s *Sieve) Account(a *account.Account) bool {
	row, known := s.agreements.Find(KeyOf(a.ExternalID))
	switch {
	case !known:
		return false
	case s.agreements.At(row).Account == a.Digest():
		s.marks[row] |= accountAsBefore
		return true
	default: // changed, or another one under the same external ID
		s.marks[row] |= isConcerned
		return false
	}
}

// Changed takes an account that may have changed since AllAsBefore was true, and reports whether it is the one of an
// agreement nevertheless. One that isn't takes that one's place.
func (s *Sieve) Changed(a *account.Account) bool {
	row, known := s.agreements.Find(KeyOf(a.ExternalID))
	if !known || s.agreements.At(row).Account == a.Digest() {
		return known
	}
	s.marks[row] = s.marks[row]&^accountAsBefore | isConcerned
	return false
}

// Restart begins a read of the source.
func (s *Sieve) Restart() {
	for i := range s.marks {
		s.marks[i] &^= recordAsBefore | wasRead
	}
	s.agreeing, s.again = 0, false
	clear(s.claims)
}

// Hold lets nobody be passed over any more.
func (s *Sieve) Hold() {
	for i := range s.marks {
		s.marks[i] |= isConcerned
	}
}

// Record takes a record and reports whether it may be passed over: nothing is to be decided about it. Whoever isn't
// passed over has to be claimed for, or rejected.
func (s *Sieve) Record(externalID string, digest user.Digest) bool {
	key := KeyOf(externalID)
	row, known := s.next, s.next < int64(len(s.marks)) && s.agreements.At(s.next).Key == key
	if !known {
		row, known = s.agreements.Find(key)
	}
	if !known {
		return false
	}
	s.next = row + 1
	m := s.marks[row]
	s.marks[row] |= wasRead
	switch {
	case m&recordAsBefore != 0: // a second record of the same person: both are needed
		s.marks[row] |= isConcerned
		s.again = true
		return false
	case m&(isConcerned|accountAsBefore) != accountAsBefore || s.agreements.At(row).Record != digest:
		s.marks[row] |= isConcerned
		return false
	}
	s.marks[row] |= recordAsBefore
	s.agreeing++
	return true
}

// Skim passes records over by their digests alone, where they come in about the order of the rows. It may be used by
// another goroutine than its Sieve, which has to be told of those whom it passed over.
type Skim struct {
	agreements Agreements
	marks      []mark // as they were
	next       int64  // the row that is expected
}

// skimAhead is how many rows the next record may lie ahead.
const skimAhead = 8

// Skim begins to skim a read, as the sieve knows the rows by now.
func (s *Sieve) Skim() *Skim { return &Skim{agreements: s.agreements, marks: slices.Clone(s.marks)} }

// Known returns the row of a record, and whether it may be passed over.
func (s *Skim) Known(record user.Digest) (row int64, ok bool) {
	for row := s.next; row < min(s.next+skimAhead, int64(len(s.marks))); row++ {
		if s.agreements.At(row).Record == record {
			s.next = row + 1
			return row, s.marks[row]&(isConcerned|accountAsBefore) == accountAsBefore
		}
	}
	return 0, false
}

// Miss takes the external ID of a record that isn't known: those after it are expected beside it.
func (s *Skim) Miss(externalID string) {
	if row, known := s.agreements.Find(KeyOf(externalID)); known {
		s.next = row + 1
	}
}

// Skimmed takes rows whose records were passed over by a Skim: from one to before another.
func (s *Sieve) Skimmed(from, to int64) {
	for row := from; row < to; row++ {
		s.marks[row] |= wasRead
		if s.marks[row]&(isConcerned|recordAsBefore) != 0 { // another record of the same person came before: both are needed
			s.marks[row] |= isConcerned
			s.again = true
			continue
		}
		s.marks[row] |= recordAsBefore
		s.agreeing++
	}
}

// Reject takes the external ID of a record that was rejected.
func (s *Sieve) Reject(externalID string) {
	if externalID != "" {
		s.Record(externalID, 0)
	}
}

// Claim takes a user who wasn't passed over.
func (s *Sieve) Claim(u user.User) {
	if s.agreements.Span() == 0 {
		return // nobody can be passed over
	}
	for _, field := range claimed() {
		if value := u.Values[field].Text; value != "" {
			s.claims[claimOf(field, value).digest()] = true
		}
	}
	s.claims[claimOf(user.Login, signUpLogin(u)).digest()] = true
}

// Again ends a read and reports whether records were passed over that are needed after all, because another one of the
// same person came later, or wants the same login or e-mail. Then the source has to be read once more; that read
// doesn't pass them over. An error means that it can't be told.
func (s *Sieve) Again(ctx context.Context) (bool, error) {
	if len(s.claims) == 0 || s.agreeing == 0 {
		return s.again, nil
	}
	rows, err := s.agreements.Claiming(ctx, s.claims)
	if err != nil {
		return false, err
	}
	for _, row := range rows {
		if s.marks[row]&(recordAsBefore|isConcerned) == recordAsBefore {
			s.marks[row] |= isConcerned
			s.again = true
		}
	}
	return s.again, nil
}

// Lacks reports, of a read of only what changed, whether it can't be planned by, because a record that it didn't give wants
// the same login or e-mail as one that it gave, as far as is known. An error means that it can't be told.
func (s *Sieve) Lacks(ctx context.Context) (bool, error) {
	if len(s.claims) == 0 {
		return false, nil
	}
	rows, err := s.agreements.Claiming(ctx, s.claims)
	return slices.ContainsFunc(rows, func(row int64) bool { return s.marks[row]&wasRead == 0 }), err
}

// Presume ends a read of only what changed: whose record it didn't give, it is as before, unless something is to be said of
// the account. It returns how many they are. They aren't among those who agree.
func (s *Sieve) Presume() int {
	n := 0
	for row := range s.agreements.Rows() {
		if s.marks[row]&(wasRead|isConcerned|accountAsBefore) == accountAsBefore {
			s.marks[row] |= recordAsBefore
			n++
		}
	}
	return n
}

// Claims returns what tells whether a record that wasn't passed over wants an account's login or e-mail. It can be asked
// when the sieve isn't needed any more.
func (s *Sieve) Claims() func(a *account.Account) bool {
	claims := s.claims
	return func(a *account.Account) bool {
		return slices.ContainsFunc(claimed(), func(field user.Field) bool {
			value := a.Values[field].Text
			return value != "" && claims[claimOf(field, value).digest()]
		})
	}
}

// Agreeing returns how many records were passed over.
func (s *Sieve) Agreeing() int { return s.agreeing }

// AsListed reports whether the row's account was as the agreement says.
func (s *Sieve) AsListed(row int64) bool {
	return row < int64(len(s.marks)) && s.marks[row]&accountAsBefore != 0
}

// Concerned returns the rows with an agreement that a plan has to be made for.
func (s *Sieve) Concerned() []int64 {
	var rows []int64
	for row := range s.agreements.Rows() {
		if s.marks[row]&(recordAsBefore|isConcerned) != recordAsBefore {
			rows = append(rows, row)
		}
	}
	return slices.Clip(rows)
}
