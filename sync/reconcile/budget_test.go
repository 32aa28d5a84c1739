package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// newDistantWorld is a world under a limit, so far away, whose pipeline chooses its workers by itself. Updates are made as
// the users themselves, or as the service user where shared.
func newDistantWorld(t testingT, stateDir string, limit float64, latency time.Duration, shared bool) *world {
	t.Helper()
	const serviceUser, word = "service-user", "a word of the tests"
	w := newWorldOf(t, stateDir, emulator.Options{
		WriteOthers: shared, Users: []emulator.SeedUser{{Login: serviceUser, Password: word}},
	})
	options := connectycube.Options{
		Endpoint: "http://emulator.invalid", ApplicationID: "1", AuthKey: emulator.DefaultAuthKey, AdminKey: emulator.DefaultAdminKey,
		RequestsPerSecond: limit, Base: w.server.Transport(),
	}
	authority := connectycube.Authority{
		Updates: connectycube.UpdatesAsOwner, Deletes: connectycube.DeletesAsAdmin,
		Passwords: func(externalID string) []string {
			return []string{user.DerivePassword("a secret of the tests", externalID)}
		},
	}
	if shared {
		options.User = &connectycube.Credentials{Login: serviceUser, Password: word}
		authority.Updates = connectycube.UpdatesAsShared
	}
	client, err := connectycube.New(options)
	if err == nil {
		err = w.server.SetFaults(1, emulator.Fault{Do: emulator.Slow, Chance: 1, Delay: latency})
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	w.client = client
	w.Service, w.Calls, w.ServiceUser = client.Service(authority), client.Calls, client.UserID
	w.Workers, w.Width, w.Fits = connectycube.MaxWidth, client.Width, client.Fits
	w.Costs = reconcile.Costs{RateLimit: limit, OwnerUpdates: !shared, KeptSessions: client.KeptSessions}
	generous := plan.Ceiling{Floor: 1_000_000}
	w.Guards = plan.Limits{
		Deletes: generous, WeekDeletes: generous, Updates: generous, Creates: generous, Field: generous, Rekeyed: generous, Shrink: 1,
	}
	return w
}

// The calls that a plan announces are those that are made, by class: the client counts as many as the server does.
func TestAnnouncedCallsAreMade(t *testing.T) {
	const all = 230
	steps := []struct {
		name   string
		change func(w *world)
	}{
		{"creates", func(w *world) { w.source.persons = staff(all) }},
		{"nothing", func(*world) {}},
		{"updates", func(w *world) {
			for i := range 90 {
				w.source.persons[i][3] = "Renamed"
			}
		}},
		{"a-ring", func(w *world) { handRound(w.source.persons, 1, 2) }},
		{"deletes", func(w *world) { w.source.persons = w.source.persons[:all-40] }},
		{"everything", func(w *world) {
			handRound(w.source.persons[10:], 2)
			for i := range 60 {
				w.source.persons[i+20][3] = "Renamed again"
			}
			w.source.persons = append(slices.Clone(w.source.persons[:150]), person{"x1", "guest1"}, person{"x2", "guest2"})
		}},
	}
	for _, shared := range []bool{false, true} {
		for _, latency := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond} {
			t.Run(fmt.Sprintf("shared-%v-at-%v", shared, latency), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newDistantWorld(t, t.TempDir(), 50, latency, shared)
					defer func() { _ = w.client.Close(context.Background()) }()
					for _, step := range steps {
						step.change(w)
						before := w.server.Counters().Requests
						result := w.sync(t)
						wantStatus(t, result, state.Applied)
						b := result.Run.Budget
						if diff := cmp.Diff(b.Announced, b.Made); diff != "" {
							t.Errorf("%s: announced (-), made (+):\n%s", step.name, diff)
						}
						if c := result.Header.Calls; c.Sum() != b.Announced.Sum() || c.Seconds != float64(c.Sum())/50 {
							t.Errorf("%s: the plan announces %+v, the run %+v", step.name, c, b.Announced)
						}
						if sent := int(w.server.Counters().Requests - before); b.Made.Sum() != sent {
							t.Errorf("%s: the server counts %d requests, the run %+v", step.name, sent, b.Made)
						}
						t.Logf("%s: %+v", step.name, b.Made)
					}
				})
			})
		}
	}
}
