package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

func (e *examination) signUpWithKey(ctx context.Context) error {
	_, err := e.signUp(ctx, e.key, e.accounts.next())
	e.answerDone(SignUpKey, err)
	return ctx.Err()
}

func (e *examination) signUpAsShared(ctx context.Context) error {
	if !e.ServiceUser {
		e.answer(SignUpShared, NotTried, noServiceUser)
		return nil
	}
	made, err := e.signUp(ctx, e.shared, e.accounts.next())
	e.answerDone(SignUpShared, err)
	if err != nil {
		return ctx.Err()
	}
	return e.appear(ctx, made)
}

const (
	noServiceUser = "there is no connectycube.service_user"
	noAdminKey    = "there is no connectycube.admin_key"
	identity      = "an identity provider answers sign-ins by login, whatever the password"
	noAccount     = "no account could be made to try it on"
	noSignIn      = "users can't sign in with the passwords that they were signed up with, as where an identity provider signs them in"
)

// answerDone answers with what became of one call.
func (e *examination) answerDone(q Question, err error) {
	switch {
	case err == nil:
		e.answer(q, Yes, "")
	case refused(err):
		e.refuse(q, err)
	default:
		e.answer(q, Unknown, said(err))
	}
}

// atOnce is how soon after a write a list must have answered for its showing the write to mean anything.
const atOnce = time.Second

// list finds out whether a list by tag shows a new account, and how late.
func (e *examination) list(ctx context.Context) error {
	known, ok := e.accounts.alive() // which no look-up has to show first: that is what is found out here
	if !ok {
		var err error
		if known, err = e.victim(ctx); err != nil {
			e.answer(ListByTag, Unknown, noAccount)
			e.answer(ListAtOnce, Unknown, noAccount)
			return ctx.Err()
		}
	}
	began := e.accounts.of(known).born
	var at time.Duration // when the look that showed it began
	looks := 0
	shown, err := e.await(ctx, patience, func(ctx context.Context) (shown bool, err error) {
		looks++
		at = time.Since(began)
		err = e.key.List(ctx, Tag, func(a account.Account) error {
			shown = shown || a.ID == known.ID
			return nil
		})
		return shown, err
	})
	e.accounts.of(known).seen = shown
	switch {
	case refused(err):
		e.refuse(ListByTag, err)
		e.answer(ListAtOnce, Unknown, "")
		return nil
	case err != nil:
		return err
	case !shown:
		return e.notListed(ctx, known)
	case began.IsZero() || looks == 1 && time.Since(began) > atOnce:
		e.answer(ListByTag, Yes, "")
		e.answer(ListAtOnce, Unknown, "the service was too slow to tell")
	case looks == 1:
		e.answer(ListByTag, Yes, "")
		e.answer(ListAtOnce, Yes, "")
	default:
		e.facts.Lag = at
		e.answer(ListByTag, Yes, "")
		e.answer(ListAtOnce, No, fmt.Sprintf("a new account was shown after %v", at.Round(100*time.Millisecond)))
	}
	return nil
}

// notListed: whether lists leave it out or lag further than we wait, nobody can tell. Look-ups may still be up to date.
func (e *examination) notListed(ctx context.Context, known account.Account) error {
	words := fmt.Sprintf("it didn't show a new account within %v", patience)
	e.answer(ListByTag, Unknown, words)
	e.answer(ListAtOnce, No, words)
	at, err := e.look(ctx, known.ID)
	e.blind = at != there
	return err
}

func (e *examination) lookUps(ctx context.Context) error {
	known, err := e.victim(ctx)
	for _, by := range []struct {
		question Question
		key      account.Key
		value    string
	}{
		{FindByExternalID, account.ByExternalID, known.ExternalID},
		{FindByLogin, account.ByLogin, known.Values[user.Login].Text},
		{FindByEmail, account.ByEmail, known.Values[user.Email].Text},
	} {
		switch {
		case err != nil:
			e.answer(by.question, Unknown, noAccount)
			continue
		case by.value == "":
			e.answer(by.question, No, "the service didn't take the value at sign-up")
			continue
		}
		if err := e.lookUp(ctx, by.question, by.key, by.value, known.ID); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (e *examination) lookUp(ctx context.Context, q Question, key account.Key, value string, id int64) error {
	shown, err := e.await(ctx, e.patience(), func(ctx context.Context) (bool, error) {
		found, err := e.key.Find(ctx, key, []string{value})
		return slices.ContainsFunc(found, func(a account.Account) bool { return a.ID == id }), err
	})
	if shown {
		e.accounts.of(account.Account{ID: id}).seen = true
	}
	switch {
	case refused(err):
		e.refuse(q, err)
	case err != nil:
		return err
	case shown:
		e.answer(q, Yes, "")
	default:
		return e.notShown(ctx, q, id, "it didn't find the account")
	}
	return nil
}

// notShown answers no where a look-up that is up to date doesn't show what it ought to.
func (e *examination) notShown(ctx context.Context, q Question, id int64, words string) error {
	at, err := e.look(ctx, id)
	switch {
	case err != nil:
		return err
	case at == gone:
		e.answer(q, Unknown, wentAway(id))
	case !e.upToDate(account.Account{ID: id}):
		e.answer(q, Unknown, tooLate)
	default:
		e.answer(q, No, words)
	}
	return nil
}

// uniqueness signs up further users who share one value with an account that is there. They must be refused for it.
func (e *examination) uniqueness(ctx context.Context) error {
	known, err := e.victim(ctx)
	if err != nil {
		for _, q := range []Question{UniqueLogins, UniqueEmails, UniqueExternalIDs} {
			e.answer(q, Unknown, noAccount)
		}
		return ctx.Err()
	}
	login := e.accounts.next()
	login.Values[user.Login] = known.Values[user.Login]
	e.unique(ctx, UniqueLogins, "login", login)
	email := e.accounts.next()
	email.Values[user.Email] = known.Values[user.Email]
	e.unique(ctx, UniqueEmails, "email", email)
	externalID := e.accounts.next()
	externalID.ExternalID = known.ExternalID
	e.unique(ctx, UniqueExternalIDs, "external_id", externalID)
	return ctx.Err()
}

// unique signs a second one up. Only a refusal that names the field proves something by itself; what else is refused may
// be for another reason, which the same sign-up with a value of its own shows.
func (e *examination) unique(ctx context.Context, q Question, field string, second user.User) {
	made, err := e.signUp(ctx, e.signUps(), second)
	failed, _ := errors.AsType[*account.Error](err)
	switch {
	case err == nil:
		e.answer(q, No, fmt.Sprintf("account %d was made with the %s of another", made.ID, field))
	case !refused(err):
		e.answer(q, Unknown, said(err))
	case failed.Kind == account.Conflict && failed.Field == field:
		e.answer(q, Yes, "")
	default:
		if _, other := e.signUp(ctx, e.signUps(), e.accounts.next()); other != nil {
			e.answer(q, Unknown, said(err))
			return
		}
		e.answer(q, Yes, "")
	}
}

// signUps are sign-ups as whoever may.
func (e *examination) signUps() account.Service {
	if e.facts.Answer(SignUpKey).Answer == Yes {
		return e.key
	}
	return e.shared
}
