package emulator

import (
	"net/http"
	"strconv"
)

// newPerson makes a user of the given parameters and says what is wrong with it, password included.
func (o *Options) newPerson(params map[string]value, now int64) (*person, problems) {
	p, wrong := &person{Created: now, Updated: now}, problems{}
	o.assign(p, params)
	check(p, wrong)
	password := params["password"].text
	o.checkPassword(password, wrong)
	p.Password = newSecret(password)
	return p, wrong
}

func check(p *person, wrong problems) {
	for _, complain := range rules() {
		complain(p, wrong)
	}
}

// signUp is POST /users.
func signUp(s *Server, c *call) (answer, error) {
	params, err := c.userParams()
	if err != nil {
		return answer{}, err
	}
	p, wrong := s.options.newPerson(params, s.clock.now().Unix())
	if err := s.users.add(opSignUp, p, wrong); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusCreated, body: userBody{s.single(p)}, shows: p.sequence}, nil
}

// updateUser is PUT /users/{id}: only the given fields change, and null or "" clears one.
func updateUser(s *Server, c *call) (answer, error) {
	params, err := c.userParams()
	if err != nil {
		return answer{}, err
	}
	if err := s.ownOnly(c); err != nil {
		return answer{}, err
	}
	if s.options.FixedExternalIDs {
		delete(params, "external_id")
	}
	now := s.clock.now().Unix()
	p, err := s.users.change(c.id, func(p *person, wrong problems) {
		s.options.assign(p, params)
		check(p, wrong)
		s.options.changePassword(p, params, wrong)
		p.Updated = now
	})
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: userBody{s.single(p)}, shows: p.sequence}, nil
}

// changePassword needs the old password beside the new one.
func (o *Options) changePassword(p *person, params map[string]value, wrong problems) {
	password, given := params["password"]
	if !given {
		return
	}
	o.checkPassword(password.text, wrong)
	if !p.Password.opensWith(params["old_password"].text) {
		wrong.add("old_password", "is incorrect")
		return
	}
	p.Password = newSecret(password.text)
}

// deleteUser is DELETE /users/{id}.
func deleteUser(s *Server, c *call) (answer, error) {
	if err := s.ownOnly(c); err != nil {
		return answer{}, err
	}
	if err := s.users.remove(opDelete, c.id); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: struct{}{}, shows: s.users.lastSequence()}, nil
}

// deleteExternal is DELETE /users/external/{id}, by the deprecated number.
func deleteExternal(s *Server, c *call) (answer, error) {
	p := s.users.lookUp("external_user_id", strconv.FormatInt(c.id, 10))
	if p == nil {
		return answer{}, noUser()
	}
	c.id = p.ID
	return deleteUser(s, c)
}

// adminDeleteUser is DELETE /admin/user/{id}.
func adminDeleteUser(s *Server, c *call) (answer, error) {
	if err := s.users.remove(opAdminDelete, c.id); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: successBody{true}, shows: s.users.lastSequence()}, nil
}

type successBody struct {
	Success bool `json:"success"`
}

// ownOnly refuses writes to anybody but the session's own user, unless switched.
func (s *Server) ownOnly(c *call) error {
	switch {
	case c.id == c.session.user:
		return nil
	case s.options.OthersAnswer == "404" && !s.options.WriteOthers || s.users.byID(c.id) == nil:
		return noUser()
	case s.options.WriteOthers:
		return nil
	}
	return notYours()
}
