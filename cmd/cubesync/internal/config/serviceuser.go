package config

import (
	"fmt"
	"math"
	"slices"
)

// ServiceUser is the user that the shared session signs in as: exactly one of Login, Email, Guest and Provider is set.
type ServiceUser struct {
	Login, Email string
	Password     Secret // with Login or Email
	Guest        string // the full name of a guest, who is another user in each session
	Provider     *Provider
	ID           int64 // the account it must be; 0: any
}

// Provider vouches for the service user with a token.
type Provider struct {
	Name    string // as its key is called: one of facebook, twitter, firebase_phone, firebase_email and custom_identity
	Project string // the Firebase project's id
	Token   Token
	Secret  Token // Twitter's
}

// Token is a secret that may change while we run: it expires. One that lies in a file is read from there each time.
type Token struct {
	text    Secret // where it doesn't lie in a file
	file    string // absolute
	written Secret // what the configuration says: its text, ${NAME} or file:PATH
}

// Read returns the token of now, "" where there is none.
func (t Token) Read() (string, error) {
	if t.file == "" {
		return t.text.Reveal(), nil
	}
	text, problem, remedy := readSecret(t.file)
	if problem == "" {
		if problem, remedy = unfit(text); problem != "" {
			problem = t.file + " " + problem
		}
	}
	if problem != "" {
		return "", fmt.Errorf("%s; %s", problem, remedy)
	}
	return text, nil
}

// customIdentity is the key of an identity provider of the company's own.
const customIdentity = "custom_identity"

func (c *checker) serviceUser(n node, reach reach) *ServiceUser {
	if !n.given() {
		return nil
	}
	ways := []string{"login", "email", "guest", "facebook", "twitter", "firebase_phone", "firebase_email", customIdentity}
	group := n.object("write login and password under it", append(slices.Clone(ways), "password", "id")...)
	id, password := group.get("id"), group.get("password")
	service := &ServiceUser{ID: int64(id.integer(0, 1, math.MaxInt))}
	way := group.one(ways...)
	switch way {
	case "":
	case "login":
		service.Login, _ = group.get(way).resolved()
		password = group.need("password", "write ${NAME} or file:PATH")
	case "email":
		service.Email, _ = group.get(way).resolved()
		password = group.need("password", "write ${NAME} or file:PATH")
	case "guest":
		service.Guest, _ = group.get(way).resolved()
		if id.given() {
			id.complain("can't be expected of a guest, who is another user in each session", "take the line out")
		}
	default:
		service.Provider = group.get(way).provider(way)
	}
	if way != "" && way != "login" && way != "email" && password.given() {
		password.complain("goes with login or email", "take the line out")
		return service
	}
	service.Password = password.credential(reach, EmulatorServicePassword)
	return service
}

// provider reads what stands under a provider's name.
func (n node) provider(name string) *Provider {
	p := &Provider{Name: name}
	const remedy = "write ${NAME} or file:PATH, which is read afresh for each sign-in"
	switch name {
	case "firebase_phone", "firebase_email":
		group := n.object("write project_id and access_token under it", "project_id", "access_token")
		p.Project, _ = group.need("project_id", "copy it from the Firebase console").resolved()
		p.Token = group.need("access_token", remedy).token()
	case "twitter":
		group := n.object("write token and secret under it", "token", "secret")
		p.Token, p.Secret = group.need("token", remedy).token(), group.need("secret", remedy).token()
	default:
		p.Token = n.object("write token under it", "token").need("token", remedy).token()
	}
	return p
}

// token checks a token as every secret is checked, and keeps where it can be read again.
func (n node) token() Token {
	text, ok := n.resolved()
	if !ok {
		return Token{}
	}
	written := NewSecret(n.value.text)
	if file, inFile := n.secretFile(); inFile {
		return Token{file: file, written: written}
	}
	return Token{text: NewSecret(text), written: written}
}
