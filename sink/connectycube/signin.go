package connectycube

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// signIn makes the shared session. It signs in on an application session, as making a session with a login and a
// password would also make a user of an unknown login.
func (c *Client) signIn(ctx context.Context) (*session, error) {
	who := c.options.User
	if who != nil && who.Guest != "" { // guests are documented for the making of a session only
		return c.signInGuest(ctx, who.Guest)
	}
	s, err := c.openSession(ctx)
	if err != nil || who == nil {
		return s, err
	}
	if err := c.signInServiceUser(ctx, s, who); err != nil {
		c.discard(ctx, s)
		return nil, err
	}
	return s, nil
}

// signInServiceUser signs in on the session and makes sure that it is the right user who did. Nobody new is: a login
// that nobody has is a mistake, of which some servers make a user.
func (c *Client) signInServiceUser(ctx context.Context, s *session, who *Credentials) error {
	with, err := who.signIn(ctx)
	if err != nil {
		return &account.Error{Kind: account.Unauthenticated, Call: serviceSignIn, Words: c.clean(&call{}, err.Error()), Hint: hintServiceUser}
	}
	expected, vacant := c.expectedUser(ctx, s, who)
	began := time.Now()
	in, err := c.login(ctx, s, with)
	if err != nil {
		return refusedCredentials(err, hintServiceUser)
	}
	words := ""
	switch {
	case expected != 0 && in.user.ID != expected:
		words = fmt.Sprintf("user %d signed in, not user %d", in.user.ID, expected)
		if who.Provider == nil { // a provider's users are made on their first sign-in: that is no mistake
			words += c.undo(ctx, s, in, began)
		}
	case vacant:
		if undone := c.undo(ctx, s, in, began); undone != "" {
			words = "nobody had the login or e-mail" + undone
		}
	}
	if words != "" {
		return &account.Error{Kind: account.Unauthenticated, Call: serviceSignIn, Words: words, Hint: hintServiceUser}
	}
	c.serviceUser.Store(in.user.ID)
	return nil
}

// expectedUser returns who has to sign in: the user who is configured, the one who signed in before, or the one who has
// the login already; 0 where nothing tells. vacant is a login that nobody was found to have.
func (c *Client) expectedUser(ctx context.Context, s *session, who *Credentials) (id int64, vacant bool) {
	if id = cmp.Or(who.ID, c.serviceUser.Load()); id != 0 || who.Provider != nil {
		return id, false
	}
	holders := FieldLogin.Equal(who.Login)
	if who.Login == "" {
		holders = FieldEmail.Equal(who.Email)
	}
	var got page[User]
	_, err := c.do(ctx, &call{
		name: "look the service user up", kind: sessionCall, method: http.MethodGet, path: "/users/v2.json", pass: s.pass(), hint: hintApplication,
		query: strings.Join(holders.term().terms(), "&"), read: userForm().page(&got),
	})
	switch {
	case err != nil || len(got.items) > 1: // a server without v2, for one
		return 0, false
	case len(got.items) == 0:
		return 0, true
	}
	return got.items[0].ID, false
}

// refusedCredentials makes every refusal of a sign-in one of its credentials: a session says nothing else that could
// be wrong.
func refusedCredentials(err error, hint string) error {
	failed, ok := errors.AsType[*account.Error](err)
	if !ok {
		return err
	}
	switch failed.Kind {
	case account.Invalid, account.Conflict, account.NotFound, account.Forbidden, account.Unauthenticated:
		refused := *failed
		refused.Kind, refused.Hint = account.Unauthenticated, hint
		return &refused
	default:
		return err
	}
}

// signedIn is who did.
type signedIn struct {
	user  account.Account
	whole bool      // the answer had every field; what an answer leaves out isn't empty
	date  time.Time // the service's, of its answer
}

// readSignedIn reads who signed in, and whether the answer shows all of them.
func readSignedIn(in *signedIn) func(body []byte) error {
	read := readUser(&in.user)
	return func(body []byte) error {
		if err := read(body); err != nil {
			return err
		}
		var fields struct {
			User map[string]json.RawMessage `json:"user"`
		}
		if err := json.Unmarshal(body, &fields); err != nil {
			return err
		}
		in.whole = true
		for _, name := range []string{"external_id", "login", "email", "full_name", "phone", "website", "custom_data", "user_tags"} {
			if _, there := fields.User[name]; !there {
				in.whole = false
			}
		}
		return nil
	}
}

// login makes an application session one of a user.
func (c *Client) login(ctx context.Context, s *session, with signIn) (signedIn, error) {
	var in signedIn
	got, err := c.do(ctx, &call{
		name: with.name, kind: loginCall, method: http.MethodPost, path: "/login.json", hint: with.hint,
		pass: s.pass(), body: mustMarshal(with.fields), secrets: with.secrets, read: readSignedIn(&in),
	})
	if err != nil {
		return signedIn{}, err
	}
	s.prolong(got)
	in.date = got.date()
	return in, nil
}

// undo deletes a user that the service made on the fly, of a login that it didn't know, and says so for an error.
// Such a user is new and bare; anybody else is left alone.
func (c *Client) undo(ctx context.Context, s *session, in signedIn, began time.Time) string {
	requested := in.date.Add(-time.Since(began)).Truncate(time.Second) // created_at is in whole seconds
	if in.user.CreatedAt.Before(requested) || !bare(in.user) {
		return ""
	}
	ctx, cancel := tidying(ctx)
	defer cancel()
	if err := c.remove(ctx, in.user.ID, &call{pass: s.pass(), hint: hintOwner}); err != nil {
		return fmt.Sprintf("; the service made user %d of an unknown login, who could not be deleted again: %v", in.user.ID, err)
	}
	return fmt.Sprintf("; the service made user %d of an unknown login, who was deleted again", in.user.ID)
}

// bare reports whether the account has nothing but what a sign-in could have given it.
func bare(a account.Account) bool {
	for _, field := range user.Fields() {
		if field != user.Login && field != user.Email && a.Values[field].Text != "" {
			return false
		}
	}
	return a.ExternalID == ""
}
