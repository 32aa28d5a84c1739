package connectycube

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// usualAnswer is one as the service gives it.
const usualAnswer = `{"user":{"id":2,"full_name":"Some \u0026 Bödy","email":"a@example.com","login":"loop.user1","phone":"+49 30 1",` +
	`"website":"https:\/\/example.com","created_at":"2026-11-23T02:31:01Z","updated_at":"2026-11-23T02:31:01Z","last_request_at":null,` +
	`"external_id":"L1","external_user_id":null,"custom_data":"{\"a\":\"\\u0062\\n\"}","is_guest":false,"last_activity":0,"user_tags":"bench,staff"}}`

func TestQuickReadsTheUsualAnswers(t *testing.T) {
	for _, answer := range []string{
		usualAnswer,
		`{"user":{"id":7}}`,
		`{"user":{"id":7,"user_tags":["a","b",null]}}`,
		`{"user":{"id":7,"user_tags":[],"login":null,"custom_data":""}}`,
		`{"user":{"user_tags":null,"id":-7}}`,
	} {
		if !readQuickly([]byte(answer), new(wireUser)) {
			t.Errorf("%s isn't read", answer)
		}
	}
}

func FuzzQuickReadsAsTheLibrary(f *testing.F) {
	for _, answer := range []string{
		usualAnswer,
		`{"user":{"id":7,"user_tags":["a","b",null,3]}}`,
		`{"user":{"id":7,"custom_data":{"a":1}}}`,
		`{"user":{"id":7,"id":8,"login":"a","login":null}}`,
		`{"user":{"id":7}} `, `{"user":{"id":7}}}`, `{"user":{"id":7},"user":{"id":8}}`, `{"user":{"id":7,}}`, `{"user":{}}`, `{"user":null}`,
		`{"user":{"ID":7,"Login":"a"}}`, `{"user":{"log\u0069n":"a"}}`, `{"user":{"i d":1}}`,
		`{"user":{"id":007}}`, `{"user":{"id":-0}}`, `{"user":{"id":+7}}`, `{"user":{"id":1e3}}`, `{"user":{"id":99999999999999999999}}`, `{"user":{"id": 7}}`,
		`{"user":{"login":"\ud83d\ude42"}}`, `{"user":{"login":"\ud83d"}}`, `{"user":{"login":"\u00e9\u12"}}`, `{"user":{"login":"\x"}}`, `{"user":{"login":"a\`,
		"{\"user\":{\"login\":\"\xff\"}}", "{\"user\":{\"login\":\"a\tb\"}}", `{"user":{"login":tru}}`, `{"user":{"login":true,"email":false}}`, `{"user":{"login":"a"`,
		`{"user":{"user_tags":["a"`, `{"user":{"user_tags":[null]}}`, `{"user":{"user_tags":7}}`, `{"user":{"user_tags":["a",]}}`, `{"user":{"user_tags":[["a"]]}}`,
		strings.Replace(usualAnswer, ":", " : ", 3),
	} {
		f.Add([]byte(answer))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var got wireUser
		if !readQuickly(body, &got) {
			return
		}
		var want struct {
			User *wireUser `json:"user"`
		}
		if err := json.Unmarshal(body, &want); err != nil || want.User == nil {
			t.Fatalf("%s is read as %+v, and encoding/json reads no user: %v", body, got, err)
		}
		if got.UserTags.text() != want.User.UserTags.text() {
			t.Errorf("%s: tags %q, want %q", body, got.UserTags, want.User.UserTags)
		}
		got.UserTags, want.User.UserTags = nil, nil
		if diff := cmp.Diff(*want.User, got); diff != "" {
			t.Errorf("%s is read as (-want +got):\n%s", body, diff)
		}
	})
}
