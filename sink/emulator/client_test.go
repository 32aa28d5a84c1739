package emulator

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// testClient sends requests in-process; its header goes with each of them.
type testClient struct {
	t      testing.TB
	server *Server
	header map[string]string
}

type testAnswer struct {
	status int
	header http.Header
	body   string
}

func open(t testing.TB, o Options) *testClient {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &testClient{t: t, server: s}
}

func (c *testClient) with(name, text string) *testClient {
	return &testClient{t: c.t, server: c.server, header: map[string]string{name: text}}
}

func (c *testClient) do(method, path, body string) testAnswer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, "http://emulator.test"+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for name, text := range c.header {
		req.Header.Set(name, text)
	}
	resp, err := c.server.Transport().RoundTrip(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return testAnswer{resp.StatusCode, resp.Header, string(raw)}
}

const plainSession = `{"application_id":1,"auth_key":"emulator-auth-key"}`

// session opens a session and returns a client that uses it. user is the JSON of a user to sign in, or "".
func (c *testClient) session(user string) *testClient {
	c.t.Helper()
	body := plainSession
	if user != "" {
		body = strings.TrimSuffix(body, "}") + `,"user":` + user + "}"
	}
	a := c.do("POST", "/session", body)
	if a.status != http.StatusCreated {
		c.t.Fatalf("POST /session: %d %s", a.status, a.body)
	}
	return c.with("CB-Token", a.text("session.token"))
}

// signUp makes a user, whose fields are JSON, and returns its id.
func (c *testClient) signUp(fields string) int64 {
	c.t.Helper()
	a := c.with("CB-AuthKey", DefaultAuthKey).do("POST", "/users", `{"user":`+fields+`}`)
	if a.status != http.StatusCreated {
		c.t.Fatalf("sign up %s: %d %s", fields, a.status, a.body)
	}
	id, _ := strconv.ParseInt(a.text("user.id"), 10, 64)
	return id
}

func (a testAnswer) want(t testing.TB, status int, fragment string) {
	t.Helper()
	if a.status != status || !strings.Contains(a.body, fragment) {
		t.Errorf("got %d %s, want %d with %s", a.status, a.body, status, fragment)
	}
}

// text is the value at a dotted path of the body.
func (a testAnswer) text(path string) string {
	d := json.NewDecoder(strings.NewReader(a.body))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return "not JSON"
	}
	for _, name := range strings.Split(path, ".") {
		switch inner := v.(type) {
		case map[string]any:
			v = inner[name]
		case []any:
			i, _ := strconv.Atoi(name)
			if i >= len(inner) {
				return "none"
			}
			v = inner[i]
		}
	}
	if s, ok := v.(string); ok {
		return s
	}
	raw, _ := json.Marshal(v)
	return string(raw)
}

const (
	ann = `{"login":"ann","password":"annspassword"}`
	bob = `{"login":"bob","password":"bobspassword"}`
)
