package connectycube

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"cubesync/sync/account"
)

// signIn makes the shared session. It signs in on an application session, as making a session with a login and a
// password would also make a user of an unknown login.
func (c *Client) signIn(ctx context.Context) (*session, error) {
	who := c.options.User
	if who != nil && who.Guest != "" { // guests are documented for the making of a session only
		return c.signInGuest(ctx, who.Guest)
	}
	for last := false; ; last = true {
		s, err := c.openSession(ctx)
		if err != nil || who == nil {
			return s, err
		}
		if err = c.signInServiceUser(ctx, s, who); err == nil {
			return s, nil
		}
		refused, ok := errors.AsType[*account.Error](err)
		if !ok || refused.Status != http.StatusUnauthorized || account.KindOf(c.lookAt(ctx, s)) != account.Unauthenticated {
			c.discard(ctx, s)
			return nil, err
		}
		if last { // the session was refused, not the credentials: both are a 401
			return nil, errEndedAgain(serviceSignIn, account.Unavailable)
		}
	}
}

// signInServiceUser signs in on the session and makes sure that it is the right user who did. Nobody new is: a login
// that nobody has is a mistake, of which some servers make a user.
func (c *Client) signInServiceUser(ctx context.Context, s *session, who *Credentials) error {
	with, err := who.signIn(ctx)
	if err != nil {
		return &account.Error{Kind: account.Unauthenticated, Call: serviceSignIn, Words: c.clean(&call{}, err.Error()), Hint: hintServiceUser}
	}
	expected, vacant, err := c.expectedUser(ctx, s, who)
	if err != nil {
		return err
	}
	in, err := c.login(ctx, s, with)
	if err != nil {
		if who.Provider == nil && (vacant || expected != 0) {
			err = c.afterDoubt(ctx, with, expected, in, err)
		}
		return refusedCredentials(err, hintServiceUser)
	}
	if words, known := c.mistaken(ctx, s, in, with, expected, vacant); words != "" {
		hint := hintServiceUser
		if known && (who.ID != 0 || expected == 0) {
			hint = fmt.Sprintf("write id: %d under connectycube.service_user if that is the right one", in.user.ID)
		}
		return &account.Error{Kind: account.Unauthenticated, Call: serviceSignIn, Words: words, Hint: hint}
	}
	c.serviceUser.Store(in.user.ID)
	return nil
}

// mistaken says why it isn't the service user who signed in, "" if it is. known is a user who may be a real one.
func (c *Client) mistaken(ctx context.Context, s *session, in signedIn, with signIn, expected int64, vacant bool) (words string, known bool) {
	provided := c.options.User.Provider != nil // its users are made on their first sign-in: that is no mistake
	switch {
	case expected != 0 && in.user.ID == expected:
		return "", false
	case expected != 0:
		words = fmt.Sprintf("user %d signed in, not user %d", in.user.ID, expected)
		if provided {
			return words, true
		}
		return words + c.undo(ctx, s, in, with), in.origin == there
	case vacant && in.origin != there:
		return "nobody had the login or e-mail" + c.undo(ctx, s, in, with), in.origin == unclear
	case !provided && in.origin == madeNow: // and not known to be nobody's: left alone
		return fmt.Sprintf("nobody could be looked up by the login or e-mail, and user %d, who signed in, seems to be made just now", in.user.ID), true
	default:
		return "", false
	}
}

// expectedUser returns who has to sign in: the user who is configured, the one who signed in before, or the one who has
// the login already; 0 where nothing tells. vacant is a login that nobody was found to have.
func (c *Client) expectedUser(ctx context.Context, s *session, who *Credentials) (id int64, vacant bool, err error) {
	if id = cmp.Or(who.ID, c.serviceUser.Load()); id != 0 || who.Provider != nil {
		return id, false, nil
	}
	field, value := FieldLogin, who.Login
	if value == "" {
		field, value = FieldEmail, who.Email
	}
	holders, err := c.holders(ctx, s, field, value)
	_, ignored := errors.AsType[*ignoredError](err) // or the value isn't shown to an application
	switch {
	case ignored:
		return 0, false, nil
	case account.KindOf(err) == account.Unavailable || account.KindOf(err) == account.Throttled:
		return 0, false, err // who may read nothing has no use for the session either
	case err != nil || len(holders) > 1:
		return 0, false, nil
	case len(holders) == 0:
		return 0, true, nil
	}
	return holders[0].ID, false, nil
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
	user   account.Account
	whole  bool // the answer had every field; what an answer leaves out isn't empty
	origin origin
	sent   time.Time // when the sign-in was first let go; zero: it never was. It is known where nothing else is
}

// wholeFields are what an answer shows that shows all of a user.
func wholeFields() []string {
	return []string{"external_id", "login", "email", "full_name", "phone", "website", "custom_data", "user_tags"}
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
		for _, name := range wholeFields() {
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
	as := &call{
		name: with.name, kind: loginCall, method: http.MethodPost, path: "/login.json", hint: with.hint,
		pass: s.pass(), body: mustMarshal(with.fields), secrets: with.secrets, read: readSignedIn(&in),
	}
	got, err := c.do(ctx, as)
	s.late = s.late || as.late
	sent := as.released
	if !with.since.IsZero() {
		sent = with.since
	}
	if err != nil {
		return signedIn{sent: sent}, err
	}
	s.prolong(got)
	in.sent, in.origin = sent, originOf(in, got, sent, with.owned)
	return in, nil
}
