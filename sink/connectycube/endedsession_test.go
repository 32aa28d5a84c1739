package connectycube_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/user"
)

// A session that ends before somebody signs in on it says nothing of their password: another is made, once, and after
// that the refusal isn't one of the credentials, to be remembered.
func TestSessionThatEndsBeforeTheSignIn(t *testing.T) {
	for name, test := range map[string]struct {
		times int
		owner account.Kind
		user  account.Kind
	}{
		"once":  {1, done, done},
		"twice": {2, account.Ambiguous, account.Unavailable},
	} {
		ends := emulator.Fault{Do: emulator.EndSession, Call: emulator.Login, Times: test.times}
		t.Run(name, func(t *testing.T) {
			t.Run("owner", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server, options := onServer(t, emulator.Options{})
					s := newClient(t, options).Service(connectycube.Authority{Updates: connectycube.UpdatesAsOwner, Passwords: oneOf(passwordOf)})
					made := signUp(t, s, "E1")
					if err := server.SetFaults(1, ends); err != nil {
						t.Fatal(err)
					}
					_, err := s.Update(t.Context(), made, setting(user.FullName, "Ann"))
					is(t, err, test.owner)
				})
			})
			t.Run("service-user", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					_, options := onServer(t, emulator.Options{Faults: []emulator.Fault{ends}})
					_, err := newClient(t, options).Session(t.Context())
					is(t, err, test.user)
				})
			})
		})
	}
}

func is(t *testing.T, err error, want account.Kind) {
	t.Helper()
	if (err == nil) != (want == done) || err != nil && account.KindOf(err) != want {
		t.Errorf("got error %v, want %v", err, want)
	}
}

// A guest's session is asked for once, as each time makes a guest; who may be left behind is said.
func TestGuestInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, options := onServer(t, emulator.Options{Faults: []emulator.Fault{{Do: emulator.LoseAfter, Call: emulator.SessionCreate}}})
		options.User = &connectycube.Credentials{Guest: "Ann"}
		_, err := newClient(t, options).Session(t.Context())
		is(t, err, account.Unavailable)
		if err == nil || !strings.Contains(err.Error(), `a guest called "Ann" may have been made`) {
			t.Errorf("got error %v", err)
		}
		if w := server.Counters().Written; w.OnTheFly != 1 {
			t.Errorf("written %+v", w)
		}
	})
}
