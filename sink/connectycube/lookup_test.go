package connectycube_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/user"

	"github.com/google/go-cmp/cmp"
)

// crowd signs up n people, E1 to En, who have a phone and a name of their own.
func crowd(t *testing.T, s account.Service, n int) {
	t.Helper()
	for i := range n {
		u := person(fmt.Sprint("E", i+1))
		u.Values[user.Phone] = user.Text(fmt.Sprint("+49 30 ", i+1))
		u.Values[user.FullName] = user.Text(fmt.Sprintf("Person %03d", i+1))
		if _, err := s.Create(t.Context(), u, "a-good-password"); err != nil {
			t.Fatal(err)
		}
	}
}

func externalIDs(users []connectycube.User) []string {
	var ids []string
	for _, u := range users {
		ids = append(ids, u.ExternalID.Text)
	}
	return ids
}

func TestFindUsers(t *testing.T) {
	_, options := open(t)
	c := newClient(t, options)
	crowd(t, c.Service(owner()), 3)
	second := find(t, c.Service(owner()), account.ByLogin, "hr-E2")[0]
	tests := map[string]struct {
		field  connectycube.Field
		values []string
		want   []string
	}{
		"id":          {connectycube.FieldID, []string{fmt.Sprint(second.ID)}, []string{"E2"}},
		"login":       {connectycube.FieldLogin, []string{"hr-E2", "nobody"}, []string{"E2"}},
		"email":       {connectycube.FieldEmail, []string{"e2@example.com"}, []string{"E2"}},
		"full-name":   {connectycube.FieldFullName, []string{"Person 001", "Person 003"}, []string{"E1", "E3"}},
		"phone":       {connectycube.FieldPhone, []string{"+49 30 3"}, []string{"E3"}},
		"external-id": {connectycube.FieldExternalID, []string{"E1", "E1", ""}, []string{"E1"}},
		"tags":        {connectycube.FieldTags, []string{"hr-sync", "staff"}, []string{"E1", "E2", "E3"}},
		"facebook":    {connectycube.FieldFacebookID, []string{"f"}, nil},
		"nothing":     {connectycube.FieldTwitterID, nil, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := c.FindUsers(t.Context(), test.field, test.values...)
			if diff := cmp.Diff(externalIDs(got), test.want); diff != "" || err != nil {
				t.Errorf("error %v; got (-), want (+):\n%s", err, diff)
			}
		})
	}
}

func TestFindUsersInBatches(t *testing.T) {
	_, options := open(t)
	c := newClient(t, options)
	crowd(t, c.Service(owner()), 250)
	var phones []string
	for i := range 250 {
		phones = append(phones, fmt.Sprint("+49 30 ", i+1))
	}
	got, err := c.FindUsers(t.Context(), connectycube.FieldPhone, phones...)
	if err != nil || len(got) != 250 || c.Calls()["look-up"] != 3 {
		t.Errorf("error %v; found %d with %d calls", err, len(got), c.Calls()["look-up"])
	}
}

func TestUsers(t *testing.T) {
	_, options := open(t)
	c := newClient(t, options)
	began := time.Now().Add(-time.Minute)
	crowd(t, c.Service(owner()), 205)
	ours := connectycube.FieldTags.Equal("hr-sync")
	query := func(first connectycube.Primary, more ...connectycube.Condition) connectycube.Query {
		q, err := connectycube.Where(first, more...)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	tests := map[string]struct {
		query         connectycube.Query
		offset, limit int
		total         int
		want          []string
	}{
		"ascending":   {query(ours).Ascending(connectycube.FieldFullName), 0, 2, 205, []string{"E1", "E2"}},
		"descending":  {query(ours).Descending(connectycube.FieldFullName), 1, 2, 205, []string{"E204", "E203"}},
		"start":       {query(connectycube.FieldFullName.StartWith("person 20")).Ascending(connectycube.FieldID), 0, 0, 6, []string{"E200", "E201", "E202", "E203", "E204"}},
		"recent":      {query(ours, connectycube.FieldUpdatedAt.After(began)).Ascending(connectycube.FieldID), 204, 0, 205, []string{"E205"}},
		"older":       {query(ours, connectycube.FieldCreatedAt.Before(began)), 0, 0, 0, nil},
		"without-tag": {query(ours, connectycube.FieldTags.NotIn("staff")), 0, 0, 0, nil},
		"both":        {query(ours, connectycube.FieldLogin.Equal("hr-E7")), 0, 0, 1, []string{"E7"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := c.Users(t.Context(), test.query, test.offset, test.limit)
			if err != nil || got.Total != test.total {
				t.Errorf("error %v; %d in all, want %d", err, got.Total, test.total)
			}
			if diff := cmp.Diff(externalIDs(got.Users), test.want); diff != "" {
				t.Errorf("got (-), want (+):\n%s", diff)
			}
		})
	}
	t.Run("all", func(t *testing.T) {
		var all []connectycube.User
		err := c.AllUsers(t.Context(), query(ours).Descending(connectycube.FieldLogin), func(u connectycube.User) error {
			all = append(all, u)
			return nil
		})
		if err != nil || len(all) != 205 || !slices.IsSortedFunc(all, func(a, b connectycube.User) int { return int(a.ID - b.ID) }) {
			t.Errorf("error %v; %d users", err, len(all))
		}
	})
	t.Run("stopped", func(t *testing.T) {
		enough := errors.New("enough")
		if err := c.AllUsers(t.Context(), query(ours), func(connectycube.User) error { return enough }); err != enough { //nolint:errorlint // returned as it is
			t.Errorf("got error %v", err)
		}
	})
	t.Run("no-query", func(t *testing.T) {
		_, pageErr := c.Users(t.Context(), connectycube.Query{}, 0, 0)
		_, offsetErr := c.Users(t.Context(), query(ours), -1, 0)
		_, limitErr := c.Users(t.Context(), query(ours), 0, 101)
		allErr := c.AllUsers(t.Context(), connectycube.Query{}, nil)
		for _, err := range []error{pageErr, offsetErr, limitErr, allErr} {
			if account.KindOf(err) != account.Invalid || !strings.Contains(err.Error(), "Where") {
				t.Errorf("got error %v", err)
			}
		}
	})
}

// The ids of Facebook and Twitter, which only such a sign-in gives, are looked up as all else is, singly and in batches.
func TestFindUsersBySocialID(t *testing.T) {
	for name, test := range map[string]struct {
		vouching connectycube.Vouching
		field    connectycube.Field
		id       func(connectycube.User) string
	}{
		"facebook": {connectycube.Facebook, connectycube.FieldFacebookID, func(u connectycube.User) string { return u.FacebookID.Text }},
		"twitter":  {connectycube.Twitter, connectycube.FieldTwitterID, func(u connectycube.User) string { return u.TwitterID.Text }},
	} {
		t.Run(name, func(t *testing.T) {
			_, options := open(t)
			options.User = &connectycube.Credentials{Provider: &connectycube.Provider{
				Vouching: test.vouching,
				Token:    func(context.Context) (string, string, error) { return "token", "secret", nil },
			}}
			c := newClient(t, options)
			session, err := c.Session(t.Context())
			if err != nil || session.User == nil || test.id(*session.User) == "" {
				t.Fatalf("error %v; got %+v", err, session.User)
			}
			values := []string{test.id(*session.User)}
			for i := range 120 {
				values = append(values, fmt.Sprint("nobody-", i))
			}
			for _, asked := range [][]string{values[:1], values} {
				found, err := c.FindUsers(t.Context(), test.field, asked...)
				if err != nil || len(found) != 1 || found[0].ID != session.UserID {
					t.Errorf("error %v; found %v", err, found)
				}
			}
		})
	}
}

// send makes a call that the client has no use for.
func send(t *testing.T, options connectycube.Options, method, path, header, value, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, options.Endpoint+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(header, value)
	answer, err := options.Base.RoundTrip(r)
	if err != nil || answer.StatusCode >= 300 {
		t.Fatalf("%s %s: got %v, error %v", method, path, answer, err)
	}
	_ = answer.Body.Close()
}

func TestDeleteByExternalUserID(t *testing.T) {
	for name, test := range map[string]struct {
		with emulator.Options
		kind account.Kind
	}{"own-user-only": {emulator.Options{}, account.Forbidden}, "others-too": {emulator.Options{WriteOthers: true}, done}} {
		t.Run(name, func(t *testing.T) {
			_, options := openWith(t, test.with)
			send(t, options, http.MethodPost, "/users", "CB-AuthKey", options.AuthKey, `{"user":{"login":"seventeen","password":"12345678","external_user_id":17}}`)
			c := newClient(t, options)
			err := c.DeleteByExternalUserID(t.Context(), 17)
			left, findErr := c.FindUsers(t.Context(), connectycube.FieldLogin, "seventeen")
			if (err == nil) != (test.kind == done) || (err != nil && account.KindOf(err) != test.kind) || (err == nil) != (len(left) == 0) || findErr != nil {
				t.Errorf("errors %v, %v; left %v", err, findErr, left)
			}
			if err := c.DeleteByExternalUserID(t.Context(), 18); account.KindOf(err) != account.NotFound {
				t.Errorf("nobody's id: error %v", err)
			}
		})
	}
}
