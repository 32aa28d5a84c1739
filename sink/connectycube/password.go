package connectycube

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"cubesync/sync/account"
)

// ChangePassword gives the account's user a new password. Only the user may do that, and only with the old password, as
// documented: it signs in as the user first. An error of the kind PasswordNotOurs means that the old password isn't
// theirs; an Ambiguous one that either may be the right one now.
func (c *Client) ChangePassword(ctx context.Context, known account.Account, old, replacement string) error {
	s, now, err := c.signInAsOwner(ctx, known, []string{old})
	if err != nil {
		return err
	}
	_, err = c.do(ctx, &call{
		name: "change a password", kind: updateCall, method: http.MethodPut, path: userPath(now.ID), pass: s.pass(), hint: hintOwner,
		body: userBody(map[string]any{"old_password": old, "password": replacement}), secrets: []string{old, replacement},
		read: readUserOf(now.ID, new(account.Account)),
	})
	if err != nil {
		c.discard(ctx, s)
		return err
	}
	c.release(ctx, s)
	return nil
}

// ResetPassword asks the service to send the user of the e-mail address a link for a new password. It is sent once: an
// Ambiguous error means that the e-mail may be under way.
//
// The JavaScript SDK sends POST, the documentation says GET. POST comes first, as nothing on the way may repeat one; a
// server that has no such call is asked with GET, from then on by everybody.
func (c *Client) ResetPassword(ctx context.Context, email string) error {
	if c.resetsByGet.Load() {
		return c.reset(ctx, &call{method: http.MethodGet, query: "email=" + url.QueryEscape(email)})
	}
	err := c.reset(ctx, &call{method: http.MethodPost, body: mustMarshal(map[string]string{"email": email})})
	if !noSuchCall(err) {
		return err
	}
	second := c.reset(ctx, &call{method: http.MethodGet, query: "email=" + url.QueryEscape(email)})
	if second == nil {
		c.resetsByGet.Store(true)
	}
	if noSuchCall(second) {
		return err // it was the address that wasn't found
	}
	return second
}

func (c *Client) reset(ctx context.Context, as *call) error {
	as.name, as.kind, as.path = "reset a password", resetCall, "/users/password/reset.json"
	as.shared, as.once, as.hint = true, true, hintApplication
	_, err := c.do(ctx, as)
	return err
}

// noSuchCall reports whether the server may not know a call in this form: it acted in no way.
func noSuchCall(err error) bool {
	failed, ok := errors.AsType[*account.Error](err)
	return ok && (failed.Status == http.StatusNotFound || failed.Status == http.StatusMethodNotAllowed)
}
