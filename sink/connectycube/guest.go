package connectycube

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"cubesync/sync/account"
)

// signInGuest makes a session of a new guest. Guests have no password, so nobody signs in as one again: the guest of the
// session before is of no more use, and is deleted. Such a session is asked for once: each time makes a guest, and one
// whose session we don't know is left behind.
func (c *Client) signInGuest(ctx context.Context, name string) (*session, error) {
	s, err := c.openSessionWith(ctx, map[string]string{"guest": "1", "full_name": name}, true)
	if err == nil {
		c.removeGuest(ctx, c.guest.Swap(s))
		return s, nil
	}
	if failed, ok := errors.AsType[*account.Error](err); ok && failed.Kind == account.Unavailable && failed.Status != http.StatusProxyAuthRequired {
		doubt := *failed
		doubt.Words += fmt.Sprintf("; a guest called %q may have been made, and is left behind", name)
		return nil, &doubt
	}
	return nil, err
}

// removeGuest deletes a session's guest, even for a caller who is gone. Only the guest may: one whose session has died
// stays behind.
func (c *Client) removeGuest(ctx context.Context, s *session) {
	if s == nil || s.user == 0 {
		return
	}
	ctx, cancel := tidying(ctx)
	defer cancel()
	if err := c.remove(ctx, s.user, &call{pass: s.pass(), hint: hintOwner}); err != nil && account.KindOf(err) != account.NotFound {
		c.log.Warn(fmt.Sprintf("guest %d, whom a session made, is left behind", s.user), "error", err)
	}
}
