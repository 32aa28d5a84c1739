package emulator

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const noSessionBody = `{"errors":{"base":["Required session does not exist"]}}`

func TestCreateSession(t *testing.T) {
	for name, c := range map[string]struct {
		body     string
		status   int
		fragment string
	}{
		"number":               {plainSession, 201, `"user_id":0,"application_id":1,`},
		"text":                 {`{"application_id":"1","auth_key":"emulator-auth-key"}`, 201, `"token":"`},
		"wrong-application":    {`{"application_id":2,"auth_key":"emulator-auth-key"}`, 401, `{"application_id":["is unknown"]}`},
		"wrong-key":            {`{"application_id":1,"auth_key":"x"}`, 401, `{"auth_key":["is wrong"]}`},
		"malformed":            {`{"application_id":`, 400, `"errors"`},
		"nested":               {`{"a":{"b":{"c":1}}}`, 400, `"errors"`},
		"too-large":            {`{"a":"` + strings.Repeat("x", maxBody) + `"}`, 413, `"errors"`},
		"user-by-login":        {sessionOf(ann), 201, `"login":"ann"`},
		"user-by-email":        {sessionOf(`{"email":"Ann@Example.com","password":"annspassword"}`), 201, `"login":"ann"`},
		"wrong-password":       {sessionOf(`{"login":"ann","password":"something else"}`), 401, `{"errors":["Unauthorized"]}`},
		"user-without-login":   {sessionOf(`{"password":"something"}`), 422, `login or email is required`},
		"unknown-user-is-made": {sessionOf(bob), 201, `"login":"bob"`},
		"on-the-fly-rules":     {sessionOf(`{"login":"carol","password":"short"}`), 422, `"password":["is too short (minimum is 8 characters)"]`},
	} {
		t.Run(name, func(t *testing.T) {
			client := open(t, Options{})
			client.signUp(`{"login":"ann","email":"ann@example.com","password":"annspassword"}`)
			client.do("POST", "/session.json", c.body).want(t, c.status, c.fragment)
		})
	}
}

func sessionOf(user string) string {
	return strings.TrimSuffix(plainSession, "}") + `,"user":` + user + "}"
}

func TestFormBodies(t *testing.T) {
	client := open(t, Options{}).with("Content-Type", "application/x-www-form-urlencoded")
	client.do("POST", "/session", "application_id=1&auth_key=emulator-auth-key&user[login]=ann&user%5bpassword%5d=annspassword").
		want(t, 201, `"login":"ann"`)
	for name, body := range map[string]string{"value": "user[login]=ann%ff", "list": "user[tag_list][]=a&user[tag_list][]=%fe", "name": "user[%ff]=ann"} {
		t.Run("not-utf-8-"+name, func(t *testing.T) {
			client.do("POST", "/session", "application_id=1&auth_key=emulator-auth-key&"+body).want(t, 400, "isn't UTF-8")
		})
	}
}

func TestOnTheFlyCanBeDenied(t *testing.T) {
	client := open(t, Options{DenyOnTheFly: true})
	client.do("POST", "/session", sessionOf(bob)).want(t, 401, "Unauthorized")
	if got := client.server.Counters().Written; got != (Writes{}) {
		t.Errorf("written %+v, want nothing", got)
	}
}

func TestSignature(t *testing.T) {
	// Computed with: printf … | openssl dgst -sha1 -hmac emulator-auth-secret
	const signed = `{"application_id":1,"auth_key":"emulator-auth-key","nonce":%q,"timestamp":946684800,"signature":%q,` +
		`"user":{"login":"ann","password":"annspassword"}}`
	synctest.Test(t, func(t *testing.T) { // a bubble's clock begins at 946684800
		client := open(t, Options{})
		good := sign(map[string]value{
			"application_id": {text: "1"}, "auth_key": {text: "emulator-auth-key"}, "nonce": {text: "7"},
			"timestamp": {text: "946684800"},
			"user":      {fields: map[string]value{"login": {text: "ann"}, "password": {text: "annspassword"}}},
		}, DefaultAuthSecret)
		if good != "f86b4d7f7b86042c3965166b88bc57f7a835e4f4" {
			t.Errorf("signature %s differs from openssl's", good)
		}
		client.do("POST", "/session", fmt.Sprintf(signed, "7", good)).want(t, 201, `"nonce":"7"`)
		client.do("POST", "/session", fmt.Sprintf(signed, "7", good)).want(t, 422, "has already been used")
		client.do("POST", "/session", fmt.Sprintf(signed, "8", good)).want(t, 422, "Unexpected signature")
		client.do("POST", "/session", `{"application_id":1,"auth_key":"emulator-auth-key","signature":"x"}`).
			want(t, 422, "is required in a signed request")

		time.Sleep(maxSkew + time.Second)
		client.do("POST", "/session", fmt.Sprintf(signed, "7", good)).want(t, 422, "more than 60 minutes")
	})
}

func TestTimestamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := open(t, Options{})
		for ahead, want := range map[time.Duration]int{
			-maxSkew: 201, maxSkew: 201, -maxSkew - time.Second: 422, maxSkew + time.Second: 422,
		} {
			at := time.Now().Add(ahead).Unix()
			client.do("POST", "/session", strings.TrimSuffix(plainSession, "}")+fmt.Sprintf(`,"timestamp":%d}`, at)).want(t, want, "")
		}
	})
}

func TestOldNoncesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := open(t, Options{})
		for range 3 {
			for nonce := range leastSweep {
				client.do("POST", "/session", strings.TrimSuffix(plainSession, "}")+
					fmt.Sprintf(`,"timestamp":%d,"nonce":%d}`, time.Now().Unix(), nonce)).want(t, 201, "")
			}
			time.Sleep(tokenLife + maxSkew)
		}
		if n := len(client.server.tokens.used); n > leastSweep+1 {
			t.Errorf("%d nonces are kept", n)
		}
	})
}

func TestTokenLivesTwoHoursAfterLastRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := open(t, Options{}).session("")
		for range 3 {
			time.Sleep(tokenLife - time.Second)
			a := client.do("GET", "/session", "")
			a.want(t, 200, `"session"`)
			want := time.Now().Add(tokenLife).UTC().Format("2006-01-02 15:04:05") + " UTC"
			if got := a.header.Get("CB-Token-ExpirationDate"); got != want {
				t.Errorf("expiry %q, want %q", got, want)
			}
		}
		refused := client.do("DELETE", "/users/1", "")
		refused.want(t, 403, "Need user")
		if refused.header.Get("CB-Token-ExpirationDate") == "" {
			t.Error("a refusal doesn't carry the expiry")
		}
		time.Sleep(tokenLife)
		client.do("GET", "/session", "").want(t, 401, noSessionBody)
	})
}

func TestExpiredSessionsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := open(t, Options{})
		for range 3 {
			for range leastSweep {
				client.session("")
			}
			time.Sleep(tokenLife)
		}
		if n := len(client.server.tokens.live); n > leastSweep+1 {
			t.Errorf("%d sessions are kept", n)
		}
	})
}

func TestLoginAndLogout(t *testing.T) {
	client := open(t, Options{})
	client.signUp(ann)
	client.do("POST", "/login", ann).want(t, 401, noSessionBody)

	session := client.session("")
	session.do("POST", "/login", bob).want(t, 401, "Unauthorized")
	session.do("POST", "/login", `{"login":"ann","password":"bobspassword"}`).want(t, 401, "Unauthorized")
	if n := client.server.users.count; n != 1 {
		t.Errorf("%d users after a refused login, want 1", n)
	}
	session.do("POST", "/login.json", ann).want(t, 200, `{"user":{"id":1,`)
	session.do("GET", "/session", "").want(t, 200, `"user_id":1,`)
	session.do("DELETE", "/login", "").want(t, 200, "{}")
	session.do("GET", "/session", "").want(t, 200, `"user_id":0,`)
	session.do("DELETE", "/session", "").want(t, 200, "{}")
	session.do("GET", "/session", "").want(t, 401, noSessionBody)
}

func TestEveryCallWithAndWithoutJSON(t *testing.T) {
	var o Options
	for _, r := range o.routes() {
		path := strings.NewReplacer("{id}", "1", "{uid}", "a1").Replace(r.path)
		for _, suffix := range []string{"", ".json"} {
			if found, _ := find(o.routes(), r.method, path+suffix); found.path != r.path || found.kind != r.kind {
				t.Errorf("%s %s%s is %s %q, want %q", r.method, path, suffix, found.kind, found.path, r.path)
			}
		}
	}
}

func TestRoutes(t *testing.T) {
	client := open(t, Options{})
	client.do("GET", "/nowhere", "").want(t, 404, "E_ROUTE_NOT_FOUND: Cannot GET:/nowhere")
	client.do("PUT", "/users/v2", "").want(t, 405, "E_METHOD_NOT_ALLOWED")
	client.do("PUT", "/users/ann", "").want(t, 404, "E_ROUTE_NOT_FOUND")
	if got := client.do("PATCH", "/users/1.json", "").header.Get("Allow"); got != "DELETE, GET, PUT" {
		t.Errorf("Allow: %q", got)
	}
	client.do("GET", "/", "").want(t, http.StatusOK, "emulator")
	client.do("GET", "/__emulator/nothing", "").want(t, http.StatusNotFound, "")
	if got := client.server.Counters().Requests; got != 4 {
		t.Errorf("%d requests counted, want 4: the server's own pages aren't API", got)
	}
}
