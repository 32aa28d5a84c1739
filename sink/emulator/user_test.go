package emulator

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSignUpRules(t *testing.T) {
	long := strings.Repeat("é", 71)
	for name, c := range map[string]struct{ fields, want string }{
		"no-login":       {`{"password":"12345678"}`, `{"base":["login or email is required"]}`},
		"no-password":    {`{"login":"bob"}`, `{"password":["can't be blank"]}`},
		"short-password": {`{"login":"bob","password":"1234567"}`, `{"password":["is too short (minimum is 8 characters)"]}`},
		"long-password":  {`{"login":"bob","password":"` + strings.Repeat("x", 41) + `"}`, `{"password":["is too long (maximum is 40 characters)"]}`},
		"short-login":    {`{"login":" bo ","password":"12345678"}`, `{"login":["is too short (minimum is 3 characters)"]}`},
		"long-login":     {`{"login":"` + long + `","password":"12345678"}`, `{"login":["is too long (maximum is 70 characters)"]}`},
		"email-syntax":   {`{"email":"Bob <bob@example.com>","password":"12345678"}`, `{"email":["should look like an email address."]}`},
		"six-tags":       {`{"login":"bob","password":"12345678","tag_list":"a,b,c,d,e,f"}`, `{"tag_list":["is too long (maximum is 5 tags)"]}`},
		"login-taken":    {`{"login":"ann","password":"12345678"}`, `{"login":["has already been taken"]}`},
		"external-taken": {`{"login":"bob","password":"12345678","external_id":"E1"}`, `{"external_id":["has already been taken"]}`},
		"all-together": {`{"login":"ann","email":"ANN@example.com ","password":"x"}`,
			`{"email":["has already been taken"],"login":["has already been taken"],"password":["is too short (minimum is 8 characters)"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			client := open(t, Options{})
			client.signUp(`{"login":"ann","email":"ann@example.com","external_id":"E1","password":"annspassword"}`)
			client.with("CB-AuthKey", DefaultAuthKey).do("POST", "/users", `{"user":`+c.fields+`}`).
				want(t, 422, `{"errors":`+c.want+`}`)
		})
	}
}

func TestSignUpAuthority(t *testing.T) {
	const body = `{"user":{"login":"ann","password":"annspassword"}}`
	client := open(t, Options{})
	client.do("POST", "/users", body).want(t, 401, noSessionBody)
	client.with("CB-AuthKey", "x").do("POST", "/users", body).want(t, 401, `{"auth_key":["is wrong"]}`)
	dead := client.with("CB-Token", "x")
	dead.header["CB-AuthKey"] = DefaultAuthKey
	dead.do("POST", "/users", body).want(t, 401, noSessionBody)
	client.with("CB-AuthKey", DefaultAuthKey).do("POST", "/users", `[]`).want(t, 400, `"errors"`)
	client.with("CB-AuthKey", DefaultAuthKey).do("POST", "/users", `{}`).want(t, 400, `"errors"`)
	client.session("").do("POST", "/users", body).want(t, 201, `"login":"ann"`)
}

func TestSignUpNormalises(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := open(t, Options{}).with("CB-AuthKey", DefaultAuthKey).do("POST", "/users.json", `{"user":{
			"login":" ann ","email":"Ann@Example.COM","password":"annspassword","website":"example.com","external_id":17,
			"full_name":"Ann Ä","custom_data":"{\"a\":1}","tag_list":["hr"," vip","hr",""],"timezone":60,"nonsense":true}}`)
		const want = `{"user":{"id":1,"full_name":"Ann Ä","email":"ann@example.com","login":"ann","phone":null,` +
			`"website":"http://example.com","created_at":"2000-01-01T00:00:00Z","updated_at":"2000-01-01T00:00:00Z",` +
			`"last_request_at":null,"external_id":"17","external_user_id":null,"facebook_id":null,"twitter_id":null,` +
			`"blob_id":null,"custom_data":"{\"a\":1}","avatar":null,"timezone":60,"is_guest":false,"user_tags":"hr,vip"}}`
		if diff := cmp.Diff(want, a.body); a.status != 201 || diff != "" {
			t.Errorf("%d (-want +got):\n%s", a.status, diff)
		}
	})
}

func TestUpdate(t *testing.T) {
	for name, c := range map[string]struct {
		fields   string
		status   int
		fragment string
	}{
		"only-given":      {`{"phone":"123"}`, 200, `"email":"ann@example.com","login":"ann","phone":"123","website":"http://example.com"`},
		"null-clears":     {`{"email":null,"tag_list":null}`, 200, `"email":null`},
		"empty-clears":    {`{"website":""}`, 200, `"website":null`},
		"both-keys":       {`{"email":"","login":""}`, 422, "login or email is required"},
		"tags":            {`{"tag_list":"x, y"}`, 200, `"user_tags":"x,y"`},
		"taken":           {`{"login":"bob"}`, 422, `{"login":["has already been taken"]}`},
		"own-login-again": {`{"login":"ann"}`, 200, `"login":"ann"`},
		"updated-moves":   {`{}`, 200, `"created_at":"2000-01-01T00:00:00Z","updated_at":"2000-01-01T00:01:00Z"`},
		"no-old-password": {`{"password":"newpassword"}`, 422, `{"old_password":["is incorrect"]}`},
		"wrong-old":       {`{"password":"newpassword","old_password":"x"}`, 422, `{"old_password":["is incorrect"]}`},
		"password-rules":  {`{"password":"x","old_password":"annspassword"}`, 422, `"password":["is too short`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := open(t, Options{})
				client.signUp(`{"login":"ann","email":"ann@example.com","website":"example.com","password":"annspassword","tag_list":"hr"}`)
				client.signUp(bob)
				session := client.session(ann)
				time.Sleep(time.Minute)
				session.do("PUT", "/users/1.json", `{"user":`+c.fields+`}`).want(t, c.status, c.fragment)
			})
		})
	}
}

// An update that another one overtakes must begin again from what that one left.
func TestOvertakenUpdateLosesNothing(t *testing.T) {
	client := open(t, Options{})
	id := client.signUp(ann)
	session, runs := client.session(ann), 0
	p, err := client.server.users.change(id, func(p *person, _ problems) {
		if runs++; runs == 1 {
			session.do("PUT", "/users/1", `{"user":{"full_name":"Ann"}}`).want(t, 200, `"Ann"`)
		}
		p.Phone = "123"
	})
	if err != nil || runs != 2 || p.FullName != "Ann" || p.Phone != "123" {
		t.Errorf("after %d runs: %+v, %v", runs, p, err)
	}
}

func TestLengthsAreInCharacters(t *testing.T) {
	login := strings.Repeat("é", 70)
	client := open(t, Options{})
	client.signUp(fmt.Sprintf(`{"login":%q,"password":%q}`, login, strings.Repeat("ü", 40)))
}

func TestPasswordChange(t *testing.T) {
	client := open(t, Options{})
	client.signUp(ann)
	client.session(ann).do("PUT", "/users/1", `{"user":{"password":"newpassword","old_password":"annspassword"}}`).want(t, 200, `"ann"`)
	session := client.session("")
	session.do("POST", "/login", ann).want(t, 401, "Unauthorized")
	session.do("POST", "/login", `{"login":"ann","password":"newpassword"}`).want(t, 200, `"ann"`)
}

func TestRights(t *testing.T) {
	const permission = `{"errors":["You don't have appropriate permissions to perform this operation"]}`
	client := open(t, Options{})
	client.signUp(ann)
	client.signUp(bob)
	application, user := client.session(""), client.session(ann)
	for _, c := range []struct {
		as           *testClient
		method, path string
		status       int
		fragment     string
	}{
		{client, "PUT", "/users/1", 401, noSessionBody},
		{application, "PUT", "/users/1", 403, `{"errors":{"base":["Forbidden. Need user."]}}`},
		{application, "DELETE", "/users/1", 403, `{"errors":{"base":["Forbidden. Need user."]}}`},
		{user, "PUT", "/users/2", 403, permission},
		{user, "DELETE", "/users/2", 403, permission},
		{user, "PUT", "/users/9", 404, "Couldn't find user."},
		{user, "DELETE", "/admin/user/2", 403, "CB-Administration-API-Key"},
		{client.with("CB-Administration-API-Key", "x"), "DELETE", "/admin/user/2", 403, "CB-Administration-API-Key"},
		{client.with("CB-Administration-API-Key", DefaultAdminKey), "DELETE", "/admin/user/9", 404, "Couldn't find user."},
	} {
		c.as.do(c.method, c.path, `{"user":{"phone":"1"}}`).want(t, c.status, c.fragment)
	}
	if got := client.server.Counters().UserWrites; got != 2 {
		t.Errorf("%d user writes, want the 2 sign-ups", got)
	}
}

func TestDeleteEndsSessions(t *testing.T) {
	client := open(t, Options{})
	client.signUp(ann)
	client.signUp(bob)
	own, other, admined := client.session(ann), client.session(ann), client.session(bob)

	own.do("DELETE", "/users/1.json", "").want(t, 200, "{}")
	admin := client.with("CB-Administration-API-Key", DefaultAdminKey)
	admin.do("DELETE", "/admin/user/2", "").want(t, 200, `{"success":true}`)
	admin.do("DELETE", "/admin/user/2", "").want(t, 404, "Couldn't find user.")
	for _, c := range []*testClient{own, other, admined} {
		c.do("GET", "/session", "").want(t, 401, noSessionBody)
	}
	if id := client.signUp(ann); id != 3 {
		t.Errorf("the freed login's new user has id %d, want 3: ids aren't used again", id)
	}
}

func TestPasswordsAreNeverShown(t *testing.T) {
	client := open(t, Options{})
	id := client.signUp(ann)
	session := client.session(ann)
	for _, a := range []testAnswer{
		session.do("GET", "/session", ""), session.do("GET", "/users/v2?login=ann", ""),
		session.do("PUT", fmt.Sprintf("/users/%d", id), `{"user":{}}`), session.do("POST", "/login", ann),
	} {
		if a.status != 200 || strings.Contains(a.body, "assword") {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}
