package connectycube

import (
	"context"
	"errors"
	"net/http"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// SignUps says with what users are signed up; the zero value is the authorization key.
type SignUps string

// The documented ways to sign up. The key needs no session, and so neither a service user nor its rights.
const (
	SignUpsWithKey  SignUps = "key"
	SignUpsAsShared SignUps = "shared"
)

// signUp signs the user up with the credentials of as. It is done only when the answer is about the user that was sent;
// an answer about somebody else proves nothing.
func (c *Client) signUp(ctx context.Context, u user.User, password string, as *call) (account.Account, error) {
	fields := map[string]any{"password": password}
	if u.ExternalID != "" {
		fields["external_id"] = u.ExternalID
	}
	for _, field := range user.Fields() {
		if value := u.Values[field]; value.Set && value.Text != "" {
			fields[wireName(field)] = wireValue(field, value.Text)
		}
	}
	var made account.Account
	read := readUser(&made)
	as.name, as.kind, as.method, as.path, as.secrets = signUpName, signUpCall, http.MethodPost, "/users.json", []string{password}
	as.read = func(body []byte) error {
		if err := read(body); err != nil {
			return err
		}
		if !isOf(made, u) {
			return errors.New("it is about another user")
		}
		return nil
	}
	if err := c.tags.send(ctx, c, fields, as); err != nil {
		return account.Account{}, err
	}
	return made, nil
}

// isOf reports whether the account is that of the user: by external ID, or by login where the answer has none.
func isOf(made account.Account, u user.User) bool {
	if made.ExternalID != "" && u.ExternalID != "" {
		return made.ExternalID == u.ExternalID
	}
	login := u.Values[user.Login].Text
	return login != "" && user.Login.Equal(made.Values[user.Login].Text, login)
}
