package emulator

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSwitches(t *testing.T) {
	const (
		two    = `{"user":{"login":"dora","password":"12345678","external_id":"E1"}}`
		rename = `{"user":{"full_name":"New"}}`

		adminKey = "the admin key"
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
		"no-admin-api":           {set: "no-admin-api=true", method: "DELETE", path: "/admin/user/1", as: adminKey, offCode: 200, onCode: 403, onText: "isn't part of this plan"},
		"shared-emails":          {set: "shared-emails=true", method: "POST", path: "/users", body: `{"user":{"email":"Ann@example.com","password":"12345678"}}`, offCode: 422, onCode: 201, offText: `"email":["has already`},
		"shared-social-ids":      {set: "shared-social-ids=true", method: "POST", path: "/users", body: `{"user":{"login":"dora","password":"12345678","facebook_id":"F1","twitter_id":"T1"}}`, offCode: 422, onCode: 201, offText: `{"facebook_id":["has already been taken"],"twitter_id":["has already been taken"]}`},
		"any-case-logins":        {set: "any-case-logins=true", method: "POST", path: "/users", body: `{"user":{"login":"Ann","password":"12345678"}}`, offCode: 201, onCode: 422, onText: `"login":["has already`},
		"any-case-logins-find":   {set: "any-case-logins=true", method: "GET", path: "/users/v2?login=ANN", offCode: 200, onCode: 200, offText: `"items":[]`, onText: `"login":"ann"`},
		"any-case-logins-filter": {set: "any-case-logins=true", method: "GET", path: "/users/v2?login[in][]=ANN&login[in][]=bob&login[in][]=x&id=1", offCode: 200, onCode: 200, offText: `"items":[]`, onText: `"login":"ann"`},
		"any-case-logins-v1":     {set: "any-case-logins=true", method: "GET", path: "/users/by_login?login=ANN", offCode: 404, onCode: 200, onText: `"login":"ann"`},
		"any-case-logins-login":  {set: "any-case-logins=true", method: "POST", path: "/login", body: `{"login":"ANN","password":"annspassword"}`, offCode: 401, onCode: 200, onText: `"login":"ann"`},
		"keeps-email-case":       {set: "keeps-email-case=true", method: "PUT", path: "/users/1", as: ann, body: `{"user":{"email":"Ann@Example.com"}}`, offCode: 200, onCode: 200, offText: `"ann@example.com"`, onText: `"Ann@Example.com"`},
		"keeps-email-case-taken": {set: "keeps-email-case=true", method: "POST", path: "/users", body: `{"user":{"email":"ANN@example.com","password":"12345678"}}`, offCode: 422, onCode: 422, onText: `"email":["has already`},
		"keeps-spaces":           {set: "keeps-spaces=true", method: "PUT", path: "/users/1", as: ann, body: `{"user":{"full_name":" Ann "}}`, offCode: 200, onCode: 200, offText: `"full_name":"Ann"`, onText: `"full_name":" Ann "`},
		"any-password":           {set: "any-password=true", method: "POST", path: "/users", body: `{"user":{"login":"dora","password":"x"}}`, offCode: 422, onCode: 201},
		"any-password-but-one":   {set: "any-password=true", method: "POST", path: "/users", body: `{"user":{"login":"dora"}}`, offCode: 422, onCode: 422, onText: `"password":["can't be blank"]`},
		"newest-first":           {set: "newest-first=true", method: "GET", path: "/users/v2?id[in][]=1&id[in][]=2", offCode: 200, onCode: 200, offText: `"items":[{"id":1,`, onText: `"items":[{"id":2,`},
		"newest-first-sorted":    {set: "newest-first=true", method: "GET", path: "/users/v2?id[in][]=1&id[in][]=2&sort_asc=id", offCode: 200, onCode: 200, offText: `"items":[{"id":1,`, onText: `"items":[{"id":1,`},
		"newest-first-v1":        {set: "newest-first=true", method: "GET", path: "/users", offCode: 200, onCode: 200, offText: `"items":[{"user":{"id":1,`, onText: `"items":[{"user":{"id":2,`},
		"reset-by-get":           {set: "reset-by=get", method: "POST", path: "/users/password/reset", body: `{"email":"ann@example.com"}`, offCode: 200, onCode: 405},
		"reset-by-get-get":       {set: "reset-by=get", method: "GET", path: "/users/password/reset?email=ann@example.com", offCode: 200, onCode: 200},
		"reset-by-post":          {set: "reset-by=post", method: "GET", path: "/users/password/reset?email=ann@example.com", offCode: 200, onCode: 405},
		"reset-by-post-post":     {set: "reset-by=post", method: "POST", path: "/users/password/reset", body: `{"email":"ann@example.com"}`, offCode: 200, onCode: 200},
		"empty-answers":          {set: "empty-answers=true", method: "DELETE", path: "/users/1", as: ann, offCode: 200, onCode: 200, offText: "{}", onText: ""},
		"no-v2":                  {set: "no-v2=true", method: "GET", path: "/users/v2?id=1", offCode: 200, onCode: 404, onText: "E_ROUTE_NOT_FOUND"},
		"fixed-external-ids":     {set: "fixed-external-ids=true", method: "PUT", path: "/users/1", as: ann, body: `{"user":{"external_id":"E9"}}`, offCode: 200, onCode: 200, offText: `"external_id":"E9"`, onText: `"external_id":"E1"`},
		"deny-on-the-fly":        {set: "deny-on-the-fly=true", method: "POST", path: "/session", body: sessionOf(`{"login":"eve","password":"12345678"}`), offCode: 201, onCode: 401},
		"login-creates-users":    {set: "login-creates-users=true", method: "POST", path: "/login", body: `{"login":"eve","password":"12345678"}`, offCode: 401, onCode: 200, onText: `"login":"eve"`},
		"tags-text":              {set: "tags=text", method: "GET", path: "/users/v2?id=1", offCode: 200, onCode: 200, offText: `"user_tags":["a","b"]`, onText: `"user_tags":"a,b"`},
		"tags-array":             {set: "tags=array", method: "GET", path: "/users/1", offCode: 200, onCode: 200, offText: `"user_tags":"a,b"`, onText: `"user_tags":["a","b"]`},
		"in-values":              {set: "in-values=2", method: "GET", path: "/users/v2?id[in][]=1&id[in][]=2&id[in][]=3", offCode: 200, onCode: 400, onText: "has 3 values, and takes 2"},
		"in-values-enough":       {set: "in-values=2", method: "GET", path: "/users/v2?id[in][]=1&id[in][]=2", offCode: 200, onCode: 200},
		"require-signature":      {set: "require-signature=true", method: "POST", path: "/session", body: plainSession, offCode: 201, onCode: 422, onText: `"signature":["is required"]`},
		"no-v1":                  {set: "no-v1=true", method: "GET", path: "/users/by_login?login=ann", offCode: 200, onCode: 403, onText: "Users retrieving forbidden"},
		"no-v1-id":               {set: "no-v1=true", method: "GET", path: "/users/1", offCode: 200, onCode: 403},
	}
	proven := []string{"list-lag", "activity-updates", "no-retry-after", "sign-in-ends-others", "sign-in-updates"} // below
	for _, c := range cases {
		name, _, _ := strings.Cut(c.set, "=")
		proven = append(proven, name)
	}
	var all Options
	for _, s := range all.Switches() {
		if !slices.Contains(proven, s.Name) {
			t.Errorf("nothing proves both answers of %s", s.Name)
		}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for _, on := range []bool{false, true} {
				client := open(t, Options{})
				client.signUp(`{"login":"ann","email":"ann@example.com","password":"annspassword","external_id":"E1","facebook_id":"F1",
					"twitter_id":"T1","tag_list":["a","b"]}`)
				client.signUp(bob)
				session := client.with("CB-Administration-API-Key", DefaultAdminKey)
				if c.as != adminKey {
					session = client.session(c.as)
				}
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
		client.signUp(bob)
		client.session(bob) // before a list shows him
		time.Sleep(2 * time.Second)
		session.do("GET", "/users/v2?login=bob", "").want(t, 200, `"last_request_at":"2000-01-01T00:00:03Z"`)
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

// Empty means empty: want can't see that.
func TestEmptyAnswers(t *testing.T) {
	client := open(t, Options{EmptyAnswers: true})
	if a := client.session("").do("DELETE", "/session", ""); a.status != 200 || a.body != "" {
		t.Errorf("got %d %q, want 200 and nothing", a.status, a.body)
	}
}

func TestSharedKeys(t *testing.T) {
	client := open(t, Options{SharedEmails: true, SharedSocialIDs: true})
	client.signUp(`{"email":"ann@example.com","password":"annspassword","facebook_id":"1"}`)
	client.signUp(`{"email":"ANN@example.com","password":"bobspassword","facebook_id":"1"}`)
	session := client.session(`{"email":"ann@example.com","password":"annspassword"}`)
	session.do("GET", "/users/v2?email[in][]=Ann@example.com&email[in][]=x", "").want(t, 200, `"total_entries":2`)
	session.do("GET", "/users/v2?facebook_id=1", "").want(t, 200, `"total_entries":2`)
	session.do("GET", "/users/by_facebook_id?facebook_id=1", "").want(t, 200, `"id":1,`)
	session.do("DELETE", "/users/1", "").want(t, 200, "")
	client.session("").do("GET", "/users/v2?facebook_id=1", "").want(t, 200, `"items":[{"id":2,`)

	token := strings.TrimSuffix(plainSession, "}") + `,"provider":"facebook","keys":{"token":"t"}}`
	first := client.do("POST", "/session", token).text("session.user_id")
	if again := client.do("POST", "/session", token).text("session.user_id"); again != first {
		t.Errorf("a token is users %s and %s", first, again)
	}
}

func TestSignInEndsOthers(t *testing.T) {
	for _, on := range []bool{false, true} {
		client := open(t, Options{SignInEndsOthers: on})
		client.signUp(ann)
		client.signUp(bob)
		application, first, other := client.session(""), client.session(ann), client.session(bob)
		status := map[bool]int{false: 200, true: 401}[on]
		second := client.session(ann)
		first.do("GET", "/session", "").want(t, status, "")
		third := client.session("")
		third.do("POST", "/login", ann).want(t, 200, "")
		second.do("GET", "/session", "").want(t, status, "")
		for _, lives := range []*testClient{application, other, third} {
			lives.do("GET", "/session", "").want(t, 200, "")
		}
	}
}

func TestSignInUpdates(t *testing.T) {
	for _, on := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			client := open(t, Options{SignInUpdates: on})
			client.signUp(ann)
			time.Sleep(time.Minute)
			at := map[bool]string{false: "00:00", true: "01:00"}[on]
			signedIn := client.do("POST", "/session", sessionOf(ann))
			signedIn.want(t, 201, `"updated_at":"2000-01-01T00:`+at+`Z","last_request_at":"2000-01-01T00:01:00Z"`)
			time.Sleep(time.Minute)
			client.with("CB-Token", signedIn.text("session.token")).do("GET", "/users/1", "").
				want(t, 200, `"updated_at":"2000-01-01T00:`+at+`Z","last_request_at":"2000-01-01T00:02:00Z"`)
		})
	}
}

// Case must not matter wherever a login is looked at: in an index, beside one, and in the copy that late lists are from.
func TestAnyCaseLogins(t *testing.T) {
	for name, o := range map[string]Options{"at-once": {AnyCaseLogins: true}, "late": {AnyCaseLogins: true, ListLag: 1}} {
		t.Run(name, func(t *testing.T) {
			client := open(t, o)
			client.signUp(`{"login":"Ann","password":"annspassword"}`)
			client.signUp(bob)
			session := client.session("")
			for query, want := range map[string]string{
				"login=aNN": "[1]", "login[in][]=ANN&login[in][]=BOB&id=1": "[1]", "id[in][]=1&id[in][]=2&login[nin][]=ann": "[2]",
			} {
				if got := ids(t, session.do("GET", "/users/v2?"+query, "")); got != want {
					t.Errorf("%s: %s, want %s", query, got, want)
				}
			}
		})
	}
}
