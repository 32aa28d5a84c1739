package config_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
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
	secret := config.Secret("hunter2")
	type inner struct{ Secret *config.Secret }
	for _, v := range []any{secret, &secret, []config.Secret{secret}, map[config.Secret]config.Secret{secret: secret}, inner{&secret}} {
		for way, text := range shown(t, v) {
			for _, form := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), fmt.Sprintf("%X", "hunter2")} {
				if strings.Contains(text, form) {
					t.Errorf("%T by %s: %s", v, way, text)
				}
			}
		}
	}
	text, err := xml.Marshal(struct{ Secret config.Secret }{secret})
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
		got.ConnectyCube.AuthKey, got.ConnectyCube.AdminKey, got.ConnectyCube.ServiceUser.Password,
		got.Pipelines[0].Passwords.Derive.Secret, got.Pipelines[0].Passwords.Derive.Previous,
	}
	for _, part := range parts {
		for way, text := range shown(t, part) {
			for i, secret := range secrets {
				if len(secret) < 20 {
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

// A complaint names the key, never what stands there: whatever is wrong with a secret, and whatever else is wrong
// around it.
func TestComplaintsHoldNoSecret(t *testing.T) {
	for _, text := range []string{
		"auth_key: [hunter2]",
		"auth_key: {hunter2: x}",
		"auth_key: |hunter2",
		"auth_key: %hunter2",
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
		"service_user: {password: hunter2, {}}",
		"service_user: {login: x, password hunter2}",
		"auth_key: emulator-auth-key\n  endpoint: https://ann:hunter2@example.com",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := config.Load(write(t, "auth_key: emulator-auth-key", text), env, schedule)
			if err == nil {
				t.Skip("nothing is wrong with it")
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error(err)
			}
		})
	}
}
