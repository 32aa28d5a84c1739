package simulation

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// kind is what a call asks for.
type kind string

const (
	openSession kind = "session"
	showSession kind = "look at session"
	endSession  kind = "end session"
	login       kind = "login"
	logout      kind = "logout"
	list        kind = "list"
	lookUp      kind = "look-up"
	signUp      kind = "sign-up"
	update      kind = "update"
	remove      kind = "delete"
)

// call is a request on its way.
type call struct {
	kind    kind
	from    *watch // the process that sends it; nil: the network itself
	who     string // the external ID that it is about; of a list or look-up, what is asked for; "" where it is about nobody
	attempt int    // how often such a call was made, this one included
	id      int64  // of the account that is written
	values  []string
	page    int // of a list, where it begins

	method string
	url    *url.URL
	header http.Header
	body   []byte
	sent   map[string]any // user of the body
}

func (c *call) writes() bool { return c.kind == signUp || c.kind == update || c.kind == remove }

// token is the session's.
func (c *call) token() string { return c.header.Get("CB-Token") }

func (c *call) String() string { return fmt.Sprintf("%s %s/%d", c.kind, c.who, c.attempt) }

// words are what decides about the call, and nothing else does.
func (c *call) words(about string) []string {
	return []string{about, string(c.kind), c.who, strconv.Itoa(c.attempt)}
}

// newCall tells what a request asks for.
func newCall(r *http.Request, body []byte, known *truth) *call {
	c := &call{method: r.Method, url: r.URL, header: r.Header.Clone(), body: body}
	path := strings.TrimSuffix(r.URL.Path, ".json")
	switch {
	case path == "/session":
		c.kind = map[string]kind{http.MethodPost: openSession, http.MethodGet: showSession, http.MethodDelete: endSession}[r.Method]
	case path == "/login" && r.Method == http.MethodDelete:
		c.kind = logout
	case path == "/login":
		c.kind = login
		var with struct{ Login, Email string }
		_ = json.Unmarshal(body, &with) // what isn't JSON is about nobody
		c.who = known.signsIn(with.Login, with.Email)
	case path == "/users/v2":
		c.asks(r.URL.Query())
	case path == "/users":
		c.kind = signUp
		c.reads(body)
		c.who, _ = c.sent["external_id"].(string)
	case strings.HasPrefix(path, "/users/"):
		c.kind = map[string]kind{http.MethodPut: update, http.MethodDelete: remove}[r.Method]
		c.id, _ = strconv.ParseInt(strings.TrimPrefix(path, "/users/"), 10, 64)
		c.reads(body)
		c.who = known.externalID(c.id)
	case strings.HasPrefix(path, "/admin/user/"):
		c.kind = remove
		c.id, _ = strconv.ParseInt(strings.TrimPrefix(path, "/admin/user/"), 10, 64)
		c.who = known.externalID(c.id)
	}
	return c
}

func (c *call) reads(body []byte) {
	var sent struct {
		User map[string]any `json:"user"`
	}
	_ = json.Unmarshal(body, &sent) // what isn't JSON writes nothing
	c.sent = sent.User
}

// asks tells a list from a look-up.
func (c *call) asks(query url.Values) {
	c.kind = lookUp
	if query.Has("user_tags") {
		c.kind = list
		c.page, _ = strconv.Atoi(query.Get("offset"))
		c.who = fmt.Sprintf("%s+%d", query.Get("limit"), c.page)
		return
	}
	for field, values := range query {
		if name, in := strings.CutSuffix(field, "[in][]"); in {
			c.values = slices.Sorted(slices.Values(values))
			c.who = fmt.Sprintf("%s=%s…%d", name, c.values[0], len(values))
		}
	}
}

// about reports whether a look-up asks for who has the external ID.
func (c *call) about(externalID string) bool {
	_, found := slices.BinarySearch(c.values, externalID)
	return found
}
