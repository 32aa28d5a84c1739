package doctor

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"cubesync/sink/connectycube"
	"cubesync/sync/account"
	"cubesync/sync/user"
)

// updates finds out as whom accounts can be updated, on an account that isn't the service user's own.
func (e *examination) updates(ctx context.Context) error {
	if err := e.update(ctx, UpdateOwner, e.owner, "cubesync doctor, as owner"); err != nil {
		return err
	}
	if !e.ServiceUser {
		e.answer(UpdateShared, NotTried, noServiceUser)
		return nil
	}
	return e.update(ctx, UpdateShared, e.shared, "cubesync doctor, as shared")
}

func (e *examination) update(ctx context.Context, q Question, as account.Service, name string) error {
	known, err := e.victim(ctx)
	if err != nil {
		e.answer(q, Unknown, noAccount)
		return ctx.Err()
	}
	_, err = insist(ctx, func() error {
		_, err := as.Update(ctx, known, func(account.Account) (values user.Values, err error) {
			values[user.FullName] = user.Text(name)
			return values, nil
		})
		return err
	})
	if err != nil {
		return e.refusal(ctx, q, known.ID, err)
	}
	shown, err := e.await(ctx, patience, func(ctx context.Context) (bool, error) {
		found, err := e.key.Find(ctx, account.ByID, []string{strconv.FormatInt(known.ID, 10)})
		return slices.ContainsFunc(found, func(a account.Account) bool { return a.Values[user.FullName].Text == name }), err
	})
	if err == nil && !shown {
		e.answer(q, No, "the service said that it was done, but a look-up doesn't show it")
		return nil
	}
	if err == nil {
		e.answer(q, Yes, "")
	}
	return err
}

// refusal answers no, unless the account is gone: then somebody else was at work, and the refusal says nothing.
func (e *examination) refusal(ctx context.Context, q Question, id int64, why error) error {
	gone, err := e.isGone(ctx, id)
	switch {
	case err != nil:
		return err
	case gone:
		e.answer(q, Unknown, fmt.Sprintf("account %d went away meanwhile; is another doctor at work?", id))
	case q == DeleteAdmin && keyRefused(why):
		e.refuse(q, why)
	default:
		e.answerDone(q, why)
	}
	return nil
}

// externalID finds out whether an update takes an external ID, as whoever can update.
func (e *examination) externalID(ctx context.Context) error {
	as := connectycube.Authority{Updates: connectycube.UpdatesAsOwner, Passwords: func(string) []string { return []string{e.Password} }}
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
	other := known.ExternalID + "-moved"
	var now account.Account
	_, err = insist(ctx, func() (err error) {
		now, err = e.Client.PutExternalID(ctx, as, known, other)
		return err
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
		service  account.Service
	}{
		{DeleteShared, unless(e.ServiceUser, noServiceUser), e.shared},
		{DeleteOwner, "", e.owner},
		{DeleteAdmin, unless(e.AdminKey, noAdminKey), e.admin},
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

func (e *examination) delete(ctx context.Context, q Question, as account.Service) error {
	known, err := e.victim(ctx)
	if err != nil {
		e.answer(q, Unknown, noAccount)
		return ctx.Err()
	}
	doubt, failure := insist(ctx, func() error { return as.Delete(ctx, known) })
	if failure != nil && !doubt {
		return e.refusal(ctx, q, known.ID, failure)
	}
	e.accounts.of(known).asked = failure == nil
	gone, err := e.await(ctx, patience, func(ctx context.Context) (bool, error) { return e.isGone(ctx, known.ID) })
	switch {
	case err != nil:
		return err
	case gone:
		e.answer(q, Yes, "")
	case failure == nil:
		e.answer(q, No, "the service said that it was done, but a look-up still finds the account")
	default:
		e.answerDone(q, failure)
	}
	return nil
}
