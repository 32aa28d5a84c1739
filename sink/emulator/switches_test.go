package emulator

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSwitches(t *testing.T) {
	const (
		two    = `{"user":{"login":"dora","password":"12345678","external_id":"E1"}}`
		rename = `{"user":{"full_name":"New"}}`
	)
	cases := map[string]struct {
		set             string // name=value
		method, path    string
		as              string // a user's JSON, "" for an application session
		body            string
		offCode, onCode int
		offText, onText string
	}{
		"write-others":           {set: "write-others=true", method: "PUT", path: "/users/2", as: ann, body: rename, offCode: 403, onCode: 200, onText: `"id":2,"full_name":"New"`},
		"write-others-delete":    {set: "write-others=true", method: "DELETE", path: "/users/2", as: ann, offCode: 403, onCode: 200},
		"write-others-not-found": {set: "write-others=true", method: "DELETE", path: "/users/9", as: ann, offCode: 404, onCode: 404},
		"write-others-needs-one": {set: "write-others=true", method: "DELETE", path: "/users/2", offCode: 403, onCode: 403},
		"others-answer":          {set: "others-answer=404", method: "PUT", path: "/users/2", as: ann, body: rename, offCode: 403, onCode: 404, onText: "Couldn't find user."},
		"others-answer-delete":   {set: "others-answer=404", method: "DELETE", path: "/users/2", as: ann, offCode: 403, onCode: 404},
		"shared-external-ids":    {set: "shared-external-ids=true", method: "POST", path: "/users", body: two, offCode: 422, onCode: 201, offText: `"external_id":["has already`},
		"fixed-external-ids":     {set: "fixed-external-ids=true", method: "PUT", path: "/users/1", as: ann, body: `{"user":{"external_id":"E9"}}`, offCode: 200, onCode: 200, offText: `"external_id":"E9"`, onText: `"external_id":"E1"`},
		"deny-on-the-fly":        {set: "deny-on-the-fly=true", method: "POST", path: "/session", body: sessionOf(`{"login":"eve","password":"12345678"}`), offCode: 201, onCode: 401},
		"login-creates-users":    {set: "login-creates-users=true", method: "POST", path: "/login", body: `{"login":"eve","password":"12345678"}`, offCode: 401, onCode: 200, onText: `"login":"eve"`},
		"tags-text":              {set: "tags=text", method: "GET", path: "/users/v2?id=1", offCode: 200, onCode: 200, offText: `"user_tags":["a","b"]`, onText: `"user_tags":"a,b"`},
		"tags-array":             {set: "tags=array", method: "GET", path: "/users/1", offCode: 200, onCode: 200, offText: `"user_tags":"a,b"`, onText: `"user_tags":["a","b"]`},
		"in-values":              {set: "in-values=2", method: "GET", path: "/users/v2?id[in][]=1&id[in][]=2&id[in][]=3", offCode: 200, onCode: 400, onText: "has 3 values, and takes 2"},
		"in-values-enough":       {set: "in-values=2", method: "GET", path: "/users/v2?id[in][]=1&id[in][]=2", offCode: 200, onCode: 200},
		"require-signature":      {set: "require-signature=true", method: "POST", path: "/session", body: plainSession, offCode: 201, onCode: 422, onText: `"signature":["is required"]`},
		"no-v1":                  {set: "no-v1=true", method: "GET", path: "/users/by_login?login=ann", offCode: 200, onCode: 404, onText: "E_ROUTE_NOT_FOUND"},
		"no-v1-id":               {set: "no-v1=true", method: "GET", path: "/users/1", offCode: 200, onCode: 405},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for _, on := range []bool{false, true} {
				client := open(t, Options{})
				client.signUp(`{"login":"ann","password":"annspassword","external_id":"E1","tag_list":["a","b"]}`)
				client.signUp(bob)
				session := client.session(c.as)
				if on {
					client = switched(t, client, session, c.set)
				}
				a := session.over(client).do(c.method, c.path, c.body)
				if on {
					a.want(t, c.onCode, c.onText)
				} else {
					a.want(t, c.offCode, c.offText)
				}
			}
		})
	}
}

// over is the same session on another server.
func (c *testClient) over(other *testClient) *testClient {
	return &testClient{t: c.t, server: other.server, header: c.header}
}

// switched opens a server with a switch set that has the users and sessions of another.
func switched(t *testing.T, old, session *testClient, set string) *testClient {
	t.Helper()
	var o Options
	name, text, _ := strings.Cut(set, "=")
	for _, s := range o.Switches() {
		if s.Name == name {
			if err := s.Set(text); err != nil {
				t.Fatal(err)
			}
			if !s.Changed() {
				t.Errorf("%s isn't changed", set)
			}
		}
	}
	next := open(t, o)
	users := next.server.users
	for id := range int64(len(old.server.users.people)) {
		users.apply(opUser, id+1, old.server.users.at(id+1))
	}
	next.server.tokens = session.server.tokens
	return next
}

func TestSwitchSettings(t *testing.T) {
	var o Options
	bad := map[string]string{"bool": "maybe", "int": "-1", "duration": "-1s", "string": "x"}
	for _, s := range o.Switches() {
		if s.Changed() {
			t.Errorf("%s: default %q, want %q", s.Name, s, s.Default)
		}
		if err := s.Set(bad[s.Type()]); err == nil {
			t.Errorf("%s takes %q", s.Name, bad[s.Type()])
		}
	}
	for name, o := range map[string]Options{
		"tags": {Tags: "list"}, "others": {OthersAnswer: "500"}, "lag": {ListLag: -1}, "in": {InValues: -1},
	} {
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "write ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSharedExternalIDs(t *testing.T) {
	client := open(t, Options{SharedExternalIDs: true})
	client.signUp(`{"login":"ann","password":"annspassword","external_id":"E1"}`)
	client.signUp(`{"login":"bob","password":"bobspassword","external_id":"E1"}`)
	client.session("").do("GET", "/users/v2?external_id=E1", "").want(t, 200, `"total_entries":2`)
	client.session(ann).do("PUT", "/users/1", `{"user":{"external_id":"E2"}}`).want(t, 200, "E2")
	client.session("").do("GET", "/users/v2?external_id=E1", "").want(t, 200, `"items":[{"id":2,`)
	client.session("").do("GET", "/users/v2?external_id[in][]=E1&external_id[in][]=E2", "").want(t, 200, `"total_entries":2`)
	client.session(bob).do("DELETE", "/users/2", "").want(t, 200, "")
	client.session("").do("GET", "/users/v2?external_id=E1", "").want(t, 200, `"total_entries":0`)
}

func TestListLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := open(t, Options{ListLag: 2 * time.Second, Users: []SeedUser{{Login: "service", Password: "12345678"}}})
		session := client.session(`{"login":"service","password":"12345678"}`)
		list := func(want string) {
			t.Helper()
			session.do("GET", "/users/v2?login[in][]=ann&login[in][]=service", "").want(t, 200, want)
		}
		list(`"total_entries":1`)
		client.signUp(ann)
		client.session("").do("GET", "/users/2", "").want(t, 200, `"login":"ann"`)
		list(`"total_entries":1`)
		time.Sleep(time.Second)
		mine := client.session(ann)
		mine.do("PUT", "/users/2", `{"user":{"full_name":"Ann"}}`).want(t, 200, "")
		time.Sleep(time.Second)
		list(`"total_entries":2,"items":[{"id":1,"full_name":null,"email":null,"login":"service"`)
		list(`{"id":2,"full_name":null,`)
		time.Sleep(time.Second)
		list(`{"id":2,"full_name":"Ann",`)
		mine.do("DELETE", "/users/2", "").want(t, 200, "")
		list(`"total_entries":2`)
		time.Sleep(2 * time.Second)
		list(`"total_entries":1`)
	})
}

func TestActivityUpdates(t *testing.T) {
	for _, on := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			client := open(t, Options{ActivityUpdates: on})
			client.signUp(ann)
			session := client.session(ann)
			time.Sleep(time.Minute)
			want := `"updated_at":"2000-01-01T00:00:00Z","last_request_at":"2000-01-01T00:01:00Z"`
			if on {
				want = `"updated_at":"2000-01-01T00:01:00Z","last_request_at":"2000-01-01T00:01:00Z"`
			}
			session.do("GET", "/users/1", "").want(t, 200, want)
			session.do("PUT", "/users/1", `{"user":{"phone":"1"}}`).want(t, 200, `"phone":"1"`)
		})
	}
}

func TestNoRetryAfter(t *testing.T) {
	for _, on := range []bool{false, true} {
		client := open(t, Options{RequestsPerSecond: 1, NoRetryAfter: on})
		client.do("GET", "/session", "")
		a := client.do("GET", "/session", "")
		a.want(t, 429, "the limit is 1 a second")
		if got := a.header.Get("Retry-After") == ""; got != on {
			t.Errorf("Retry-After absent: %t, want %t", got, on)
		}
	}
}
