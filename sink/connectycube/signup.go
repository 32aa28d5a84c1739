package connectycube

import (
	"context"
	"errors"
	"net/http"
	"strings"

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
	tags := user.SplitTags(u.Values[user.Tags].Text)
	spell := func(tagsAsText bool) []byte { return signUpBody(u, password, tags, tagsAsText) }
	if err := c.tags.send(ctx, c, spell, tags, as); err != nil {
		return account.Account{}, err
	}
	return made, nil
}

// signUpBody spells what a sign-up sends: what isn't empty. There may be millions of them, so it is written without a detour.
func signUpBody(u user.User, password string, tags []string, tagsAsText bool) []byte {
	const begins = `{"user":`
	body := append(make([]byte, 0, 512), begins...)
	add := func(name, text string) {
		body = append(append(append(body, `,"`...), name...), `":`...)
		body = user.AppendJSON(body, text)
	}
	if u.ExternalID != "" {
		add("external_id", u.ExternalID)
	}
	for field, value := range u.Values {
		if name := wireName(user.Field(field)); value.Set && value.Text != "" && name != tagField {
			add(name, value.Text)
		}
	}
	add("password", password)
	switch {
	case len(tags) == 0:
	case tagsAsText:
		add(tagField, strings.Join(tags, ","))
	default:
		body = append(body, `,"`+tagField+`":[`...)
		for i, tag := range tags {
			if i > 0 {
				body = append(body, ',')
			}
			body = user.AppendJSON(body, tag)
		}
		body = append(body, ']')
	}
	body[len(begins)] = '{' // there is a comma before each
	return append(body, "}}"...)
}

// isOf reports whether the account is that of the user: by external ID, or by login where the answer has none.
func isOf(made account.Account, u user.User) bool {
	if made.ExternalID != "" && u.ExternalID != "" {
		return made.ExternalID == u.ExternalID
	}
	login := u.Values[user.Login].Text
	return login != "" && user.Login.Equal(made.Values[user.Login].Text, login)
}
