package connectycube_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/user"

	"github.com/google/go-cmp/cmp"
)

func TestCreateListFindUpdateDelete(t *testing.T) {
	server, options := open(t)
	c := newClient(t, options)
	s := c.Service(owner())
	made := signUp(t, s, "E1")
	want := account.Account{ID: made.ID, ExternalID: "E1", CreatedAt: made.CreatedAt, UpdatedAt: made.UpdatedAt, Values: person("E1").Values}
	if diff := cmp.Diff(made, want); diff != "" || made.ID == 0 || made.CreatedAt.IsZero() {
		t.Errorf("created: got (-), want (+):\n%s", diff)
	}
	for key, value := range map[account.Key]string{
		account.ByID: fmt.Sprint(made.ID), account.ByExternalID: "E1", account.ByLogin: "hr-E1", account.ByEmail: "e1@example.com",
	} {
		found := find(t, s, key, value)
		if len(found) != 1 || found[0].ID != made.ID {
			t.Errorf("by %s: got %v", key, found)
		}
	}
	var all []account.Account
	if err := s.List(t.Context(), "hr-sync", func(a account.Account) error { all = append(all, a); return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(all, []account.Account{made}); diff != "" {
		t.Errorf("listed: got (-), want (+):\n%s", diff)
	}

	updated, err := s.Update(t.Context(), made, func(now account.Account) (account.Write, error) {
		if diff := cmp.Diff(now, made); diff != "" {
			t.Errorf("fresh read: got (-), want (+):\n%s", diff)
		}
		var values user.Values
		values[user.FullName] = user.Text("Ann New")
		values[user.Website] = user.Text("")
		values[user.Tags] = user.Text("hr-sync")
		return account.Write{Values: values}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want = made
	want.UpdatedAt = updated.UpdatedAt
	want.Values[user.FullName], want.Values[user.Website], want.Values[user.Tags] = user.Text("Ann New"), user.Text(""), user.Text("hr-sync")
	if diff := cmp.Diff(updated, want); diff != "" {
		t.Errorf("updated: got (-), want (+):\n%s", diff)
	}

	if err := s.Delete(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	if found := find(t, s, account.ByID, fmt.Sprint(made.ID)); len(found) != 0 {
		t.Errorf("deleted, and found again: %v", found)
	}
	if err := s.Delete(t.Context(), made); account.KindOf(err) != account.NotFound {
		t.Errorf("deleted twice: got error %v", err)
	}
	if got, want := server.Counters().Written, (emulator.Writes{SignUp: 1, Update: 1, AdminDelete: 1}); got != want {
		t.Errorf("written %+v, want %+v", got, want)
	}
	total := 0
	for _, n := range c.Calls() {
		total += n
	}
	if int64(total) != server.Counters().Requests {
		t.Errorf("counted calls %v, the server %d", c.Calls(), server.Counters().Requests)
	}
}

func TestAuthority(t *testing.T) {
	server, options := open(t)
	c := newClient(t, options)
	made := signUp(t, c.Service(owner()), "E1")
	wrongAdmin := options
	wrongAdmin.AdminKey = "wrong-admin-key"
	noAdmin := options
	noAdmin.AdminKey = ""
	tests := map[string]struct {
		client *connectycube.Client
		with   connectycube.Authority
		hint   string
	}{
		"nothing":         {c, connectycube.Authority{}, "set "},
		"off":             {c, connectycube.Authority{Updates: connectycube.UpdatesOff, Deletes: connectycube.DeletesOff}, "set "},
		"shared":          {c, connectycube.Authority{Updates: connectycube.UpdatesAsShared, Deletes: connectycube.DeletesAsShared}, "connectycube.service_user"},
		"no-passwords":    {c, connectycube.Authority{Updates: connectycube.UpdatesAsOwner, Deletes: connectycube.DeletesAsOwner}, "derive"},
		"wrong-admin-key": {newClient(t, wrongAdmin), connectycube.Authority{Deletes: connectycube.DeletesAsAdmin}, "connectycube.admin_key"},
		"no-admin-key":    {newClient(t, noAdmin), connectycube.Authority{Deletes: connectycube.DeletesAsAdmin}, "connectycube.admin_key"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := test.client.Service(test.with)
			if test.with.Updates != "" {
				_, err := s.Update(t.Context(), made, setting(user.FullName, "New"))
				if account.KindOf(err) != account.Forbidden || !strings.Contains(err.Error(), test.hint) {
					t.Errorf("update: got error %v", err)
				}
			}
			refused := account.Forbidden
			if name == "wrong-admin-key" { // the key is refused, and with it every delete
				refused = account.Unauthenticated
			}
			err := s.Delete(t.Context(), made)
			if account.KindOf(err) != refused || !strings.Contains(err.Error(), test.hint) {
				t.Errorf("delete: got error %v", err)
			}
		})
	}
	t.Run("delete-as-owner", func(t *testing.T) {
		authority := owner()
		authority.Deletes = connectycube.DeletesAsOwner
		ended := c.Calls()["destroy"]
		if err := c.Service(authority).Delete(t.Context(), made); err != nil {
			t.Fatal(err)
		}
		if got := c.Calls()["destroy"] - ended; got != 1 {
			t.Errorf("%d sessions were ended, want that of the user", got)
		}
		if got, want := server.Counters().Written, (emulator.Writes{SignUp: 1, Delete: 1}); got != want {
			t.Errorf("written %+v, want %+v", got, want)
		}
	})
	t.Run("shared-writes-its-own-user", func(t *testing.T) { // the only one that this server lets it write
		s := c.Service(connectycube.Authority{Updates: connectycube.UpdatesAsShared})
		service := find(t, s, account.ByLogin, "service")[0]
		updated, err := s.Update(t.Context(), service, setting(user.FullName, "Service"))
		if err != nil || updated.Values[user.FullName].Text != "Service" {
			t.Errorf("got %v, error %v", updated, err)
		}
		if _, err := s.Update(t.Context(), made, setting(user.FullName, "Gone")); account.KindOf(err) != account.NotFound {
			t.Errorf("who is gone: got error %v", err)
		}
	})
}

func TestNothingToChangeWritesNothing(t *testing.T) {
	server, options := open(t)
	s := newClient(t, options).Service(owner())
	made := signUp(t, s, "E1")
	now, err := s.Update(t.Context(), made, func(account.Account) (account.Write, error) { return account.Write{}, nil })
	if diff := cmp.Diff(now, made); diff != "" || err != nil {
		t.Errorf("error %v; got (-), want (+):\n%s", err, diff)
	}
	skip := errors.New("changed meanwhile")
	if _, err := s.Update(t.Context(), made, func(account.Account) (account.Write, error) { return account.Write{}, skip }); err != skip { //nolint:errorlint // returned as it is
		t.Errorf("got error %v", err)
	}
	if got := server.Counters().ByKind[emulator.Update]; got != 0 {
		t.Errorf("%d updates were sent", got)
	}
}

func TestRefusedValues(t *testing.T) {
	_, options := open(t)
	s := newClient(t, options).Service(owner())
	signUp(t, s, "E1")
	twin := person("E2")
	twin.Values[user.Login] = user.Text("hr-E1")
	odd := person("E3")
	odd.Values[user.Email] = user.Text("no e-mail")
	for name, test := range map[string]struct {
		user  user.User
		kind  account.Kind
		field string
	}{"taken": {twin, account.Conflict, "login"}, "odd": {odd, account.Invalid, "email"}} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Create(t.Context(), test.user, "a-good-password")
			failed, ok := errors.AsType[*account.Error](err)
			if !ok || failed.Kind != test.kind || failed.Field != test.field || failed.Words == "" {
				t.Errorf("got error %#v", err)
			}
		})
	}
}

func TestWritesAsTheyAreSent(t *testing.T) {
	_, options := open(t)
	options.User = nil
	var sent []string
	// One body for all: a session, a user who signs in, and the user after the write.
	options.Base = answering(&sent, http.StatusOK, `{"session":{"token":"t"},"user":{"id":5,"external_id":"E1",`+
		`"login":null,"email":null,"full_name":null,"phone":null,"website":null,"custom_data":null,"user_tags":null}}`)
	c, err := connectycube.New(options)
	if err != nil {
		t.Fatal(err)
	}
	u := user.User{ExternalID: "E1"}
	u.Values[user.Login], u.Values[user.Phone], u.Values[user.Tags] = user.Text("hr-e1"), user.Text(""), user.Text("a,b")
	known := account.Account{ID: 5, ExternalID: "E1", Values: u.Values}
	if _, err := c.Service(owner()).Create(t.Context(), u, "a-good-password"); err != nil {
		t.Fatal(err)
	}
	var values user.Values
	values[user.Phone], values[user.Tags], values[user.FullName] = user.Text(""), user.Text(""), user.Text("A")
	if _, err := c.Service(owner()).Update(t.Context(), known, func(account.Account) (account.Write, error) { return account.Write{Values: values}, nil }); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"user":{"external_id":"E1","login":"hr-e1","password":"a-good-password","tag_list":["a","b"]}}`,
		`{"application_id":1,"auth_key":"emulator-auth-key"}`,
		`{"login":"hr-e1","password":"the-wrong-password"}`,
		`{"user":{"full_name":"A","phone":null,"tag_list":[]}}`,
	}
	if diff := cmp.Diff(sent, want); diff != "" {
		t.Errorf("bodies: got (-), want (+):\n%s", diff)
	}
}

func TestSignUps(t *testing.T) {
	for how, headers := range map[connectycube.SignUps]string{
		"": "CB-AuthKey", connectycube.SignUpsWithKey: "CB-AuthKey", connectycube.SignUpsAsShared: "CB-Token",
	} {
		t.Run("as-"+string(how), func(t *testing.T) {
			_, options := open(t)
			base, carried := options.Base, ""
			options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/users.json" {
					for _, name := range []string{"CB-AuthKey", "CB-Token"} {
						if r.Header.Get(name) != "" {
							carried += name
						}
					}
				}
				return base.RoundTrip(r)
			})
			signUp(t, newClient(t, options).Service(connectycube.Authority{SignUps: how}), "E1")
			if carried != headers {
				t.Errorf("it carried %s, want %s", carried, headers)
			}
		})
	}
}
