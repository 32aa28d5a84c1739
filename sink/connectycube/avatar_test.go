package connectycube

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

func TestSetAvatar(t *testing.T) {
	known := account.Account{ID: 5, ExternalID: "E1"}
	known.Values[user.Login] = user.Text("l")
	as := map[string]Authority{
		"shared": {Updates: UpdatesAsShared},
		"owner":  {Updates: UpdatesAsOwner, Passwords: func(string) []string { return []string{"p"} }},
	}
	places := map[string]struct {
		place      AvatarPlace
		data, want string
	}{
		"field":       {AvatarInField, "not JSON", `{"user":{"avatar":"uid-1"}}`},
		"custom-data": {AvatarInCustomData, `{"team":"blue","avatar_uid":"old"}`, `{"user":{"custom_data":"{\"avatar_uid\":\"uid-1\",\"team\":\"blue\"}"}}`},
		"empty-data":  {AvatarInCustomData, "", `{"user":{"custom_data":"{\"avatar_uid\":\"uid-1\"}"}}`},
	}
	for who, authority := range as {
		for name, test := range places {
			t.Run(who+"-"+name, func(t *testing.T) {
				c, s := newCloud(t)
				s.data = test.data
				made, err := c.SetAvatar(t.Context(), authority, known, picture(), test.place)
				if err != nil || made.UID != "uid-1" || s.written != test.want {
					t.Errorf("error %v; wrote %s, want %s", err, s.written, test.want)
				}
				if released := slices.Contains(s.said, "DELETE /login.json"); released != (who == "owner") {
					t.Errorf("said %v", s.said)
				}
			})
		}
	}
}

func TestAvatarThatCannotBeSet(t *testing.T) {
	known := account.Account{ID: 5}
	shared := Authority{Updates: UpdatesAsShared}
	tests := map[string]struct {
		as      Authority
		place   AvatarPlace
		status  int
		kind    account.Kind
		said    string // in part
		deleted bool
	}{
		"refused":      {shared, AvatarInField, http.StatusForbidden, account.Forbidden, "PUT /users/5.json", true},
		"in-doubt":     {shared, AvatarInField, http.StatusBadGateway, account.Ambiguous, "PUT /users/5.json", false},
		"no-place":     {shared, AvatarInCustomData, 0, account.Invalid, "GET /users/v2.json", false},
		"no-authority": {Authority{}, AvatarInField, 0, account.Forbidden, "", false},
		"no-password":  {Authority{Updates: UpdatesAsOwner}, AvatarInField, 0, account.Forbidden, "", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, s := newCloud(t)
			s.avatar, s.data = test.status, "not JSON"
			_, err := c.SetAvatar(t.Context(), test.as, known, picture(), test.place)
			said := strings.Join(s.said, "\n")
			if account.KindOf(err) != test.kind || !strings.Contains(said, test.said) {
				t.Errorf("got error %v; said %v", err, s.said)
			}
			if strings.Contains(said, "DELETE /blobs/7.json") != test.deleted {
				t.Errorf("said %v", s.said)
			}
			if name == "no-place" && strings.Contains(said, "/blobs") {
				t.Error("a picture was uploaded for which there is no place")
			}
		})
	}
}
