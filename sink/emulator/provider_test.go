package emulator

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestGuests(t *testing.T) {
	o := Options{Data: t.TempDir() + "/users.jsonl"}
	client := open(t, o)
	const guest = `{"guest":"1","full_name":"A Guest"}`
	first := client.do("POST", "/session", sessionOf(guest))
	first.want(t, 201, `"is_guest":true`)
	if second := client.do("POST", "/session", sessionOf(guest)); second.text("session.user_id") == first.text("session.user_id") {
		t.Error("two guests are one user")
	}
	client.session("").do("POST", "/login", guest).want(t, 200, `"is_guest":true`)
	login := first.text("session.user.login")
	client.do("POST", "/session", sessionOf(`{"login":"`+login+`","password":"12345678"}`)).want(t, 401, "Unauthorized")
	if got := client.server.Counters().Written; got != (Writes{OnTheFly: 3}) {
		t.Errorf("written %+v, want three on the fly", got)
	}

	if err := client.server.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, o).session("").do("GET", "/users/1", "").want(t, 200, `"is_guest":true`)
}

func TestGuestsLiveOneDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Options{Data: t.TempDir() + "/users.jsonl"}
		client := open(t, o)
		guest := func() *testClient { return client.session(`{"guest":"1","full_name":"A Guest"}`) }
		first := guest()
		time.Sleep(time.Hour)
		guest()
		gone := guest()
		gone.do("DELETE", "/users/3", "").want(t, 200, "")
		client.signUp(ann)
		for range 23 { // kept alive by its requests, but not for ever
			first.do("GET", "/session", "").want(t, 200, `"user_id":1,`)
			time.Sleep(time.Hour)
		}
		first.do("GET", "/session", "").want(t, 401, noSessionBody)
		const all = "/users/v2?id[in][]=1&id[in][]=2&id[in][]=3&id[in][]=4"
		client.session("").do("GET", all, "").want(t, 200, `"total_entries":2`)

		if err := client.server.Close(); err != nil {
			t.Fatal(err)
		}
		client = open(t, o)
		client.session("").do("GET", all, "").want(t, 200, `"total_entries":2`)
		time.Sleep(time.Hour)
		client.session("").do("GET", all, "").want(t, 200, `"items":[{"id":4,`)
		if err := client.server.Close(); err != nil {
			t.Fatal(err)
		}
		client = open(t, o)
		client.session("").do("GET", all, "").want(t, 200, `"items":[{"id":4,`)
		if got := client.server.Counters().Written; got != (Writes{SignUp: 1, OnTheFly: 3, Delete: 1}) {
			t.Errorf("written %+v: nobody asked for the end of a guest", got)
		}
	})
}

func TestProviders(t *testing.T) {
	const keys = `{"token":"t1","secret":"s"}`
	for name, c := range map[string]struct{ credential, fragment string }{
		"facebook":            {`"provider":"facebook","keys":` + keys, `"facebook_id":"`},
		"twitter":             {`"provider":"twitter","keys":` + keys, `"twitter_id":"`},
		"firebase-phone":      {`"provider":"firebase_phone","firebase_phone":{"project_id":"p","access_token":"+4930123"}`, `"phone":"4930123"`},
		"firebase-token":      {`"provider":"firebase_phone","firebase_phone":{"project_id":"p","access_token":"eyJ"}`, `"login":"phone_`},
		"firebase-email":      {`"provider":"firebase_email","firebase_email":{"project_id":"p","access_token":"Ann@example.com"}`, `"email":"ann@example.com"`},
		"firebase-mail-token": {`"provider":"firebase_email","firebase_email":{"project_id":"p","access_token":"eyJ"}`, `@example.com"`},
	} {
		t.Run(name, func(t *testing.T) {
			client := open(t, Options{})
			body := strings.TrimSuffix(plainSession, "}") + "," + c.credential + "}"
			first := client.do("POST", "/session", body)
			first.want(t, 201, c.fragment)
			client.do("POST", "/session", body).want(t, 201, `"user_id":1,`)
			client.session("").do("POST", "/login", "{"+c.credential+"}").want(t, 200, `{"user":{"id":1,`)
			client.do("POST", "/session", strings.ReplaceAll(body, `"p","access_token":"`, `"p","access_token":"other`)).want(t, 201, "")
			other := strings.NewReplacer(`"t1"`, `"t2"`, `:"+4930123"`, `:"+4930124"`, `"Ann`, `"Bob`, `"eyJ"`, `"eyK"`).Replace(body)
			if got := client.do("POST", "/session", other).text("session.user_id"); got == "1" || got == "null" {
				t.Errorf("another token signs user %s in", got)
			}
		})
	}
}

func TestProvidersRefuse(t *testing.T) {
	for name, c := range map[string]struct{ credential, fragment string }{
		"unknown":    {`"provider":"myspace"`, "is unknown"},
		"no-token":   {`"provider":"facebook","keys":{"token":" "}`, `"keys.token":["is required"]`},
		"no-keys":    {`"provider":"twitter"`, `"keys.token":["is required"]`},
		"no-project": {`"provider":"firebase_phone","firebase_phone":{"access_token":"x"}`, `"firebase_phone.project_id":["is required"]`},
	} {
		t.Run(name, func(t *testing.T) {
			client := open(t, Options{})
			client.do("POST", "/session", strings.TrimSuffix(plainSession, "}")+","+c.credential+"}").want(t, 422, c.fragment)
		})
	}
}

func TestPasswordReset(t *testing.T) {
	client := open(t, Options{})
	client.signUp(`{"login":"ann","email":"ann@example.com","password":"annspassword"}`)
	client.do("GET", "/users/password/reset?email=ann@example.com", "").want(t, 401, noSessionBody)
	session := client.session("")
	session.do("GET", "/users/password/reset?email=Ann@example.com", "").want(t, 200, "{}")
	session.do("POST", "/users/password/reset.json", `{"email":"ann@example.com"}`).want(t, 200, "{}")
	session.do("POST", "/users/password/reset", `{"email":"bob@example.com"}`).want(t, 404, "Couldn't find user.")
	session.do("POST", "/users/password/reset", `{}`).want(t, 422, `"email":["can't be blank"]`)
	if got := client.server.Outbox(); len(got) != 2 || got[1].To != "ann@example.com" || got[1].UserID != 1 {
		t.Errorf("outbox: %+v", got)
	}
	client.do("GET", "/__emulator/outbox", "").want(t, 200, `"what":"password_reset","to":"ann@example.com","user_id":1`)
	for range outboxSize {
		session.do("GET", "/users/password/reset?email=ann@example.com", "")
	}
	if got := len(client.server.Outbox()); got != outboxSize {
		t.Errorf("%d e-mails are kept", got)
	}
}
