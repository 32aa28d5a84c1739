package connectycube

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// Updates says as whom accounts are updated.
type Updates string

// The ways to update. The service lets a session write its own user only; UpdatesAsShared is for servers that permit
// the service user to write others.
const (
	UpdatesAsOwner  Updates = "owner"
	UpdatesAsShared Updates = "shared"
	UpdatesOff      Updates = "off"
)

// Deletes says as whom accounts are deleted.
type Deletes string

// The ways to delete. DeletesAsAdmin is the only documented way to delete others.
const (
	DeletesAsAdmin  Deletes = "admin"
	DeletesAsOwner  Deletes = "owner"
	DeletesAsShared Deletes = "shared"
	DeletesOff      Deletes = "off"
)

// Authority says as whom a pipeline writes. What it doesn't name is refused as forbidden, without a call.
type Authority struct {
	Updates Updates
	Deletes Deletes

	// Passwords returns the passwords that the user of the external ID may have, likeliest first. It is called
	// from many goroutines, and needed only where something is done as owner.
	Passwords func(externalID string) []string
}

type changeFunc = func(now account.Account) (user.Values, error)

// service is the application under one pipeline's authority.
type service struct {
	client    *Client
	authority Authority
}

func (s *service) List(ctx context.Context, tag string, yield func(account.Account) error) error {
	return s.client.list(ctx, tag, yield)
}

func (s *service) Find(ctx context.Context, key account.Key, values []string) ([]account.Account, error) {
	return s.client.find(ctx, key, values)
}

// Create signs up with the authorization key, not as the shared session: an application session may not write.
func (s *service) Create(ctx context.Context, u user.User, password string) (account.Account, error) {
	return s.client.signUp(ctx, u, password)
}

func (s *service) Update(ctx context.Context, known account.Account, change func(now account.Account) (user.Values, error)) (account.Account, error) {
	switch s.authority.Updates {
	case UpdatesAsOwner:
		return s.client.updateAsOwner(ctx, known, s.passwords(known), change)
	case UpdatesAsShared:
		return s.client.updateAsShared(ctx, known, change)
	default:
		return account.Account{}, &account.Error{
			Kind: account.Forbidden, Call: updateName, Words: "this pipeline has no authority to update accounts", Hint: "set updates to owner or shared",
		}
	}
}

func (s *service) Delete(ctx context.Context, known account.Account) error {
	switch s.authority.Deletes {
	case DeletesAsAdmin:
		return s.client.deleteAsAdmin(ctx, known.ID)
	case DeletesAsOwner:
		return s.client.deleteAsOwner(ctx, known, s.passwords(known))
	case DeletesAsShared:
		return s.client.remove(ctx, known.ID, &call{shared: true, hint: hintServiceUser})
	default:
		return &account.Error{
			Kind: account.Forbidden, Call: deleteName, Words: "this pipeline has no authority to delete accounts", Hint: "set deletes to admin, owner or shared",
		}
	}
}

func (s *service) passwords(known account.Account) []string {
	if s.authority.Passwords == nil {
		return nil
	}
	return s.authority.Passwords(known.ExternalID)
}

// What errors call the writes.
const (
	signUpName = "sign up"
	updateName = "update user"
	deleteName = "delete user"
)

// signUp is done only when the answer is about the user that was sent; an answer about somebody else proves nothing.
func (c *Client) signUp(ctx context.Context, u user.User, password string) (account.Account, error) {
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
	_, err := c.do(ctx, &call{
		name: signUpName, kind: signUpCall, method: http.MethodPost, path: "/users.json", hint: hintApplication,
		pass: pass{authKeyHeader, c.options.AuthKey}, body: userBody(fields), secrets: []string{password},
		read: func(body []byte) error {
			if err := read(body); err != nil {
				return err
			}
			if !isOf(made, u) {
				return errors.New("it is about another user")
			}
			return nil
		},
	})
	if err != nil {
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

func (c *Client) updateAsShared(ctx context.Context, known account.Account, change changeFunc) (account.Account, error) {
	found, err := c.find(ctx, account.ByID, []string{strconv.FormatInt(known.ID, 10)})
	if err != nil {
		return account.Account{}, err
	}
	for _, now := range found {
		if now.ID == known.ID {
			return c.write(ctx, now, change, &call{shared: true, hint: hintServiceUser})
		}
	}
	return account.Account{}, &account.Error{Kind: account.NotFound, Call: updateName, Words: "the account was not found by its id"}
}

// write lets change decide what to write over now, and writes it with the credentials of as.
func (c *Client) write(ctx context.Context, now account.Account, change changeFunc, as *call) (account.Account, error) {
	values, err := change(now)
	if err != nil {
		return account.Account{}, err
	}
	fields := map[string]any{}
	for _, field := range user.Fields() {
		if value := values[field]; value.Set {
			fields[wireName(field)] = wireValue(field, value.Text)
		}
	}
	if len(fields) == 0 {
		return now, nil
	}
	var updated account.Account
	read := readUser(&updated)
	as.name, as.kind, as.method = updateName, updateCall, http.MethodPut
	as.path, as.body = userPath(now.ID), userBody(fields)
	as.read = func(body []byte) error {
		if err := read(body); err != nil {
			return err
		}
		if updated.ID != now.ID {
			return errors.New("it is about another user")
		}
		return nil
	}
	if _, err := c.do(ctx, as); err != nil {
		return account.Account{}, err
	}
	return updated, nil
}

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

func userPath(id int64) string { return "/users/" + strconv.FormatInt(id, 10) + ".json" }
