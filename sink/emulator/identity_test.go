package emulator

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// backend is a company's server that knows one user by two tokens, in the guide's form, and misbehaves for other tokens.
func backend(t *testing.T) string {
	t.Helper()
	hang := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/user/verify" || r.URL.Query().Get("app") != "1" {
			t.Errorf("asked for %s %s", r.Method, r.URL)
		}
		switch r.URL.Query().Get("token") {
		case "good", "good+again":
			_, _ = fmt.Fprint(w, `{"user":{"id":2345,"login":"simon371","name":"Simon Davis","mail":"Simon@example.com",
				"staff":true,"teams":["a","b"],"more":{"x":1.50}}}`)
		case "bare":
			_, _ = fmt.Fprint(w, `{"uid":7}`)
		case "no-uid":
			_, _ = fmt.Fprint(w, `{"user":{"id":null,"login":"simon371"}}`)
		case "not-json":
			_, _ = fmt.Fprint(w, `welcome`)
		case "large":
			_, _ = fmt.Fprintf(w, `{"user":{"id":%q}}`, strings.Repeat("1", verifyBody))
		case "long-uid":
			_, _ = fmt.Fprintf(w, `{"user":{"id":%q}}`, strings.Repeat("1", 70))
		case "broken-off":
			w.Header().Set("Content-Length", "100")
			_, _ = fmt.Fprint(w, `{"user":`)
		case "elsewhere":
			http.Redirect(w, r, "https://example.com/", http.StatusFound)
		case "hangs":
			<-hang
		case "nobody":
			w.WriteHeader(http.StatusNotFound)
		default:
			http.Error(w, `no such token`, http.StatusUnauthorized)
		}
	}))
	t.Cleanup(web.Close)
	t.Cleanup(func() { close(hang) })
	return web.URL + "/user/verify?app=1"
}

const withToken = `{"login":"good","password":"any"}`

func TestIdentityMakesAUserOnce(t *testing.T) {
	client := open(t, Options{Identity: &Identity{VerifyURL: backend(t)}, DenyOnTheFly: true})
	session := client.session("")
	first := session.do("POST", "/login", withToken)
	first.want(t, 200, `"login":"custom_2345"`)
	session.do("GET", "/session", "").want(t, 200, `"user_id":1,`)
	session.do("POST", "/login", strings.Replace(withToken, "good", "good+again", 1)).want(t, 200, `{"user":{"id":1,`)
	client.do("POST", "/session", sessionOf(withToken)).want(t, 201, `"user_id":1,`)
	if got := client.server.Counters().Written; got != (Writes{OnTheFly: 1}) {
		t.Errorf("written %+v, want one on the fly", got)
	}

	session.do("PUT", "/users/1", `{"user":{"login":"renamed","password":"12345678","old_password":""}}`).want(t, 422, `"old_password":["is incorrect"]`)
	session.do("PUT", "/users/1", `{"user":{"login":"renamed"}}`).want(t, 200, `"login":"renamed"`)
	session.do("POST", "/login", withToken).want(t, 200, `{"user":{"id":1,`)
	session.do("DELETE", "/users/1", "").want(t, 200, "")
	client.do("POST", "/session", sessionOf(withToken)).want(t, 201, `"login":"custom_2345"`)
}

func TestIdentityMapping(t *testing.T) {
	client := open(t, Options{Identity: &Identity{VerifyURL: backend(t), Mapping: map[string]string{
		"uid": "u#{user.id}", "login": "#{user.login}", "email": "#{user.mail}", "full_name": "#{user.name} (#{user.staff})",
		"tag_list": "#{user.teams}", "custom_data": "#{user.more}", "phone": "#{user.phone.home}", "website": "#{user.name",
	}}})
	client.do("POST", "/session", sessionOf(withToken)).want(t, 201, `"full_name":"Simon Davis (true)","email":"simon@example.com",`+
		`"login":"simon371","phone":null,"website":"http://#{user.name"`)
	client.session("").do("GET", "/users/v2?id=1", "").want(t, 200, `"custom_data":"{\"x\":1.50}"`)
	client.session("").do("GET", "/users/v2?id=1", "").want(t, 200, `"user_tags":["a","b"]`)
	client.do("POST", "/session", sessionOf(withToken)).want(t, 201, `"user_id":1,`)
}

func TestIdentityIsAskedForLoginsOnly(t *testing.T) {
	client := open(t, Options{Identity: &Identity{VerifyURL: backend(t)}})
	client.signUp(`{"login":"ann","email":"ann@example.com","password":"annspassword"}`)
	client.do("POST", "/session", sessionOf(ann)).want(t, 422, `Status: 401.Response \"no such token\\n\"`)
	client.do("POST", "/session", sessionOf(`{"email":"ann@example.com","password":"annspassword"}`)).want(t, 201, `"user_id":1,`)
	client.do("POST", "/session", plainSession).want(t, 201, `"user_id":0,`)
	client.do("POST", "/session", sessionOf(`{"guest":"1","full_name":"x"}`)).want(t, 201, `"is_guest":true`)
}

func TestIdentityRefusals(t *testing.T) {
	client := open(t, Options{Identity: &Identity{VerifyURL: backend(t)}})
	session := client.session("")
	for token, want := range map[string]string{
		"unknown":    `{"errors":["Bad Authentication data. Unauthorized on remote side. Status: 401.Response \"no such token\\n\""]}`,
		"nobody":     `{"errors":["Bad Authentication data. Unauthorized on remote side. Status: 404.With empty response"]}`,
		"elsewhere":  `Bad Authentication data. Unauthorized on remote side. Status: 302.`,
		"no-uid":     `{"errors":{"base":["Custom Identity Provider uid is required"]}}`,
		"bare":       `{"errors":{"base":["Custom Identity Provider uid is required"]}}`,
		"not-json":   `The response isn't JSON.`,
		"large":      `The response is larger than 1048576 bytes.`,
		"broken-off": `The response breaks off.`,
		"long-uid":   `{"errors":{"login":["is too long (maximum is 70 characters)"]}}`,
	} {
		session.do("POST", "/login", `{"login":"`+token+`","password":"any"}`).want(t, 422, want)
		client.do("POST", "/session", sessionOf(`{"login":"`+token+`","password":"any"}`)).want(t, 422, want)
	}
	if got := client.server.verifier.client.Timeout; got != verifyTimeout {
		t.Errorf("the backend has %s, want %s", got, verifyTimeout)
	}
	client.server.verifier.client.Timeout = 10 * time.Millisecond
	session.do("POST", "/login", `{"login":"hangs","password":"any"}`).want(t, 422, `The remote side doesn't answer.`)
	session.do("POST", "/login", `{"login":"good"}`).want(t, 422, `{"password":["can't be blank"]}`)
	session.do("GET", "/session", "").want(t, 200, `"user_id":0,`)
	if n := client.server.users.count; n != 0 {
		t.Errorf("%d users were made", n)
	}
	for _, r := range client.server.Requests() {
		if strings.Contains(r.Body, "unknown") {
			t.Errorf("the log shows a token: %s", r.Body)
		}
	}
}

func TestIdentityTakenLogin(t *testing.T) {
	client := open(t, Options{Identity: &Identity{VerifyURL: backend(t), Mapping: map[string]string{"uid": "#{user.id}", "login": "#{user.login}"}}})
	client.signUp(`{"login":"simon371","password":"12345678"}`)
	client.do("POST", "/session", sessionOf(withToken)).want(t, 422, `{"login":["has already been taken"]}`)
}

func TestIdentityAtOnceIsOneUser(t *testing.T) {
	client := open(t, Options{Identity: &Identity{VerifyURL: backend(t)}})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { client.do("POST", "/session", sessionOf(withToken)).want(t, 201, `"user_id":1,`) })
	}
	all.Wait()
}

func TestIdentityLasts(t *testing.T) {
	o := Options{Data: t.TempDir() + "/users.jsonl", Identity: &Identity{VerifyURL: backend(t)}}
	client := open(t, o)
	client.do("POST", "/session", sessionOf(withToken)).want(t, 201, "")
	if err := client.server.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, o).do("POST", "/session", sessionOf(withToken)).want(t, 201, `"user_id":1,`)
}

func TestIdentityOptions(t *testing.T) {
	for name, c := range map[string]struct {
		identity Identity
		want     string
	}{
		"no-url":        {Identity{}, "must be like https://example.com/user/verify"},
		"no-host":       {Identity{VerifyURL: "http:///verify"}, "must be like"},
		"other-scheme":  {Identity{VerifyURL: "ftp://example.com/"}, "must be like"},
		"one-uid":       {Identity{VerifyURL: "http://127.0.0.1/", Mapping: map[string]string{"uid": "x #{}"}}, "makes everybody one user"},
		"no-uid":        {Identity{VerifyURL: "http://127.0.0.1/", Mapping: map[string]string{"login": "#{login}"}}, "needs uid"},
		"unknown-field": {Identity{VerifyURL: "http://127.0.0.1/", Mapping: map[string]string{"uid": "#{id}", "password": "x"}}, `has "password"`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Open(Options{Identity: &c.identity}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestBackendShowsNoKeys(t *testing.T) {
	i := Identity{VerifyURL: "https://ann:sesame@example.com:8443/user/verify?key=open#x"}
	if got, want := i.Backend(), "https://example.com:8443/user/verify"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
