package connectycube_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/user"
)

// renamed is a server that makes users of unknown logins, with an account whose login was changed: that which is known is
// of nobody.
func renamed(t *testing.T) (server *emulator.Server, s account.Service, known account.Account) {
	t.Helper()
	server, options := onServer(t, emulator.Options{LoginCreatesUsers: true, WriteOthers: true})
	s, known = renamedThere(t, options)
	return server, s, known
}

func renamedThere(t *testing.T, options connectycube.Options) (s account.Service, known account.Account) {
	t.Helper()
	c := newClient(t, options)
	authority := owner()
	authority.Passwords = oneOf(passwordOf)
	known = signUp(t, c.Service(authority), "E1")
	shared := c.Service(connectycube.Authority{Updates: connectycube.UpdatesAsShared})
	if _, err := shared.Update(t.Context(), known, setting(user.Login, "another-login")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Minute) // the account isn't new
	return c.Service(authority), known
}

// Whoever the service made of a login that was given up is deleted again, though answers are lost and sessions end.
func TestUndoInDoubt(t *testing.T) {
	for name, fault := range map[string]emulator.Fault{
		"no-fault":           {Do: emulator.Throttle, Call: emulator.List},
		"sign-in-lost":       {Do: emulator.LoseAfter, Call: emulator.Login, Times: 5},
		"sign-in-fails":      {Do: emulator.ErrorAfter, Call: emulator.Login, Times: 5},
		"delete-never-came":  {Do: emulator.LoseBefore, Call: emulator.Delete},
		"delete-lost":        {Do: emulator.LoseAfter, Call: emulator.Delete},
		"delete-fails":       {Do: emulator.ErrorBefore, Call: emulator.Delete},
		"delete-fails-twice": {Do: emulator.ErrorBefore, Call: emulator.Delete, Times: 2},
		"session-ends":       {Do: emulator.EndSession, Call: emulator.Delete},
		"throttled-for-long": {Do: emulator.Throttle, Call: emulator.Delete, Times: 8},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, s, known := renamed(t)
				if err := server.SetFaults(1, fault); err != nil {
					t.Fatal(err)
				}
				_, err := s.Update(t.Context(), known, setting(user.FullName, "Ann"))
				if kind := account.KindOf(err); err == nil || kind == account.PasswordNotOurs || strings.Contains(err.Error(), "left behind") {
					t.Errorf("got error %v", err)
				}
				if w := server.Counters().Written; w.OnTheFly == 0 || w.OnTheFly != w.Delete {
					t.Errorf("written %+v, error %v", w, err)
				}
			})
		})
	}
}

// The answer to the sign-in has told that the service made the user. That stays so, whatever its clock says when the user is
// deleted at last.
func TestUndoWhileTheClockJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, options := onServer(t, emulator.Options{LoginCreatesUsers: true, WriteOthers: true})
		base := options.Base
		options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			answer, err := base.RoundTrip(r)
			if r.Method == http.MethodDelete && strings.HasPrefix(r.URL.Path, "/users/") {
				server.SetClock(3 * time.Hour)
			}
			return answer, err
		})
		s, known := renamedThere(t, options)
		known.CreatedAt = time.Time{} // or it would tell
		if err := server.SetFaults(1, emulator.Fault{Do: emulator.ErrorBefore, Call: emulator.Delete}); err != nil {
			t.Fatal(err)
		}
		_, err := s.Update(t.Context(), known, setting(user.FullName, "Ann"))
		if err == nil {
			t.Error("nobody was made")
		}
		if w := server.Counters().Written; w.OnTheFly != 1 || w.Delete != 1 {
			t.Errorf("written %+v, error %v", w, err)
		}
	})
}

// What remains is said.
func TestUndoThatFailsIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		fault emulator.Fault
		words string
	}{
		"sign-in": {emulator.Fault{Do: emulator.LoseAfter, Call: emulator.Login, Times: 100}, "the login or e-mail hr-E1 any more, the service may have made a user"},
		"delete":  {emulator.Fault{Do: emulator.ErrorBefore, Call: emulator.Delete, Times: 100}, "could not be deleted again"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, s, known := renamed(t)
				if err := server.SetFaults(1, test.fault); err != nil {
					t.Fatal(err)
				}
				_, err := s.Update(t.Context(), known, setting(user.FullName, "Ann"))
				if err == nil || !strings.Contains(err.Error(), test.words) {
					t.Errorf("got error %v", err)
				}
			})
		})
	}
}

// A sign-in in doubt deletes nobody who was there.
func TestDoubtfulSignInLeavesTheOwnerAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, options := onServer(t, emulator.Options{LoginCreatesUsers: true})
		s := newClient(t, options).Service(owner())
		var u user.User
		u.ExternalID, u.Values[user.Login] = "", user.Text("bare-login")
		made, err := s.Create(t.Context(), u, "the-wrong-password") // which is the first that the authority tries
		if err != nil {
			t.Fatal(err)
		}
		if err := server.SetFaults(1, emulator.Fault{Do: emulator.LoseAfter, Call: emulator.Login, Times: 5}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Update(t.Context(), made, setting(user.FullName, "Ann")); account.KindOf(err) != account.Unavailable {
			t.Errorf("got error %v", err)
		}
		if w := server.Counters().Written; w.Delete != 0 {
			t.Errorf("written %+v", w)
		}
	})
}

// A mistyped login is one on an old server, too.
func TestServiceUserWhoDoesNotExistOnAnOldServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, options := openWith(t, emulator.Options{NoV2: true, LoginCreatesUsers: true})
		for _, who := range []connectycube.Credentials{
			{Login: "srevice", Password: servicePassword}, {Email: "srevice@example.org", Password: servicePassword},
		} {
			options.User = &who
			_, err := newClient(t, options).Session(t.Context())
			if account.KindOf(err) != account.Unauthenticated || !strings.Contains(err.Error(), "who was deleted again") {
				t.Errorf("got error %v", err)
			}
		}
		options.User = &connectycube.Credentials{Login: "service", Password: servicePassword}
		if got, err := newClient(t, options).Session(t.Context()); err != nil || got.UserID != 1 {
			t.Errorf("got %+v, error %v", got, err)
		}
		if w := server.Counters().Written; w.OnTheFly != 2 || w.Delete != 2 {
			t.Errorf("written %+v", w)
		}
	})
}

// Where nobody can be looked up, a user who seems to be made just now is a mistake, but may be a real one.
func TestServiceUserWhoSeemsToBeMadeJustNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, options := openWith(t, emulator.Options{NoV2: true, NoV1: true, LoginCreatesUsers: true})
		options.User = &connectycube.Credentials{Login: "srevice", Password: servicePassword}
		_, err := newClient(t, options).Session(t.Context())
		if account.KindOf(err) != account.Unauthenticated || !strings.Contains(err.Error(), "seems to be made just now; write id: 2 under connectycube.service_user") {
			t.Errorf("got error %v", err)
		}
		if w := server.Counters().Written; w.Delete != 0 {
			t.Errorf("written %+v", w)
		}
		time.Sleep(time.Minute)
		options.User = &connectycube.Credentials{Login: "service", Password: servicePassword}
		if got, err := newClient(t, options).Session(t.Context()); err != nil || got.UserID != 1 {
			t.Errorf("got %+v, error %v", got, err)
		}
	})
}

// The moment of a sign-in is when it was sent: who was made while it waited for its permit was made by somebody else.
func TestUserOfTheWaitIsNotUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, options := openWith(t, emulator.Options{LoginCreatesUsers: true})
		options.RequestsPerSecond = 0.1 // each waits ten seconds
		base, waiting := options.Base, newClient(t, func() connectycube.Options { _, o := open(t); o.Base = options.Base; return o }())
		options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			answer, err := base.RoundTrip(r)
			if strings.HasPrefix(r.URL.Path, "/users/v2") { // nobody; then somebody signs up
				var u user.User
				u.Values[user.Login] = user.Text("new-service")
				if _, err := waiting.Service(connectycube.Authority{}).Create(t.Context(), u, servicePassword); err != nil {
					t.Error(err)
				}
			}
			return answer, err
		})
		options.User = &connectycube.Credentials{Login: "new-service", Password: servicePassword}
		if got, err := newClient(t, options).Session(t.Context()); err != nil || got.UserID != 2 {
			t.Errorf("got %+v, error %v", got, err)
		}
		if w := server.Counters().Written; w.Delete != 0 {
			t.Errorf("written %+v", w)
		}
	})
}

// hidden answers every look-up with nobody.
func hidden(base http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		answer, err := base.RoundTrip(r)
		if err == nil && strings.HasPrefix(r.URL.Path, "/users/v2") {
			const nobody = `{"limit":100,"skip":0,"total_entries":0,"items":[]}`
			answer.Body, answer.ContentLength = io.NopCloser(strings.NewReader(nobody)), int64(len(nobody))
		}
		return answer, err
	})
}

// Erase takes away nobody but whom it made.
func TestEraseLeavesOthersAlone(t *testing.T) {
	bare := user.User{}
	bare.Values[user.Login] = user.Text(nobody)
	named := bare
	named.Values[user.FullName] = user.Text("Ann")
	for name, test := range map[string]struct {
		there  user.User
		pause  time.Duration
		hide   bool // the look-up shows nobody yet
		signIn int64
	}{
		"somebody-has-the-login": {there: bare},
		"older":                  {there: bare, pause: time.Minute, hide: true, signIn: 1},
		"not-bare":               {there: named, hide: true, signIn: 1},
	} {
		for _, by := range []connectycube.Entrance{connectycube.BySession, connectycube.ByLogin} {
			t.Run(name+" "+string(by), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server, options := onServer(t, emulator.Options{})
					if _, err := newClient(t, options).Service(connectycube.Authority{}).Create(t.Context(), test.there, nobodyPassword); err != nil {
						t.Fatal(err)
					}
					time.Sleep(test.pause)
					if test.hide {
						options.Base = hidden(options.Base)
					}
					id, err := newClient(t, options).Erase(t.Context(), by, nobody, nobodyPassword)
					if account.KindOf(err) != account.Conflict || (id != 0) != test.hide {
						t.Errorf("got user %d, error %v", id, err)
					}
					if w := server.Counters(); w.Written.Delete != 0 || w.ByKind[emulator.Login] != test.signIn {
						t.Errorf("got %+v", w)
					}
				})
			})
		}
	}
}

// Nobody signs in with a login that can't be looked up.
func TestEraseWithoutALookUp(t *testing.T) {
	server, options := onServer(t, emulator.Options{NoV1: true, NoV2: true})
	id, err := newClient(t, options).Erase(t.Context(), connectycube.BySession, nobody, nobodyPassword)
	if id != 0 || account.KindOf(err) != account.Forbidden {
		t.Errorf("got user %d, error %v", id, err)
	}
	if w := server.Counters().Written; w.OnTheFly != 0 {
		t.Errorf("written %+v", w)
	}
}

// A user whom a lost sign-in made goes as well.
func TestEraseInDoubt(t *testing.T) {
	for name, fault := range map[string]emulator.Fault{
		"session-lost": {Do: emulator.LoseAfter, Call: emulator.SessionCreate, Skip: 1, Times: 5},
		"login-lost":   {Do: emulator.LoseAfter, Call: emulator.Login, Times: 5},
		"delete-lost":  {Do: emulator.LoseAfter, Call: emulator.Delete},
		"delete-fails": {Do: emulator.ErrorBefore, Call: emulator.Delete},
	} {
		for _, by := range []connectycube.Entrance{connectycube.BySession, connectycube.ByLogin} {
			t.Run(name+" "+string(by), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server, options := onServer(t, emulator.Options{LoginCreatesUsers: true, Faults: []emulator.Fault{fault}})
					_, _ = newClient(t, options).Erase(t.Context(), by, nobody, nobodyPassword) // an error or not: what matters is who is left behind
					if w := server.Counters().Written; w.OnTheFly != w.Delete {
						t.Errorf("written %+v", w)
					}
				})
			})
		}
	}
}

// A user whom look-ups don't show yet, on a service that doesn't tell the time, may be the right one or a mistake: neither
// used nor deleted.
func TestServiceUserWhoIsNotShownYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, options := onServer(t, emulator.Options{})
		time.Sleep(time.Minute)
		base := options.Base
		options.Base = hidden(roundTripper(func(r *http.Request) (*http.Response, error) {
			answer, err := base.RoundTrip(r)
			if err == nil {
				answer.Header.Del("Date")
			}
			return answer, err
		}))
		_, err := newClient(t, options).Session(t.Context())
		if account.KindOf(err) != account.Unauthenticated || !strings.Contains(err.Error(), "may have made user 1") || !strings.Contains(err.Error(), "write id: 1 under connectycube.service_user") {
			t.Errorf("got error %v", err)
		}
		if w := server.Counters().Written; w.Delete != 0 {
			t.Errorf("written %+v", w)
		}
	})
}

// A sign-in that never left this machine leaves nobody behind.
func TestSignInThatWasNotSentLeavesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, options := open(t)
		made := signUp(t, newClient(t, options).Service(owner()), "E1")
		base := options.Base
		options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/login.json") {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
			}
			return base.RoundTrip(r)
		})
		options.User = nil
		_, err := newClient(t, options).Service(owner()).Update(t.Context(), made, setting(user.FullName, "Ann"))
		if account.KindOf(err) != account.Unavailable || strings.Contains(err.Error(), "left behind") {
			t.Errorf("got error %v", err)
		}
	})
}

// A process that is killed between a sign-in that made a user and their removal leaves them behind; the next one removes them.
func TestExpel(t *testing.T) {
	for name, test := range map[string]struct {
		since     time.Duration // before the sign-in
		passwords []string
		write     func(*testing.T, account.Service, account.Account) // somebody takes the account into use
		want      account.Kind
	}{
		"left-behind":     {time.Second, []string{"wrong", passwordOf("E1")}, nil, 0},
		"made-before":     {-time.Hour, []string{passwordOf("E1")}, nil, account.Conflict},
		"of-another":      {time.Second, []string{"wrong"}, nil, account.PasswordNotOurs},
		"no-longer-bare":  {time.Second, []string{passwordOf("E1")}, rename, account.Conflict},
		"without-a-clock": {1 << 62, []string{passwordOf("E1")}, nil, account.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, options := onServer(t, emulator.Options{LoginCreatesUsers: true, WriteOthers: true})
				shared := newClient(t, options).Service(connectycube.Authority{Updates: connectycube.UpdatesAsShared})
				known := signUp(t, shared, "E1")
				if _, err := shared.Update(t.Context(), known, setting(user.Login, "another-login")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				began := time.Now()
				dying, down := options, false
				dying.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
					if down {
						return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
					}
					down = strings.HasSuffix(r.URL.Path, "/login.json")
					return options.Base.RoundTrip(r)
				})
				dying.User = nil
				authority := owner()
				authority.Passwords = oneOf(passwordOf)
				if _, err := newClient(t, dying).Service(authority).Update(t.Context(), known, setting(user.FullName, "Ann")); err == nil || server.Counters().Written.OnTheFly != 1 {
					t.Fatalf("%v: nobody was made of the sign-in: %+v", err, server.Counters().Written)
				}
				next := newClient(t, options)
				left, err := next.Service(authority).Find(t.Context(), account.ByLogin, []string{known.Values[user.Login].Text})
				if err != nil || len(left) != 1 || left[0].ID == known.ID {
					t.Fatalf("%v, %v: nobody was left behind", left, err)
				}
				if test.write != nil {
					test.write(t, shared, left[0])
				}
				since := began.Add(-test.since)
				if test.since == 1<<62 {
					since = time.Time{}
				}
				err = next.Expel(t.Context(), left[0], test.passwords, since)
				if account.KindOf(err) != test.want || (err == nil) != (test.want == 0) {
					t.Errorf("got error %v, want %v", err, test.want)
				}
				if n := server.Counters().Written.Delete; n != 1 && test.want == 0 || n != 0 && test.want != 0 {
					t.Errorf("%d were deleted", n)
				}
			})
		})
	}
}

func rename(t *testing.T, s account.Service, a account.Account) {
	t.Helper()
	if _, err := s.Update(t.Context(), a, setting(user.FullName, "Ann")); err != nil {
		t.Fatal(err)
	}
}
