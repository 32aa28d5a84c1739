package doctor_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"cubesync/cmd/cubesync/internal/doctor"
	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/user"
)

// raw is a client of the application, without the doctor's habits.
func (p *patient) raw(t *testing.T) *connectycube.Client {
	t.Helper()
	o := p.client
	o.Base, o.RequestsPerSecond = p.server.Transport(), 0
	client, err := connectycube.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close(context.Background()) })
	return client
}

// strangers are the logins of those who were there before any doctor, and still are.
func (p *patient) strangers(t *testing.T) []string {
	t.Helper()
	o := p.client
	o.Base, o.RequestsPerSecond, o.User, o.AdminKey = p.server.Transport(), 0, nil, ""
	client, err := connectycube.New(o)
	if err != nil {
		t.Fatal(err)
	}
	found, err := client.FindUsers(context.Background(), connectycube.FieldLogin, "somebody", "tagged", "service")
	_ = client.Close(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var logins []string
	for _, u := range found {
		logins = append(logins, u.Login.Text)
	}
	slices.Sort(logins)
	return logins
}

// Look-ups that show somebody else, as a cache or a gateway may make them: nobody is deleted but throw-away accounts.
func TestStrangersStay(t *testing.T) {
	cases := map[string]bool{"as-they-are": false, "under-the-login-that-was-asked-for": true}
	for name, disguised := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient(t, emulator.Options{ // one sign-up in doubt, so that it is looked for by its login
					Faults: []emulator.Fault{{Do: emulator.LoseBefore, Call: emulator.SignUp, Times: 3}},
				})
				base, asked := p.client.Base, 0
				p.client.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
					query := r.URL.Query()
					logins := query["login[in][]"]
					if len(logins) != 1 {
						return base.RoundTrip(r)
					}
					asked++
					query.Del("login[in][]")
					query.Set("user_tags", "staff")
					r = r.Clone(r.Context())
					r.URL.RawQuery = query.Encode()
					answer, err := base.RoundTrip(r)
					if err != nil || !disguised {
						return answer, err
					}
					body, err := io.ReadAll(answer.Body)
					body = bytes.ReplaceAll(body, []byte(`"somebody"`), []byte(`"`+logins[0]+`"`))
					answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
					return answer, err
				})
				facts := p.examine(t.Context(), t)
				if got, want := p.strangers(t), []string{"service", "somebody", "tagged"}; !slices.Equal(got, want) {
					t.Errorf("of %s there are %s", want, got)
				}
				if asked == 0 || len(facts.Left) == 0 {
					t.Errorf("asked for %d logins, left %s: the test proves nothing", asked, facts.Left)
				}
			})
		})
	}
}

// With an identity provider, signing in with a login and a password signs in whom its backend says.
func TestIdentityProviderIsNotAskedForUnknownLogins(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"user":{"id":"boss"}}`)
	}))
	defer backend.Close()
	p := newPatient(t, emulator.Options{Identity: &emulator.Identity{VerifyURL: backend.URL}})
	p.client.RequestsPerSecond, p.options.Identity = 0, true
	p.client.User = &connectycube.Credentials{Provider: &connectycube.Provider{
		Vouching: connectycube.CustomIdentity, Token: func(context.Context) (string, string, error) { return "token", "", nil },
	}}
	before, err := p.raw(t).Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	facts := p.examine(t.Context(), t)
	after, err := p.raw(t).Session(t.Context())
	if err != nil || after.UserID != before.UserID {
		t.Errorf("the service user was %d and is %d, %v", before.UserID, after.UserID, err)
	}
	want := usual()
	for _, q := range []doctor.Question{doctor.UpdateOwner, doctor.DeleteOwner, doctor.SessionMakesUsers, doctor.LoginMakesUsers} {
		want[q] = doctor.NotTried
	}
	want[doctor.PutExternalID] = doctor.Unknown // nobody can update others
	for q, a := range answers(facts) {
		if a != want[q] {
			t.Errorf("%s is answered with %q: %+v", q, a, facts.Answer(q))
		}
	}
}

// Somebody who has the logins that a doctor would try, and another password, neither hides what unknown logins do nor is
// deleted.
func TestLoginsThatAreTaken(t *testing.T) {
	for name, free := range map[string]int{"all": 0, "all-but-two": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient(t, emulator.Options{LoginCreatesUsers: true})
				base, logins := p.client.Base, []string{}
				p.client.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
					if asked := r.URL.Query()["login[in][]"]; len(asked) > 1 && strings.HasPrefix(asked[0], doctor.Tag) {
						logins = asked
					}
					return base.RoundTrip(r)
				})
				p.examine(t.Context(), t)
				squatter := p.raw(t).Service(connectycube.Authority{})
				for _, login := range logins[free:] {
					var u user.User
					u.Values[user.Login] = user.Text(login)
					if _, err := squatter.Create(t.Context(), u, "another-password"); err != nil {
						t.Fatal(err)
					}
				}
				facts := p.examine(t.Context(), t)
				want := map[bool]doctor.Answer{true: doctor.Unknown, false: doctor.Yes}[free == 0]
				for _, q := range []doctor.Question{doctor.LoginMakesUsers, doctor.SessionMakesUsers} {
					if got := facts.Answer(q); got.Answer != want {
						t.Errorf("got %+v", got)
					}
				}
				there, err := squatter.Find(t.Context(), account.ByLogin, logins)
				if err != nil || len(there) != len(logins)-free || len(facts.Left) > 0 || facts.Removed > 0 {
					t.Errorf("%d of %d are there, %v; left %s, removed %d", len(there), len(logins)-free, err, facts.Left, facts.Removed)
				}
			})
		})
	}
}
