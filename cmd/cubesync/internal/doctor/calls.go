package doctor

import (
	"context"
	"errors"
	"time"

	"cubesync/sync/account"
)

// insist repeats a call that can be repeated while it is in doubt, and reports whether it ever was. A refused session
// or password is believed when it is refused twice: a session may end by itself at any moment.
func insist(ctx context.Context, call func() error) (doubt bool, err error) {
	for failures, refusals := 0, 0; ; {
		err = call()
		switch kind := account.KindOf(err); {
		case err == nil:
			return doubt, nil
		case kind == account.Unauthenticated || kind == account.PasswordNotOurs:
			refusals++
		case refused(err):
			return doubt, err
		default:
			doubt = true
			failures++
		}
		if failures == tries || refusals == 2 || sleep(ctx, time.Duration(failures+refusals)*time.Second) != nil {
			return doubt, err
		}
	}
}

// sleep waits, unless the context ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refused reports whether the service said no to a call, and not that it is in trouble or doesn't know our session.
func refused(err error) bool {
	failed, ok := errors.AsType[*account.Error](err)
	if !ok {
		return false
	}
	switch failed.Kind {
	case account.Invalid, account.Conflict, account.NotFound, account.PasswordNotOurs, account.Forbidden:
		return true
	default:
		return false
	}
}

// provesPresence reports whether a refusal can only be one of somebody who is there. A user who isn't found, or can't
// sign in, may be gone.
func provesPresence(err error) bool {
	kind := account.KindOf(err)
	return kind != account.NotFound && kind != account.PasswordNotOurs
}

// keyRefused is refused for calls that bring a credential of their own.
func keyRefused(err error) bool {
	return refused(err) || account.KindOf(err) == account.Unauthenticated
}
