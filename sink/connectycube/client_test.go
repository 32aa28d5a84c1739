package connectycube_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/user"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const servicePassword = "service-password"

// open returns an emulator with a service user, and options for a client that speaks to it in-process.
func open(t *testing.T) (*emulator.Server, connectycube.Options) {
	t.Helper()
	server, err := emulator.Open(emulator.Options{Users: []emulator.SeedUser{{Login: "service", Password: servicePassword}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server, connectycube.Options{
		Endpoint: "https://emulator.example.org", ApplicationID: emulator.DefaultApplicationID,
		AuthKey: emulator.DefaultAuthKey, AdminKey: emulator.DefaultAdminKey,
		User: &connectycube.Credentials{Login: "service", Password: servicePassword},
		Base: server.Transport(), Version: "test",
	}
}

func newClient(t *testing.T, options connectycube.Options) *connectycube.Client {
	t.Helper()
	c, err := connectycube.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) }) // some tests leave a server behind that is down
	return c
}

func passwordOf(externalID string) string { return "password-of-" + externalID }

// owner is the authority of the default configuration.
func owner() connectycube.Authority {
	return connectycube.Authority{
		Updates: connectycube.UpdatesAsOwner, Deletes: connectycube.DeletesAsAdmin,
		Passwords: func(externalID string) []string { return []string{"the-wrong-password", passwordOf(externalID)} },
	}
}

func person(externalID string) user.User {
	u := user.User{ExternalID: externalID}
	u.Values[user.Login] = user.Text("hr-" + externalID)
	u.Values[user.Email] = user.Text(strings.ToLower(externalID) + "@example.com")
	u.Values[user.FullName] = user.Text("Ann <Ünal> & “Söhne” " + externalID)
	u.Values[user.Phone] = user.Text("")
	u.Values[user.Website] = user.Text("https://example.org/?a=b&c")
	u.Values[user.CustomData] = user.Text(`{"team":"a<b"}`)
	u.Values[user.Tags] = user.Text("hr-sync,staff")
	return u
}

func signUp(t *testing.T, s account.Service, externalID string) account.Account {
	t.Helper()
	a, err := s.Create(t.Context(), person(externalID), passwordOf(externalID))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func find(t *testing.T, s account.Service, key account.Key, value string) []account.Account {
	t.Helper()
	found, err := s.Find(t.Context(), key, []string{value})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// setting returns a change that sets the field.
func setting(field user.Field, text string) func(account.Account) (account.Write, error) {
	return func(account.Account) (account.Write, error) {
		var values user.Values
		values[field] = user.Text(text)
		return account.Write{Values: values}, nil
	}
}

func TestReadsAreSharedByAllWorkersAndEndedByClose(t *testing.T) {
	server, options := open(t)
	c, err := connectycube.New(options)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 32 {
		group.Go(func() {
			if _, err := c.Service(owner()).Find(t.Context(), account.ByLogin, []string{fmt.Sprint("nobody-", i)}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := server.Counters().ByKind; got[emulator.SessionCreate] != 1 || got[emulator.Login] != 1 {
		t.Errorf("got %v", got)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if got := server.Counters().ByKind[emulator.SessionDestroy]; got != 1 {
		t.Errorf("%d sessions were destroyed, want 1", got)
	}
}

func TestSessionOutlivesTheNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, options := open(t)
		c := newClient(t, options)
		for range 3 {
			var group sync.WaitGroup
			for range 32 {
				group.Go(func() {
					if _, err := c.Service(owner()).Find(t.Context(), account.ByLogin, []string{"nobody"}); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			time.Sleep(3 * time.Hour)
		}
		counters := server.Counters()
		if counters.ByKind[emulator.SessionCreate] != 3 || len(counters.Refused) != 0 {
			t.Errorf("got %+v", counters)
		}
	})
}

// The doctor tells by the field which line to look at.
func TestRefusedKeyIsNamed(t *testing.T) {
	_, options := open(t)
	options.AuthKey = "wrong-auth-key"
	err := newClient(t, options).TryApplication(t.Context())
	if failed, ok := errors.AsType[*account.Error](err); !ok || failed.Field != "auth_key" {
		t.Errorf("got error %v", err)
	}
}

func TestCredentialsRefused(t *testing.T) {
	tests := map[string]struct {
		spoil func(*connectycube.Options)
		hint  string
	}{
		"auth-key":       {func(o *connectycube.Options) { o.AuthKey = "wrong-auth-key" }, "connectycube.auth_key"},
		"application-id": {func(o *connectycube.Options) { o.ApplicationID = "77" }, "connectycube.application_id"},
		"password": {func(o *connectycube.Options) {
			o.User = &connectycube.Credentials{Login: "service", Password: "wrong-service-password"}
		}, "connectycube.service_user"},
		"another-user": {func(o *connectycube.Options) {
			o.User = &connectycube.Credentials{Login: "service", Password: servicePassword, ID: 424242}
		}, "connectycube.service_user"},
		"endpoint": {func(o *connectycube.Options) { o.Endpoint += "/api" }, "; check connectycube.endpoint"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, options := open(t)
			test.spoil(&options)
			s := newClient(t, options).Service(owner())
			_, err := s.Find(t.Context(), account.ByLogin, []string{"nobody"})
			if account.KindOf(err) != account.Unauthenticated || !strings.Contains(err.Error(), test.hint) {
				t.Errorf("got error %v", err)
			}
			noSecret(t, err, options)
		})
	}
}

func noSecret(t *testing.T, err error, o connectycube.Options, more ...string) {
	t.Helper()
	for _, secret := range append(more, o.AuthKey, o.AdminKey, o.User.Password) {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
}

// A server that echoes all it got, and a network that does the same, learn our secrets; nobody else does.
func TestNoErrorShowsASecret(t *testing.T) {
	for _, status := range []int{400, 401, 403, 422, 500} {
		synctest.Test(t, func(t *testing.T) {
			server, options := open(t)
			made := signUp(t, newClient(t, options).Service(owner()), "E1")
			var token string
			base := options.Base
			options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/session.json" || (r.URL.Path == "/login.json" && r.Method == http.MethodDelete) {
					return base.RoundTrip(r)
				}
				token = max(token, r.Header.Get("CB-Token"))
				recorder := httptest.NewRecorder()
				recorder.WriteHeader(status)
				_, _ = fmt.Fprintf(recorder, "you sent %v ", r.Header)
				if r.Body != nil {
					_, _ = io.Copy(recorder, r.Body)
				}
				return recorder.Result(), nil
			})
			c, err := connectycube.New(options)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond) // the GETs of 500 would be repeated
			defer cancel()
			s := c.Service(owner())
			_, created := s.Create(ctx, person("E2"), "password-of-E2")
			_, updated := s.Update(ctx, made, setting(user.FullName, "New"))
			_, found := s.Find(ctx, account.ByLogin, []string{"nobody"})
			for _, err := range []error{created, updated, found, s.Delete(ctx, made)} {
				if err == nil {
					t.Fatalf("%d: no error", status)
				}
				noSecret(t, err, options, token, "password-of-E1", "password-of-E2", "the-wrong-password")
			}
			if token == "" || server.Counters().UserWrites != 1 {
				t.Errorf("%d: the test proves nothing: token %q", status, token)
			}
		})
	}
}

// closing records that its idle connections were closed.
type closing struct {
	http.RoundTripper
	closed int
}

func (c *closing) CloseIdleConnections() { c.closed++ }

func TestCloseLeavesNoConnection(t *testing.T) {
	_, options := open(t)
	base := &closing{RoundTripper: options.Base}
	options.Base = base
	c, err := connectycube.New(options)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(t.Context()); err != nil || base.closed != 1 || len(c.Calls()) != 0 {
		t.Errorf("error %v; closed %d times, calls %v", err, base.closed, c.Calls())
	}
}
