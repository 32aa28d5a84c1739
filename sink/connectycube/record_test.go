package connectycube

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRecordsAsTheServiceMayWriteThem(t *testing.T) {
	moment := time.Date(2020, 10, 5, 19, 51, 9, 0, time.UTC)
	null, nullNumber := Text{Presence: Null}, Number{Presence: Null}
	given := func(text string) Text { return Text{Given, text} }
	tests := map[string]struct {
		json string
		want User
	}{
		"whole": {
			`{"id":5,"login":"l","email":"e","full_name":"Ann \"A\"","phone":"1","website":"w","external_id":"E1","external_user_id":17,
			"facebook_id":"f","twitter_id":"t","custom_data":"{\"a\":1}","avatar":"uid","blob_id":3,"user_tags":["b","a"],"timezone":-120,
			"is_guest":true,"created_at":"2020-10-05T19:51:09Z","updated_at":"2020-10-05T19:51:09Z","last_request_at":"2020-10-05T19:51:09Z"}`,
			User{
				ID: 5, Login: given("l"), Email: given("e"), FullName: given(`Ann "A"`), Phone: given("1"), Website: given("w"),
				ExternalID: given("E1"), ExternalUserID: Number{Given, 17}, FacebookID: given("f"), TwitterID: given("t"),
				CustomData: given(`{"a":1}`), Avatar: given("uid"), BlobID: Number{Given, 3}, Tags: []string{"a", "b"}, Timezone: Number{Given, -120},
				Guest: true, CreatedAt: moment, UpdatedAt: moment, LastRequestAt: moment,
			},
		},
		"v1": {
			`{"id":"5","external_id":17,"external_user_id":"17","facebook_id":123,"user_tags":"b, a","is_guest":1,"blob":{"x":[1]}}`,
			User{ID: 5, ExternalID: given("17"), ExternalUserID: Number{Given, 17}, FacebookID: given("123"), Tags: []string{"a", "b"}, Guest: true},
		},
		"nulls": {
			`{"id":5,"external_id":null,"external_user_id":null,"avatar":null,"user_tags":null,"is_guest":null,"created_at":null}`,
			User{ID: 5, ExternalID: null, ExternalUserID: nullNumber, Avatar: null},
		},
		"empty": {`{"id":5,"avatar":"","user_tags":"","timezone":"noon"}`, User{ID: 5, Avatar: given(""), Timezone: nullNumber}},
		"least": {`{"id":5}`, User{ID: 5}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got User
			if err := json.Unmarshal([]byte(test.json), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, test.want); diff != "" {
				t.Errorf("got (-), want (+):\n%s", diff)
			}
		})
	}
	for _, odd := range []string{`{}`, `{"id":0}`, `{"id":"x"}`, `{"id":null}`, `[]`} {
		if err := json.Unmarshal([]byte(odd), new(User)); err == nil {
			t.Errorf("%s is taken for a user", odd)
		}
	}
}
