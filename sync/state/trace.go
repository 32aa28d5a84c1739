package state

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// Traces are what is kept of one person, and where.
type Traces struct {
	Person     plan.Person
	Known      int      // rows of what is known
	Operations int      // of the journal, and of what may still be carried out
	InDoubt    int      // of them
	Lines      int      // of kept plans
	Rekeying   int      // changes of external IDs of which it isn't known how they ended
	Absent     bool     // their grace runs
	Parked     bool     // what they gave up in a swap isn't given back yet, and is known here only
	texts      []string // every text that is kept of them
}

// Found reports whether anything is kept of them.
func (t *Traces) Found() bool { return t.Known+t.Operations+t.Lines+t.Rekeying > 0 }

// SeveralError is a word that names several people.
type SeveralError struct {
	Word        string
	ExternalIDs []string
}

func (e *SeveralError) Error() string {
	return fmt.Sprintf("%q may be any of the external IDs %q: name one of them", e.Word, e.ExternalIDs)
}

// Trace finds what is kept of the person whom the word names: an external ID before anything else, or an account id, a
// login or an e-mail, as anything that is kept knows them. One that names several people is a *SeveralError.
func (s *Store) Trace(ctx context.Context, word string) (*Traces, error) {
	t := &tracer{store: s, texts: map[string]bool{word: true}, ids: map[string]bool{}, accounts: map[int64]bool{}, names: map[string]bool{}}
	id, _ := strconv.ParseInt(word, 10, 64) // 0 is no account's
	first := plan.Person{ExternalIDs: []string{word}, Names: []string{word}}
	if id != 0 {
		first.AccountIDs = []int64{id}
	}
	whom, err := t.walk(ctx, &first, []string{word})
	if err != nil {
		return nil, err
	}
	switch {
	case slices.Contains(whom, word):
		whom = []string{word}
	case len(whom) == 0 && t.Lines > 0: // a rejected record without a readable external ID
		t.names[word] = true
		return t.traces(), nil
	case len(whom) == 0:
		return &Traces{texts: []string{word}}, nil
	}
	t.texts, t.ids[whom[0]] = map[string]bool{}, true
	for { // until it is known under which other external IDs the same person was known
		before := len(t.ids) + len(t.accounts) + len(t.names)
		t.Traces = Traces{}
		person := t.person()
		if _, err := t.walk(ctx, &person, slices.Concat(person.ExternalIDs, person.Names)); err != nil {
			return nil, err
		}
		if len(t.ids)+len(t.accounts)+len(t.names) == before {
			break
		}
	}
	if slices.ContainsFunc(whom, func(externalID string) bool { return !t.ids[externalID] }) {
		return nil, &SeveralError{Word: word, ExternalIDs: whom}
	}
	return t.traces(), nil
}

// tracer gathers what is kept of one person.
type tracer struct {
	Traces
	store    *Store
	ids      map[string]bool
	accounts map[int64]bool
	names    map[string]bool
	texts    map[string]bool
}

func (t *tracer) person() plan.Person {
	return plan.Person{
		ExternalIDs: slices.Sorted(maps.Keys(t.ids)), AccountIDs: slices.Sorted(maps.Keys(t.accounts)), Names: slices.Sorted(maps.Keys(t.names)),
	}
}

func (t *tracer) traces() *Traces {
	found := t.Traces
	found.Person = t.person()
	for name := range t.names {
		t.texts[name] = true
	}
	for externalID := range t.ids {
		t.texts[externalID] = true
	}
	delete(t.texts, "")
	found.texts = slices.Sorted(maps.Keys(t.texts))
	return &found
}

// walk looks at everything that is kept, and returns the external IDs of those who are this person. What belongs to the
// external IDs that are theirs for sure is gathered.
func (t *tracer) walk(ctx context.Context, who *plan.Person, words []string) ([]string, error) {
	found := map[string]bool{}
	err := t.store.moment(ctx, "looking for somebody", func(tx *sql.Tx) error {
		clear(found)
		if err := t.known(ctx, tx, who, found); err != nil {
			return err
		}
		if err := t.journal(ctx, tx, who, found); err != nil {
			return err
		}
		if err := t.late(ctx, tx, who, found); err != nil {
			return err
		}
		pairs, err := readRekeying(ctx, tx)
		if err != nil {
			return err
		}
		for now, old := range pairs {
			if who.Is(now, 0) || who.Is(old, 0) {
				t.Rekeying++
				found[now] = true
				t.same(now, old)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := t.plans(ctx, who, words, found); err != nil {
		return nil, err
	}
	delete(found, "")
	return slices.Sorted(maps.Keys(found)), nil
}

// same takes in that two external IDs are one person's, where one of them is the person's.
func (t *tracer) same(one, other string) {
	if t.ids[one] || t.ids[other] {
		t.ids[one], t.ids[other] = true, true
	}
}

// sameAccount takes in that an external ID belongs to an account of theirs: they had it before, or got it later.
func (t *tracer) sameAccount(externalID string, accountID int64) {
	if externalID != "" && t.accounts[accountID] {
		t.ids[externalID] = true
	}
}

func (t *tracer) text(text string) { t.texts[text] = true }

func (t *tracer) account(a account.Account) {
	if a.ID != 0 {
		t.accounts[a.ID] = true
	}
	for field, value := range a.Values {
		if user.Field(field) != user.Tags {
			t.text(value.Text)
		}
	}
	t.name(a.Values[user.Login].Text, a.Values[user.Email].Text)
	t.text(a.ExternalID)
}

func (t *tracer) name(names ...string) {
	for _, name := range names {
		if name != "" {
			t.names[name] = true
		}
	}
}
