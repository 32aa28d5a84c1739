package config_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/apply"
	"cubesync/sync/avatar"
	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/user"
)

const rootConfiguration = "../../../../config.yaml"

// env is the environment of the fixtures.
func env(name string) (string, bool) {
	value, ok := map[string]string{
		"APP":         "4711",
		"AUTH_KEY":    "auth-key-of-the-environment",
		"AUTH_SECRET": "auth-secret-of-the-environment",
		"ADMIN_KEY":   "admin-key-of-the-environment",
		"NEW_SECRET":  "new-secret-of-the-environment-0123456789",
		"OLD_SECRET":  "old-secret-of-the-environment-0123456789",
		"PROXY_WORD":  "proxy-password-of-the-environment",
		"EMPTY":       "",
		"LITERAL":     "file:${APP}",
	}[name]
	return value, ok
}

// schedule is the scheduler's check: it knows the schedules of the fixtures.
func schedule(spec string, _ *time.Location) error {
	if spec == "0 2 * * *" || spec == "@every 1h" {
		return nil
	}
	return errors.New("five fields are needed")
}

func load(t *testing.T, path string) *config.Config {
	t.Helper()
	got, err := config.Load(path, env, schedule)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// write makes a configuration of the minimal fixture with one part replaced by another.
func write(t *testing.T, old, replacement string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/minimal.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("the fixture has no %q", old)
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, replacement, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// zones compares time zones by name.
func zones() cmp.Option {
	return cmp.Comparer(func(a, b *time.Location) bool { return (a == nil) == (b == nil) && a.String() == b.String() })
}

// unshown leaves out what Config has beside its fields: the places of keys, and the address of a proxy.
func unshown() cmp.Option {
	return cmpopts.IgnoreUnexported(config.Config{}, config.Proxy{}, config.Tests{})
}

// named compares certificates by the names of their subjects.
func named() cmp.Option {
	return cmp.Transformer("Subject", func(c *x509.Certificate) string { return c.Subject.CommonName })
}

// revealed compares secrets by their texts, which the difference shows.
func revealed() cmp.Option { return cmp.Transformer("Reveal", config.Secret.Reveal) }

// emulatorOptions are those of an emulator of which nothing is said.
func emulatorOptions(data string) emulator.Options {
	return emulator.Options{
		Data: data, ApplicationID: emulator.DefaultApplicationID, AuthKey: emulator.DefaultAuthKey,
		AuthSecret: emulator.DefaultAuthSecret, AdminKey: emulator.DefaultAdminKey,
	}
}

func TestRootConfiguration(t *testing.T) {
	got := load(t, rootConfiguration)
	root, err := filepath.Abs("../../../..")
	if err != nil {
		t.Fatal(err)
	}
	if !got.ConnectyCube.Embedded() {
		t.Errorf("endpoint %q is not the embedded emulator", got.ConnectyCube.Endpoint)
	}
	if len(got.Pipelines) != 1 {
		t.Fatalf("got %d pipelines, want 1", len(got.Pipelines))
	}
	p := got.Pipelines[0]
	for _, each := range []struct {
		what      string
		got, want any
	}{
		{"path", got.Path, filepath.Join(root, "config.yaml")},
		{"state", got.State, filepath.Join(root, ".cubesync", "state")},
		{"emulator", got.Emulator.Data, filepath.Join(root, ".cubesync", "emulator.jsonl")},
		{"keep-runs", got.KeepRuns, 100},
		{"full-list-every", got.FullEvery, 7},
		{"plan-expires", got.PlanExpires, 24 * time.Hour},
		{"timeout", got.ConnectyCube.Timeout, 30 * time.Second},
		{"workers", p.Workers, 0},
		{"guards", p.Guards, plan.DefaultLimits()},
		{"breaker", p.Breaker, apply.DefaultBreaker()},
		{"source", *p.Source.CSV, config.CSV{Path: filepath.Join(root, "docs", "sample", "users.csv"), Delimiter: ',', AcceptPlausible: true}},
		{"policy", p.Policy, plan.Policy{
			OwnerTag: "staff-sync", AdoptionsOff: true, Leavers: plan.KeepLeavers, GraceReads: 3, GraceSpan: 72 * time.Hour,
			Owners: map[user.Field]plan.Ownership{},
		}},
	} {
		t.Run(each.what, func(t *testing.T) {
			if diff := cmp.Diff(each.got, each.want); diff != "" {
				t.Errorf("(-got +want)\n%s", diff)
			}
		})
	}
}

// What the commented example has as remarks can be uncommented.
func TestRootConfigurationsRemarks(t *testing.T) {
	content, err := os.ReadFile(rootConfiguration)
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for _, key := range []string{"auth_secret", "proxy", "ca_file", "switches", "identity", "creates", "protected", "filter", "encoding", "max_age"} {
		if strings.Count(text, " # "+key+": ") != 1 {
			t.Errorf("%s isn't a remark", key)
		}
		text = strings.Replace(text, " # "+key+": ", " "+key+": ", 1)
	}
	text = strings.Replace(text, "endpoint: emulator", "endpoint: https://127.0.0.1:8443", 1) // proxies and certificates are of no use without a network
	path := section(t, text)
	ca, err := os.ReadFile("testdata/ca.pem")
	if err == nil {
		err = os.WriteFile(filepath.Join(filepath.Dir(path), "company-ca.pem"), ca, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.Load(path, func(string) (string, bool) { return "value", true }, schedule)
	if err != nil {
		t.Error(err)
	}
}

func TestDefaults(t *testing.T) {
	got := load(t, "testdata/minimal.good.yaml")
	folder, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	p := &got.Pipelines[0]
	if len(p.Digest) != 64 || len(p.Settings) != 10 {
		t.Errorf("got digest %q and settings %v", p.Digest, p.Settings)
	}
	p.Digest, p.Settings = "", nil
	want := &config.Config{
		Path: filepath.Join(folder, "minimal.good.yaml"),
		ConnectyCube: config.ConnectyCube{
			Endpoint: config.EmbeddedEmulator, ApplicationID: "1", AuthKey: config.NewSecret(config.EmulatorAuthKey),
			RateLimit: 50, Timeout: 30 * time.Second, Proxy: config.Proxy{Environment: true},
		},
		Emulator: emulatorOptions(filepath.Join(folder, ".cubesync", "emulator.jsonl")),
		State:    filepath.Join(folder, ".cubesync", "state"),
		KeepRuns: 100, FullEvery: 7, PlanExpires: 24 * time.Hour,
		Pipelines: []config.Pipeline{{
			Name: "staff", OwnerTag: "staff-sync",
			Source: config.Source{CSV: &config.CSV{Path: filepath.Join(folder, "users.csv")}},
			Mapping: mapping.Spec{
				ExternalID: mapping.Rule{Column: "id"},
				Fields:     map[user.Field]mapping.Rule{user.Email: {Column: "email"}},
			},
			Passwords: config.Passwords{Random: true},
			Creates:   config.WithKey, Updates: config.Off, Deletes: config.Off,
			Policy: plan.Policy{
				OwnerTag: "staff-sync", UpdatesOff: true, AdoptionsOff: true, Leavers: plan.KeepLeavers, GraceReads: 3, GraceSpan: 72 * time.Hour,
				Owners: map[user.Field]plan.Ownership{},
			},
			Guards: plan.DefaultLimits(), Breaker: apply.DefaultBreaker(), Workers: 0,
		}},
	}
	if diff := cmp.Diff(got, want, zones(), revealed(), unshown(), named()); diff != "" {
		t.Errorf("(-got +want)\n%s", diff)
	}
}

func TestEveryKey(t *testing.T) {
	got := load(t, "testdata/full.good.yaml")
	folder, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for i := range got.Pipelines {
		got.Pipelines[i].Digest, got.Pipelines[i].Settings = "", nil
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	empty, null := "", "NULL"
	guards := plan.DefaultLimits()
	guards.Deletes = plan.Ceiling{Floor: 1, Share: 0.025}
	guards.Updates.Most = 9
	guards.Shrink = 1
	want := &config.Config{
		Path: filepath.Join(folder, "full.good.yaml"),
		ConnectyCube: config.ConnectyCube{
			Endpoint: "https://chat.example.com/api", ApplicationID: "4711", AuthKey: config.NewSecret("k-auth-key-of-the-environment"),
			ServiceUser: &config.ServiceUser{Email: "sync@example.com", Password: config.NewSecret("service-password-of-a-file"), ID: 7},
			AuthSecret:  config.NewSecret("auth-secret-of-the-environment"),
			AdminKey:    config.NewSecret("admin-key-of-the-environment"), RateLimit: 12.5, Timeout: 90 * time.Second,
			CAs: []*x509.Certificate{{Subject: pkix.Name{CommonName: "Example Root"}}, {Subject: pkix.Name{CommonName: "Example Second Root"}}},
		},
		Emulator: emulator.Options{
			Data: "/var/lib/emulator.jsonl", ApplicationID: "4711", AuthKey: "local-auth-key", AuthSecret: "local-auth-secret",
			AdminKey: "local-admin-key", RequestsPerSecond: 80,
			WriteOthers: true, OthersAnswer: "404", ListLag: 2 * time.Second, InValues: 100, Tags: "array",
			Identity: &emulator.Identity{VerifyURL: "https://example.com/verify?v=1", Mapping: map[string]string{"uid": "#{id}", "full_name": "#{name}"}},
		},
		State:    filepath.Join(filepath.Dir(folder), "state"),
		KeepRuns: 7, FullEvery: 3, PlanExpires: 36 * time.Hour,
		Pipelines: []config.Pipeline{{
			Name: "staff", OwnerTag: "staff-sync", Schedule: "@every 1h", Timezone: time.UTC,
			Source: config.Source{CSV: &config.CSV{Path: "/srv/users.csv", Delimiter: '\t', NullValue: &empty, AcceptPlausible: true}},
			Mapping: mapping.Spec{
				ExternalID: mapping.Rule{Template: "{company}-{id}"},
				Fields: map[user.Field]mapping.Rule{
					user.Login: {Column: "login"}, user.Email: {Column: "email", Clear: true},
					user.FullName: {Constant: "Somebody"}, user.Phone: {Column: "phone"},
					user.Website: {Expr: `lookup("sites", company)`, Place: "testdata/full.good.yaml:38", Clear: true},
				},
				Tags: []mapping.TagRule{
					{Rule: mapping.Rule{Constant: "staff"}},
					{Rule: mapping.Rule{Expr: `filter(split(groups, ","), # != "all")`, Place: "testdata/full.good.yaml:41"}},
					{Rule: mapping.Rule{Column: "tags", Clear: true}, Split: ";"},
				},
				CustomData: map[string]mapping.Rule{
					"department": {Column: "department"}, "office": {Constant: "Berlin"},
					"initials": {Expr: "left(given, 1)", Place: "testdata/full.good.yaml:47"},
				},
				Filter: `status == "left"`, FilterPlace: "testdata/full.good.yaml:61",
				Tables: map[string]map[string]string{"sites": {"A": "a.example.com", "7": "seven.example.com"}, "none": {}},
			},
			Avatar: &config.Avatar{
				Column: "photo", From: avatar.FromURL, Hosts: []string{"photos.example.com", "intranet.example.com:8443"},
				Networks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd12::/16")},
				Plain:    true, As: "avatar", Public: true, MaxBytes: 100_000, MaxPixels: 1_000_000, Timeout: 3 * time.Second,
			},
			Passwords: config.Passwords{Derive: &config.Derive{
				Secret: config.NewSecret("new-secret-of-the-environment-0123456789"), Previous: config.NewSecret("old-secret-of-the-environment-0123456789"),
			}},
			Creates: config.AsShared, Updates: config.AsShared, Deletes: config.AsOwner,
			Policy: plan.Policy{
				OwnerTag: "staff-sync", OtherOwnerTags: []string{"Gäste"}, ReplaceCustomData: true, Leavers: plan.DeleteLeavers,
				GraceReads: 5, GraceSpan: 108 * time.Hour, LeaveVanished: true, AvatarPlace: "avatar",
				Adopt:     []account.Key{account.ByExternalID, account.ByLogin, account.ByEmail},
				Protected: plan.Protected{IDs: []int64{17, 4711}, Logins: []string{"Support", "root"}, Tags: []string{"board", "vip"}},
				Owners: map[user.Field]plan.Ownership{
					user.Login: plan.OwnedAtCreate, user.FullName: plan.OwnedIfEmpty, user.CustomData: plan.OwnedAtCreate,
				},
			},
			Guards: guards, Breaker: apply.Breaker{InARow: 25, Share: 0.8}, Workers: 256, MaxDuration: 5*time.Hour + 30*time.Minute,
		}, {
			Name: "guests", OwnerTag: "Gäste", Timezone: berlin,
			Source: config.Source{CSV: &config.CSV{
				Path: filepath.Join(folder, "guests-*.csv"), Files: 3, Encoding: "windows-1252", MaxBytes: 1_000_000, Delimiter: ';', NullValue: &null,
				SkipRows: 2, Comment: "#", Columns: []string{"id", "email", "data", "face"}, DamagedKeys: true,
				Complete: config.Complete{Trailer: "#TOTAL", Count: 3}, Settle: 10 * time.Second, MaxAge: 26 * time.Hour,
			}},
			Mapping: mapping.Spec{
				ExternalID: mapping.Rule{Column: "id"},
				Fields:     map[user.Field]mapping.Rule{user.Email: {Column: "email"}, user.CustomData: {Column: "data"}},
			},
			Avatar: &config.Avatar{
				Column: "face", From: avatar.FromFile, Folder: filepath.Join(folder, "faces"), As: "custom_data",
				MaxBytes: avatar.DefaultMaxBytes, MaxPixels: avatar.DefaultMaxPixels, Timeout: avatar.DefaultTimeout,
			},
			Passwords: config.Passwords{Random: true, ResetEmail: true, PerMinute: 30},
			Creates:   config.WithKey, Updates: config.AsShared, Deletes: config.Off,
			Policy: plan.Policy{
				OwnerTag: "Gäste", OtherOwnerTags: []string{"staff-sync"}, Leavers: plan.ReleaseLeavers, AvatarPlace: "custom_data",
				Adopt: []account.Key{account.ByExternalID}, Protected: plan.Protected{Tags: []string{"staff-sync"}},
				Owners: map[user.Field]plan.Ownership{},
			},
			Guards: plan.DefaultLimits(), Breaker: apply.DefaultBreaker(), Workers: 0,
		}},
	}
	if diff := cmp.Diff(got, want, zones(), revealed(), unshown(), named(), networks()); diff != "" {
		t.Errorf("(-got +want)\n%s", diff)
	}
}

func TestEndpoints(t *testing.T) {
	const (
		notAddress = `config.yaml:3:13: connectycube.endpoint: is not an address; write emulator, or a URL such as https://api.connectycube.com`
		open       = `config.yaml:3:13: connectycube.endpoint: would send keys and passwords unencrypted; write https; http is for servers on this machine only`
		query      = `config.yaml:3:13: connectycube.endpoint: has a query or a fragment; end the address before it`
		person     = `config.yaml:3:13: connectycube.endpoint: holds a user name or password; take everything up to the @ out; auth_key and service_user hold the credentials`
		host       = `config.yaml:3:13: connectycube.endpoint: names no host; write a URL such as https://api.connectycube.com`
		call       = `config.yaml:3:13: connectycube.endpoint: is the address of a call; end it before the call's path`
		port       = `config.yaml:3:13: connectycube.endpoint: has a port that doesn't exist; write one from 1 to 65535, or none`
		emulators  = `config.yaml:5:13: connectycube.auth_key: is the emulator's, which everybody can read; write your own: ${NAME} or file:PATH`
	)
	for _, each := range []struct{ endpoint, want string }{
		{"http://localhost:8080", ""},
		{"http://LOCALHOST", ""},
		{"http://127.1.2.3/api", ""},
		{"http://[::1]:8080/", ""},
		{"http://localhost:65535/session.json/", call},
		{"http://localhost/users", call},
		{"http://localhost/v1/users.json", call},
		{"http://localhost/sessions", ""},
		{"http://localhost:65536", port},
		{"http://localhost:0", port},
		{"https://127.0.0.1", ""},
		{"https://api.connectycube.com", emulators},
		{"https://localhost.example.com", emulators},
		{"http://api.connectycube.com", open},
		{"http://0.0.0.0:80", open},
		{"http://127.0.0.1.example.com", open},
		{"http://127.1", open},
		{"https://ann:hunter2@api.connectycube.com", person},
		{"https://api.connectycube.com?token=hunter2", query},
		{"https://api.connectycube.com/#x", query},
		{"https://:443", host},
		{"https://", notAddress},
		{"https://a b", notAddress},
		{"ftp://api.connectycube.com", notAddress},
		{"api.connectycube.com", notAddress},
		{"Emulator", notAddress},
	} {
		t.Run(each.endpoint, func(t *testing.T) {
			path := write(t, "endpoint: emulator", "endpoint: '"+each.endpoint+"'")
			_, err := config.Load(path, env, schedule)
			if got := complaints(err, filepath.Dir(path)); got != each.want {
				t.Errorf("got\n%s\nwant\n%s", got, each.want)
			}
		})
	}
}

func TestSpans(t *testing.T) {
	for _, each := range []struct {
		text string
		want time.Duration // 0: refused
	}{
		{"72h", 72 * time.Hour},
		{"3d", 72 * time.Hour},
		{"1d12h30m", 36*time.Hour + 30*time.Minute},
		{"366d", 366 * 24 * time.Hour},
		{"367d", 0},
		{"99999999999d", 0},
		{"-1d", 0},
		{"1d-1h", 0},
		{"1d25h", 0},
		{"d", 0},
		{"1.5d", 0},
		{"1dd", 0},
		{"72", 0},
		{"72 h", 0},
		{"-1h", 0},
	} {
		t.Run(each.text, func(t *testing.T) {
			path := write(t, "leavers: keep", "leavers: keep\n    grace: {span: "+each.text+"}")
			got, err := config.Load(path, env, schedule)
			switch {
			case each.want == 0 && err == nil:
				t.Errorf("got %s, want a complaint", got.Pipelines[0].Policy.GraceSpan)
			case each.want != 0 && err != nil:
				t.Error(err)
			case each.want != 0 && got.Pipelines[0].Policy.GraceSpan != each.want:
				t.Errorf("got %s, want %s", got.Pipelines[0].Policy.GraceSpan, each.want)
			}
		})
	}
}

// complaints are the lines of err with paths relative to folder, "" for none.
func complaints(err error, folder string) string {
	if err == nil {
		return ""
	}
	text := strings.ReplaceAll(err.Error(), folder+string(filepath.Separator), "")
	return strings.ReplaceAll(text, folder, ".")
}

// networks compares networks by what they are.
func networks() cmp.Option { return cmpopts.EquateComparable(netip.Prefix{}) }
