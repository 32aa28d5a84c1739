package emulator

import (
	"cmp"
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
	uid     string  // the {uid} of the path
	raw     []byte  // the body, once it was read
	shift   int     // how much later a list begins than it should
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
	path   string // without .json; {id} is a number, {uid} a text
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
		{http.MethodGet, "/users/password/reset", PasswordReset, withSession, resetPassword},
		{http.MethodPost, "/users/password/reset", PasswordReset, withSession, resetPassword},
		{http.MethodDelete, "/users/{id}", Delete, withUser, deleteUser},
		{http.MethodDelete, "/users/external/{id}", Delete, withUser, deleteExternal},
		{http.MethodDelete, "/admin/user/{id}", AdminDelete, withAdminKey, adminDeleteUser},
		{http.MethodPost, "/blobs", BlobCreate, withUser, createBlob},
		{http.MethodGet, "/blobs/{id}", BlobRead, withSession, showBlob},
		{http.MethodPut, "/blobs/{id}/complete", BlobComplete, withUser, completeBlob},
		{http.MethodDelete, "/blobs/{id}", BlobDelete, withUser, deleteBlob},
		{http.MethodGet, "/blobs/{uid}", BlobRead, anybody, downloadBlob},
		{http.MethodGet, "/blobs/{uid}/download", BlobRead, anybody, downloadBlob},
		{http.MethodGet, "/blobs/{uid}/object", BlobRead, anybody, downloadBlob},
	}
}

// oldRoutes are the deprecated reads of v1.
func oldRoutes() []route {
	return []route{
		{http.MethodGet, "/users", Read, withSession, listOldUsers},
		{http.MethodGet, "/users/{id}", Read, withSession, showUser},
		{http.MethodGet, "/users/by_login", Read, withSession, showBy("login")},
		{http.MethodGet, "/users/by_email", Read, withSession, showBy("email")},
		{http.MethodGet, "/users/by_full_name", Read, withSession, listByName},
		{http.MethodGet, "/users/by_tags", Read, withSession, listByTags},
		{http.MethodGet, "/users/by_facebook_id", Read, withSession, showBy("facebook_id")},
		{http.MethodGet, "/users/by_twitter_id", Read, withSession, showBy("twitter_id")},
		{http.MethodGet, "/users/phone", Read, withSession, showBy("phone")},
		{http.MethodGet, "/users/external/{id}", Read, withSession, showExternal},
	}
}

// routes are the calls as these options have them.
func (o *Options) routes() []route {
	all := routes()
	if o.NoV2 {
		all = slices.DeleteFunc(all, func(r route) bool { return r.kind == List })
	}
	if reset := strings.ToUpper(o.ResetBy); reset == http.MethodGet || reset == http.MethodPost {
		all = slices.DeleteFunc(all, func(r route) bool { return r.kind == PasswordReset && r.method != reset })
	}
	old := oldRoutes()
	for i := range old {
		if o.NoV1 {
			old[i].admit = withoutV1
		}
	}
	return append(all, old...)
}

// find returns the route of a request and the variable of its path. Without a route, it is one of kind Other that refuses.
func find(table []route, method, path string) (*route, variable) {
	path = strings.TrimSuffix(path, ".json")
	var allowed []string
	for i := range table {
		v, ok := match(table[i].path, path)
		if ok && table[i].method == method {
			return &table[i], v
		}
		if ok {
			allowed = append(allowed, table[i].method)
		}
	}
	refusal := noRoute(method, path)
	if len(allowed) > 0 {
		slices.Sort(allowed)
		allowed = slices.Compact(allowed)
		refusal = wrongMethod(method, path, allowed)
	}
	return &route{kind: Other, admit: func(*Server, *call) error { return refusal }}, variable{}
}

// variable is the changing part of a path.
type variable struct {
	id  int64
	uid string
}

func match(pattern, path string) (v variable, ok bool) {
	prefix, rest, varies := strings.Cut(pattern, "{")
	if !varies {
		return v, path == pattern
	}
	text, ok := strings.CutPrefix(path, prefix)
	if !ok {
		return v, false
	}
	name, suffix, _ := strings.Cut(rest, "}")
	if text, ok = strings.CutSuffix(text, suffix); !ok {
		return v, false
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if name == "id" {
		return variable{id: id}, err == nil && id > 0
	}
	return variable{uid: text}, err != nil && text != "" && !strings.Contains(text, "/")
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

func withoutV1(s *Server, c *call) error { return cmp.Or(withSession(s, c), noV1()) }

func withAdminKey(s *Server, c *call) error {
	if s.options.NoAdminAPI {
		return noAdminAPI()
	}
	if c.r.Header.Get("CB-Administration-API-Key") != s.options.AdminKey {
		return needAdminKey()
	}
	return nil
}
