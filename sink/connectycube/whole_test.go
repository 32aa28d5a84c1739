package connectycube_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/user"
)

// everyone is each kind of service user that there is.
func everyone() map[string]connectycube.Credentials {
	vouched := func(vouching connectycube.Vouching, project, token string) connectycube.Credentials {
		return connectycube.Credentials{Provider: &connectycube.Provider{
			Vouching: vouching, Project: project,
			Token: func(context.Context) (string, string, error) { return token, "secret", nil },
		}}
	}
	return map[string]connectycube.Credentials{
		"login":           {Login: "service", Password: servicePassword},
		"email":           {Email: "service@example.org", Password: servicePassword},
		"guest":           {Guest: "Ann Ünal & Co"},
		"facebook":        vouched(connectycube.Facebook, "", "token"),
		"twitter":         vouched(connectycube.Twitter, "", "token"),
		"firebase-phone":  vouched(connectycube.FirebasePhone, "project", "token"),
		"firebase-email":  vouched(connectycube.FirebaseEmail, "project", "token"),
		"custom-identity": vouched(connectycube.CustomIdentity, "", "token-of-e17"),
	}
}

// openEveryone is open for this service user, on a server that insists on signatures.
func openEveryone(t *testing.T, who *connectycube.Credentials, verifyURL string) (*emulator.Server, connectycube.Options) {
	t.Helper()
	with := emulator.Options{RequireSignature: true}
	if who.Provider != nil && who.Provider.Vouching == connectycube.CustomIdentity {
		with.Identity = &emulator.Identity{VerifyURL: verifyURL}
	}
	server, options := openWith(t, with)
	options.User, options.AuthSecret = who, emulator.DefaultAuthSecret
	return server, options
}

// company is the application's own backend, which knows one token.
func company(t *testing.T) (verifyURL string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("token") != "token-of-e17" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"user":{"id":17}}`))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Every way to sign in, signed, against the emulator.
func TestEveryoneSignsIn(t *testing.T) {
	for name, who := range everyone() {
		t.Run(name, func(t *testing.T) {
			_, options := openEveryone(t, &who, company(t))
			got, err := newClient(t, options).Session(t.Context())
			if err != nil || got.UserID == 0 || got.User == nil || got.User.ID != got.UserID || got.User.Guest != (who.Guest != "") {
				t.Errorf("error %v; got %+v", err, got)
			}
		})
	}
}

// The road that a sync takes, on a server without GET /users/v2.
func TestOldServer(t *testing.T) {
	_, options := openWith(t, emulator.Options{NoV2: true})
	c := newClient(t, options)
	s := c.Service(owner())
	crowd(t, s, 120)
	var listed []account.Account
	if err := s.List(t.Context(), "hr-sync", func(a account.Account) error { listed = append(listed, a); return nil }); err != nil || len(listed) != 120 {
		t.Fatalf("error %v; listed %d", err, len(listed))
	}
	for key, value := range map[account.Key]string{
		account.ByExternalID: "E7", account.ByLogin: "hr-E7", account.ByEmail: "e7@example.com",
	} {
		found, err := s.Find(t.Context(), key, []string{value, "nobody"})
		if err != nil || len(found) != 1 || found[0].ExternalID != "E7" || !found[0].HasTag("staff") {
			t.Errorf("by %s: error %v; found %v", key, err, found)
		}
	}
	if c.Calls()["look-up"] != 4 { // one of them to find out
		t.Errorf("calls %v", c.Calls())
	}
}

func TestResetReachesTheOutbox(t *testing.T) {
	server, options := open(t)
	c := newClient(t, options)
	signUp(t, c.Service(owner()), "E1")
	if err := c.ResetPassword(t.Context(), "e1@example.com"); err != nil {
		t.Fatal(err)
	}
	if sent := server.Outbox(); len(sent) != 1 || !strings.EqualFold(sent[0].To, "e1@example.com") {
		t.Errorf("sent %v", sent)
	}
	if err := c.ResetPassword(t.Context(), "nobody@example.com"); account.KindOf(err) != account.NotFound {
		t.Errorf("nobody: got error %v", err)
	}
}

// A picture of their own, in both places, and back.
func TestAvatarOverTheEmulator(t *testing.T) {
	_, options := open(t)
	c := newClient(t, options)
	s := c.Service(owner())
	made := signUp(t, s, "E1")
	picture := connectycube.NewFile{Name: "Ünal “me”.png", ContentType: "image/png", Content: []byte("\x89PNG picture")}
	for _, place := range []connectycube.AvatarPlace{connectycube.AvatarInField, connectycube.AvatarInCustomData} {
		file, err := c.SetAvatar(t.Context(), owner(), made, picture, place)
		if err != nil {
			t.Fatalf("%s: %v", place, err)
		}
		content, err := c.Download(t.Context(), file.UID)
		if err != nil || !bytes.Equal(content, picture.Content) {
			t.Errorf("%s: error %v; downloaded %q", place, err, content)
		}
		read, err := c.File(t.Context(), file.ID)
		if err != nil || read != file {
			t.Errorf("%s: error %v; read back %+v, want %+v", place, err, read, file)
		}
		records, err := c.FindUsers(t.Context(), connectycube.FieldExternalID, "E1")
		if err != nil || len(records) != 1 {
			t.Fatalf("error %v; found %v", err, records)
		}
		pointer := records[0].Avatar.Text
		if place == connectycube.AvatarInCustomData {
			data, _ := user.JSONObject(records[0].CustomData.Text)
			pointer, _ = data["avatar_uid"].(string)
			if data["team"] != "a<b" {
				t.Errorf("custom_data lost what it had: %v", data)
			}
		}
		if pointer != file.UID {
			t.Errorf("%s: the user points at %q, want %q", place, pointer, file.UID)
		}
		if err := c.DeleteFile(t.Context(), file.ID); account.KindOf(err) != account.Forbidden {
			t.Errorf("%s: somebody else's file: got error %v", place, err)
		}
	}
	own, err := c.Upload(t.Context(), picture)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteFile(t.Context(), own.ID); err != nil {
		t.Error(err)
	}
	if _, err := c.File(t.Context(), own.ID); account.KindOf(err) != account.NotFound {
		t.Errorf("deleted, and read again: %v", err)
	}
}
