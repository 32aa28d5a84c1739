package connectycube

import (
	"context"
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
	_, err := c.do(ctx, &call{
		name: deleteName, kind: deleteCall, method: http.MethodDelete, path: "/admin/user/" + strconv.FormatInt(id, 10),
		pass: pass{adminHeader, c.options.AdminKey}, hint: hintAdmin,
	})
	if account.KindOf(err) == account.Forbidden { // the key may delete anybody: it is the key that is refused, not this delete
		return refusedCredentials(err, hintAdmin)
	}
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
