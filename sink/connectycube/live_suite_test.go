package connectycube_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sink/sinktest"
	"cubesync/sync/user"
)

// What a live run is given by the environment.
const liveEnvironment = `a live run reads the environment:
  CONNECTYCUBE_ENDPOINT          such as https://api.connectycube.com
  CONNECTYCUBE_APPLICATION_ID    of an application that isn't in use
  CONNECTYCUBE_AUTH_KEY
  CONNECTYCUBE_AUTH_SECRET       optional: signs sessions
  CONNECTYCUBE_SERVICE_LOGIN     optional, with the password: tries what the shared session's user may do
  CONNECTYCUBE_SERVICE_PASSWORD
  CONNECTYCUBE_ADMIN_KEY         optional: tries deletions through the Admin API
  CONNECTYCUBE_RATE_LIMIT        optional, requests a second: 5 unless said otherwise`

const (
	liveRate  = 5
	liveCrowd = 12 // accounts of the larger cases: enough for several at a time, few to remove
)

// liveOptions reads the environment and says all that is wrong with it at once.
func liveOptions(lookup func(string) (string, bool)) (connectycube.Options, error) {
	var wrong []error
	value := func(name string, required bool) string {
		text, _ := lookup("CONNECTYCUBE_" + name)
		if text == "" && required {
			wrong = append(wrong, fmt.Errorf("CONNECTYCUBE_%s is missing", name))
		}
		return text
	}
	options := connectycube.Options{
		Endpoint: value("ENDPOINT", true), ApplicationID: value("APPLICATION_ID", true), AuthKey: value("AUTH_KEY", true),
		AuthSecret: value("AUTH_SECRET", false), AdminKey: value("ADMIN_KEY", false),
		RequestsPerSecond: liveRate, Workers: 8, Version: "conformance", Proxy: http.ProxyFromEnvironment,
	}
	login, password := value("SERVICE_LOGIN", false), value("SERVICE_PASSWORD", false)
	switch {
	case login != "" && password != "":
		options.User = &connectycube.Credentials{Login: login, Password: password}
	case login != "" || password != "":
		wrong = append(wrong, errors.New("CONNECTYCUBE_SERVICE_LOGIN and CONNECTYCUBE_SERVICE_PASSWORD go together"))
	}
	if text := value("RATE_LIMIT", false); text != "" {
		rate, err := strconv.ParseFloat(text, 64)
		if err != nil || rate <= 0 {
			wrong = append(wrong, fmt.Errorf("CONNECTYCUBE_RATE_LIMIT is %q: write requests a second, above 0", text))
		}
		options.RequestsPerSecond = rate
	}
	if len(wrong) > 0 {
		return options, fmt.Errorf("%w\n%s", errors.Join(wrong...), liveEnvironment)
	}
	return options, nil
}

// liveCredentials fails where no case could work.
func liveCredentials(ctx context.Context, client *connectycube.Client, options connectycube.Options) error {
	if err := client.TryApplication(ctx); err != nil {
		return fmt.Errorf("CONNECTYCUBE_ENDPOINT, _APPLICATION_ID, _AUTH_KEY or _AUTH_SECRET: %w", err)
	}
	if options.User == nil {
		return nil
	}
	if _, err := client.Session(ctx); err != nil {
		return fmt.Errorf("CONNECTYCUBE_SERVICE_LOGIN or _SERVICE_PASSWORD: %w", err)
	}
	return nil
}

// live runs the suite over the application that the environment names.
func live(t *testing.T, lookup func(string) (string, bool), lag time.Duration) {
	t.Helper()
	options, err := liveOptions(lookup)
	if err != nil {
		t.Fatal(err)
	}
	client := newClient(t, options)
	if err := liveCredentials(t.Context(), client, options); err != nil {
		t.Fatal(err)
	}
	secret := rand.Text()
	password := func(externalID string) string { return user.DerivePassword(secret, externalID) }
	run := "cubesync-" + strings.ToLower(rand.Text()[:10])
	t.Logf("every account of this run has a tag, and a login, that begin with %s", run)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("accounts that were left, if any, have a tag, and a login, that begin with %s", run)
		}
	})
	var cases atomic.Int64
	sinktest.Run(t, func(t *testing.T) *sinktest.Application {
		app := &sinktest.Application{
			Tag: fmt.Sprintf("%s-%d", run, cases.Add(1)), Password: password, Lag: lag, Tick: time.Second, Crowd: liveCrowd,
			Owner: client.Service(connectycube.Authority{
				Updates: connectycube.UpdatesAsOwner, Deletes: connectycube.DeletesAsOwner, Passwords: oneOf(password),
			}),
		}
		if options.User != nil {
			app.Shared = client.Service(connectycube.Authority{Updates: connectycube.UpdatesAsShared, Deletes: connectycube.DeletesAsShared})
		}
		if options.AdminKey != "" {
			app.Admin = client.Service(connectycube.Authority{Deletes: connectycube.DeletesAsAdmin})
			app.Facts.AdminDeletes = sinktest.Yes // who has a key wants to know whether it works
		}
		return app
	})
}

// The live run is proven over a socket: it must work on the day when somebody needs it.
func TestLiveSuiteRuns(t *testing.T) {
	environment := map[string]string{
		"APPLICATION_ID": emulator.DefaultApplicationID, "AUTH_KEY": emulator.DefaultAuthKey, "RATE_LIMIT": "10000",
	}
	optional := map[string]string{
		"AUTH_SECRET": emulator.DefaultAuthSecret, "ADMIN_KEY": emulator.DefaultAdminKey,
		"SERVICE_LOGIN": "service", "SERVICE_PASSWORD": servicePassword,
	}
	for name, more := range map[string]map[string]string{"all-credentials": optional, "the-least": {}} {
		t.Run(name, func(t *testing.T) {
			server := variant{options: emulator.Options{RequireSignature: more["AUTH_SECRET"] != ""}}.open(t)
			endpoint := serve(t, server)
			live(t, func(name string) (string, bool) {
				name = strings.TrimPrefix(name, "CONNECTYCUBE_")
				for _, given := range []map[string]string{environment, more, {"ENDPOINT": endpoint}} {
					if value, there := given[name]; there {
						return value, true
					}
				}
				return "", false
			}, 0)
			written := server.Counters().Written
			if left := written.SignUp - written.Delete - written.AdminDelete; written.SignUp == 0 || left != 0 {
				t.Errorf("of %d accounts %d are left", written.SignUp, left)
			}
			t.Log(server.Counters().ByKind)
		})
	}
}

func TestLiveRunSaysWhatIsMissing(t *testing.T) {
	for name, test := range map[string]struct {
		environment map[string]string
		want        []string
	}{
		"everything":       {nil, []string{"CONNECTYCUBE_ENDPOINT is missing", "CONNECTYCUBE_APPLICATION_ID is missing", "CONNECTYCUBE_AUTH_KEY is missing"}},
		"half-a-user":      {map[string]string{"SERVICE_LOGIN": "service"}, []string{"SERVICE_PASSWORD go together"}},
		"no-rate":          {map[string]string{"RATE_LIMIT": "fast"}, []string{`CONNECTYCUBE_RATE_LIMIT is "fast"`}},
		"what-it-may-have": {nil, []string{"CONNECTYCUBE_ADMIN_KEY         optional"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := liveOptions(func(name string) (string, bool) {
				value, there := test.environment[strings.TrimPrefix(name, "CONNECTYCUBE_")]
				return value, there
			})
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v; want %q in it", err, want)
				}
			}
		})
	}
}

// With wrong credentials a run would fail in every case, for a minute: it says so at once instead.
func TestLiveRunNeedsItsCredentials(t *testing.T) {
	for name, spoil := range map[string]func(*connectycube.Options){
		"CONNECTYCUBE_ENDPOINT, _APPLICATION_ID, _AUTH_KEY": func(o *connectycube.Options) { o.AuthKey = "wrong-auth-key" },
		"CONNECTYCUBE_SERVICE_LOGIN or _SERVICE_PASSWORD": func(o *connectycube.Options) {
			o.User = &connectycube.Credentials{Login: "service", Password: "wrong-service-password"}
		},
		"": func(*connectycube.Options) {},
	} {
		_, options := open(t)
		spoil(&options)
		err := liveCredentials(t.Context(), newClient(t, options), options)
		if (err == nil) != (name == "") || err != nil && !strings.HasPrefix(err.Error(), name) {
			t.Errorf("got error %v, want %q", err, name)
		}
	}
}
