package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sink/emulator"
)

// section writes a file that has a section emulator, or whatever stands in text, and nothing else.
func section(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadEmulator(t *testing.T) {
	path := section(t, "emulator: {auth_key: mine, switches: {no_v1: true}}\n")
	want := emulatorOptions(filepath.Join(filepath.Dir(path), ".cubesync", "emulator.jsonl"))
	want.AuthKey, want.NoV1 = "mine", true
	got, err := config.LoadEmulator(path, env)
	if diff := cmp.Diff(got, want); err != nil || diff != "" {
		t.Errorf("%v (-got +want)\n%s", err, diff)
	}
	t.Run("of-a-whole-configuration", func(t *testing.T) {
		got, err := config.LoadEmulator("testdata/full.good.yaml", env)
		if diff := cmp.Diff(got, load(t, "testdata/full.good.yaml").Emulator); err != nil || diff != "" {
			t.Errorf("%v (-got +want)\n%s", err, diff)
		}
	})
	t.Run("no-secrets-needed", func(t *testing.T) {
		path := section(t, "connectycube: {auth_key: '${UNSET}'}\npipelines: []\n")
		if _, err := config.LoadEmulator(path, env); err != nil {
			t.Error(err)
		}
	})
}

func TestBadEmulators(t *testing.T) {
	const identity = "config.yaml:1:12: emulator.identity: "
	for _, each := range []struct{ name, text, want string }{
		{"empty", "", "config.yaml:1:1: the file is empty; begin with a copy of the config.yaml that comes with cubesync"},
		{"unknown-section", "emulators: {}", "config.yaml:1:1: emulators: unknown key; did you mean emulator?"},
		{"unknown-key", "emulator: {key: 1}", "config.yaml:1:12: emulator.key: unknown key; the keys here are data, application_id, auth_key, auth_secret, admin_key, rate_limit, switches, identity"},
		{"no-verify-url", "emulator: {identity: {mapping: {uid: x}}}", identity[:len(identity)-2] + ".verify_url: is missing; write the address that answers who a token stands for"},
		{"no-address", "emulator: {identity: {verify_url: verify}}", identity + "the identity provider's verify URL must be like https://example.com/user/verify; correct it"},
		{"application-id", "emulator: {application_id: mine}", `config.yaml:1:28: emulator.application_id: the application id "mine" must be a number above 0, as the service's are; correct it`},
		{"everybody-is-one", "emulator: {identity: {verify_url: http://localhost, mapping: {uid: x}}}", identity + "the identity provider's mapping makes everybody one user: write a part of the answer as uid, such as #{user.id}; correct it"},
		{"no-uid", "emulator: {identity: {verify_url: http://localhost, mapping: {login: x}}}", identity + "the identity provider's mapping needs uid; correct it"},
		{"unknown-field", "emulator: {identity: {verify_url: http://localhost, mapping: {uid: x, name: y}}}", identity + `the identity provider's mapping has "name", which isn't uid, tag_list or a user's field; correct it`},
	} {
		t.Run(each.name, func(t *testing.T) {
			path := section(t, each.text)
			got, err := config.LoadEmulator(path, env)
			if words := complaints(err, filepath.Dir(path)); words != each.want {
				t.Errorf("got %+v\n%s\nwant\n%s", got, words, each.want)
			}
		})
	}
}

// Every switch of the emulator can be set, and nothing else is one.
func TestEverySwitch(t *testing.T) {
	for _, s := range new(emulator.Options).Switches() {
		t.Run(s.Name, func(t *testing.T) {
			setting := map[string]string{"bool": "true", "int": "7", "duration": "7s"}[s.Type()]
			if setting == "" {
				setting = s.Default
			}
			key := ""
			for _, r := range s.Name {
				if r == '-' {
					r = '_'
				}
				key += string(r)
			}
			got, err := config.LoadEmulator(section(t, "emulator: {switches: {"+key+": "+setting+"}}"), env)
			if err != nil {
				t.Fatal(err)
			}
			for _, now := range got.Switches() {
				want := now.Default
				if now.Name == s.Name {
					want = setting
				}
				if now.String() != want {
					t.Errorf("%s is %s, want %s", now.Name, now, want)
				}
			}
		})
	}
}

// The embedded emulator has one user: keys that can't fit are found before it refuses them.
func TestKeysThatDoNotFit(t *testing.T) {
	for _, each := range []struct{ name, text, want string }{
		{"other-key", "auth_key: mine", "config.yaml:6:22: emulator.auth_key: differs from connectycube.auth_key, which the emulator then refuses; write the same in both, or take this line out"},
		{"other-id", "application_id: 2", "config.yaml:6:28: emulator.application_id: differs from connectycube.application_id, which the emulator then refuses; write the same in both, or take this line out"},
		{"the-same", "auth_key: emulator-auth-key", ""},
		{"not-used", "admin_key: mine, auth_secret: mine", ""}, // there is none under connectycube
		{"empty", "auth_key: ''", "config.yaml:6:22: emulator.auth_key: is empty; give it a value or take the line out"},
	} {
		t.Run(each.name, func(t *testing.T) {
			path := write(t, "pipelines:", "emulator: {"+each.text+"}\npipelines:")
			_, err := config.Load(path, env, schedule)
			if got := complaints(err, filepath.Dir(path)); got != each.want {
				t.Errorf("got\n%s\nwant\n%s", got, each.want)
			}
		})
	}
}
