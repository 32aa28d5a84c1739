package connectycube

import (
	"context"
	"net/http"
	"testing"

	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/user"
)

// caller makes our side of the calls of sdk/requests.mjs, in the same order.
type caller struct {
	t    *testing.T
	seen *recorder
	base *http.Transport
}

func makeOurCalls(t *testing.T, seen *recorder) {
	t.Helper()
	k := &caller{t, seen, newTransport(Options{})}
	defer k.base.CloseIdleConnections()
	k.sessions()
	k.signUps()
	k.writes()
	k.asOwner()
	k.queries()
	k.lookUps()
	k.oldReads()
	k.files()
}

// client returns a new client, whose shared session will be that of who; nil is the application.
func (k *caller) client(who *Credentials) *Client {
	return k.must(New(Options{
		Endpoint: k.seen.url, ApplicationID: emulator.DefaultApplicationID, AuthKey: emulator.DefaultAuthKey,
		AdminKey: emulator.DefaultAdminKey, User: who, Base: k.base, Version: "test",
	}))
}

func (k *caller) must(c *Client, err error) *Client {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
	return c
}

// as returns a client whose shared session is made, and that of the user.
func (k *caller) as(login string) *Client {
	k.t.Helper()
	c := k.client(&Credentials{Login: login, Password: sdkPassword(login)})
	if _, err := c.token.session(k.t.Context(), nil); err != nil {
		k.t.Fatal(err)
	}
	return c
}

func (k *caller) call(name string, send func(ctx context.Context) error) {
	k.t.Helper()
	k.seen.begin(name)
	err := send(k.t.Context())
	k.seen.begin("")
	if err != nil {
		k.t.Fatalf("%s: %v", name, err)
	}
}

// session makes an application session, between calls.
func (k *caller) session(c *Client) *session {
	k.t.Helper()
	s, err := c.openSession(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	return s
}

type credential struct {
	name string
	who  Credentials
}

func vouchedUsers() []credential {
	vouched := func(vouching Vouching, project, secret string) credential {
		return credential{string(vouching), Credentials{Provider: &Provider{
			Vouching: vouching, Project: project,
			Token: func(context.Context) (string, string, error) { return "a-token", secret, nil },
		}}}
	}
	return []credential{
		vouched(Facebook, "", ""), vouched(Twitter, "", "a-secret"),
		vouched(FirebasePhone, "a-project", ""), vouched(FirebaseEmail, "a-project", ""),
	}
}

func (k *caller) sessions() {
	login := credential{"login", Credentials{Login: "ann", Password: sdkPassword("ann")}}
	email := credential{"email", Credentials{Email: "ann@example.com", Password: sdkPassword("ann")}}
	open := func(n credential) {
		k.call("session/"+n.name, func(ctx context.Context) error { _, err := k.client(&n.who).signIn(ctx); return err })
	}
	application := k.client(nil)
	k.call("session/application", func(ctx context.Context) error { _, err := application.signIn(ctx); return err })
	signed := k.client(nil)
	signed.options.AuthSecret = emulator.DefaultAuthSecret
	k.call("session/signed", func(ctx context.Context) error { _, err := signed.signIn(ctx); return err })
	open(login)
	ann := k.as("ann")
	k.call("session/details", func(ctx context.Context) error { _, err := ann.Session(ctx); return err })
	open(email)
	open(credential{"guest", Credentials{Guest: "A Guest & Co"}})
	for _, n := range vouchedUsers() {
		open(n)
	}
	var s *session
	for _, n := range append(vouchedUsers(), email, login) {
		s = k.session(application)
		with, err := n.who.signIn(k.t.Context())
		if err != nil {
			k.t.Fatal(err)
		}
		k.call("login/"+n.name, func(ctx context.Context) error { _, err := application.login(ctx, s, with); return err })
	}
	k.call("logout", func(ctx context.Context) error { return application.logout(ctx, s) })
	k.call("destroy", func(ctx context.Context) error { return application.destroy(ctx, s) })
}

func (k *caller) signUps() {
	dora := user.User{ExternalID: "0007"}
	dora.Values[user.Login] = user.Text("dora+1")
	dora.Values[user.Email] = user.Text("dora@example.com")
	dora.Values[user.FullName] = user.Text("Dora Ünal & “Söhne”")
	dora.Values[user.Phone] = user.Text("+49 30 1")
	dora.Values[user.Website] = user.Text("https://example.org/?a=b&c")
	dora.Values[user.CustomData] = user.Text(`{"team":"a<b"}`)
	dora.Values[user.Tags] = user.Text(user.JoinTags([]string{"hr-sync", "staff"}))
	var ida user.User
	ida.Values[user.Login] = user.Text("ida")

	c := k.client(nil)
	withKey := c.Service(Authority{})
	k.call("sign-up/key", func(ctx context.Context) error { _, err := withKey.Create(ctx, dora, sdkPassword("dora")); return err })
	if _, err := c.token.session(k.t.Context(), nil); err != nil {
		k.t.Fatal(err)
	}
	shared := c.Service(Authority{SignUps: SignUpsAsShared})
	k.call("sign-up/session", func(ctx context.Context) error { _, err := shared.Create(ctx, ida, sdkPassword("ida")); return err })
}

func (k *caller) writes() {
	ann := k.as("ann")
	now := k.account(ann, "ann")
	write := func(name string, values user.Values) {
		k.call(name, func(ctx context.Context) error {
			_, err := ann.write(ctx, now, func(account.Account) (account.Write, error) { return account.Write{Values: values}, nil }, &call{shared: true})
			return err
		})
	}
	write("update/fields", user.Values{
		user.Login: user.Text("ann"), user.Email: user.Text("ann@example.com"), user.FullName: user.Text("Ann Other"),
		user.Phone: user.Text("+49 30 2"), user.Website: user.Text("http://example.org"), user.CustomData: user.Text(`{"n":1}`),
		user.Tags: user.Text(user.JoinTags([]string{"hr-sync", "vip"})),
	})
	none := user.Text("")
	write("update/clear", user.Values{user.FullName: none, user.Phone: none, user.CustomData: none, user.Tags: none})
	ann.tags.known.Store(tagsAsText)
	write("update/tags-as-text", user.Values{user.Tags: user.Text(user.JoinTags([]string{"hr-sync", "staff"}))})

	reset := func(ctx context.Context) error { return ann.ResetPassword(ctx, "ann@example.com") }
	k.call("reset", reset)
	ann.resetsByGet.Store(true)
	k.call("reset-as-documented", reset)

	eve := k.as("eve")
	eveNow, kimNow := k.account(eve, "eve"), k.account(eve, "kim")
	k.call("delete", func(ctx context.Context) error {
		return eve.Service(Authority{Deletes: DeletesAsShared}).Delete(ctx, eveNow)
	})
	k.call("delete-as-admin", func(ctx context.Context) error {
		return ann.Service(Authority{Deletes: DeletesAsAdmin}).Delete(ctx, kimNow)
	})
}

// account looks the account up, between calls.
func (k *caller) account(c *Client, login string) account.Account {
	k.t.Helper()
	found, err := c.find(k.t.Context(), account.ByLogin, []string{login})
	if err != nil || len(found) != 1 {
		k.t.Fatalf("error %v; found %v", err, found)
	}
	return found[0]
}

func (k *caller) asOwner() {
	reader := k.as("ann")
	bob, leo := k.account(reader, "bob"), k.account(reader, "leo")
	as := func(login string) account.Service { // with no session at hand
		return k.client(nil).Service(Authority{
			Updates: UpdatesAsOwner, Deletes: DeletesAsOwner,
			Passwords: func(string) []string { return []string{sdkPassword(login)} },
		})
	}
	k.call("as-owner/update", func(ctx context.Context) error {
		_, err := as("bob").Update(ctx, bob, func(account.Account) (account.Write, error) {
			return account.Write{Values: user.Values{user.FullName: user.Text("Bob Other")}}, nil
		})
		return err
	})
	k.call("as-owner/password", func(ctx context.Context) error {
		return k.client(nil).ChangePassword(ctx, bob, sdkPassword("bob"), "another-password")
	})
	k.call("as-owner/delete", func(ctx context.Context) error {
		return as("leo").Delete(ctx, leo)
	})
}

func (k *caller) files() {
	c := k.as("ann")
	now := k.account(c, "ann")
	note := NewFile{Name: "note.json", ContentType: "application/json", Content: []byte(`{"a":"note"}`)}
	var made File
	k.call("file/upload", func(ctx context.Context) (err error) { made, err = c.Upload(ctx, note); return err })
	k.call("file/info", func(ctx context.Context) error { _, err := c.File(ctx, made.ID); return err })
	k.call("file/read", func(ctx context.Context) error { _, err := c.Download(ctx, made.UID); return err })
	k.call("file/delete", func(ctx context.Context) error { return c.DeleteFile(ctx, made.ID) })
	picture := NewFile{Name: "picture.png", ContentType: "image/png", Public: true, Content: []byte("not really a picture")}
	for _, place := range []AvatarPlace{AvatarInField, AvatarInCustomData} {
		k.call("avatar/"+string(place), func(ctx context.Context) error {
			_, err := c.SetAvatar(ctx, Authority{Updates: UpdatesAsShared}, now, picture, place)
			return err
		})
	}
}
