package config_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"cubesync/cmd/cubesync/internal/config"
)

// shown are all ways in which a value ends up before somebody's eyes.
func shown(t *testing.T, v any) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		all[verb] = fmt.Sprintf(verb, v)
	}
	all["print"] = fmt.Sprint(v)
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	all["json"] = string(text)
	if text, err = yaml.Marshal(v); err != nil {
		t.Fatal(err)
	}
	all["yaml"] = string(text)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v)
	all["slog"] = log.String()
	return all
}

func TestSecretShowsNowhere(t *testing.T) {
	secret := config.NewSecret("hunter2")
	type outer struct{ Secret config.Secret }
	type hidden struct{ secret config.Secret }
	for _, v := range []any{
		secret, &secret, []config.Secret{secret}, map[config.Secret]config.Secret{secret: secret},
		outer{secret}, struct{ Secret *config.Secret }{&secret}, struct{ Outer *outer }{&outer{secret}},
		hidden{secret}, struct{ hidden *hidden }{&hidden{secret}},
	} {
		for way, text := range shown(t, v) {
			for _, form := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), fmt.Sprintf("%X", "hunter2")} {
				if strings.Contains(text, form) {
					t.Errorf("%T by %s: %s", v, way, text)
				}
			}
		}
	}
	text, err := xml.Marshal(outer{secret})
	if err != nil || strings.Contains(string(text), "hunter2") {
		t.Errorf("xml: %s, %v", text, err)
	}
	if got := secret.Reveal(); got != "hunter2" {
		t.Errorf("revealed %q", got)
	}
}

func TestConfigShowsNoSecret(t *testing.T) {
	got := load(t, "testdata/full.good.yaml")
	// What hangs on a pointer is printed as its address: look at it by itself.
	parts := []any{*got, *got.ConnectyCube.ServiceUser, *got.Pipelines[0].Passwords.Derive, got.Pipelines[0]}
	secrets := []config.Secret{
		got.ConnectyCube.AuthKey, got.ConnectyCube.AuthSecret, got.ConnectyCube.AdminKey, got.ConnectyCube.ServiceUser.Password,
		got.Pipelines[0].Passwords.Derive.Secret, got.Pipelines[0].Passwords.Derive.Previous,
		config.NewSecret("proxy-password-of-the-environment"),
	}
	for _, part := range parts {
		for way, text := range shown(t, part) {
			for i, secret := range secrets {
				if len(secret.Reveal()) < 20 {
					t.Fatalf("secret %d is too short to be searched for", i)
				}
				if strings.Contains(text, secret.Reveal()) || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", secret.Reveal())) {
					t.Errorf("secret %d in a %T by %s", i, part, way)
				}
			}
		}
	}
}

func TestSecretReferences(t *testing.T) {
	for _, each := range []struct{ text, want string }{
		{"plain", "plain"},
		{"price$5{x}", "price$5{x}"},
		{"${APP}", "4711"},
		{"a${APP}b${APP}", "a4711b4711"},
		{"${LITERAL}", "file:${APP}"}, // what comes from outside is taken as it is
	} {
		t.Run(each.text, func(t *testing.T) {
			got := load(t, write(t, "auth_key: emulator-auth-key", "auth_key: '"+each.text+"'"))
			if got.ConnectyCube.AuthKey.Reveal() != each.want {
				t.Errorf("got %q, want %q", got.ConnectyCube.AuthKey.Reveal(), each.want)
			}
		})
	}
}

func TestSecretFiles(t *testing.T) {
	const refused = ""
	for _, each := range []struct{ name, content, want string }{
		{"no-line-break", "hunter2", "hunter2"},
		{"line-break", "hunter2\n", "hunter2"},
		{"windows-line-break", "hunter2\r\n", "hunter2"},
		{"spaces-stay", " hunter2 \n", " hunter2 "},
		{"reference-stays", "${APP}\n", "${APP}"},
		{"empty", "", refused},
		{"only-a-line-break", "\n", refused},
		{"two-lines", "hunter2\nhunter2\n", refused},
		{"two-line-breaks", "hunter2\n\n", refused},
		{"not-a-secret", strings.Repeat("x", 64<<10+1), refused},
	} {
		t.Run(each.name, func(t *testing.T) {
			path := write(t, "auth_key: emulator-auth-key", "auth_key: file:keys/${APP}")
			folder := filepath.Join(filepath.Dir(path), "keys")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, "4711"), []byte(each.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := config.Load(path, env, schedule)
			switch {
			case each.want == refused && err == nil:
				t.Errorf("got %q, want a complaint", got.ConnectyCube.AuthKey.Reveal())
			case each.want == refused && strings.Contains(err.Error(), "hunter2"):
				t.Error(err)
			case each.want != refused && err != nil:
				t.Error(err)
			case each.want != refused && got.ConnectyCube.AuthKey.Reveal() != each.want:
				t.Errorf("got %q, want %q", got.ConnectyCube.AuthKey.Reveal(), each.want)
			}
		})
	}
}

// A complaint names the key, never what stands there: whatever is wrong with a secret, and whatever else is wrong
// around it.
func TestComplaintsHoldNoSecret(t *testing.T) {
	for _, text := range []string{
		"auth_key: [hunter2]",
		"auth_key: {hunter2: x}",
		"auth_key: |hunter2",
		"auth_key: \"hunter2\\q\"",
		"auth_key: 'hunter2",
		"auth_key: hunter2: x",
		"auth_key: &hunter2",
		"auth_key: *hunter2",
		"auth_key: !hunter2 x",
		"auth_key: !!int hunter2",
		"auth_key: hunter2${",
		"auth_key: hunter2${UNSET}",
		"auth_key: \"hunter2\\n\"",
		"auth_key: 'file:${HUNTER}/hunter'\n  {auth_key hunter2}",
		"auth_key hunter2",
		"? auth_key hunter2",
		"auth_key hunter2: x",
		"auth_keys: hunter2",
		"service_user: hunter2",
		"service_user: {facebook: hunter2}",
		"service_user: {facebook: {token: hunter2${UNSET}}}",
		"service_user: {twitter: {token: hunter2}}",
		"service_user: {facebook: {token: hunter2}, password: hunter2}",
		"auth_key: emulator-auth-key\n  proxy: 'http://ann:hunter2@proxy.example.com'",
		"auth_key: emulator-auth-key\n  proxy: 'http://ann:hunter2/%@proxy.example.com'",
		"auth_key: emulator-auth-key\n  proxy: 'ftp://ann:hunter2@proxy.example.com/x'",
		"service_user: {password: hunter2, {}}",
		"service_user: {login: x, password hunter2}",
		"auth_key: emulator-auth-key\n  endpoint: https://ann:hunter2@example.com",
	} {
		t.Run(text, func(t *testing.T) {
			path := write(t, "auth_key: emulator-auth-key", text)
			_, err := config.Load(path, env, schedule)
			// The folder has the subtest's name, and so the secret, in it.
			if got := complaints(err, filepath.Dir(path)); got == "" || strings.Contains(got, "hunter2") {
				t.Errorf("got %q", got)
			}
		})
	}
}
