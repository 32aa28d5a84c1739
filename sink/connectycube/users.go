package connectycube

import (
	"context"
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
	SignUps SignUps
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

func (s *service) Create(ctx context.Context, u user.User, password string) (account.Account, error) {
	as := call{pass: pass{authKeyHeader, s.client.options.AuthKey}, hint: hintApplication}
	if s.authority.SignUps == SignUpsAsShared {
		as = call{shared: true, hint: hintServiceUser}
	}
	return s.client.signUp(ctx, u, password, &as)
}

func (s *service) Update(ctx context.Context, known account.Account, change func(now account.Account) (user.Values, error)) (account.Account, error) {
	switch s.authority.Updates {
	case UpdatesAsOwner:
		return s.client.updateAsOwner(ctx, known, s.passwords(known), change)
	case UpdatesAsShared:
		return s.client.updateAsShared(ctx, known, change)
	default:
		return account.Account{}, errNoUpdates()
	}
}

func errNoUpdates() error {
	return &account.Error{
		Kind: account.Forbidden, Call: updateName, Words: "this pipeline has no authority to update accounts", Hint: "set updates to owner or shared",
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

func (c *Client) updateAsShared(ctx context.Context, known account.Account, change changeFunc) (account.Account, error) {
	now, err := c.byID(ctx, known.ID)
	if err != nil {
		return account.Account{}, err
	}
	return c.write(ctx, now, change, &call{shared: true, hint: hintServiceUser})
}

// byID reads the account afresh, to update it.
func (c *Client) byID(ctx context.Context, id int64) (account.Account, error) {
	found, err := c.find(ctx, account.ByID, []string{strconv.FormatInt(id, 10)})
	if err != nil {
		return account.Account{}, err
	}
	for _, now := range found {
		if now.ID == id {
			return now, nil
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
	as.name, as.kind, as.method = updateName, updateCall, http.MethodPut
	as.path = userPath(now.ID)
	as.read = readUserOf(now.ID, &updated)
	if err := c.tags.send(ctx, c, fields, as); err != nil {
		return account.Account{}, err
	}
	return updated, nil
}

func userPath(id int64) string { return "/users/" + strconv.FormatInt(id, 10) + ".json" }
