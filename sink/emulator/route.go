package emulator

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// call is a request on its way through the server.
type call struct {
	w       http.ResponseWriter
	r       *http.Request
	session session // zero without a valid token
	id      int64   // the {id} of the path
}

// answer is a success. It goes out once the write it shows is durable.
type answer struct {
	status int
	body   any
	shows  uint64 // the journal's number of the last write the answer knows about
}

// route is one call of the API. admit decides who may make it; handle does it, and returns an answer or a *failure.
type route struct {
	method string
	path   string // without .json; {id} is a number
	kind   Kind
	admit  func(*Server, *call) error
	handle func(*Server, *call) (answer, error)
}

// routes is every call this server knows.
func routes() []route {
	return []route{
		{http.MethodPost, "/session", SessionCreate, anybody, createSession},
		{http.MethodGet, "/session", SessionShow, withSession, showSession},
		{http.MethodDelete, "/session", SessionDestroy, withSession, destroySession},
		{http.MethodPost, "/login", Login, withSession, login},
		{http.MethodDelete, "/login", Logout, withSession, logout},
		{http.MethodGet, "/users/v2", List, withSession, listUsers},
		{http.MethodPost, "/users", SignUp, withSessionOrAuthKey, signUp},
		{http.MethodPut, "/users/{id}", Update, withUser, updateUser},
		{http.MethodDelete, "/users/{id}", Delete, withUser, deleteUser},
		{http.MethodDelete, "/admin/user/{id}", AdminDelete, withAdminKey, adminDeleteUser},
	}
}

// find returns the route of a request and its {id}. Without one, the route is of kind Other and refuses.
func find(table []route, method, path string) (*route, int64) {
	path = strings.TrimSuffix(path, ".json")
	var allowed []string
	for i := range table {
		id, ok := match(table[i].path, path)
		if ok && table[i].method == method {
			return &table[i], id
		}
		if ok {
			allowed = append(allowed, table[i].method)
		}
	}
	refusal := noRoute(method, path)
	if len(allowed) > 0 {
		slices.Sort(allowed)
		refusal = wrongMethod(method, path, allowed)
	}
	return &route{kind: Other, admit: func(*Server, *call) error { return refusal }}, 0
}

func match(pattern, path string) (id int64, ok bool) {
	prefix, numbered := strings.CutSuffix(pattern, "{id}")
	if !numbered {
		return 0, path == pattern
	}
	digits, ok := strings.CutPrefix(path, prefix)
	if !ok {
		return 0, false
	}
	id, err := strconv.ParseInt(digits, 10, 64)
	return id, err == nil && id > 0
}

func anybody(*Server, *call) error { return nil }

func withSession(_ *Server, c *call) error {
	if c.session.token == "" {
		return noSession()
	}
	return nil
}

func withUser(s *Server, c *call) error {
	if err := withSession(s, c); err != nil {
		return err
	}
	if c.session.user == 0 {
		return needUser()
	}
	return nil
}

// withSessionOrAuthKey: a token that is sent must be good; the key counts only without one.
func withSessionOrAuthKey(s *Server, c *call) error {
	key := c.r.Header.Get("CB-AuthKey")
	if key == "" || c.r.Header.Get("CB-Token") != "" {
		return withSession(s, c)
	}
	if key != s.options.AuthKey {
		return wrongCredential("auth_key", "is wrong")
	}
	return nil
}

func withAdminKey(s *Server, c *call) error {
	if c.r.Header.Get("CB-Administration-API-Key") != s.options.AdminKey {
		return needAdminKey()
	}
	return nil
}
