package connectycube_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
)

// openWith is open, over an emulator with other options.
func openWith(t *testing.T, with emulator.Options) (*emulator.Server, connectycube.Options) {
	t.Helper()
	_, options := open(t)
	with.Users = []emulator.SeedUser{{Login: "service", Email: "service@example.org", Password: servicePassword}}
	server, err := emulator.Open(with)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	options.Base = server.Transport()
	return server, options
}

// A service user whose login is misspelt isn't a new user.
func TestServiceUserWhoDoesNotExist(t *testing.T) {
	for name, test := range map[string]struct {
		with  emulator.Options
		who   connectycube.Credentials
		words string
		made  int64
	}{
		"made-and-undone": {
			emulator.Options{LoginCreatesUsers: true}, connectycube.Credentials{Login: "srevice", Password: servicePassword}, "who was deleted again", 1,
		},
		"made-by-email": {
			emulator.Options{LoginCreatesUsers: true}, connectycube.Credentials{Email: "srevice@example.org", Password: servicePassword}, "who was deleted again", 1,
		},
		"with-id": {
			emulator.Options{LoginCreatesUsers: true}, connectycube.Credentials{Login: "srevice", Password: servicePassword, ID: 1}, "not user 1; the service made user", 1,
		},
		"refused": {
			emulator.Options{}, connectycube.Credentials{Login: "srevice", Password: servicePassword}, "401", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, options := openWith(t, test.with)
			options.User = &test.who
			_, err := newClient(t, options).Session(t.Context())
			if account.KindOf(err) != account.Unauthenticated || !strings.Contains(err.Error(), test.words) || !strings.Contains(err.Error(), "connectycube.service_user") {
				t.Errorf("got error %v", err)
			}
			options.User = &connectycube.Credentials{Login: "service", Password: servicePassword}
			left, err := newClient(t, options).FindUsers(t.Context(), connectycube.FieldLogin, "srevice")
			more, emailErr := newClient(t, options).FindUsers(t.Context(), connectycube.FieldEmail, "srevice@example.org")
			if len(left)+len(more) != 0 || err != nil || emailErr != nil {
				t.Errorf("left behind %v %v, errors %v, %v", left, more, err, emailErr)
			}
			if got, want := server.Counters().Written, (emulator.Writes{OnTheFly: test.made, Delete: test.made}); got != want {
				t.Errorf("written %+v, want %+v", got, want)
			}
		})
	}
}

// A service user who is as new and bare as one that the service would make is still there afterwards.
func TestServiceUserWhoIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the clock stands still: made in the very second of the sign-in
		server, options := openWith(t, emulator.Options{LoginCreatesUsers: true})
		for _, who := range []connectycube.Credentials{
			{Login: "service", Password: servicePassword}, {Email: "service@example.org", Password: servicePassword},
		} {
			options.User = &who
			if got, err := newClient(t, options).Session(t.Context()); err != nil || got.UserID != 1 {
				t.Errorf("error %v; got %+v", err, got)
			}
		}
		if server.Counters().Written != (emulator.Writes{}) {
			t.Errorf("written %+v", server.Counters().Written)
		}
	})
}

// Where the look-up doesn't work, such as without GET /users/v2, the sign-in does.
func TestServiceUserWhoCannotBeLookedUp(t *testing.T) {
	_, options := open(t)
	missing, base := answering(new([]string), http.StatusNotFound, ""), options.Base
	options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/users/v2.json" {
			return missing(r)
		}
		return base.RoundTrip(r)
	})
	if got, err := newClient(t, options).Session(t.Context()); err != nil || got.UserID != 1 {
		t.Errorf("error %v; got %+v", err, got)
	}
}

// Every kind of service user outlives the night, as the same user; only guests are made anew.
func TestEveryoneIsRenewed(t *testing.T) {
	for name, who := range everyone() {
		t.Run(name, func(t *testing.T) {
			verifyURL := company(t) // outside: it waits for the network
			synctest.Test(t, func(t *testing.T) {
				server, options := openEveryone(t, &who, verifyURL)
				c := newClient(t, options)
				first, err := c.Session(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(119*time.Minute + 30*time.Second) // it would expire in half a minute
				second, err := c.Session(t.Context())
				if err != nil || second.ID == first.ID {
					t.Fatalf("error %v; sessions %d and %d", err, first.ID, second.ID)
				}
				if same := second.UserID == first.UserID; same == (who.Guest != "") || second.UserID == 0 {
					t.Errorf("users %d and %d", first.UserID, second.UserID)
				}
				if refused := server.Counters().Refused; len(refused) != 0 {
					t.Errorf("refused %v", refused)
				}
			})
		})
	}
}

// Somebody else who signs in at the renewal isn't the service user, though no id is configured.
func TestAnotherUserAtTheRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, options := openWith(t, emulator.Options{})
		token := "one"
		options.User = &connectycube.Credentials{Provider: &connectycube.Provider{
			Vouching: connectycube.Facebook,
			Token:    func(context.Context) (string, string, error) { return token, "", nil },
		}}
		c := newClient(t, options)
		first, err := c.Session(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		token = "another"
		time.Sleep(3 * time.Hour)
		_, err = c.Session(t.Context())
		if account.KindOf(err) != account.Unauthenticated || !strings.Contains(err.Error(), fmt.Sprint("not user ", first.UserID)) {
			t.Errorf("got error %v", err)
		}
	})
}

// The guests that sessions made are gone after Close, but for one whose session died first.
func TestGuestsAreRemoved(t *testing.T) {
	for name, test := range map[string]struct {
		pause   time.Duration // between the two sessions
		deleted int64
	}{"renewed-in-time": {119*time.Minute + 30*time.Second, 2}, "died": {3 * time.Hour, 1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, options := open(t)
				options.User = &connectycube.Credentials{Guest: "Ann"}
				c, err := connectycube.New(options)
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					if _, err := c.Session(t.Context()); err != nil {
						t.Fatal(err)
					}
					time.Sleep(test.pause)
					test.pause = 0
				}
				if err := c.Close(t.Context()); err != nil {
					t.Error(err)
				}
				if got := server.Counters().Written; got.OnTheFly != 2 || got.Delete != test.deleted {
					t.Errorf("written %+v", got)
				}
			})
		})
	}
}

// The guest of before is removed though the caller who needed a new session is gone.
func TestGuestIsRemovedForACallerWhoIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, options := open(t)
		options.User = &connectycube.Credentials{Guest: "Ann"}
		ctx, cancel := context.WithCancel(t.Context())
		base, made := options.Base, 0
		options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			answer, err := base.RoundTrip(r)
			if r.Method == http.MethodPost && r.URL.Path == "/session.json" {
				if made++; made == 2 {
					cancel()
				}
			}
			return answer, err
		})
		c := newClient(t, options)
		if _, err := c.Session(ctx); err != nil {
			t.Fatal(err)
		}
		time.Sleep(119*time.Minute + 30*time.Second)
		_, _ = c.Session(ctx) // an error or not: what matters is who is left behind
		if got := server.Counters().Written; got.OnTheFly != 2 || got.Delete != 1 {
			t.Errorf("written %+v", got)
		}
	})
}

// Where a look-up hides the login, nothing is known of who has it, and the service user signs in as ever.
func TestServiceUserWhoseLoginIsHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, options := open(t)
		time.Sleep(time.Minute) // the service user isn't new
		options.Base = showing(`"login":null`, `"login":"service"`, options.Base)
		if _, err := newClient(t, options).Session(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A refused password is said, though the server can't tell whether the session has ended.
func TestWrongPasswordBesideAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, options := open(t)
		options.User = &connectycube.Credentials{Login: "service", Password: "wrong-service-password"}
		options.Base = troubled(http.MethodGet, "/session.json", 1000, http.StatusInternalServerError, options.Base)
		_, err := newClient(t, options).Session(t.Context())
		is(t, err, account.Unauthenticated)
	})
}
