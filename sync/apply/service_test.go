package apply

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// scriptedService is an application in memory. It keeps logins and e-mails unique, every call takes it a moment, and a
// script says what goes wrong.
type scriptedService struct {
	// script is asked before each call: which (list, find, create, update, delete), whose (an external ID, "" for
	// a find), and the how manieth of its kind about them.
	script func(call, externalID string, n int) fault
	// keeps is what the service makes of a value; nil: it keeps it as it is.
	keeps func(field user.Field, before, sent string) string
	// fixedIDs: an update doesn't change an external ID.
	fixedIDs bool
	// intended is asked before each write.
	intended func(externalID string) bool

	mu        sync.Mutex
	accounts  map[int64]account.Account
	lastID    int64
	count     map[string]int
	log       []string // the writes, in the order in which they began
	unopened  []string // writes that came before their intent
	busy, top int
}

// fault is what goes wrong with one call. The zero fault is nothing.
type fault struct {
	err    error         // answered instead of carrying the call out
	early  error         // answered to an update before it read the account
	lost   bool          // carried out, but the answer is lost
	never  bool          // neither carried out nor answered
	late   time.Duration // carried out that much later; the answer is lost
	lies   bool          // answered as done, but not carried out
	hidden bool          // of a find: shows nothing
	during func()        // happens while the call is under way, before it is carried out
}

func (f fault) none() bool {
	return f.err == nil && f.early == nil && !f.lost && !f.never && f.late == 0 && !f.lies && !f.hidden && f.during == nil
}

func newService(accounts ...account.Account) *scriptedService {
	s := &scriptedService{accounts: map[int64]account.Account{}, count: map[string]int{}, lastID: 1000}
	for _, a := range accounts {
		s.accounts[a.ID] = a
	}
	return s
}

var errLost = &account.Error{Kind: account.Ambiguous, Call: "call", Words: "connection reset"}

// begin counts the call, lets it take a moment and returns what goes wrong with it.
func (s *scriptedService) begin(call, externalID string) fault {
	s.mu.Lock()
	n := s.count[call+" "+externalID] + 1
	s.count[call+" "+externalID] = n
	s.busy++
	s.top = max(s.top, s.busy)
	if call != "find" {
		s.log = append(s.log, call+" "+externalID)
		if s.intended != nil && !s.intended(externalID) {
			s.unopened = append(s.unopened, call+" "+externalID)
		}
	}
	s.mu.Unlock()
	var f fault
	if s.script != nil {
		f = s.script(call, externalID, n)
	}
	time.Sleep(10 * time.Millisecond)
	if f.during != nil {
		f.during()
	}
	s.mu.Lock()
	s.busy--
	s.mu.Unlock()
	return f
}

// commit carries a write out as the fault says; the error is what the caller is told instead of the answer.
func (s *scriptedService) commit(f fault, write func() error) error {
	locked := func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		return write()
	}
	switch {
	case f.err != nil:
		return f.err
	case f.never:
		return errLost
	case f.late > 0:
		time.AfterFunc(f.late, func() { _ = locked() })
		return errLost
	case f.lies:
		return nil
	}
	if err := locked(); err != nil {
		return err
	}
	if f.lost {
		return errLost
	}
	return nil
}

func (s *scriptedService) List(context.Context, string, func(account.Account) error) error {
	panic("apply never lists")
}

func (s *scriptedService) ListChanged(context.Context, string, time.Time, func(account.Account) error) (int, error) {
	panic("apply never lists")
}

func (s *scriptedService) Find(_ context.Context, key account.Key, values []string) ([]account.Account, error) {
	f := s.begin("find", "")
	if f.err != nil {
		return nil, f.err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []account.Account
	for _, a := range s.accounts {
		have := map[account.Key]string{
			account.ByID: strconv.FormatInt(a.ID, 10), account.ByExternalID: a.ExternalID,
			account.ByLogin: a.Values[user.Login].Text, account.ByEmail: a.Values[user.Email].Text,
		}[key]
		if !f.hidden && have != "" && slices.Contains(values, have) {
			found = append(found, a)
		}
	}
	return found, nil
}

func (s *scriptedService) Create(_ context.Context, u user.User, password string) (account.Account, error) {
	f := s.begin("create", u.ExternalID)
	if password != "password of "+u.ExternalID {
		return account.Account{}, &account.Error{Kind: account.Invalid, Call: "sign up", Words: "wrong password"}
	}
	err := s.commit(f, func() error {
		if err := s.free(u.Values, 0); err != nil {
			return err
		}
		s.lastID++
		s.write(account.Account{ID: s.lastID, ExternalID: u.ExternalID}, u.Values)
		return nil
	})
	if err != nil {
		return account.Account{}, err
	}
	return s.of(u.ExternalID)[0], nil
}

func (s *scriptedService) Update(_ context.Context, known account.Account, change func(account.Account) (account.Write, error)) (account.Account, error) {
	f := s.begin("update", known.ExternalID)
	if f.early != nil {
		return account.Account{}, f.early
	}
	s.mu.Lock()
	now, there := s.accounts[known.ID]
	s.mu.Unlock()
	if !there {
		return now, &account.Error{Kind: account.NotFound, Call: "update user", Words: "Couldn't find user."}
	}
	w, err := change(now)
	if err != nil || w == (account.Write{}) {
		return now, err
	}
	values := w.Values
	err = s.commit(f, func() error {
		if err := s.free(values, now.ID); err != nil {
			return err
		}
		if w.ExternalID != "" && !s.fixedIDs {
			now.ExternalID = w.ExternalID
		}
		s.write(now, values)
		return nil
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accounts[known.ID], err
}

func (s *scriptedService) Clock() time.Time { return time.Time{} }

func (s *scriptedService) Delete(_ context.Context, known account.Account) error {
	f := s.begin("delete", known.ExternalID)
	return s.commit(f, func() error {
		delete(s.accounts, known.ID)
		return nil
	})
}

// free refuses a login or an e-mail that another account holds.
func (s *scriptedService) free(values user.Values, id int64) error {
	for _, field := range []user.Field{user.Login, user.Email} {
		for _, a := range s.accounts {
			if want := values[field].Text; want != "" && a.ID != id && field.Equal(a.Values[field].Text, want) {
				return &account.Error{Kind: account.Conflict, Call: "sign up", Field: field.String(), Words: field.String() + " has already been taken", Status: 422}
			}
		}
	}
	return nil
}

func (s *scriptedService) write(a account.Account, values user.Values) {
	for field := range values {
		if !values[field].Set {
			a.Values[field] = user.Text(a.Values[field].Text)
			continue
		}
		kept := values[field].Text
		if s.keeps != nil {
			kept = s.keeps(user.Field(field), a.Values[field].Text, kept)
		}
		a.Values[field] = user.Text(kept)
	}
	s.accounts[a.ID] = a
}

// change lets somebody else change an account.
func (s *scriptedService) change(id int64, field user.Field, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[id]
	a.Values[field] = user.Text(text)
	s.accounts[id] = a
}

// of returns the accounts with the external ID.
func (s *scriptedService) of(externalID string) []account.Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []account.Account
	for _, a := range s.accounts {
		if a.ExternalID == externalID {
			all = append(all, a)
		}
	}
	return all
}

// recordingJournal keeps intents and outcomes in memory.
type recordingJournal struct {
	intendErr, recordErr error

	mu       sync.Mutex
	intents  []string
	chunks   []int // operations of each
	records  []int // outcomes of each
	outcomes []state.Outcome
}

func (j *recordingJournal) Intend(_ context.Context, _ int64, ops []plan.Operation) error {
	time.Sleep(time.Millisecond)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.intendErr != nil {
		return j.intendErr
	}
	j.chunks = append(j.chunks, len(ops))
	for _, op := range ops {
		j.intents = append(j.intents, nameOf(op))
	}
	return nil
}

func (j *recordingJournal) Record(ctx context.Context, _ int64, outcomes []state.Outcome) error {
	time.Sleep(time.Millisecond)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.recordErr != nil || ctx.Err() != nil {
		return fmt.Errorf("recording: %w", cmp.Or(j.recordErr, ctx.Err()))
	}
	j.records = append(j.records, len(outcomes))
	j.outcomes = append(j.outcomes, outcomes...)
	return nil
}

func (j *recordingJournal) opened(externalID string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Contains(j.intents, externalID) || slices.Contains(j.intents, externalID+string(plan.PutBack))
}

// stage is everything that one Apply needs.
type stage struct {
	service *scriptedService
	journal *recordingJournal
	workers int
	stop    chan struct{}
	ctx     context.Context
	seen    []state.Outcome
	spare   func(plan.Kind, account.Account) string
	set     func(*Applier) // nil: as it is
}

func newStage(accounts ...account.Account) *stage {
	return &stage{service: newService(accounts...), journal: &recordingJournal{}, workers: 4, stop: make(chan struct{}), ctx: context.Background()}
}

// apply carries the operations out and checks what holds for every run: each operation has exactly one outcome, what
// was opened was closed, and nothing was sent unopened or by too many workers.
func (s *stage) apply(t *testing.T, ops ...plan.Operation) (map[string]state.Outcome, error) {
	t.Helper()
	s.service.intended = s.journal.opened
	a := &Applier{
		Service: s.service, Journal: s.journal, Run: 1, OwnerTag: "staff", Workers: s.workers,
		Password: func(externalID string) (string, error) { return "password of " + externalID, nil },
		Spare:    s.spare,
		Observe:  func(o state.Outcome) { s.seen = append(s.seen, o) },
	}
	if s.set != nil {
		s.set(a)
	}
	err := a.Apply(s.ctx, s.stop, ops)
	outcomes := map[string]state.Outcome{}
	for _, o := range s.seen {
		if _, twice := outcomes[nameOf(o.Operation)]; twice {
			t.Errorf("%s has two outcomes", o.Operation)
		}
		outcomes[nameOf(o.Operation)] = o
	}
	for _, op := range ops {
		if outcomes[nameOf(op)].Ending == "" {
			t.Errorf("%s has no outcome", op)
		}
	}
	if len(outcomes) != len(ops) {
		t.Errorf("%d operations had %d outcomes", len(ops), len(outcomes))
	}
	closed := map[string]int{}
	for _, o := range s.journal.outcomes {
		closed[nameOf(o.Operation)]++
	}
	for _, opened := range s.journal.intents {
		if closed[opened] != 1 && s.journal.recordErr == nil {
			t.Errorf("%s was opened in the journal and closed %d times", opened, closed[opened])
		}
	}
	if len(s.service.unopened) > 0 {
		t.Errorf("sent before they were opened: %v", s.service.unopened)
	}
	if s.service.top > max(1, s.workers) {
		t.Errorf("%d calls were under way with %d workers", s.service.top, s.workers)
	}
	return outcomes, err
}

// nameOf tells the steps of an operation apart.
func nameOf(op plan.Operation) string { return op.ExternalID + string(op.Step) }

// person is an account of ours.
func person(id int64, externalID string) account.Account {
	a := account.Account{ID: id, ExternalID: externalID}
	for _, field := range user.Fields() {
		a.Values[field] = user.Text("")
	}
	a.Values[user.Login] = user.Text("login-" + externalID)
	a.Values[user.FullName] = user.Text("Name")
	a.Values[user.Tags] = user.Text("staff")
	return a
}

func with(a account.Account, field user.Field, text string) account.Account {
	a.Values[field] = user.Text(text)
	return a
}

func signUp(externalID string, changes ...plan.Change) plan.Operation {
	changes = append([]plan.Change{
		{Field: user.Login, After: "login-" + externalID},
		{Field: user.Tags, After: "staff"},
	}, changes...)
	return plan.Operation{Kind: plan.Create, ExternalID: externalID, Reason: plan.NewRecord, Changes: changes}
}

func change(a account.Account, field user.Field, to string) plan.Operation {
	return plan.Operation{
		Kind: plan.Update, ExternalID: a.ExternalID, AccountID: a.ID, Reason: plan.FieldsDiffer, Account: &a,
		Changes: []plan.Change{{Field: field, Before: a.Values[field].Text, After: to}},
	}
}

func remove(a account.Account) plan.Operation {
	return plan.Operation{Kind: plan.Delete, ExternalID: a.ExternalID, AccountID: a.ID, Reason: plan.LeftSource, Account: &a}
}

func release(a account.Account) plan.Operation {
	op := change(a, user.Tags, "")
	op.Kind, op.Reason = plan.Release, plan.LeftSource
	return op
}

func invalid(words string) *account.Error {
	return &account.Error{Kind: account.Invalid, Call: "call", Words: words, Status: 422}
}

func kind(k account.Kind) *account.Error {
	return &account.Error{Kind: k, Call: "call", Words: "scripted " + k.String()}
}
