package emulator

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// sessionView is a session as the API shows it.
type sessionView struct {
	ID            int64       `json:"id"`
	UserID        int64       `json:"user_id"` // 0 for an application session
	ApplicationID json.Number `json:"application_id"`
	Token         string      `json:"token"`
	Timestamp     int64       `json:"ts"`
	Nonce         string      `json:"nonce"`
	CreatedAt     string      `json:"created_at"`
	UpdatedAt     string      `json:"updated_at"`
	User          *view       `json:"user,omitempty"`
}

type (
	sessionBody struct {
		Session sessionView `json:"session"`
	}
	userBody struct {
		User view `json:"user"`
	}
)

// createSession is POST /session: an application session, or a user session when it carries a user.
func createSession(s *Server, c *call) (answer, error) {
	params, err := c.params()
	if err != nil {
		return answer{}, err
	}
	now := s.clock.now()
	if err := s.checkApplication(params, now); err != nil {
		return answer{}, err
	}
	p, err := s.whoSignsIn(c.r.Context(), params, params["user"].fields, !s.options.DenyOnTheFly, now)
	if err != nil {
		return answer{}, err
	}
	timestamp, _ := strconv.ParseInt(params["timestamp"].text, 10, 64) // checked above; 0 when not sent
	opened := s.tokens.open(idOf(p), cmp.Or(timestamp, now.Unix()), cmp.Or(params["nonce"].text, randomHex(8)), now)
	s.endOthers(opened.user, opened.token)
	announceExpiry(c.w, now)
	return s.sessionAnswer(http.StatusCreated, opened, p), nil
}

// checkApplication checks everything but the user: application, key, timestamp, nonce and signature.
func (s *Server) checkApplication(params map[string]value, now time.Time) error {
	if params["application_id"].text != s.options.ApplicationID {
		return wrongCredential("application_id", "is unknown")
	}
	if params["auth_key"].text != s.options.AuthKey {
		return wrongCredential("auth_key", "is wrong")
	}
	if err := checkSignature(params, s.options.AuthSecret, s.options.RequireSignature); err != nil {
		return err
	}
	return checkFreshness(s.tokens, params["timestamp"].text, params["nonce"].text, now)
}

// whoSignsIn returns the user that the credentials stand for, or nil when the request carries none: a provider's stand
// among the request's own parameters, a guest's and a password in user.
func (s *Server) whoSignsIn(ctx context.Context, params, user map[string]value, makeUnknown bool, now time.Time) (*person, error) {
	switch {
	case params["provider"].text != "":
		return s.signInByProvider(params, now)
	case user["guest"].text != "":
		return s.signInGuest(user, now)
	case user == nil:
		return nil, nil // an application session
	case s.verifier != nil && user["login"].text != "":
		return s.signInByIdentity(ctx, user, now)
	}
	return s.signIn(user, makeUnknown, now)
}

// signIn finds the user with these credentials. With makeUnknown, a login or e-mail that nobody has becomes a new user:
// the documented hazard of POST /session.
func (s *Server) signIn(params map[string]value, makeUnknown bool, now time.Time) (*person, error) {
	login, email, password := params["login"].text, params["email"].text, params["password"].text
	wrong := problems{}
	if login == "" && email == "" {
		wrong.add("base", "login or email is required")
	}
	if password == "" {
		wrong.add("password", "can't be blank")
	}
	if err := wrong.failure(); err != nil {
		return nil, err
	}
	p := s.users.find(login, email)
	if p == nil && makeUnknown {
		p, wrong = s.options.newPerson(params, now.Unix())
		return p, s.users.add(opOnTheFly, p, wrong)
	}
	if p == nil || !p.Password.opensWith(password) {
		return nil, wrongPassword()
	}
	if p = s.enter(p.ID, now); p == nil { // deleted in this moment
		return nil, wrongPassword()
	}
	return p, nil
}

// enter notes that a user signed in, and returns the user as it is then: nil if it is gone.
func (s *Server) enter(id int64, now time.Time) *person {
	if !s.users.touch(id, now.Unix(), true) {
		return nil
	}
	return s.users.byID(id)
}

// endOthers ends the other sessions of a user who has just signed in, where switched so.
func (s *Server) endOthers(user int64, token string) {
	if s.options.SignInEndsOthers && user != 0 {
		s.tokens.endOthers(user, token)
	}
}

// showSession is GET /session.
func showSession(s *Server, c *call) (answer, error) {
	return s.sessionAnswer(http.StatusOK, c.session, s.users.byID(c.session.user)), nil
}

// destroySession is DELETE /session.
func destroySession(s *Server, c *call) (answer, error) {
	s.tokens.end(c.session.token)
	return answer{status: http.StatusOK, body: struct{}{}}, nil
}

// login is POST /login: the session becomes the user's.
func login(s *Server, c *call) (answer, error) {
	params, err := c.params()
	if err != nil {
		return answer{}, err
	}
	now := s.clock.now()
	p, err := s.whoSignsIn(c.r.Context(), params, params, s.options.LoginCreatesUsers, now)
	if err != nil {
		return answer{}, err
	}
	s.tokens.assign(c.session.token, p.ID, now)
	s.endOthers(p.ID, c.session.token)
	return answer{status: http.StatusOK, body: userBody{s.single(p)}, shows: p.sequence}, nil
}

// logout is DELETE /login: the session becomes the application's again.
func logout(s *Server, c *call) (answer, error) {
	s.tokens.assign(c.session.token, 0, s.clock.now())
	return answer{status: http.StatusOK, body: struct{}{}}, nil
}

func (s *Server) sessionAnswer(status int, opened session, p *person) answer {
	v := sessionView{
		ID: opened.id, UserID: opened.user, ApplicationID: json.Number(s.options.ApplicationID), Token: opened.token,
		Timestamp: opened.timestamp, Nonce: opened.nonce,
		CreatedAt: rfc3339(opened.created.Unix()), UpdatedAt: rfc3339(opened.updated.Unix()),
	}
	a := answer{status: status}
	if p != nil {
		shown := s.single(p)
		v.User, a.shows = &shown, p.sequence
	}
	a.body = sessionBody{v}
	return a
}

func idOf(p *person) int64 {
	if p == nil {
		return 0
	}
	return p.ID
}
