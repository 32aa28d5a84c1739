package main

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// killedInASignIn: a service that makes a user of a login that nobody has any more leaves one behind where the run is
// killed before it removes them again. The next run does.
func killedInASignIn(t *testing.T, binary string) {
	s := newSite(t, binary)
	s.emulator.stop()
	if err := os.Remove(filepath.Join(s.dir, "server.jsonl")); err != nil {
		t.Fatal(err)
	}
	s.switches = []string{"--login-creates-users"}
	s.serveEmulator("127.0.0.1:0")
	s.configure()
	s.people(5, "")
	s.sync(exitInSync)

	was := account.Account{ID: 2, ExternalID: "P00001"}
	was.Values[user.Login] = user.Text("given-up-meanwhile")
	store, err := state.Open(t.Context(), s.stateFolder(), s.siteIdentity())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	run, err := store.Begin(t.Context(), state.Run{Pipeline: "staff", StartedAt: now})
	if err == nil {
		err = store.Tick(t.Context(), now, now)
	}
	if err == nil {
		err = store.Intend(t.Context(), run, []plan.Operation{{Kind: plan.Update, ExternalID: was.ExternalID, AccountID: was.ID, Account: &was, Reason: plan.FieldsDiffer}})
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil { // and here it is killed, with its sign-in under way
		t.Fatal(err)
	}
	signIn(t, s, "given-up-meanwhile", user.DerivePassword("a-secret-of-this-site-of-at-least-32-characters", was.ExternalID))
	signIn(t, s, "somebody-else", "a-password-of-their-own")

	s.sync(exitInSync)
	s.wrote(emulator.Writes{SignUp: 5, OnTheFly: 2, Delete: 1})
	s.quiet()
	if n := len(s.found("login=given-up-meanwhile")); n != 0 {
		t.Errorf("%d are left behind", n)
	}
	if n := len(s.found("login=somebody-else")); n != 1 {
		t.Errorf("%d of somebody else's accounts are there, want 1", n)
	}
}

// signIn signs in as cubesync does.
func signIn(t *testing.T, s *site, login, password string) {
	t.Helper()
	server, err := ask(s.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	token, err := server.session()
	if err == nil {
		err = server.call(http.MethodPost, "/login.json", token, map[string]string{"login": login, "password": password}, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// found are the accounts that a query finds.
func (s *site) found(query string) []map[string]any {
	s.Helper()
	server, err := ask(s.endpoint)
	if err != nil {
		s.Fatal(err)
	}
	accounts, err := server.accounts(query)
	if err != nil {
		s.Fatal(err)
	}
	return accounts
}
