package connectycube_test

import (
	"strings"
	"testing"
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/user"
)

// A new external ID, the password that is derived from it, and a field travel in one call.
func TestWriteOfAnExternalIDAndItsPassword(t *testing.T) {
	server, options := open(t)
	s := newClient(t, options).Service(owner())
	made := signUp(t, s, "E1")
	updated, err := s.Update(t.Context(), made, func(account.Account) (account.Write, error) {
		return account.Write{
			Values: user.Values{user.FullName: user.Text("New")}, ExternalID: "E2", Password: passwordOf("E2"),
		}, nil
	})
	if err != nil || updated.ExternalID != "E2" || updated.Values[user.FullName].Text != "New" {
		t.Fatalf("it became %+v, %v", updated, err)
	}
	if n := server.Counters().ByKind[emulator.Update]; n != 1 {
		t.Errorf("%d calls", n)
	}
	if _, err := s.Update(t.Context(), made, setting(user.FullName, "Newer")); account.KindOf(err) != account.PasswordNotOurs {
		t.Errorf("the old password: %v", err)
	}
	if _, err := s.Update(t.Context(), updated, setting(user.FullName, "Newer")); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

func TestWriteOfAnExternalIDThatStays(t *testing.T) {
	server, err := emulator.Open(emulator.Options{FixedExternalIDs: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	_, options := open(t)
	options.Base, options.User = server.Transport(), nil
	s := newClient(t, options).Service(owner())
	made := signUp(t, s, "E1")
	updated, err := s.Update(t.Context(), made, func(account.Account) (account.Write, error) { return account.Write{ExternalID: "E2"}, nil })
	if err != nil || updated.ExternalID != "E1" {
		t.Errorf("it became %q, %v", updated.ExternalID, err)
	}
}

// The service wants the old password with the new one, and the shared session's user doesn't know it.
func TestWriteOfAPasswordAsShared(t *testing.T) {
	server, options := open(t)
	s := newClient(t, options).Service(connectycube.Authority{Updates: connectycube.UpdatesAsShared})
	made := signUp(t, s, "E1")
	_, err := s.Update(t.Context(), made, func(account.Account) (account.Write, error) {
		return account.Write{Password: "a-new-password"}, nil
	})
	if account.KindOf(err) != account.Forbidden || !strings.Contains(err.Error(), "owner") {
		t.Errorf("got error %v", err)
	}
	if n := server.Counters().ByKind[emulator.Update]; n != 0 {
		t.Errorf("%d calls", n)
	}
}

// A password that is refused is quoted nowhere.
func TestWriteOfAPasswordThatIsRefused(t *testing.T) {
	_, options := open(t)
	s := newClient(t, options).Service(owner())
	made := signUp(t, s, "E1")
	_, err := s.Update(t.Context(), made, func(account.Account) (account.Write, error) { return account.Write{Password: "qzx"}, nil })
	if account.KindOf(err) != account.Invalid || strings.Contains(err.Error(), "qzx") || strings.Contains(err.Error(), passwordOf("E1")) {
		t.Errorf("got error %v", err)
	}
}

func TestClock(t *testing.T) {
	_, options := open(t)
	s := newClient(t, options).Service(owner())
	if got := s.Clock(); !got.IsZero() {
		t.Errorf("before any answer it is %v", got)
	}
	find(t, s, account.ByLogin, "nobody")
	if off := time.Since(s.Clock()).Abs(); off > 5*time.Second {
		t.Errorf("the clock is off by %v", off)
	}
}

func TestUserID(t *testing.T) {
	server, options := open(t)
	c := newClient(t, options)
	asked, err := c.UserID(t.Context())
	if service := find(t, c.Service(owner()), account.ByLogin, "service"); err != nil || asked != service[0].ID {
		t.Errorf("asked: %d, %v, want %d", asked, err, service[0].ID)
	}
	options.User.ID = asked
	before := server.Counters().ByKind[emulator.SessionShow]
	if got, err := newClient(t, options).UserID(t.Context()); err != nil || got != asked || server.Counters().ByKind[emulator.SessionShow] != before {
		t.Errorf("configured: %d, %v", got, err)
	}
	options.User = nil
	if got, err := newClient(t, options).UserID(t.Context()); err != nil || got != 0 {
		t.Errorf("none: %d, %v", got, err)
	}
}
