package connectycube_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
)

const (
	nobody         = "nobody-has-this-login"
	nobodyPassword = "password-of-nobody"
)

// onServer is open with another server.
func onServer(t *testing.T, o emulator.Options) (*emulator.Server, connectycube.Options) {
	t.Helper()
	o.Users = []emulator.SeedUser{{Login: "service", Password: servicePassword}}
	server, err := emulator.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() }) // in memory
	_, options := open(t)
	options.Base = server.Transport()
	return server, options
}

func TestTryApplication(t *testing.T) {
	server, options := open(t)
	options.User.Password = "not-the-password-of-it" // isn't used
	c := newClient(t, options)
	if err := c.TryApplication(t.Context()); err != nil {
		t.Fatal(err)
	}
	signUp(t, c.Service(owner()), "E1")
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	got := server.Counters().ByKind
	if got[emulator.SessionCreate] != 1 || got[emulator.SessionDestroy] != 1 || got[emulator.Login] != 0 {
		t.Errorf("got %v", got)
	}

	options.AuthKey = "not-the-auth-key"
	if err := newClient(t, options).TryApplication(t.Context()); account.KindOf(err) != account.Unauthenticated {
		t.Errorf("with a wrong key: got error %v", err)
	}
}

func TestErase(t *testing.T) {
	cases := map[string]struct {
		by   connectycube.Entrance
		on   emulator.Options
		made int64
	}{
		"session":        {by: connectycube.BySession, made: 1},
		"session-denied": {by: connectycube.BySession, on: emulator.Options{DenyOnTheFly: true}},
		"login":          {by: connectycube.ByLogin},
		"login-creates":  {by: connectycube.ByLogin, on: emulator.Options{LoginCreatesUsers: true}, made: 1},
		"signed":         {by: connectycube.BySession, on: emulator.Options{RequireSignature: true}, made: 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			server, options := onServer(t, c.on)
			options.AuthSecret = emulator.DefaultAuthSecret
			id, err := newClient(t, options).Erase(t.Context(), c.by, nobody, nobodyPassword)
			if (id != 0) != (c.made == 1) || (err == nil) != (c.made == 1) {
				t.Errorf("got user %d, error %v", id, err)
			}
			if err != nil && account.KindOf(err) != account.Unauthenticated {
				t.Errorf("got error %v", err)
			}
			if got, want := server.Counters().Written, (emulator.Writes{OnTheFly: c.made, Delete: c.made}); got != want {
				t.Errorf("written %+v, want %+v", got, want)
			}
		})
	}
}

// A server that echoes what it got learns the password; nobody else does.
func TestEraseShowsNoSecret(t *testing.T) {
	for _, by := range []connectycube.Entrance{connectycube.BySession, connectycube.ByLogin} {
		_, options := open(t)
		base := options.Base
		options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Body == nil {
				return base.RoundTrip(r)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			if !strings.Contains(string(body), nobodyPassword) {
				r.Body = io.NopCloser(bytes.NewReader(body))
				return base.RoundTrip(r)
			}
			return answering(new([]string), http.StatusUnprocessableEntity, string(body))(r)
		})
		_, err := newClient(t, options).Erase(t.Context(), by, nobody, nobodyPassword)
		if account.KindOf(err) != account.Invalid {
			t.Fatalf("got error %v", err)
		}
		noSecret(t, err, options, nobodyPassword)
	}
}

// Who was made goes, though the caller is gone and answers get lost.
func TestEraseForACallerWhoIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, options := onServer(t, emulator.Options{Faults: []emulator.Fault{{Do: emulator.Truncate, Call: emulator.SessionCreate, Skip: 1}}})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		made := 0
		base := options.Base
		options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			answer, err := base.RoundTrip(r)
			if r.Method == http.MethodPost {
				if made++; made == 3 { // the application's, the user's, and again the user's
					defer cancel()
				}
			}
			return answer, err
		})
		if id, err := newClient(t, options).Erase(ctx, connectycube.BySession, nobody, nobodyPassword); id == 0 || err != nil {
			t.Errorf("got user %d, error %v", id, err)
		}
		if got, want := server.Counters().Written, (emulator.Writes{OnTheFly: 1, Delete: 1}); got != want {
			t.Errorf("written %+v, want %+v", got, want)
		}
	})
}

// A session that ends says nothing about the login.
func TestEraseOnASessionThatEnds(t *testing.T) {
	_, options := onServer(t, emulator.Options{
		LoginCreatesUsers: true, Faults: []emulator.Fault{{Do: emulator.EndSession, Call: emulator.Login}},
	})
	id, err := newClient(t, options).Erase(t.Context(), connectycube.ByLogin, nobody, nobodyPassword)
	if id != 0 || account.KindOf(err) != account.Unavailable {
		t.Errorf("got user %d, error %v", id, err)
	}
}

func TestPutExternalID(t *testing.T) {
	shared := connectycube.Authority{Updates: connectycube.UpdatesAsShared}
	cases := map[string]struct {
		as   connectycube.Authority
		on   emulator.Options
		want string
		kind account.Kind
	}{
		"owner":            {as: owner(), want: "E2"},
		"owner-is-ignored": {as: owner(), on: emulator.Options{FixedExternalIDs: true}, want: "E1"},
		"shared":           {as: shared, on: emulator.Options{WriteOthers: true}, want: "E2"},
		"shared-refused":   {as: shared, kind: account.Forbidden},
		"nobody":           {kind: account.Forbidden},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			server, options := onServer(t, c.on)
			client := newClient(t, options)
			made := signUp(t, client.Service(owner()), "E1")
			got, err := client.PutExternalID(t.Context(), c.as, made, "E2")
			if (err != nil) != (c.want == "") || err != nil && account.KindOf(err) != c.kind || got.ExternalID != c.want {
				t.Errorf("got %q, error %v", got.ExternalID, err)
			}
			if found := find(t, client.Service(owner()), account.ByID, "2"); c.want != "" && found[0].ExternalID != c.want {
				t.Errorf("the account has %q", found[0].ExternalID)
			}
			if updates := server.Counters().Written.Update; (updates == 1) != (c.want != "") {
				t.Errorf("%d updates were written", updates)
			}
		})
	}
}

func TestSessionTellsHowLongItTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, options := open(t)
		options.RequestsPerSecond = 1
		base := options.Base
		options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			time.Sleep(30 * time.Millisecond)
			return base.RoundTrip(r)
		})
		got, err := newClient(t, options).Session(t.Context())
		if err != nil || got.Took != 30*time.Millisecond {
			t.Errorf("it took %v, error %v", got.Took, err)
		}
	})
}
