package connectycube

import (
	"strings"
	"testing"
	"time"
)

func TestQueriesAsTheyAreSent(t *testing.T) {
	moment := time.Date(2019, 11, 6, 10, 21, 41, 999, time.FixedZone("CET", 3600))
	tests := map[string]struct {
		first Primary
		more  []Condition
		want  string
	}{
		"id":             {FieldID.Equal(51946), nil, "id=51946"},
		"ids":            {FieldID.In(1, 2), nil, "id%5Bin%5D%5B%5D=1&id%5Bin%5D%5B%5D=2"},
		"plus":           {FieldLogin.Equal("a+b c&d"), nil, "login=a%2Bb+c%26d"},
		"emails":         {FieldEmail.In("a@example.org"), nil, "email%5Bin%5D%5B%5D=a%40example.org"},
		"name":           {FieldFullName.Equal("Ann Ünal"), nil, "full_name=Ann+%C3%9Cnal"},
		"names":          {FieldFullName.In("Ann", "Bob"), nil, "full_name%5Bin%5D%5B%5D=Ann&full_name%5Bin%5D%5B%5D=Bob"},
		"start-of-name":  {FieldFullName.StartWith("dive"), nil, "full_name%5Bstart_with%5D=dive"},
		"phone":          {FieldPhone.Equal("+1"), nil, "phone=%2B1"},
		"external-id":    {FieldExternalID.Equal("E1"), nil, "external_id=E1"},
		"facebook":       {FieldFacebookID.Equal("f"), nil, "facebook_id=f"},
		"twitter":        {FieldTwitterID.Equal("t"), nil, "twitter_id=t"},
		"tag":            {FieldTags.Equal("hr-sync"), nil, "user_tags=hr-sync"},
		"tags":           {FieldTags.In("a", "b"), []Condition{FieldTags.NotIn("vip")}, "user_tags%5Bin%5D%5B%5D=a&user_tags%5Bin%5D%5B%5D=b&user_tags%5Bnin%5D%5B%5D=vip"},
		"after":          {FieldTags.Equal("a"), []Condition{FieldUpdatedAt.After(moment)}, "user_tags=a&updated_at%5Bgt%5D=2019-11-06T09%3A21%3A41Z"},
		"between":        {FieldTags.Equal("a"), []Condition{FieldCreatedAt.NotBefore(moment), FieldCreatedAt.Before(moment)}, "user_tags=a&created_at%5Bgte%5D=2019-11-06T09%3A21%3A41Z&created_at%5Blt%5D=2019-11-06T09%3A21%3A41Z"},
		"until":          {FieldTags.Equal("a"), []Condition{FieldLastRequestAt.NotAfter(moment)}, "user_tags=a&last_request_at%5Blte%5D=2019-11-06T09%3A21%3A41Z"},
		"two-that-stand": {FieldTags.Equal("a"), []Condition{FieldPhone.Equal("1")}, "user_tags=a&phone=1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			q, err := Where(test.first, test.more...)
			if err != nil || q.conditions != test.want {
				t.Errorf("error %v; got  %s\nwant %s", err, q.conditions, test.want)
			}
		})
	}
	q, err := Where(FieldTags.Equal("a"))
	if err != nil {
		t.Fatal(err)
	}
	for by, want := range map[SortField]string{
		FieldID: "id", FieldLogin: "login", FieldFullName: "full_name", FieldUpdatedAt: "updated_at",
	} {
		if got := q.Ascending(by).sort; got != "&sort_asc="+want {
			t.Errorf("got %s", got)
		}
		if got := q.Ascending(by).Descending(by).sort; got != "&sort_desc="+want {
			t.Errorf("got %s", got)
		}
	}
}

func TestQueriesThatCannotBeMade(t *testing.T) {
	many := make([]string, 101)
	for i := range many {
		many[i] = strings.Repeat("x", i+1)
	}
	tag := FieldTags.Equal("a")
	tests := map[string]struct {
		first Primary
		more  []Condition
		words string
	}{
		"no-value":        {FieldLogin.Equal(""), nil, "login: a value is missing"},
		"no-values":       {FieldLogin.In(), nil, "login: a value is missing"},
		"one-is-missing":  {FieldTags.In("a", ""), nil, "user_tags: a value is missing"},
		"too-many":        {FieldExternalID.In(many...), nil, "external_id: 101 values"},
		"too-short":       {FieldFullName.StartWith("Ünä"), nil, "four characters"},
		"no-start":        {FieldFullName.StartWith(""), nil, "a value is missing"},
		"no-moment":       {tag, []Condition{FieldUpdatedAt.After(time.Time{})}, "the moment is missing"},
		"nobody-left-out": {tag, []Condition{FieldTags.NotIn()}, "user_tags: a value is missing"},
		"twice":           {tag, []Condition{FieldTags.Equal("b")}, "stands twice"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if q, err := Where(test.first, test.more...); err == nil || !strings.Contains(err.Error(), test.words) || q != (Query{}) {
				t.Errorf("got %v, error %v", q, err)
			}
		})
	}
}
