package connectycube

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

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

type changeFunc = func(now account.Account) (account.Write, error)

// service is the application under one pipeline's authority.
type service struct {
	client    *Client
	authority Authority
}

func (s *service) List(ctx context.Context, tag string, yield func(account.Account) error) error {
	return s.client.list(ctx, tag, yield)
}

func (s *service) ListChanged(ctx context.Context, tag string, since time.Time, yield func(account.Account) error) (int, error) {
	return s.client.listChanged(ctx, tag, since, yield)
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

func (s *service) Update(ctx context.Context, known account.Account, change func(now account.Account) (account.Write, error)) (account.Account, error) {
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

func (s *service) Clock() time.Time { return s.client.exchange.clock() }

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
	if len(found) == 0 {
		return account.Account{}, &account.Error{Kind: account.NotFound, Call: updateName, Words: "the account was not found by its id"}
	}
	return found[0], nil
}

// write lets change decide what to write over now, and writes it with the credentials of as.
func (c *Client) write(ctx context.Context, now account.Account, change changeFunc, as *call) (account.Account, error) {
	w, err := change(now)
	if err != nil {
		return account.Account{}, err
	}
	fields, err := as.fields(w)
	if err != nil {
		return account.Account{}, err
	}
	if len(fields) == 0 {
		return now, nil
	}
	var updated account.Account
	as.name, as.kind, as.method = updateName, updateCall, http.MethodPut
	as.path = userPath(now.ID)
	as.read = readUserOf(now.ID, &updated)
	tags, _ := fields[tagField].([]string)
	spell := func(tagsAsText bool) []byte {
		if tagsAsText {
			fields[tagField] = strings.Join(tags, ",")
		}
		return userBody(fields)
	}
	if err := c.tags.send(ctx, c, spell, tags, as); err != nil {
		return account.Account{}, err
	}
	return updated, nil
}

// fields spells what is to be written.
func (c *call) fields(w account.Write) (map[string]any, error) {
	fields := map[string]any{}
	for _, field := range user.Fields() {
		if value := w.Values[field]; value.Set {
			fields[wireName(field)] = wireValue(field, value.Text)
		}
	}
	if w.ExternalID != "" {
		fields["external_id"] = w.ExternalID
	}
	if w.Password == "" {
		return fields, nil
	}
	if c.oldPassword == "" {
		return nil, &account.Error{
			Kind: account.Forbidden, Call: updateName, Words: "a new password needs the old one, which only the account's user gives", Hint: "set updates to owner",
		}
	}
	fields["password"], fields["old_password"] = w.Password, c.oldPassword
	c.secrets = append(c.secrets, w.Password, c.oldPassword)
	return fields, nil
}

func userPath(id int64) string { return "/users/" + strconv.FormatInt(id, 10) + ".json" }
