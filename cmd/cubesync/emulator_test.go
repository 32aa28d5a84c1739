package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"cubesync/cmd/cubesync/internal/config"
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

// What can't be is refused before anything is made or listened to.
func TestEmulatorRefuses(t *testing.T) {
	for _, each := range []struct{ name, flags, want string }{
		{"application-id", "--application-id=", "--application-id is empty"},
		{"auth-key", "--auth-key=", "--auth-key is empty: write one, or leave it out for the usual one"},
		{"auth-secret", "--auth-secret=", "--auth-secret is empty"},
		{"admin-key", "--admin-key=", "--admin-key is empty"},
		{"no-number", "--application-id=mine", `the application id "mine" must be a number above 0`},
		{"everybody-is-one", `--identity-url=http://localhost --identity-mapping={"uid":"x"}`, "makes everybody one user: write a part of the answer as uid"},
		{"everywhere", "--listen=0.0.0.0:0", "write a loopback address"},
		{"negative", "--rate-limit=-1", "write a number of requests a second"},
	} {
		t.Run(each.name, func(t *testing.T) {
			e := newEmulation()
			flags := pflag.NewFlagSet("emulator", pflag.ContinueOnError)
			e.flags(flags)
			if err := flags.Parse(strings.Fields(each.flags)); err != nil {
				t.Fatal(err)
			}
			err := e.settle(flags, os.LookupEnv)
			if err == nil {
				err = e.check()
			}
			if err == nil || codeOf(err) != exitUsage || !strings.Contains(err.Error(), each.want) {
				t.Errorf("got %v, want %s", err, each.want)
			}
		})
	}
}

// A port that is taken is the command line's, and leaves the data alone.
func TestEmulatorWithoutPort(t *testing.T) {
	other, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	data := filepath.Join(t.TempDir(), "users.jsonl")
	var out, log bytes.Buffer
	code := run(t.Context(), nil, []string{"emulator", "--listen", other.Addr().String(), "--data", data},
		environment{lookup: os.LookupEnv, stdout: &out, stderr: &log})
	if code != exitUsage || out.Len() > 0 || !isMissing(data) {
		t.Errorf("exit %d, data %t\n%s", code, !isMissing(data), out.String())
	}
	for _, words := range []string{"--listen " + other.Addr().String() + ": bind: ", "port 0 takes a free one"} {
		if !strings.Contains(log.String(), words) {
			t.Errorf("it doesn't say %q:\n%s", words, log.String())
		}
	}
}

// What an emulator says when it starts: what works, and no more.
func TestSheet(t *testing.T) {
	base := newEmulation().options
	for _, each := range []struct {
		name    string
		change  func(*emulator.Options)
		fresh   bool
		want    []string
		without []string
	}{
		{
			"plain", func(*emulator.Options) {}, false,
			[]string{
				"service user    cubesync-service / emulator-service-password\n", "rate limit      none\n", "in memory", "GET /", "SIGTERM",
			},
			[]string{"switch", "identity"},
		},
		{"new-file", func(o *emulator.Options) { o.Data = "/srv/users.jsonl" }, true, []string{"in /srv/users.jsonl, a new file\n"}, []string{"memory"}},
		{"old-file", func(o *emulator.Options) { o.Data = "/srv/users.jsonl" }, false, []string{"in /srv/users.jsonl\n"}, []string{"memory"}},
		{"limit", func(o *emulator.Options) { o.RequestsPerSecond = 7 }, false, []string{"rate limit      7 requests a second\n"}, nil},
		{
			"switches", func(o *emulator.Options) { o.OthersAnswer, o.NoV1, o.ListLag = "404", true, 2*time.Second }, false,
			[]string{
				"--others-answer=404, as YAML others_answer: 404\n                a refused write to another user answers 404\n",
				"--no-v1=true, as YAML no_v1: true\n                the deprecated reads of v1 are forbidden",
				"--list-lag=2s, as YAML list_lag: 2s\n                lists show a write 2s after it\n",
			},
			[]string{"403 or 404", "so long"},
		},
		{
			"identity", func(o *emulator.Options) {
				o.Identity = &emulator.Identity{VerifyURL: "https://x:sesame@example.com/verify"}
			}, false,
			[]string{"identity        https://example.com/verify says who signs in"},
			[]string{"service user", "emulator-service-password", "sesame"},
		},
	} {
		t.Run(each.name, func(t *testing.T) {
			o := base
			each.change(&o)
			got := sheet("127.0.0.1:8390", o, each.fresh)
			for _, words := range each.want {
				if !strings.Contains(got, words) {
					t.Errorf("it doesn't say %q:\n%s", words, got)
				}
			}
			for _, words := range each.without {
				if strings.Contains(got, words) {
					t.Errorf("it says %q:\n%s", words, got)
				}
			}
			narrow(t, got)
		})
	}
}

// Every answer of every switch is said in its own words, within a terminal.
func TestSheetOfEverySwitch(t *testing.T) {
	for i, s := range new(emulator.Options).Switches() {
		for _, answer := range s.Answers()[1:] {
			o := newEmulation().options
			one := o.Switches()[i]
			if err := one.Set(answer); err != nil {
				t.Fatal(err)
			}
			got := sheet("127.0.0.1:8390", o, false)
			if !strings.Contains(got, one.Says()) || strings.Contains(got, "%s") || s.Type() != "bool" && !strings.Contains(one.Says(), answer) {
				t.Errorf("%s=%s: %s", s.Name, answer, got)
			}
			narrow(t, got)
		}
	}
}

func TestEmulatorHelp(t *testing.T) {
	var out bytes.Buffer
	run(t.Context(), nil, []string{"emulator", "--help"}, environment{lookup: os.LookupEnv, stdout: &out, stderr: &out})
	narrow(t, out.String())
	for _, words := range []string{"--listen string", "Switches", "--reset-by both|get|post", "--log-format"} {
		if !strings.Contains(out.String(), words) {
			t.Errorf("it doesn't say %q:\n%s", words, out.String())
		}
	}
}

// narrow: a terminal has 80 columns.
func narrow(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// The manual names every flag, its configuration can be read, and what it shows of the start is what is said.
func TestEmulatorManual(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "emulator.md"))
	if err != nil {
		t.Fatal(err)
	}
	manual := string(text)
	e := newEmulation()
	flags := pflag.NewFlagSet("emulator", pflag.ContinueOnError)
	e.flags(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(manual, "`--"+f.Name+"`") {
			t.Errorf("--%s isn't named", f.Name)
		}
	})
	_, shown, _ := strings.Cut(manual, "$ cubesync emulator\n")
	shown, _, _ = strings.Cut(shown, "```")
	if diff := cmp.Diff(shown, sheet("127.0.0.1:8390", e.options, false)); diff != "" {
		t.Errorf("the start (-manual +said)\n%s", diff)
	}
	_, section, _ := strings.Cut(manual, "```yaml\n")
	section, _, _ = strings.Cut(section, "```")
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(section), 0o600); err != nil {
		t.Fatal(err)
	}
	options, err := config.LoadEmulator(file, os.LookupEnv)
	if err != nil || options.ListLag != 2*time.Second || options.Tags != "array" || !options.NoV1 || options.RequestsPerSecond != 20 {
		t.Errorf("its configuration: %+v %v", options, err)
	}
}

func TestSheetShowsNoKeysOfTheBackend(t *testing.T) {
	shown := sheet("127.0.0.1:8390", emulator.Options{Identity: &emulator.Identity{VerifyURL: "https://ann:sesame@example.com/verify?key=sesame"}}, false)
	if !strings.Contains(shown, "https://example.com/verify says") || strings.Contains(shown, "sesame") {
		t.Errorf("shown:\n%s", shown)
	}
}
