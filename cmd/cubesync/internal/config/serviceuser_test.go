package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/cmd/cubesync/internal/config"
)

// withServiceUser makes a configuration with this service user, beside a token in token.txt.
func withServiceUser(t *testing.T, serviceUser, pipeline string) string {
	t.Helper()
	path := write(t, "auth_key: emulator-auth-key", "auth_key: emulator-auth-key\n  service_user: "+serviceUser)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), "updates: off", pipeline, 1))
	if strings.Contains(pipeline, "vanished") {
		text = []byte(strings.Replace(string(text), "leavers: keep", "leavers: delete", 1))
	}
	token := filepath.Join(filepath.Dir(path), "token.txt")
	for name, content := range map[string][]byte{path: text, token: []byte("token-of-a-file\n")} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestServiceUsers(t *testing.T) {
	// what a service user is, with every secret read
	describe := func(t *testing.T, u *config.ServiceUser) string {
		parts := []string{u.Login, u.Email, u.Password.Reveal(), u.Guest}
		if p := u.Provider; p != nil {
			token, err := p.Token.Read()
			if err != nil {
				t.Fatal(err)
			}
			secret, err := p.Secret.Read()
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, p.Name, p.Project, token, secret)
		}
		return strings.Join(parts, "|")
	}
	for _, each := range []struct{ name, text, want string }{
		{"login", "{login: sync, password: '${AUTH_KEY}', id: 5}", "sync||auth-key-of-the-environment|"},
		{"email", "{email: sync@example.com, password: x}", "|sync@example.com|x|"},
		{"guest", "{guest: Night Sync}", "|||Night Sync"},
		{"facebook", "{facebook: {token: 'file:token.txt'}, id: 5}", "||||facebook||token-of-a-file|"},
		{"twitter", "{twitter: {token: a, secret: 'file:token.txt'}}", "||||twitter||a|token-of-a-file"},
		{"firebase-phone", "{firebase_phone: {project_id: '${APP}', access_token: a}}", "||||firebase_phone|4711|a|"},
		{"firebase-email", "{firebase_email: {project_id: chat, access_token: '${AUTH_KEY}'}}", "||||firebase_email|chat|auth-key-of-the-environment|"},
		{"custom-identity", "{custom_identity: {token: 'file:token.txt'}}", "||||custom_identity||token-of-a-file|"},
	} {
		t.Run(each.name, func(t *testing.T) {
			got := load(t, withServiceUser(t, each.text, "updates: off")).ConnectyCube.ServiceUser
			if text := describe(t, got); text != each.want {
				t.Errorf("got %s, want %s", text, each.want)
			}
			if want := strings.Contains(each.text, "id: 5"); (got.ID == 5) != want {
				t.Errorf("got the id %d", got.ID)
			}
		})
	}
}

func TestBadServiceUsers(t *testing.T) {
	const (
		at   = "config.yaml:6:"
		none = "login, email, guest, facebook, twitter, firebase_phone, firebase_email"
	)
	for _, each := range []struct{ name, text, pipeline, want string }{
		{"nobody", "{id: 5}", "", at + "3: connectycube.service_user: says none of " + none + ", custom_identity; add one of them"},
		{"misspelt", "{logn: sync, password: x}", "", at + "18: connectycube.service_user.logn: unknown key; did you mean login?"},
		{"two", "{guest: Ann, facebook: {token: x}}", "", at + "3: connectycube.service_user: says guest and facebook; keep one of them"},
		{"unknown-provider", "{google: {token: x}, guest: Ann}", "", at + "18: connectycube.service_user.google: unknown key; the keys here are " + none + ", custom_identity, password, id"},
		{"no-password", "{email: sync@example.com}", "", at + "3: connectycube.service_user.password: is missing; write ${NAME} or file:PATH"},
		{"password-of-a-guest", "{guest: Ann, password: x}", "", at + "40: connectycube.service_user.password: goes with login or email; take the line out"},
		{"password-beside-a-token", "{facebook: {token: x}, password: x}", "", at + "50: connectycube.service_user.password: goes with login or email; take the line out"},
		{"id-of-a-guest", "{guest: Ann, id: 5}", "", at + "34: connectycube.service_user.id: can't be expected of a guest, who is another user in each session; take the line out"},
		{"bare-token", "{facebook: x}", "", at + "28: connectycube.service_user.facebook: is text where a group of keys belongs; write token under it"},
		{"no-token", "{custom_identity: {}}", "", at + "18: connectycube.service_user.custom_identity.token: is missing; write ${NAME} or file:PATH, which is read afresh for each sign-in"},
		{"no-secret", "{twitter: {token: x}}", "", at + "18: connectycube.service_user.twitter.secret: is missing; write ${NAME} or file:PATH, which is read afresh for each sign-in"},
		{"idle-secret", "{facebook: {token: x, secret: y}}", "", at + "39: connectycube.service_user.facebook.secret: unknown key; the keys here are token"},
		{"no-project", "{firebase_phone: {access_token: x}}", "", at + "18: connectycube.service_user.firebase_phone.project_id: is missing; copy it from the Firebase console"},
		{"no-such-file", "{facebook: {token: 'file:x.txt'}}", "", at + "36: connectycube.service_user.facebook.token: x.txt can't be read: no such file or directory; make the file, or permit reading it"},
		{"guest-updates-others", "{guest: Ann}", "updates: shared", "config.yaml:15:14: pipelines[0].updates: shared can't be a guest, who is another user in each session and has no right to others' accounts; sign in as a user with a login under connectycube.service_user, or choose another"},
		{"guest-deletes-others", "{guest: Ann}", "updates: off\n    deletes: shared\n    vanished: leave", "config.yaml:16:14: pipelines[0].deletes: shared can't be a guest, who is another user in each session and has no right to others' accounts; sign in as a user with a login under connectycube.service_user, or choose another\nconfig.yaml:18:14: pipelines[0].leavers: delete on a CSV file, which can't prove that it is whole; say what proves it with complete under source.csv, or accept that with completeness: plausible, or choose keep"},
		{"guest-signs-up", "{guest: Ann}", "updates: off\n    creates: shared", ""}, // a session is enough to sign up
		{"own-identity-provider", "{custom_identity: {token: x}}", "updates: owner", "config.yaml:15:14: pipelines[0].updates: owner signs users in with their passwords, and custom_identity means that your identity provider signs them in; choose another"},
		{"guest-deletes-nobody", "{guest: Ann}", "updates: off\n    deletes: shared", ""},
		{"provider-updates-others", "{facebook: {token: x}}", "updates: shared", ""},
	} {
		t.Run(each.name, func(t *testing.T) {
			pipeline := "updates: off"
			if each.pipeline != "" {
				pipeline = each.pipeline
			}
			path := withServiceUser(t, each.text, pipeline)
			_, err := config.Load(path, env, schedule)
			if got := complaints(err, filepath.Dir(path)); got != each.want {
				t.Errorf("got\n%s\nwant\n%s", got, each.want)
			}
		})
	}
}

// A provider's token expires: the one in the file is read when it is needed, and what is wrong then is said.
func TestTokenIsReadAfresh(t *testing.T) {
	path := withServiceUser(t, "{facebook: {token: 'file:token.txt'}}", "updates: off")
	token := load(t, path).ConnectyCube.ServiceUser.Provider.Token
	file := filepath.Join(filepath.Dir(path), "token.txt")
	for _, each := range []struct{ content, want, problem string }{
		{"the-next-token\n", "the-next-token", ""},
		{"", "", "is empty once it is resolved; put a value into the variable or the file"},
		{"hunter2\nhunter2\n", "", "holds a line break or another control character; put one line of plain text there"},
		{strings.Repeat("x", 64<<10+1), "", "is larger than 64 KiB; name a file that holds the secret and nothing else"},
	} {
		if err := os.WriteFile(file, []byte(each.content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := token.Read()
		if got != each.want || err == nil != (each.problem == "") || err != nil && err.Error() != file+" "+each.problem {
			t.Errorf("got %q, %v, want %q, %q", got, err, each.want, each.problem)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := token.Read(); err == nil || err.Error() != file+" can't be read: no such file or directory; make the file, or permit reading it" {
		t.Errorf("got %v", err)
	}
}

// A token in a file or a variable is another one every day, and the user the same; another file or variable is another user's.
func TestTokensInDigests(t *testing.T) {
	path := withServiceUser(t, "{twitter: {token: 'file:token.txt', secret: first}, id: 5}", "updates: off")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before := load(t, path).Pipelines[0]
	for name, content := range map[string]string{"token.txt": "the-next-token", "other.txt": "token-of-a-file"} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, each := range []struct {
		name, old, new string
		same           bool
	}{
		{"renewed-token", "", "", true},
		{"id", "id: 5", "id: 6", true},
		{"other-file", "file:token.txt", "file:other.txt", false},
		{"variable", "file:token.txt", "${AUTH_KEY}", false},
		{"text", "file:token.txt", "abc", false},
		{"secret", "first", "second", false},
		{"provider", "twitter: {token: 'file:token.txt', secret: first}", "facebook: {token: 'file:token.txt'}", false},
		{"way", "twitter: {token: 'file:token.txt', secret: first}", "login: sync, password: x", false},
	} {
		t.Run(each.name, func(t *testing.T) {
			changed := strings.Replace(string(text), each.old, each.new, 1)
			if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			after := load(t, path).Pipelines[0]
			if same := after.Digest == before.Digest; same != each.same {
				t.Errorf("the digest stayed: %t, want %t", same, each.same)
			}
			if diff := cmp.Diff(after.Settings, before.Settings); diff != "" {
				t.Errorf("changed settings\n%s", diff)
			}
		})
	}
}

func TestTokensShowNowhere(t *testing.T) {
	got := load(t, withServiceUser(t, "{twitter: {token: first-hunter2, secret: second-hunter2}}", "updates: off"))
	for _, part := range []any{*got, *got.ConnectyCube.ServiceUser, *got.ConnectyCube.ServiceUser.Provider} {
		for way, text := range shown(t, part) {
			if strings.Contains(text, "hunter2") {
				t.Errorf("a token in a %T by %s", part, way)
			}
		}
	}
}
