package connectycube

import (
	"context"
	"fmt"

	"cubesync/sync/account"
)

// signInGuest makes a session of a new guest. Guests have no password, so nobody signs in as one again: the guest of the
// session before is of no more use, and is deleted.
func (c *Client) signInGuest(ctx context.Context, name string) (*session, error) {
	s, err := c.openSessionWith(ctx, map[string]string{"guest": "1", "full_name": name})
	if err == nil {
		c.removeGuest(ctx, c.guest.Swap(s))
	}
	return s, err
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
