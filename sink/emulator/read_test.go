package emulator

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
)

func TestReads(t *testing.T) {
	cases := map[string]struct {
		path   string
		status int
		want   string // ids of the list, or a fragment
	}{
		"id":               {"/users/3", 200, `{"user":{"id":3,`},
		"id-json":          {"/users/3.json", 200, `{"user":{"id":3,`},
		"no-such-id":       {"/users/99", 404, "Couldn't find user."},
		"login":            {"/users/by_login?login=user%2B4", 200, `{"user":{"id":4,`},
		"no-such-login":    {"/users/by_login?login=nobody", 404, "Couldn't find user."},
		"no-login":         {"/users/by_login", 422, `"login":["can't be blank"]`},
		"email":            {"/users/by_email?email=U5%40example.com", 200, `{"user":{"id":5,`},
		"phone":            {"/users/phone?phone=1", 200, `{"user":{"id":1,`},
		"facebook":         {"/users/by_facebook_id?facebook_id=fb", 200, `{"user":{"id":11,`},
		"twitter":          {"/users/by_twitter_id?twitter_id=tw", 200, `{"user":{"id":11,`},
		"external":         {"/users/external/77", 200, `{"user":{"id":11,`},
		"no-such-external": {"/users/external/78", 404, "Couldn't find user."},
		"full-name":        {"/users/by_full_name?full_name=name+0&per_page=2", 200, "2 3/9"},
		"tags":             {"/users/by_tags?tags=even,vip&per_page=100", 200, "2 3 4 6 8 10/6"},
		"no-tags":          {"/users/by_tags", 422, `"tags":["can't be blank"]`},
		"all":              {"/users", 200, "1 2 3 4 5 6 7 8 9 10/11"},
		"page":             {"/users?page=2&per_page=4", 200, "5 6 7 8/11"},
		"largest-page":     {"/users?per_page=1000", 200, `"per_page":100`},
		"bad-page":         {"/users?page=0", 422, `"page":["must be`},
		"order":            {"/users?per_page=2&order=" + url.QueryEscape("desc string id"), 200, "11 10/11"},
		"order-any-field":  {"/users?per_page=3&order=" + url.QueryEscape("desc integer external_user_id"), 200, "11 1 2/11"},
		"order-by-tags":    {"/users?order=" + url.QueryEscape("desc string user_tags"), 422, "unknown field"},
		"bad-order":        {"/users?order=desc", 422, "must look like"},
		"in":               {filter("number id in 2,3"), 200, "2 3/2"},
		"eq":               {filter("string email eq U2@example.com"), 200, "2/1"},
		"ne":               {filter("string phone ne 1", "number id le 4"), 200, "2 3/2"},
		"gt":               {filter("number id gt 9"), 200, "10 11/2"},
		"ge":               {filter("number id ge 10"), 200, "10 11/2"},
		"lt":               {filter("number id lt 3"), 200, "1 2/2"},
		"between":          {filter("number id between 3,5"), 200, "3 4 5/3"},
		"date":             {filter("date created_at le 2000-01-01T00:01:00Z"), 200, "1 2/2"},
		"same-date":        {filter("date created_at eq 2000-01-01T00:01:00Z"), 200, "2/1"},
		"not-that-date":    {filter("date created_at ne 2000-01-01T00:01:00Z", "number id lt 4"), 200, "1 3/2"},
		"day":              {filter("date created_at le 2000-01-01"), 200, "1/1"},
		"day-with-dots":    {filter("date created_at gt 2000.01.01", "number id lt 4"), 200, "2 3/2"},
		"filter-by-name":   {"/users?filter[gt]=number+id+gt+9&filter[ne]=number+id+ne+11", 200, "10/1"},
		"any-field":        {filter("number external_user_id eq 77"), 200, "11/1"},
		"not-custom-data":  {filter("string custom_data eq x"), 422, "unknown field"},
		"value-with-space": {filter("string full_name eq Name 10"), 200, "1/1"},
		"bad-filter":       {filter("number id"), 422, "must look like"},
		"bad-field":        {filter("string password eq x"), 422, "unknown field"},
		"bad-operator":     {filter("string login like x"), 422, "unknown operator"},
		"bad-comparison":   {filter("string login gt x"), 422, "doesn't take the operator"},
		"bad-value":        {filter("number id gt x"), 422, "must be a whole number"},
	}
	synctest.Test(t, func(t *testing.T) {
		client := open(t, Options{})
		people(t, client)
		client.signUp(`{"login":"eleven","password":"12345678","facebook_id":"fb","twitter_id":"tw","external_user_id":77,"tag_list":"a,b"}`)
		session := client.session("")
		client.do("GET", "/users/3", "").want(t, 401, noSessionBody)
		session.do("GET", "/users/11", "").want(t, 200, `"user_tags":"a,b"`)
		for name, c := range cases {
			a := session.do("GET", c.path, "")
			found := strings.Contains(a.body, c.want)
			if strings.Contains(c.want, "/") && a.status == 200 {
				a.body = idsOf(a)
				found = a.body == c.want
			}
			if a.status != c.status || !found {
				t.Errorf("%s: %d %s, want %d with %s", name, a.status, a.body, c.status, c.want)
			}
		}
	})
}

func filter(texts ...string) string {
	return "/users?" + url.Values{"filter[]": texts}.Encode()
}

// idsOf writes a list of v1 as its ids and its total.
func idsOf(a testAnswer) string {
	var ids []string
	for i := 0; ; i++ {
		id := a.text("items." + string(rune('0'+i%10)) + ".user.id")
		if i == 10 || id == "none" {
			return strings.Join(ids, " ") + "/" + a.text("total_entries")
		}
		ids = append(ids, id)
	}
}

func TestKeysAreUnique(t *testing.T) {
	client := open(t, Options{})
	client.signUp(`{"login":"ann","password":"12345678","facebook_id":"1","twitter_id":"2","external_user_id":3,"external_id":"4"}`)
	client.with("CB-AuthKey", DefaultAuthKey).do("POST", "/users", `{"user":{"login":"bob","password":"12345678","facebook_id":1,`+
		`"twitter_id":2,"external_user_id":3,"external_id":"4"}}`).want(t, 422,
		`{"errors":{"external_id":["has already been taken"],"external_user_id":["has already been taken"],`+
			`"facebook_id":["has already been taken"],"twitter_id":["has already been taken"]}}`)
}

func TestDeleteByExternalID(t *testing.T) {
	client := open(t, Options{})
	client.signUp(`{"login":"ann","password":"annspassword","external_user_id":77}`)
	client.signUp(`{"login":"bob","password":"bobspassword","external_user_id":78}`)
	session := client.session(ann)
	session.do("DELETE", "/users/external/79", "").want(t, 404, "Couldn't find user.")
	session.do("DELETE", "/users/external/78", "").want(t, 403, "appropriate permissions")
	session.do("DELETE", "/users/external/77.json", "").want(t, 200, "{}")
	client.session("").do("GET", "/users/external/77", "").want(t, 404, "")
	if n := client.server.users.count; n != 1 {
		t.Errorf("%d users are left, want 1", n)
	}
}

func TestPageFarPastTheEnd(t *testing.T) {
	client := open(t, Options{Users: []SeedUser{{Login: "ann", Password: "annspassword"}}}).session("")
	for _, page := range []string{"92233720368547760&per_page=100", "9223372036854775807"} {
		client.do("GET", "/users?page="+page, "").want(t, 200, `"total_entries":1,"items":[]`)
	}
}
