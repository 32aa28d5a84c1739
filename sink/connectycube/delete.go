package connectycube

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"cubesync/sync/account"
)

// remove deletes a user with the credentials of as.
func (c *Client) remove(ctx context.Context, id int64, as *call) error {
	as.name, as.kind, as.method, as.path = deleteName, deleteCall, http.MethodDelete, userPath(id)
	_, err := c.do(ctx, as)
	return err
}

func (c *Client) deleteAsAdmin(ctx context.Context, id int64) error {
	if c.options.AdminKey == "" {
		return &account.Error{Kind: account.Forbidden, Call: deleteName, Words: "there is no Administration API key", Hint: "set connectycube.admin_key"}
	}
	err := c.sendAdminDelete(ctx, id)
	failed, ok := errors.AsType[*account.Error](err)
	switch {
	case err == nil:
		c.adminWorks.Store(true)
		return nil
	case !ok || failed.Kind != account.Forbidden:
		return err
	case !c.acceptsAdminKey(ctx):
		return refusedCredentials(err, hintAdmin) // every other delete would be refused, too
	}
	protected := *failed
	protected.Hint = "the Administration API key is accepted, only not for this account: remove it by hand, or keep it out of cubesync"
	return &protected
}

// acceptsAdminKey tells a key that is refused from an account that it may not delete, such as an administrator's own:
// both are a 403, and one such account must not stop the deletes of all others. The key is accepted when it has deleted
// somebody, or when the service says of a user who can't exist that there is no such user.
func (c *Client) acceptsAdminKey(ctx context.Context) bool {
	if !c.adminWorks.Load() && account.KindOf(c.sendAdminDelete(ctx, nobody)) == account.NotFound {
		c.adminWorks.Store(true)
	}
	return c.adminWorks.Load()
}

// nobody is an id that no user has: ids are given one after the other, and this is the last that is exact in JSON.
const nobody = 1<<53 - 1

func (c *Client) sendAdminDelete(ctx context.Context, id int64) error {
	_, err := c.do(ctx, &call{
		name: deleteName, kind: deleteCall, method: http.MethodDelete, path: "/admin/user/" + strconv.FormatInt(id, 10),
		pass: pass{adminHeader, c.options.AdminKey}, hint: hintAdmin,
	})
	return err
}

// DeleteByExternalUserID deletes the user of the deprecated external_user_id, a whole number, as the shared session. The
// documentation lets users delete their own account only. The users of cubesync have an external_id instead, a text,
// which the service can't delete by.
func (c *Client) DeleteByExternalUserID(ctx context.Context, externalUserID int64) error {
	_, err := c.do(ctx, &call{
		name: deleteName, kind: deleteCall, method: http.MethodDelete, shared: true, hint: hintServiceUser,
		path: "/users/external/" + strconv.FormatInt(externalUserID, 10) + ".json",
	})
	return err
}
