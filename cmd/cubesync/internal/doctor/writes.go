package doctor

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sync/account"
	"cubesync/sync/user"
)

// updates finds out as whom accounts can be updated, on an account that isn't the service user's own.
func (e *examination) updates(ctx context.Context) error {
	if e.Identity {
		e.answer(UpdateOwner, NotTried, identity)
	} else if err := e.update(ctx, UpdateOwner, e.ownerOf, "cubesync doctor, as owner"); err != nil {
		return err
	}
	if !e.ServiceUser {
		e.answer(UpdateShared, NotTried, noServiceUser)
		return nil
	}
	return e.update(ctx, UpdateShared, e.asShared, "cubesync doctor, as shared")
}

// authority is the application as whoever writes the account.
type authority func(known account.Account) account.Service

func (e *examination) ownerOf(known account.Account) account.Service {
	return e.owner(e.accounts.of(known))
}
func (e *examination) asShared(account.Account) account.Service { return e.shared }
func (e *examination) asAdmin(account.Account) account.Service  { return e.admin }

func (e *examination) update(ctx context.Context, q Question, as authority, name string) error {
	known, err := e.victim(ctx)
	if err != nil {
		e.answer(q, Unknown, noAccount)
		return ctx.Err()
	}
	_, err = insist(ctx, func() error {
		_, err := as(known).Update(ctx, known, func(account.Account) (w account.Write, err error) {
			w.Values[user.FullName] = user.Text(name)
			return w, nil
		})
		return err
	})
	if err != nil {
		return e.refusal(ctx, q, known.ID, err)
	}
	shown, err := e.await(ctx, e.patience(), func(ctx context.Context) (bool, error) {
		found, err := e.key.Find(ctx, account.ByID, []string{strconv.FormatInt(known.ID, 10)})
		return slices.ContainsFunc(found, func(a account.Account) bool { return a.Values[user.FullName].Text == name }), err
	})
	if err != nil {
		return err
	}
	if !shown {
		return e.notShown(ctx, q, known.ID, "the service said that it was done, but a look-up doesn't show it")
	}
	e.answer(q, Yes, "")
	return nil
}

// refusal answers no, unless the account is gone: then somebody else was at work, and the refusal says nothing. That an
// account isn't found or can't sign in says something only where a look-up shows it, for as long as those may lag.
func (e *examination) refusal(ctx context.Context, q Question, id int64, why error) error {
	proven := provesPresence(why)
	most := time.Duration(0)
	if !proven {
		most = min(e.settling(), e.patience())
	}
	at, err := e.goes(ctx, id, most)
	switch {
	case err != nil:
		return err
	case at == gone:
		e.answer(q, Unknown, wentAway(id))
	case !proven && (at == unseen || e.blind):
		e.answer(q, Unknown, fmt.Sprintf("%s, and %s", said(why), tooLate))
	case q == DeleteAdmin && keyRefused(why):
		e.refuse(q, why)
	default:
		e.answerDone(q, why)
	}
	return nil
}

func wentAway(id int64) string {
	return fmt.Sprintf("account %d went away meanwhile; is another doctor at work?", id)
}

// externalID finds out whether an update takes an external ID, as whoever can update.
func (e *examination) externalID(ctx context.Context) error {
	as := connectycube.Authority{Updates: connectycube.UpdatesAsOwner}
	if e.facts.Answer(UpdateOwner).Answer != Yes {
		as.Updates = connectycube.UpdatesAsShared
		if e.facts.Answer(UpdateShared).Answer != Yes {
			e.answer(PutExternalID, Unknown, "nobody could update the account to try it on")
			return nil
		}
	}
	known, err := e.victim(ctx)
	if err != nil {
		e.answer(PutExternalID, Unknown, noAccount)
		return ctx.Err()
	}
	other := known.ExternalID + moved
	login := e.accounts.of(known).login()
	as.Passwords = e.passwords(login)
	var now account.Account
	_, err = insist(ctx, func() error {
		return e.signIn(login, func() (err error) {
			now, err = e.Client.PutExternalID(ctx, as, known, other)
			return err
		})
	})
	switch {
	case err != nil:
		return e.refusal(ctx, PutExternalID, known.ID, err)
	case now.ExternalID != other:
		e.answer(PutExternalID, No, "the service ignores it")
	default:
		return e.lookUp(ctx, PutExternalID, account.ByExternalID, other, known.ID)
	}
	return nil
}

// deletes finds out as whom accounts can be deleted. What is deleted is proven by a look-up.
func (e *examination) deletes(ctx context.Context) error {
	for _, as := range []struct {
		question Question
		missing  string
		service  authority
	}{
		{DeleteShared, unless(e.ServiceUser, noServiceUser), e.asShared},
		{DeleteOwner, unless(!e.Identity, identity), e.ownerOf},
		{DeleteAdmin, unless(e.AdminKey, noAdminKey), e.asAdmin},
	} {
		if as.missing != "" {
			e.answer(as.question, NotTried, as.missing)
			continue
		}
		if err := e.delete(ctx, as.question, as.service); err != nil {
			return err
		}
	}
	return nil
}

func unless(there bool, missing string) string {
	if there {
		return ""
	}
	return missing
}

func (e *examination) delete(ctx context.Context, q Question, as authority) error {
	known, err := e.victim(ctx)
	if err != nil {
		e.answer(q, Unknown, noAccount)
		return ctx.Err()
	}
	doubt, failure := insist(ctx, func() error { return as(known).Delete(ctx, known) })
	if failure != nil && !doubt {
		return e.refusal(ctx, q, known.ID, failure)
	}
	e.accounts.of(known).asked = failure == nil
	at, err := e.goes(ctx, known.ID, e.patience())
	switch {
	case err != nil:
		return err
	case at == gone:
		e.answer(q, Yes, "")
	case failure != nil && !provesPresence(failure):
		e.answer(q, Unknown, said(failure))
	case failure != nil:
		e.answerDone(q, failure)
	case at == unseen || e.blind:
		e.answer(q, Unknown, tooLate)
	default:
		e.answer(q, No, "the service said that it was done, but a look-up still finds the account")
	}
	return nil
}
