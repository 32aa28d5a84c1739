package emulator

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/mail"
	"strconv"
	"strings"
	"time"
)

// signInGuest makes a guest: a user without a password, another one each time.
func (s *Server) signInGuest(user map[string]value, now time.Time) (*person, error) {
	p := &person{
		Login: "guest_login_" + strings.ToUpper(randomHex(18)), FullName: s.options.normalise("full_name", user["full_name"].text), Guest: true,
		Created: now.Unix(), Updated: now.Unix(), LastRequest: now.Unix(),
	}
	return p, s.users.add(opOnTheFly, p, problems{})
}

// signInByProvider finds or makes the user that a provider's token stands for. No provider is asked: any token that isn't
// empty is good, and the same token is the same user. A Firebase token may be the phone number or the e-mail itself.
func (s *Server) signInByProvider(params map[string]value, now time.Time) (*person, error) {
	p, by, err := vouched(params)
	if err != nil {
		return nil, err
	}
	return s.findOrMake(p, by, now)
}

// findOrMake returns the user that has the same text in a field as p, or makes p.
func (s *Server) findOrMake(p *person, by string, now time.Time) (*person, error) {
	p.Created, p.Updated, p.LastRequest = now.Unix(), now.Unix(), now.Unix()
	found, err := s.users.findOrAdd(opOnTheFly, by, p)
	if err != nil || found == p {
		return p, err
	}
	if found = s.enter(found.ID, now); found == nil { // deleted in this moment
		return nil, wrongPassword()
	}
	return found, nil
}

// vouched is the user that a token stands for, as it would be made, and the field that finds it.
func vouched(params map[string]value) (*person, string, error) {
	provider := params["provider"].text
	switch provider {
	case "facebook", "twitter":
		token, err := credential(params, "keys", "token")
		id := digits(provider + token)
		p := &person{Login: provider + "_" + id, FullName: "Somebody from " + provider}
		*p.field(provider + "_id") = id
		return p, provider + "_id", err
	case "firebase_phone":
		token, err := credential(params, provider, "project_id", "access_token")
		phone := strings.TrimPrefix(token, "+")
		if _, notDigits := strconv.ParseUint(phone, 10, 64); notDigits != nil {
			phone = digits(token)
		}
		return &person{Login: "phone_" + phone, Phone: phone}, "login", err // numbers aren't unique, logins are
	case "firebase_email":
		token, err := credential(params, provider, "project_id", "access_token")
		email := strings.ToLower(token)
		if parsed, bad := mail.ParseAddress(email); bad != nil || parsed.Address != email {
			email = "firebase" + digits(token) + "@example.com"
		}
		return &person{Email: email}, "email", err
	}
	wrong := problems{}
	wrong.add("provider", "is unknown: facebook, twitter, firebase_phone and firebase_email are known")
	return nil, "", wrong.failure()
}

// credential returns the last of the named parameters inside group; all of them are required.
func credential(params map[string]value, group string, names ...string) (token string, err error) {
	wrong := problems{}
	for _, name := range names {
		token = strings.TrimSpace(params[group].fields[name].text)
		if token == "" {
			wrong.add(group+"."+name, "is required")
		}
	}
	return token, wrong.failure()
}

// digits are fifteen digits that stand for a token, as ids and phone numbers do.
func digits(token string) string {
	sum := sha256.Sum256([]byte(token))
	return fmt.Sprintf("%015d", binary.BigEndian.Uint64(sum[:])%1e15)
}
