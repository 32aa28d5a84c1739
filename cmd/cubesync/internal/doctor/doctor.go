// Package doctor finds out what the credentials of a configuration may do with a ConnectyCube application, by doing it
// to throw-away accounts of its own, which it removes again. It compares that with what the pipelines need and says
// which line of the configuration to change. It syncs nobody, and knows neither sources nor states.
//
// An examination gathers facts (Examine); a diagnosis compares them with a configuration (Diagnose, pure); a report
// shows both.
package doctor

import (
	"context"
	"slices"
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sync/account"
)

const (
	// looks is how often the session is looked at, for the median.
	looks = 5

	// tidyTime is what removing the throw-away accounts may take, also after an interruption: it fits into the 30
	// seconds that service managers grant.
	tidyTime = 20 * time.Second

	// longest is how long an examination goes on. What it didn't get to then stays unknown.
	longest = 3 * time.Minute
)

// Options are what an examination needs.
type Options struct {
	Client      *connectycube.Client
	ServiceUser bool // the client has one
	AdminKey    bool // the client has one
	Identity    bool // an identity provider answers every sign-in by login
	// Secret is what the passwords of throw-away accounts are derived from, and the logins that nobody has. It has to be
	// the same in every examination of an application, so that one can remove, as their owner, the accounts that another
	// was killed over. As logins are no secrets, it has to be one that nobody can guess.
	Secret   string
	Progress func() // called after each of Steps
}

// Facts are what an examination found out.
type Facts struct {
	Session *connectycube.Session // nil where none could be had
	Latency time.Duration         // the median of a few calls
	Lag     time.Duration         // how late a list showed a new account; 0: at once
	Checks  []Check               // in order
	Made    int                   // throw-away accounts of this examination
	Removed int                   // accounts that an earlier doctor left behind
	Left    []string              // logins of throw-away accounts, and names of files, that may still be there
	Others  bool                  // another doctor was at work
	TooLong bool                  // there was no time left for everything
	Trouble *Trouble              // what ended the examination early; nil: nothing

	Throttled int // requests that the service refused as too many
}

// Answer returns the answer to a question.
func (f Facts) Answer(q Question) Check {
	for _, c := range f.Checks {
		if c.Question == q {
			return c
		}
	}
	return Check{Question: q}
}

// Stage says what an examination was at.
type Stage uint8

// The stages.
const (
	AtApplication Stage = iota // making a session of the application
	AtServiceUser              // signing the service user in
	AtWork                     // with the session
)

// Trouble ended an examination.
type Trouble struct {
	Stage       Stage
	Interrupted bool
	Err         error
}

type examination struct {
	Options
	key, shared, admin account.Service // accounts are signed up, updated or deleted as
	facts              Facts
	accounts           accounts
	began              time.Time         // by the service's clock
	blind              bool              // lists or look-ups lag further than we wait
	strays             []account.Account // of a doctor that is at work, or was killed a moment ago
}

// step is a part of an examination: what it answers, and the stage it belongs to. An error ends the examination.
type step struct {
	stage Stage
	do    func(ctx context.Context) error
}

// steps is the whole examination, in order.
func (e *examination) steps() []step {
	return []step{
		{AtApplication, e.Client.TryApplication},
		{AtServiceUser, e.session},
		{AtWork, e.leftovers},
		{AtWork, e.signUpWithKey},
		{AtWork, e.list},
		{AtWork, e.lookUps},
		{AtWork, e.uniqueness},
		{AtWork, e.signUpAsShared},
		{AtWork, e.updates},
		{AtWork, e.externalID},
		{AtWork, e.deletes},
		{AtWork, e.file},
		{AtWork, e.unknownLogins},
		{AtWork, e.removeStrays},
	}
}

// Steps is how many steps an examination has.
func Steps() int { return len((&examination{}).steps()) + 1 }

// Examine examines the application. Whatever happens, the throw-away accounts are removed before it returns; those that
// can't be are named.
func Examine(ctx context.Context, o Options) Facts {
	e := newExamination(o)
	working, done := context.WithTimeout(ctx, longest)
	defer done()
	for _, s := range e.steps() {
		err := s.do(working)
		interrupted, late := ctx.Err() != nil, working.Err() != nil && s.stage == AtWork
		if late && !interrupted {
			e.facts.TooLong = true
			break
		}
		if err != nil || interrupted {
			e.facts.Trouble = &Trouble{Stage: s.stage, Interrupted: interrupted, Err: err}
			break
		}
		e.Progress()
	}
	tidying, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyTime)
	defer cancel()
	e.tidy(tidying)
	e.Progress()
	e.facts.Throttled = e.Client.Throttled()
	return e.facts
}

func newExamination(o Options) *examination {
	e := &examination{Options: o}
	if e.Progress == nil {
		e.Progress = func() {}
	}
	for _, q := range Questions() {
		e.facts.Checks = append(e.facts.Checks, Check{Question: q, Words: "the examination ended before"})
	}
	e.key = o.Client.Service(connectycube.Authority{SignUps: connectycube.SignUpsWithKey})
	e.shared = o.Client.Service(connectycube.Authority{
		SignUps: connectycube.SignUpsAsShared, Updates: connectycube.UpdatesAsShared, Deletes: connectycube.DeletesAsShared,
	})
	e.admin = o.Client.Service(connectycube.Authority{Deletes: connectycube.DeletesAsAdmin})
	e.accounts = newAccounts()
	return e
}

func (e *examination) answer(q Question, a Answer, words string) {
	i := slices.IndexFunc(e.facts.Checks, func(c Check) bool { return c.Question == q })
	e.facts.Checks[i] = Check{Question: q, Answer: a, Words: words}
}

// refuse answers no with a refusal.
func (e *examination) refuse(q Question, err error) {
	if account.KindOf(err) == account.PasswordNotOurs {
		e.answer(q, No, noSignIn)
		return
	}
	i := slices.IndexFunc(e.facts.Checks, func(c Check) bool { return c.Question == q })
	e.facts.Checks[i] = Check{Question: q, Answer: No, Words: said(err), Refused: true}
}

// session looks at the session a few times.
func (e *examination) session(ctx context.Context) error {
	var took []time.Duration
	for range looks {
		seen, err := e.Client.Session(ctx)
		if err != nil {
			return err
		}
		e.facts.Session = &seen
		took = append(took, seen.Took)
	}
	slices.Sort(took)
	e.facts.Latency = took[looks/2]
	return nil
}
