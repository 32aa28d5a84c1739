package connectycube

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Credentials are those of the service user: exactly one of Login, Email, Guest and Provider.
type Credentials struct {
	Login, Email string
	Password     string    // with Login or Email
	Guest        string    // the full name of a guest; the service makes a new guest for each session
	Provider     *Provider // somebody else vouches for the user
	ID           int64     // the user's id, compared after each sign-in; 0: not checked
}

// Vouching says who vouches for a user instead of a password.
type Vouching string

// Those who vouch. But for CustomIdentity they are the names that the service has for them.
const (
	Facebook       Vouching = "facebook"
	Twitter        Vouching = "twitter"
	FirebasePhone  Vouching = "firebase_phone"
	FirebaseEmail  Vouching = "firebase_email"
	CustomIdentity Vouching = "custom_identity" // the application's own backend verifies the token, as the documentation describes
)

// Provider vouches for a user with a token. The service makes a user whom it doesn't know yet.
type Provider struct {
	Vouching Vouching
	Project  string // the Firebase project's id; for Firebase only

	// Token returns a token that is valid now, and for Twitter its secret. It is called for each sign-in, from any
	// goroutine: a session outlives most such tokens.
	Token func(ctx context.Context) (token, secret string, err error)
}

func (u *Credentials) check() error {
	ways := 0
	for _, given := range []bool{u.Login != "", u.Email != "", u.Guest != "", u.Provider != nil} {
		if given {
			ways++
		}
	}
	switch {
	case ways != 1:
		return errors.New("connectycube: the service user needs exactly one of a login or an e-mail, a guest's name, and a provider")
	case (u.Login != "" || u.Email != "") && u.Password == "":
		return errors.New("connectycube: the service user's password is missing")
	case u.Guest != "" && u.ID != 0:
		return errors.New("connectycube: a guest is another user each time; no id can be expected")
	case u.Provider != nil:
		return u.Provider.check()
	}
	return nil
}

func (p *Provider) check() error {
	firebase := p.Vouching == FirebasePhone || p.Vouching == FirebaseEmail
	switch {
	case !firebase && p.Vouching != Facebook && p.Vouching != Twitter && p.Vouching != CustomIdentity:
		return fmt.Errorf("connectycube: nobody called %q vouches for users", p.Vouching)
	case firebase != (p.Project != ""):
		return errors.New("connectycube: a Firebase project's id goes with Firebase, and only with it")
	case p.Token == nil:
		return fmt.Errorf("connectycube: the %s token is missing", p.Vouching)
	}
	return nil
}

// signIn is what a sign-in sends, and how its errors speak of it.
type signIn struct {
	fields     map[string]any
	secrets    []string
	name, hint string
	since      time.Time // when it was sent for the first time; zero: it wasn't yet
	owned      time.Time // when the account was made as whose user it signs in; zero: unknown, or there is none
}

// withPassword signs in with a password; the login is preferred.
func withPassword(login, email, password, name, hint string) signIn {
	fields := map[string]any{"password": password}
	if login != "" {
		fields["login"] = login
	} else {
		fields["email"] = email
	}
	return signIn{fields: fields, secrets: []string{password}, name: name, hint: hint}
}

// who is the login or e-mail of a sign-in with a password.
func (w signIn) who() any {
	if w.fields["login"] != nil {
		return w.fields["login"]
	}
	return w.fields["email"]
}

const serviceSignIn = "sign in as the service user"

// signIn returns what the user signs in with now. The forms are the documented ones, as the JavaScript SDK sends them.
func (u *Credentials) signIn(ctx context.Context) (signIn, error) {
	if u.Provider == nil {
		return withPassword(u.Login, u.Email, u.Password, serviceSignIn, hintServiceUser), nil
	}
	token, secret, err := u.Provider.Token(ctx)
	if err != nil {
		return signIn{}, fmt.Errorf("getting a %s token: %w", u.Provider.Vouching, err)
	}
	return signIn{
		fields: u.Provider.fields(token, secret), secrets: []string{token, secret}, name: serviceSignIn, hint: hintServiceUser,
	}, nil
}

func (p *Provider) fields(token, secret string) map[string]any {
	switch p.Vouching {
	case CustomIdentity: // any password does: nobody looks at it
		return map[string]any{"login": token, "password": "not-a-password"}
	case FirebasePhone, FirebaseEmail:
		return map[string]any{
			"provider":         string(p.Vouching),
			string(p.Vouching): map[string]string{"project_id": p.Project, "access_token": token},
		}
	default:
		keys := map[string]string{"token": token}
		if secret != "" {
			keys["secret"] = secret
		}
		return map[string]any{"provider": string(p.Vouching), "keys": keys}
	}
}
