package emulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// people signs up ten users, one a minute: u1@example.com … u10@example.com, externals E1 … E10, even ones tagged "even",
// the third and the last "vip".
func people(t *testing.T, client *testClient) {
	t.Helper()
	for i := 1; i <= 10; i++ {
		tags := []string{"all"}
		if i%2 == 0 {
			tags = append(tags, "even")
		}
		if i == 3 || i == 10 {
			tags = append(tags, "vip")
		}
		list, _ := json.Marshal(tags)
		client.signUp(fmt.Sprintf(`{"login":"user+%d","email":"u%d@example.com","external_id":"E%d","full_name":"Name %02d",
			"phone":"%d","password":"12345678","tag_list":%s}`, i, i, i, 11-i, i%3, list))
		time.Sleep(time.Minute)
	}
}

func TestList(t *testing.T) {
	const three = "2000-01-01T00:02:00Z" // when the third signed up
	cases := map[string]struct {
		query string
		total string
		ids   string
	}{
		"id":                 {"id=3", "1", "[3]"},
		"ids":                {"id[in][]=3&id[in][]=1&id[in][]=3&id[in][]=99", "2", "[1,3]"},
		"ids-encoded":        {"id%5bin%5D%5B%5d=3&id%5Bin%5D%5B%5D=1", "2", "[1,3]"},
		"login-with-plus":    {"login=user%2B4", "1", "[4]"},
		"email-case":         {"email=U5@example.com", "1", "[5]"},
		"externals":          {"external_id[in][]=E7&external_id[in][]=E0&external_id[in][]=E2", "2", "[2,7]"},
		"full-name":          {"full_name=Name+08", "1", "[3]"},
		"full-name-start":    {"full_name[start_with]=nAme", "10", "[1,2,3,4,5]"},
		"login-start":        {"login[start_with]=USER%2B1", "2", "[1,10]"},
		"email-start":        {"email[start_with]=u7@ex", "1", "[7]"},
		"start-without-one":  {"full_name[start_with]=Name&id[nin][]=1&id[nin][]=3", "8", "[2,4,5,6,7]"},
		"logins-nin":         {"user_tags=vip&login[nin][]=user%2B3", "1", "[10]"},
		"emails-nin":         {"user_tags=vip&email[nin][]=U3@Example.com", "1", "[10]"},
		"equal-time":         {"user_tags=all&created_at=" + three, "1", "[3]"},
		"phone":              {"phone=0", "3", "[3,6,9]"},
		"empty-is-nobody":    {"facebook_id=", "0", "[]"},
		"tag":                {"user_tags=even", "5", "[2,4,6,8,10]"},
		"tags-in":            {"user_tags[in][]=even&user_tags[in][]=vip", "6", "[2,3,4,6,8,10]"},
		"tags-nin":           {"user_tags=all&user_tags[nin][]=even", "5", "[1,3,5,7,9]"},
		"unknown-tag":        {"user_tags=nobody", "0", "[]"},
		"page":               {"user_tags=all&limit=3&offset=3&sort_asc=id", "10", "[4,5,6]"},
		"last-page":          {"user_tags=all&limit=3&offset=9", "10", "[10]"},
		"past-the-end":       {"user_tags=all&offset=50", "10", "[]"},
		"descending":         {"user_tags=all&limit=2&offset=1&sort_desc=id", "10", "[9,8]"},
		"sorted":             {"user_tags=even&sort_asc=full_name&limit=2", "5", "[10,8]"},
		"sorted-by-time":     {"user_tags=even&sort_desc=created_at&limit=2", "5", "[10,8]"},
		"newer":              {"user_tags=all&created_at[gt]=" + three, "7", "[4,5,6,7,8,9,10]"},
		"not-older":          {"user_tags=all&updated_at[gte]=" + three + "&limit=1", "8", "[3]"},
		"older":              {"user_tags=all&updated_at[lt]=" + three, "2", "[1,2]"},
		"not-newer-as-unix":  {"user_tags=all&created_at[lte]=946684920&offset=1", "3", "[2,3]"},
		"external-and-tag":   {"user_tags=even&external_id[in][]=E1&external_id[in][]=E2", "1", "[2]"},
		"id-within-tag":      {"user_tags=vip&id[in][]=03&id[in][]=2&id[in][]=4", "1", "[3]"},
		"never-sent-request": {"user_tags=all&last_request_at[gt]=0", "0", "[]"},
	}
	synctest.Test(t, func(t *testing.T) {
		client := open(t, Options{})
		people(t, client)
		session := client.session("")
		for name, c := range cases {
			a := session.do("GET", "/users/v2.json?"+c.query, "")
			if got := a.text("total_entries"); a.status != 200 || got != c.total || ids(t, a) != c.ids {
				t.Errorf("%s: %d, total %s, ids %s, want %s, %s", name, a.status, got, ids(t, a), c.total, c.ids)
			}
		}
		session.do("GET", "/users/v2?user_tags=even&offset=1&limit=500", "").want(t, 200, `{"limit":100,"skip":1,"total_entries":5,"items":[{`)
		session.do("GET", "/users/v2?full_name[start_with]=Name", "").want(t, 200, `{"limit":5,`)
		session.do("GET", "/users/v2?id=10", "").want(t, 200, `"user_tags":["all","even","vip"]`)
		session.do("GET", "/users/v2?id=99", "").want(t, 200, `"items":[]}`)
	})
}

func TestListRefuses(t *testing.T) {
	client := open(t, Options{})
	client.do("GET", "/users/v2?id=1", "").want(t, 401, noSessionBody)
	session := client.session("")
	for name, c := range map[string]struct{ query, fragment string }{
		"nothing":              {"", "At least one stand-alone field"},
		"times-only":           {"updated_at[gt]=0", "At least one stand-alone field"},
		"nin-only":             {"user_tags[nin][]=x", "At least one stand-alone field"},
		"unknown-field":        {"shoe_size=1", "unknown field"},
		"unknown-operator":     {"id[near]=1", "doesn't take the operator"},
		"compare-stand-alone":  {"id[gt]=1", "doesn't take the operator"},
		"start-with-of-id":     {"id[start_with]=1234", "doesn't take the operator"},
		"start-with-of-login":  {"login[start_with]=vip", "at least 4 characters"},
		"nin-of-login-only":    {"login[nin][]=admin19", "At least one stand-alone field"},
		"time-only":            {"last_request_at=2017-07-06T11:21:41Z", "At least one stand-alone field"},
		"times-in":             {"id=1&created_at[in][]=0", "doesn't take the operator"},
		"start-with-too-short": {"full_name[start_with]=abc", "at least 4 characters"},
		"bad-id":               {"id=x", "whole number"},
		"bad-limit":            {"id=1&limit=0", "whole number"},
		"bad-offset":           {"id=1&offset=-1", "whole number"},
		"bad-time":             {"id=1&updated_at[gt]=yesterday", "must be a time"},
		"bad-sort":             {"id=1&sort_asc=user_tags", "unknown field"},
		"two-sorts":            {"id=1&sort_asc=id&sort_desc=login", "exclude each other"},
		"equal-twice":          {"id=1&id=2", "more than once"},
	} {
		t.Run(name, func(t *testing.T) {
			session.do("GET", "/users/v2?"+c.query, "").want(t, 422, c.fragment)
		})
	}
	session.do("GET", "/users/v2?id=%zz", "").want(t, 400, "errors")
}

// The indexes must follow every change of what they index.
func TestListFollowsWrites(t *testing.T) {
	client := open(t, Options{})
	client.signUp(`{"login":"ann","email":"ann@example.com","external_id":"E1","password":"annspassword","tag_list":"a,b"}`)
	client.signUp(`{"login":"bob","password":"bobspassword","tag_list":"b,c"}`)
	session := client.session(ann)
	found := func(query string) string { t.Helper(); return ids(t, session.do("GET", "/users/v2?"+query, "")) }
	steps := []struct {
		fields string
		want   map[string]string
	}{
		{`{"tag_list":"b,c"}`, map[string]string{"user_tags=a": "[]", "user_tags=b": "[1,2]", "user_tags=c": "[1,2]"}},
		{`{"login":"anna","email":"","external_id":"E9"}`, map[string]string{
			"login=ann": "[]", "login=anna": "[1]", "email=ann@example.com": "[]", "external_id=E1": "[]", "external_id=E9": "[1]"}},
		{`{"tag_list":[]}`, map[string]string{"user_tags=b": "[2]", "user_tags=c": "[2]"}},
	}
	for _, step := range steps {
		session.do("PUT", "/users/1", `{"user":`+step.fields+`}`).want(t, 200, "user")
		got := map[string]string{}
		for query := range step.want {
			got[query] = found(query)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", step.fields, diff)
		}
	}
}

// Who was changed at a second or later is listed, whatever was changed; who lost the tag or was deleted isn't.
func TestListOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := open(t, Options{WriteOthers: true})
		for i := range 9 {
			client.signUp(fmt.Sprintf(`{"login":"user%d","password":"12345678","tag_list":["all","more"]}`, i+1))
		}
		session := client.session(`{"login":"user9","password":"12345678"}`)
		time.Sleep(time.Hour + time.Second/2)
		since := time.Now().UTC()
		before, after := since.Add(-time.Second), since.Add(time.Second)
		for id, fields := range map[int]string{
			1: `"full_name":"Ann"`, 2: `"custom_data":"{}"`, 3: `"tag_list":["all"]`, 4: `"login":"user4"`, 5: `"tag_list":["more"]`,
		} {
			session.do("PUT", fmt.Sprintf("/users/%d", id), `{"user":{`+fields+`}}`).want(t, 200, "user")
		}
		session.do("DELETE", "/users/6", "").want(t, 200, "")
		for query, want := range map[string]string{
			"user_tags=all": "[1,2,3,4,7,8,9]",
			"user_tags=all&updated_at[gte]=" + since.Format(time.RFC3339):                     "[1,2,3,4]",
			"user_tags=all&updated_at[gte]=" + fmt.Sprint(since.Unix()):                       "[1,2,3,4]",
			"user_tags=all&updated_at[gt]=" + since.Format(time.RFC3339):                      "[]",
			"user_tags=all&updated_at[gt]=" + before.Format(time.RFC3339):                     "[1,2,3,4]",
			"user_tags=all&updated_at[gte]=" + after.Format(time.RFC3339):                     "[]",
			"user_tags=all&updated_at[gte]=0&updated_at[lt]=" + fmt.Sprint(since.Unix()):      "[7,8,9]",
			"user_tags=all&user_tags[nin][]=more&updated_at[gte]=" + fmt.Sprint(since.Unix()): "[3]",
			"id[in][]=1&id[in][]=7&updated_at[gte]=" + fmt.Sprint(since.Unix()):               "[1]",
			"user_tags=all&last_request_at[gte]=" + fmt.Sprint(since.Unix()):                  "[9]",
		} {
			if got := ids(t, session.do("GET", "/users/v2?"+query, "")); got != want {
				t.Errorf("%s: got %s, want %s", query, got, want)
			}
		}
	})
}

// A list of changes is found once for all its pages, and anew after each change.
func TestListOfChangesFollowsWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := open(t, Options{WriteOthers: true, SignInUpdates: true})
		for i := range 3 {
			client.signUp(fmt.Sprintf(`{"login":"user%d","password":"12345678","tag_list":["all"]}`, i+1))
		}
		time.Sleep(time.Hour)
		query := "/users/v2?user_tags=all&updated_at[gte]=" + fmt.Sprint(time.Now().Unix())
		seen := client.session(`{"login":"user1","password":"12345678"}`) // which moves the moment
		for _, step := range []struct {
			what, want string
			do         func()
		}{
			{"a sign-in", "[1]", func() {}},
			{"a sign-up", "[1,4]", func() { client.signUp(`{"login":"user4","password":"12345678","tag_list":["all"]}`) }},
			{"an update", "[1,2,4]", func() { seen.do("PUT", "/users/2", `{"user":{"full_name":"Ann"}}`).want(t, 200, "user") }},
			{"another sign-in", "[1,2,3,4]", func() { client.session(`{"login":"user3","password":"12345678"}`) }},
			{"a delete", "[1,2,3]", func() { seen.do("DELETE", "/users/4", "").want(t, 200, "") }},
		} {
			step.do()
			for range 2 {
				if got := ids(t, seen.do("GET", query, "")); got != step.want {
					t.Errorf("after %s: got %s, want %s", step.what, got, step.want)
				}
			}
		}
	})
}

func ids(t *testing.T, a testAnswer) string {
	t.Helper()
	var body struct{ Items []struct{ ID int64 } }
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		t.Fatal(err, a.body)
	}
	list := []int64{}
	for _, item := range body.Items {
		list = append(list, item.ID)
	}
	raw, _ := json.Marshal(slices.Clip(list))
	return string(raw)
}
