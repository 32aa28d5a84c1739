package apply

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// minted is a user whom the service made of a sign-in with a login.
func minted(id int64, login string, at time.Time) account.Account {
	a := account.Account{ID: id, CreatedAt: at}
	for i := range a.Values {
		a.Values[i] = user.Text("")
	}
	return with(a, user.Login, login)
}

// A run that was killed between a sign-in that made a user and the removal of that user leaves nobody behind; and nobody
// else is removed.
func TestSettleRemovesWhomASignInMade(t *testing.T) {
	opened := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	renamed := with(person(1, "E1"), user.Login, "another")
	intent := state.Intent{Kind: plan.Update, ExternalID: "E1", AccountID: 1, Login: "login-E1", Opened: opened}
	byEmail := intent
	byEmail.Login, byEmail.Email = "", "e1@example.com"
	both := intent
	both.Email = "e1@example.com"
	gone := intent
	gone.Kind, gone.AccountID = plan.Delete, 77
	untimed := intent
	untimed.Opened = time.Time{}
	create := state.Intent{Kind: plan.Create, ExternalID: "E1", Login: "login-E1", Opened: opened}
	for name, test := range map[string]struct {
		there  []account.Account
		intent state.Intent
		answer error
		asked  bool
		note   string
		fails  bool
	}{
		"login-was-changed":     {[]account.Account{renamed, minted(9, "login-E1", opened)}, intent, nil, true, "user 9 of the sign-in as account 1, who was deleted again", false},
		"account-was-deleted":   {[]account.Account{minted(9, "login-E1", opened.Add(time.Hour))}, gone, nil, true, "who was deleted again", false},
		"signed-in-by-email":    {[]account.Account{with(person(1, "E1"), user.Email, "new@example.com"), with(minted(9, "", opened), user.Email, "e1@example.com")}, byEmail, nil, true, "who was deleted again", false},
		"email-beside-a-login":  {[]account.Account{person(1, "E1"), with(minted(9, "", opened), user.Email, "e1@example.com")}, both, nil, false, "", false},
		"login-is-still-theirs": {[]account.Account{person(1, "E1")}, intent, nil, false, "", false},
		"nobody-was-made":       {[]account.Account{renamed}, intent, nil, false, "", false},
		"was-there-before":      {[]account.Account{renamed, minted(9, "login-E1", opened.Add(-time.Second))}, intent, nil, false, "", false},
		"has-our-tag":           {[]account.Account{renamed, with(minted(9, "login-E1", opened), user.Tags, "staff")}, intent, nil, false, "", false},
		"has-an-external-id":    {[]account.Account{renamed, with(person(9, "E9"), user.Login, "login-E1")}, intent, nil, false, "", false},
		"nobody-told-the-time":  {[]account.Account{renamed, minted(9, "login-E1", opened)}, untimed, nil, false, "", false},
		"a-sign-up":             {[]account.Account{minted(9, "login-E1", opened)}, create, nil, false, "", false},
		"another-password":      {[]account.Account{renamed, minted(9, "login-E1", opened)}, intent, kind(account.PasswordNotOurs), true, "", false},
		"not-bare":              {[]account.Account{renamed, minted(9, "login-E1", opened)}, intent, kind(account.Conflict), true, "", false},
		"may-not-be-deleted":    {[]account.Account{renamed, minted(9, "login-E1", opened)}, intent, kind(account.Forbidden), true, "look at them", false},
		"service-is-down":       {[]account.Account{renamed, minted(9, "login-E1", opened)}, intent, kind(account.Unavailable), true, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked []string
				expel := func(_ context.Context, externalID string, left account.Account, since time.Time) error {
					asked = append(asked, fmt.Sprint(externalID, " ", left.ID, " ", since.Equal(opened)))
					return test.answer
				}
				settled, err := Settle(t.Context(), newService(test.there...), "staff", []state.Intent{test.intent}, expel)
				if (err != nil) != test.fails || (len(asked) > 0) != test.asked || test.asked && asked[0] != "E1 9 true" {
					t.Fatalf("%v: asked to remove %v", err, asked)
				}
				if note := settled[0].Note; (note == "") != (test.note == "") || !strings.Contains(note, test.note) {
					t.Errorf("it says %q, want %q", note, test.note)
				}
			})
		})
	}
}
