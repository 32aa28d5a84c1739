package state

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// Traces are what is kept of one person, and where.
type Traces struct {
	Person     plan.Person
	Known      int      // rows of what is known
	Operations int      // of the journal
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
		var pairs map[string]string
		if _, err := readFact(ctx, tx, factRekeying, &pairs); err != nil {
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

func (t *tracer) known(ctx context.Context, tx *sql.Tx, who *plan.Person, found map[string]bool) error {
	return eachRow(ctx, tx, func(r *row) error {
		mayHold := func(name string) bool {
			return strings.Contains(strings.ToLower(r.account+r.notes), strings.ToLower(name))
		}
		if !who.Is(r.externalID, r.accountID) && !slices.ContainsFunc(who.Names, mayHold) { // most needn't be decoded
			return nil
		}
		e, err := r.entry()
		if err != nil {
			return err
		}
		held := who.HasName(e.account.Values[user.Login].Text) || who.HasName(e.account.Values[user.Email].Text) ||
			e.notes.Parked != nil && (who.HasName(e.notes.Parked.Login) || who.HasName(e.notes.Parked.Email))
		if !who.Is(e.externalID, e.account.ID) && !held {
			return nil
		}
		found[e.externalID] = true
		t.sameAccount(e.externalID, e.account.ID)
		if t.ids[e.externalID] {
			t.entry(&e)
		}
		return nil
	})
}

// entry gathers what is known under an external ID of theirs.
func (t *tracer) entry(e *entry) {
	t.Known++
	t.account(e.account)
	for field, text := range e.notes.Mine.fields() {
		if user.Field(field) != user.Tags {
			t.text(*text)
		}
	}
	for _, learned := range e.notes.Learned {
		if learned.Field != user.Tags {
			t.text(learned.Sent)
			t.text(learned.Got)
		}
	}
	if e.notes.KeptID != nil {
		t.text(*e.notes.KeptID)
	}
	if parked := e.notes.Parked; parked != nil {
		t.Parked = true
		t.name(parked.Login, parked.Email)
	}
	t.Absent = t.Absent || e.notes.Absence != nil
}

func (t *tracer) journal(ctx context.Context, tx *sql.Tx, who *plan.Person, found map[string]bool) error {
	return each(ctx, tx, func(rows *sql.Rows) error {
		var externalID, text, ending, login, email string
		var accountID int64
		if err := scan(rows, &externalID, &accountID, &text, &ending, &login, &email); err != nil {
			return err
		}
		if !who.Is(externalID, accountID) && !who.HasName(login) && !who.HasName(email) {
			return nil
		}
		found[externalID] = true
		t.sameAccount(externalID, accountID)
		if !t.ids[externalID] {
			return nil
		}
		t.Operations++
		t.name(login, email)
		if ending == "" || Ending(ending) == DoneUnknown {
			t.InDoubt++
		}
		if accountID != 0 {
			t.accounts[accountID] = true
		}
		var mine map[user.Field]string
		if err := decode(text, &mine); err != nil {
			return err
		}
		for field, value := range mine {
			if field != user.Tags {
				t.text(value)
			}
		}
		return nil
	}, "SELECT external_id, account_id, mine, ending, login, email FROM journal")
}

// plans looks into the kept plans that hold one of the words.
func (t *tracer) plans(ctx context.Context, who *plan.Person, words []string, found map[string]bool) error {
	for path, err := range t.store.planFiles() {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		holds, err := holdsFolded(path, slices.Concat(words, accountWords(who)))
		if err == nil && holds {
			err = t.plan(path, who, found)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// plan looks into one plan. One that can't be read is taken away when the person is forgotten: see Forget.
func (t *tracer) plan(path string, who *plan.Person, found map[string]bool) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	_, err = plan.ScanFile(file, func(l plan.Line) error {
		if !about(who, l) {
			return nil
		}
		externalID := externalIDOf(l)
		found[externalID] = true
		if op := l.Operation; op != nil {
			t.sameAccount(op.ExternalID, op.AccountID)
			if op.Reason == plan.Rekeyed && op.ExternalIDBefore != nil {
				t.same(op.ExternalID, *op.ExternalIDBefore)
			}
		}
		if externalID == "" {
			t.Lines++
			l.Texts(t.text)
		}
		if !t.ids[externalID] {
			return nil
		}
		t.Lines++
		l.Texts(t.text)
		if op := l.Operation; op != nil {
			t.account(op.Was())
			for _, c := range op.Changes {
				if c.Field == user.Login || c.Field == user.Email {
					t.name(c.Before, c.After)
				}
			}
		}
		return nil
	})
	if _, broken := errors.AsType[*plan.FileError](err); broken {
		return nil
	}
	return err
}

// accountWords are how a plan names their accounts.
func accountWords(who *plan.Person) []string {
	words := make([]string, len(who.AccountIDs))
	for i, id := range who.AccountIDs {
		words[i] = fmt.Sprintf(`"account_id":%d`, id)
	}
	return words
}

// about reports whether a line is about somebody, or about an account that holds a name of theirs.
func about(who *plan.Person, l plan.Line) bool {
	if who.About(l) {
		return true
	}
	op := l.Operation
	if op == nil {
		return l.Reject != nil && slices.ContainsFunc(l.Reject.Cells, func(v record.Value) bool { return who.HasName(v.Text()) })
	}
	was := op.Was()
	return who.HasName(was.Values[user.Login].Text) || who.HasName(was.Values[user.Email].Text) ||
		slices.ContainsFunc(op.Changes, func(c plan.Change) bool {
			return (c.Field == user.Login || c.Field == user.Email) && (who.HasName(c.Before) || who.HasName(c.After))
		})
}

func externalIDOf(l plan.Line) string {
	switch {
	case l.Operation != nil:
		return l.Operation.ExternalID
	case l.Reject != nil:
		return l.Reject.ExternalID
	case l.Leaver != nil:
		return l.Leaver.ExternalID
	default:
		return l.Remark.ExternalID
	}
}

// planFiles yields the kept plans.
func (s *Store) planFiles() func(yield func(string, error) bool) {
	return func(yield func(string, error) bool) {
		entries, err := os.ReadDir(s.plans())
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield("", err)
			return
		}
		for _, entry := range entries {
			if plannedBy(entry.Name()) != 0 && !yield(filepath.Join(s.plans(), entry.Name()), nil) {
				return
			}
		}
	}
}

// holdsFolded reports whether a file holds one of the texts, as a plan spells it, in whatever case.
func holdsFolded(path string, texts []string) (bool, error) {
	var wanted [][]byte
	for _, text := range texts {
		for _, spelled := range plan.Spellings(text) {
			wanted = append(wanted, bytes.ToLower([]byte(spelled)))
		}
	}
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }() // it was only read
	for in := bufio.NewReaderSize(file, 1<<20); ; {
		line, err := in.ReadBytes('\n')
		folded := bytes.ToLower(line)
		if slices.ContainsFunc(wanted, func(w []byte) bool { return bytes.Contains(folded, w) }) {
			return true, nil
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}
