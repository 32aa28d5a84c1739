package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"cubesync/sink/emulator"
)

// What flags and the configuration say of an emulator, and which of them counts.
func TestEmulatorSettings(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "config.yaml")
	err := os.WriteFile(file, []byte(`
emulator:
  data: users.jsonl
  auth_key: of-the-file
  admin_key: of-the-file
  rate_limit: 7
  switches: {write_others: true, list_lag: 2s, tags: array}
  identity: {verify_url: "http://localhost/verify", mapping: {uid: "#{id}"}}
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	plain := func(change func(*emulator.Options)) emulator.Options {
		o := emulator.Options{
			ApplicationID: emulator.DefaultApplicationID, AuthKey: emulator.DefaultAuthKey,
			AuthSecret: emulator.DefaultAuthSecret, AdminKey: emulator.DefaultAdminKey,
		}
		change(&o)
		return o
	}
	filed := func(change func(*emulator.Options)) emulator.Options {
		return plain(func(o *emulator.Options) {
			o.Data, o.AuthKey, o.AdminKey, o.RequestsPerSecond = filepath.Join(folder, "users.jsonl"), "of-the-file", "of-the-file", 7
			o.WriteOthers, o.ListLag, o.Tags = true, 2*time.Second, "array"
			o.Identity = &emulator.Identity{VerifyURL: "http://localhost/verify", Mapping: map[string]string{"uid": "#{id}"}}
			change(o)
		})
	}
	for _, each := range []struct {
		name string
		args []string
		want emulator.Options
	}{
		{"nothing", nil, plain(func(*emulator.Options) {})},
		{"flags", []string{"--auth-key", "k", "--no-v1", "--rate-limit", "3", "--identity-url", "http://localhost"}, plain(func(o *emulator.Options) {
			o.AuthKey, o.NoV1, o.RequestsPerSecond, o.Identity = "k", true, 3, &emulator.Identity{VerifyURL: "http://localhost"}
		})},
		{"file", []string{"-c", file}, filed(func(*emulator.Options) {})},
		{
			"both",
			[]string{"--data", "", "--auth-key", "k", "-c", file, "--write-others=false", "--list-lag", "5s", "--no-v1", "--rate-limit", "0"},
			filed(func(o *emulator.Options) {
				o.Data, o.AuthKey, o.WriteOthers, o.ListLag, o.NoV1, o.RequestsPerSecond = "", "k", false, 5*time.Second, true, 0
			}),
		},
		{"identity-url-alone", []string{"-c", file, "--identity-url", "http://localhost/other"}, filed(func(o *emulator.Options) {
			o.Identity.VerifyURL = "http://localhost/other"
		})},
		{"identity-mapping-alone", []string{"-c", file, "--identity-mapping", `{"uid":"#{u}","login":"#{l}"}`}, filed(func(o *emulator.Options) {
			o.Identity.Mapping = map[string]string{"uid": "#{u}", "login": "#{l}"}
		})},
	} {
		t.Run(each.name, func(t *testing.T) {
			e := newEmulation()
			flags := pflag.NewFlagSet("emulator", pflag.ContinueOnError)
			e.flags(flags)
			if err := flags.Parse(each.args); err != nil {
				t.Fatal(err)
			}
			if err := e.settle(flags, os.LookupEnv); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(e.options, each.want); diff != "" {
				t.Errorf("(-got +want)\n%s", diff)
			}
		})
	}
}
