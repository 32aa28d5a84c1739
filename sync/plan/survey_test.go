package plan

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

func TestLookups(t *testing.T) {
	record := func(id, login, email string) Desired {
		d := Desired{User: user.User{ExternalID: id}}
		if login != "" {
			d.User.Values[user.Login] = user.Text(login)
		}
		if email != "" {
			d.User.Values[user.Email] = user.Text(email)
		}
		return d
	}
	survey := NewSurvey(Input{
		Desired: slices.Values([]Desired{
			record("listed", "l1", "l1@example.com"), record("listed-without", "", ""), record("lost", "l2", ""), record("new", "l3", "l3@example.com"), record("new", "l3", "l3@example.com"),
			record("without", "", ""),
		}),
		Observed: slices.Values([]account.Account{{ID: 1, ExternalID: "listed"}, {ID: 3, ExternalID: "listed-without"}, {ID: 2, ExternalID: "owned"}, {ID: 8, ExternalID: "stray"}}),
		Known: slices.Values([]Known{
			{ExternalID: "gone", AccountID: 9}, {ExternalID: "listed", AccountID: 1}, {ExternalID: "lost", AccountID: 7}, {ExternalID: "refused"}, {ExternalID: "strayed", AccountID: 8},
		}),
	})
	want := Lookups{
		ExternalIDs: []string{"lost", "new", "without"},
		Logins:      []string{"l2", "l3", user.ComputedLogin("without")},
		Emails:      []string{"l3@example.com"},
		IDs:         []string{"7", "9"},
	}
	if diff := cmp.Diff(want, survey.Lookups()); diff != "" {
		t.Errorf("what is looked up (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"lost"}, survey.Unlisted()); diff != "" {
		t.Errorf("wanted, known and not listed (-want +got):\n%s", diff)
	}
}

func TestOnto(t *testing.T) {
	for _, test := range []struct {
		name                   string
		field                  user.Field
		before, after, current string
		want                   string
		refused                bool
	}{
		{"tag-added", user.Tags, "a", "a,b", "a,c", "a,b,c", false},
		{"tag-taken-off", user.Tags, "a,b", "a", "a,b,c", "a,c", false},
		{"tag-gone-already", user.Tags, "a,b", "a", "c", "c", false},
		{"no-room-any-more", user.Tags, "a", "a,b", "a,c,d,e,f", "a,b,c,d,e,f", true},
		{"custom-data", user.CustomData, `{"a":1}`, `{"a":2}`, `{"a":1,"b":1}`, `{"a":2,"b":1}`, false},
		{"custom-data-not-an-object", user.CustomData, `{"a":1}`, `{"a":2}`, `hello`, "", true},
		{"any-other-field", user.FullName, "a", "b", "c", "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := Change{Field: test.field, Before: test.before, After: test.after}.Onto(test.current)
			if got != test.want || ok == test.refused {
				t.Errorf("got %q, %v, want %q, %v", got, ok, test.want, !test.refused)
			}
		})
	}
}
