package apply

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// Expel deletes a user whom the service made of a sign-in as the account of the external ID, and nobody else: left must have
// been made since then, by the service's clock, and be opened by a password of that external ID. A Conflict or PasswordNotOurs
// says that it is somebody else.
type Expel func(ctx context.Context, externalID string, left account.Account, since time.Time) error

// expelMinted sees to users whom the service made of sign-ins of a run that was killed before it could undo them. Some
// servers make a user of a login that nobody has; and nobody has it, where the account was deleted, or its login changed,
// after the run had seen it. The journal says with what its user would have signed in, and from when on.
func expelMinted(ctx context.Context, service account.Service, ownerTag string, byID map[int64]account.Account, settled []state.Settled, expel Expel) error {
	for _, key := range []account.Key{account.ByLogin, account.ByEmail} {
		var names []string
		given := map[int]string{} // with what the user may have signed in, by place
		for i := range settled {
			intent := &settled[i].Intent
			if name := signedInWith(intent, key); name != "" && !intent.Opened.IsZero() && !holdsName(byID[intent.AccountID], key, name) {
				given[i], names = name, append(names, name)
			}
		}
		if len(names) == 0 {
			continue
		}
		found, err := service.Find(ctx, key, names)
		if err != nil {
			return err
		}
		for i := range settled {
			name, asked := given[i]
			at := slices.IndexFunc(found, func(a account.Account) bool { return asked && holdsName(a, key, name) })
			if at < 0 || !mayBeMinted(found[at], &settled[i].Intent, ownerTag) {
				continue
			}
			if settled[i].Note, err = expelled(ctx, found[at], &settled[i].Intent, expel); err != nil {
				return err
			}
		}
	}
	return nil
}

// signedInWith is what the account's user signs in with by the key: the login, or the e-mail where there is none. "" for a
// sign-up, which nobody signs in for.
func signedInWith(intent *state.Intent, key account.Key) string {
	switch {
	case intent.Kind == plan.Create:
		return ""
	case key == account.ByLogin:
		return intent.Login
	case intent.Login == "":
		return intent.Email
	default:
		return ""
	}
}

func holdsName(a account.Account, key account.Key, name string) bool {
	field := user.Login
	if key == account.ByEmail {
		field = user.Email
	}
	return a.ID != 0 && field.Equal(a.Values[field].Text, name)
}

// mayBeMinted reports whether nothing says that the account is somebody's: it has no external ID and none of our tags, and is
// newer than the moment from which on the sign-in may have been sent.
func mayBeMinted(a account.Account, intent *state.Intent, ownerTag string) bool {
	return a.ID != intent.AccountID && a.ExternalID == "" && !a.HasTag(ownerTag) && !a.CreatedAt.Before(intent.Opened)
}

// expelled says what became of such a user. A service that can't be used is an error: the next run settles it.
func expelled(ctx context.Context, left account.Account, intent *state.Intent, expel Expel) (note string, err error) {
	err = expel(ctx, intent.ExternalID, left, intent.Opened)
	switch kind := account.KindOf(err); {
	case err == nil:
		return fmt.Sprintf("ConnectyCube had made user %d of the sign-in as account %d, who was deleted again", left.ID, intent.AccountID), nil
	case kind == account.Conflict, kind == account.PasswordNotOurs:
		return "", nil // somebody else has the name now
	case kind.Unusable():
		return "", err
	default:
		return fmt.Sprintf("ConnectyCube may have made user %d of the sign-in as account %d, who couldn't be deleted again (%v): look at them", left.ID, intent.AccountID, err), nil
	}
}
