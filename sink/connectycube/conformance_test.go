package connectycube_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sink/sinktest"
)

// Crowds: one is more than a page and more than a look-up carries, the other enough for several callers.
const (
	wholeCrowd = 103
	smallCrowd = 12
)

// The suite passes over the emulator, with every answer to what the documentation leaves open, over sockets and in
// this process.
func TestConformance(t *testing.T) {
	for _, v := range variants() {
		t.Run(strings.ReplaceAll(v.name+"="+v.answer, " ", "-"), func(t *testing.T) {
			t.Parallel()
			t.Run("in-process", func(t *testing.T) { conformInTime(t, v) })
			t.Run("socket", func(t *testing.T) {
				crowd := smallCrowd // what a switch does to pages has nothing to do with sockets
				if v.answer == documented {
					crowd = wholeCrowd
				}
				conform(t, v, connectycube.Options{Endpoint: serve(t, v.open(t))}, crowd)
			})
		})
	}
}

const documented = "documented"

// variant is an emulator with one switch set.
type variant struct {
	name, answer string
	options      emulator.Options
}

// variants are the emulator as it is, and with every other answer of each of its switches.
func variants() []variant {
	all := []variant{{"as", documented, emulator.Options{}}}
	for i, s := range (&emulator.Options{}).Switches() {
		for _, answer := range s.Answers()[1:] {
			other := variant{name: s.Name, answer: answer}
			if err := other.options.Switches()[i].Set(answer); err != nil {
				panic(fmt.Sprintf("switch %s refuses its own answer: %v", s.Name, err))
			}
			all = append(all, other)
		}
	}
	return all
}

func (v variant) open(t *testing.T) *emulator.Server {
	t.Helper()
	options := v.options
	options.Users = []emulator.SeedUser{{Login: "service", Password: servicePassword}}
	server, err := emulator.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// conformInTime runs the suite where waiting takes no time.
func conformInTime(t *testing.T, v variant) {
	t.Helper()
	for _, c := range sinktest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := newClient(t, credentials(connectycube.Options{Endpoint: "https://emulator.example.org", Base: v.open(t).Transport()}))
				app := application(client, "throw-away", v.options, wholeCrowd)
				app.Tick = time.Second
				if err := c.Prove(t.Context(), app); err != nil {
					t.Errorf("%v\nwhat the case proves: %s", err, c.Why)
				}
			})
		})
	}
}

// conform runs the suite with a client that speaks to where the options say.
func conform(t *testing.T, v variant, to connectycube.Options, crowd int) {
	t.Helper()
	client := newClient(t, credentials(to))
	var tags atomic.Int64
	sinktest.Run(t, func(*testing.T) *sinktest.Application {
		return application(client, fmt.Sprint("throw-away-", tags.Add(1)), v.options, crowd)
	})
}

// credentials adds those of the emulator.
func credentials(to connectycube.Options) connectycube.Options {
	to.ApplicationID, to.AuthKey, to.AuthSecret = emulator.DefaultApplicationID, emulator.DefaultAuthKey, emulator.DefaultAuthSecret
	to.AdminKey, to.Version, to.Workers = emulator.DefaultAdminKey, "test", 8
	to.User = &connectycube.Credentials{Login: "service", Password: servicePassword}
	return to
}

// application is the emulator under every authority, and all that its options tell about it.
func application(client *connectycube.Client, tag string, server emulator.Options, crowd int) *sinktest.Application {
	return &sinktest.Application{
		Tag:      tag,
		Owner:    client.Service(connectycube.Authority{Updates: connectycube.UpdatesAsOwner, Deletes: connectycube.DeletesAsOwner, Passwords: oneOf(passwordOf)}),
		Shared:   client.Service(connectycube.Authority{Updates: connectycube.UpdatesAsShared, Deletes: connectycube.DeletesAsShared, SignUps: connectycube.SignUpsAsShared}),
		Admin:    client.Service(connectycube.Authority{Deletes: connectycube.DeletesAsAdmin}),
		Password: passwordOf,
		Lag:      server.ListLag,
		Crowd:    crowd,
		Facts: sinktest.Facts{
			SharedWrites: sinktest.Known(server.WriteOthers), AdminDeletes: sinktest.Known(!server.NoAdminAPI),
			UniqueEmails: sinktest.Known(!server.SharedEmails), UniqueExternalIDs: sinktest.Known(!server.SharedExternalIDs),
			AnyCharacters: sinktest.Yes,
		},
	}
}

func oneOf(password func(externalID string) string) func(string) []string {
	return func(externalID string) []string { return []string{password(externalID)} }
}

// What the client has to bear by itself doesn't show: throttling, with and without Retry-After, and sessions that end.
func TestConformanceUnderFaults(t *testing.T) {
	for name, trouble := range map[string]emulator.Options{
		"throttled":                     {Faults: []emulator.Fault{{Do: emulator.Throttle, Chance: 0.1}}},
		"throttled-without-retry-after": {Faults: []emulator.Fault{{Do: emulator.Throttle, Chance: 0.1}}, NoRetryAfter: true},
		"shared-session-ends":           {Faults: nowAndThen(1, emulator.EndSession, emulator.List)},
		"owner-session-ends":            {Faults: nowAndThen(0, emulator.EndSession, emulator.Update, emulator.Delete)},
	} {
		t.Run(name, func(t *testing.T) {
			for i, c := range sinktest.Cases() {
				t.Run(c.Name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { // where waiting takes no time
						trouble.FaultSeed = uint64(i)
						server := variant{options: trouble}.open(t)
						client := newClient(t, credentials(connectycube.Options{Endpoint: "https://emulator.example.org", Base: server.Transport()}))
						if err := c.Prove(t.Context(), application(client, "throw-away", trouble, wholeCrowd)); err != nil {
							t.Error(err)
						}
					})
				})
			}
		})
	}
}

// nowAndThen strikes one of 40 calls from the first on, so that what is repeated isn't struck again.
func nowAndThen(first int, do emulator.FaultKind, calls ...emulator.Kind) []emulator.Fault {
	var faults []emulator.Fault
	for _, call := range calls {
		for skip := first; skip < 1000; skip += 40 {
			faults = append(faults, emulator.Fault{Do: do, Call: call, Skip: skip})
		}
	}
	return faults
}

// Where lists lag for longer than anybody guessed, cases may fail, but leave nobody behind.
func TestCasesRemoveTheirAccountsUnderLag(t *testing.T) {
	for _, c := range sinktest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := variant{options: emulator.Options{ListLag: 6 * time.Second}}.open(t)
				client := newClient(t, credentials(connectycube.Options{Endpoint: "https://emulator.example.org", Base: server.Transport()}))
				guess := emulator.Options{ListLag: 2 * time.Second}
				err := c.Prove(t.Context(), application(client, "throw-away", guess, 5))
				written := server.Counters().Written
				if left := written.SignUp - written.Delete - written.AdminDelete; left != 0 || err != nil && strings.Contains(err.Error(), "can't be removed") {
					t.Errorf("of %d accounts %d are left; error %v", written.SignUp, left, err)
				}
			})
		})
	}
}
