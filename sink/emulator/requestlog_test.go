package emulator

import (
	"fmt"
	"strings"
	"testing"
)

func TestRequestLog(t *testing.T) {
	client := open(t, Options{Faults: []Fault{{Do: LoseAfter, Call: SignUp}}})
	client.session(ann).do("GET", "/users/v2.json?login=ann&token=sesame", "")
	_, _ = client.with("CB-AuthKey", DefaultAuthKey).attempt(client.server.Transport(), "http://emulator.test", "POST", "/users", `{"user":`+bob+`}`)
	client.do("GET", "/__emulator/counters", "")
	client.do("GET", storagePath+"nothing?Signature=sesame", "")

	seen := client.server.Requests()
	if len(seen) != 4 {
		t.Fatalf("%d requests are kept, want 4", len(seen))
	}
	if r := seen[0]; r.Number != 1 || r.Method != "POST" || r.Path != "/session" || r.Status != 201 || r.Kind != SessionCreate ||
		r.Body != `{"application_id":1,"auth_key":"(hidden)","user":{"login":"ann","password":"(hidden)"}}` {
		t.Errorf("%+v", r)
	}
	if r := seen[1]; r.Path != "/users/v2.json" || r.Header.Get("CB-Token") != hidden || r.Query != "login=ann&token=%28hidden%29" {
		t.Errorf("%+v", r)
	}
	if r := seen[2]; r.Status != 0 || r.Fault != LoseAfter || r.Header.Get("CB-AuthKey") != hidden {
		t.Errorf("%+v", r)
	}
	if r := seen[3]; r.Kind != Storage || r.Status != 403 {
		t.Errorf("%+v", r)
	}
	all := client.do("GET", "/__emulator/requests", "")
	all.want(t, 200, `"requests":[{"number":1,`)
	for _, secret := range []string{"annspassword", "bobspassword", "sesame", DefaultAuthKey} {
		if strings.Contains(all.body, secret) {
			t.Errorf("%s is shown", secret)
		}
	}
}

func TestRequestLogIsBounded(t *testing.T) {
	for keep, want := range map[int]string{3: "[8 9 10]", 20: "[1 2 3 4 5 6 7 8 9 10]", -1: "[]"} {
		client := open(t, Options{KeepRequests: keep})
		for range 10 {
			client.do("GET", "/session", "")
		}
		numbers := []int64{}
		for _, r := range client.server.Requests() {
			numbers = append(numbers, r.Number)
		}
		if got := fmt.Sprint(numbers); got != want {
			t.Errorf("keep %d: %s, want %s", keep, got, want)
		}
	}
}

func TestRequestLogKeepsNoLongOrStrangeBodies(t *testing.T) {
	client := open(t, Options{})
	client.do("POST", "/session", `{"password":"`+strings.Repeat("x", keptBody)+`"}`)
	client.do("POST", "/session", `password=xyzzy`)
	for i, want := range []string{"", "(not JSON)"} {
		if got := client.server.Requests()[i].Body; got != want {
			t.Errorf("body %d: %.50q, want %q", i, got, want)
		}
	}
}

func TestRequestLogHidesSecrets(t *testing.T) {
	client := open(t, Options{})
	for _, name := range []string{
		"CB-Token", "CB-AuthKey", "CB-Administration-API-Key", "Authorization", "Proxy-Authorization", "Cookie",
	} {
		client.with(name, "sesame").do("GET", "/session", "")
	}
	for _, name := range []string{
		"password", "old_password", "auth_key", "signature", "token", "secret", "access_token", "policy", "x-amz-signature",
	} {
		client.do("GET", "/session?a=b&"+name+"=sesame", "")
		client.do("GET", "/session?user["+name+"][]=sesame", "")
		client.do("POST", "/session", `{"keys":[{"`+name+`":"sesame"}]}`)
	}
	client.do("GET", "/session?token=sesame&x=%zz", "")
	client.do("GET", "/session?x=%zz&a=1;token=sesame", "")
	if page := client.do("GET", requestsPath, "").body; strings.Contains(page, "sesame") {
		for _, r := range client.server.Requests() {
			if shown := fmt.Sprint(r.Query, r.Header, r.Body); strings.Contains(shown, "sesame") {
				t.Errorf("shown: %s", shown)
			}
		}
	}
}

func TestRequestLogKeepsNoLongHeads(t *testing.T) {
	client := open(t, Options{})
	long := strings.Repeat("x", keptHead)
	client.with("X-Long", long).do("GET", "/session", "")
	client.do("GET", "/session?a="+long, "")
	client.do("GET", "/"+long, "")
	for i, r := range client.server.Requests() {
		if size := len(fmt.Sprint(r.Path, r.Query, r.Header)); size > 100 || r.Method != "GET" || r.Status == 0 {
			t.Errorf("request %d: %d bytes are kept, %s %d", i, size, r.Method, r.Status)
		}
	}
}
