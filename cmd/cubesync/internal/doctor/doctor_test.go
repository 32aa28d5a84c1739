package doctor_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/cmd/cubesync/internal/doctor"
	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"

	gocmp "github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const servicePassword = "service-password"

// patient is an application to examine.
type patient struct {
	server  *emulator.Server
	client  connectycube.Options
	options doctor.Options
}

func newPatient(t *testing.T, o emulator.Options) *patient {
	t.Helper()
	o.Users = []emulator.SeedUser{
		{Login: "service", Password: servicePassword},
		{Login: "somebody", Password: "somebodys-password", ExternalID: "cubesync-doctor-not-tagged", Tags: []string{"staff"}},
		{Login: "tagged", Password: "somebodys-password", ExternalID: "E2", Tags: []string{doctor.Tag}},
	}
	server, err := emulator.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return &patient{
		server: server,
		client: connectycube.Options{
			Endpoint: "https://emulator.example.org", ApplicationID: emulator.DefaultApplicationID,
			AuthKey: emulator.DefaultAuthKey, AdminKey: emulator.DefaultAdminKey,
			User: &connectycube.Credentials{Login: "service", Password: servicePassword},
			Base: server.Transport(), Version: "test", RequestsPerSecond: 5,
		},
		options: doctor.Options{ServiceUser: true, AdminKey: true, Secret: "secret-of-throw-aways"},
	}
}

func (p *patient) examine(ctx context.Context, t *testing.T) doctor.Facts {
	t.Helper()
	client, err := connectycube.New(p.client)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close(context.WithoutCancel(ctx)) }() // some servers are down
	p.options.Client = client
	return doctor.Examine(ctx, p.options)
}

// clean fails unless every user that was made is gone again, and nobody else is.
func (p *patient) clean(t *testing.T) {
	t.Helper()
	p.cleanBut(t, 0)
}

// cleanBut lets some be there of whom the doctor said so.
func (p *patient) cleanBut(t *testing.T, left int) {
	t.Helper()
	w := p.server.Counters().Written
	if made, gone := w.SignUp+w.OnTheFly, w.Delete+w.AdminDelete; made < gone || made-gone > int64(left) {
		t.Errorf("%d users were made and %d deleted: %+v", made, gone, w)
	}
}

// usual are the answers of a server whose switches are at their defaults.
func usual() map[doctor.Question]doctor.Answer {
	return map[doctor.Question]doctor.Answer{
		doctor.SignUpKey: doctor.Yes, doctor.SignUpShared: doctor.Yes, doctor.ListByTag: doctor.Yes, doctor.ListAtOnce: doctor.Yes,
		doctor.FindByExternalID: doctor.Yes, doctor.FindByLogin: doctor.Yes, doctor.FindByEmail: doctor.Yes,
		doctor.UniqueLogins: doctor.Yes, doctor.UniqueEmails: doctor.Yes, doctor.UniqueExternalIDs: doctor.Yes,
		doctor.UpdateOwner: doctor.Yes, doctor.UpdateShared: doctor.No, doctor.PutExternalID: doctor.Yes,
		doctor.DeleteOwner: doctor.Yes, doctor.DeleteShared: doctor.No, doctor.DeleteAdmin: doctor.Yes,
		doctor.UploadFile: doctor.Yes, doctor.SessionMakesUsers: doctor.Yes, doctor.LoginMakesUsers: doctor.No,
	}
}

func answers(f doctor.Facts) map[doctor.Question]doctor.Answer {
	got := map[doctor.Question]doctor.Answer{}
	for _, c := range f.Checks {
		got[c.Question] = c.Answer
	}
	return got
}

type changed = map[doctor.Question]doctor.Answer

// switched are the answers that a switch changes; one that isn't listed changes none.
func switched() map[string]changed {
	return map[string]changed{
		"write-others":        {doctor.UpdateShared: doctor.Yes, doctor.DeleteShared: doctor.Yes},
		"no-admin-api":        {doctor.DeleteAdmin: doctor.No},
		"deny-on-the-fly":     {doctor.SessionMakesUsers: doctor.No},
		"login-creates-users": {doctor.LoginMakesUsers: doctor.Yes},
		"shared-external-ids": {doctor.UniqueExternalIDs: doctor.No},
		"shared-emails":       {doctor.UniqueEmails: doctor.No},
		"fixed-external-ids":  {doctor.PutExternalID: doctor.No},
		"list-lag":            {doctor.ListAtOnce: doctor.No},
	}
}

// settings are what to switch to; a boolean needs none.
func settings(name string) []string {
	return map[string][]string{
		"others-answer": {"404"}, "tags": {"array", "text"}, "reset-by": {"get", "post"}, "list-lag": {"700ms", "3s", "5s"}, "in-values": {"1", "2"},
	}[name]
}

func TestUnderEverySwitch(t *testing.T) {
	for _, s := range (&emulator.Options{}).Switches() {
		texts := settings(s.Name)
		if s.Type() == "bool" {
			texts = []string{"true"}
		}
		if len(texts) == 0 {
			t.Errorf("what can %s be set to?", s.Name)
		}
		for _, text := range texts {
			t.Run(s.Name+"-"+text, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var o emulator.Options
					for _, mine := range o.Switches() {
						if mine.Name == s.Name {
							if err := mine.Set(text); err != nil {
								t.Fatal(err)
							}
						}
					}
					p := newPatient(t, o)
					p.client.AuthSecret = emulator.DefaultAuthSecret
					p.answers(t, switched()[s.Name])
				})
			})
		}
	}
}

// answers examines, and compares the answers with the usual ones.
func (p *patient) answers(t *testing.T, but changed) {
	t.Helper()
	facts := p.examine(t.Context(), t)
	want := usual()
	maps.Copy(want, but)
	if diff := gocmp.Diff(answers(facts), want); diff != "" {
		t.Errorf("answers: got (-), want (+):\n%s\n%+v", diff, facts.Checks)
	}
	if facts.Trouble != nil || len(facts.Left) > 0 || facts.Removed != 0 {
		t.Errorf("got %+v", facts)
	}
	p.clean(t)
	if worst := p.server.Counters().WorstSecond.Requests; worst > 5 {
		t.Errorf("%d requests in one second", worst)
	}
}

func TestUnderOtherCredentials(t *testing.T) {
	cases := map[string]struct {
		emulator emulator.Options
		patient  func(*patient)
		want     changed
	}{
		"as-documented": {patient: func(*patient) {}},
		"wrong-admin-key": {
			patient: func(p *patient) { p.client.AdminKey = "not-the-admin-key" },
			want:    changed{doctor.DeleteAdmin: doctor.No},
		},
		"wrong-admin-key-and-lists-lag": {
			emulator: emulator.Options{ListLag: 3 * time.Second},
			patient:  func(p *patient) { p.client.AdminKey = "not-the-admin-key" },
			want:     changed{doctor.DeleteAdmin: doctor.No, doctor.ListAtOnce: doctor.No},
		},
		"guest": {patient: func(p *patient) { p.client.User = &connectycube.Credentials{Guest: "cubesync"} }},
		"no-admin-key": {
			patient: func(p *patient) { p.client.AdminKey, p.options.AdminKey = "", false },
			want:    changed{doctor.DeleteAdmin: doctor.NotTried},
		},
		"no-service-user": {
			emulator: emulator.Options{ListLag: 2 * time.Second},
			patient:  func(p *patient) { p.client.User, p.options.ServiceUser = nil, false },
			want: changed{
				doctor.SignUpShared: doctor.NotTried, doctor.UpdateShared: doctor.NotTried, doctor.ListAtOnce: doctor.No,
				doctor.DeleteShared: doctor.NotTried, doctor.UploadFile: doctor.NotTried,
			},
		},
		"nothing-but-the-auth-key": {
			patient: func(p *patient) {
				p.client.User, p.options.ServiceUser, p.client.AdminKey, p.options.AdminKey = nil, false, "", false
			},
			want: changed{
				doctor.SignUpShared: doctor.NotTried, doctor.UpdateShared: doctor.NotTried, doctor.DeleteAdmin: doctor.NotTried,
				doctor.DeleteShared: doctor.NotTried, doctor.UploadFile: doctor.NotTried,
			},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient(t, c.emulator)
				c.patient(p)
				p.answers(t, c.want)
			})
		})
	}
}

// Lists that lag further than a doctor waits: what only a look-up can show it doesn't know then, and it takes nobody for
// gone whom it never saw.
func TestListsThatLagTooFar(t *testing.T) {
	for _, lag := range []time.Duration{16 * time.Second, 20 * time.Second, 40 * time.Second, time.Hour} {
		for key, answer := range map[string]doctor.Answer{emulator.DefaultAdminKey: doctor.Yes, "not-the-admin-key": doctor.No} {
			t.Run(fmt.Sprintf("%v-%s", lag, key), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPatient(t, emulator.Options{ListLag: lag})
					p.client.AdminKey = key
					facts := p.examine(t.Context(), t)
					right := usual()
					right[doctor.ListAtOnce], right[doctor.DeleteAdmin] = doctor.No, answer
					noLie(t, facts, right)
					for q, words := range map[doctor.Question]string{
						doctor.ListByTag: "it didn't show a new account within 15s", doctor.UpdateOwner: "look-ups lag too far behind writes to tell",
					} {
						if c := facts.Answer(q); c.Answer != doctor.Yes && !strings.Contains(c.Words, words) {
							t.Errorf("%s: %q", q, c.Words)
						}
					}
					p.cleanBut(t, len(facts.Left))
				})
			})
		}
	}
}

// A limit below ours makes everything slower, and nothing wrong.
func TestThrottled(t *testing.T) {
	for _, mute := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := newPatient(t, emulator.Options{RequestsPerSecond: 2, NoRetryAfter: mute})
			facts := p.examine(t.Context(), t)
			noLie(t, facts, usual())
			if facts.Trouble != nil || len(facts.Left) > 0 { // a sign-in that was refused isn't one in doubt
				t.Errorf("got %+v", facts)
			}
			p.clean(t)
		})
	}
}

func TestSessionAndLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient(t, emulator.Options{ListLag: 3 * time.Second})
		base := p.client.Base
		p.client.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			time.Sleep(40 * time.Millisecond)
			return base.RoundTrip(r)
		})
		facts := p.examine(t.Context(), t)
		if facts.Latency != 40*time.Millisecond {
			t.Errorf("latency %v", facts.Latency)
		}
		if facts.Lag < 2*time.Second || facts.Lag > 6*time.Second {
			t.Errorf("lag %v", facts.Lag)
		}
		if s := facts.Session; s == nil || s.User == nil || s.User.Login.Text != "service" || s.Expires.IsZero() {
			t.Errorf("session %+v", s)
		}
		p.clean(t)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Whatever goes wrong once, or a few times: nobody is left behind, and no answer is a lie.
func TestFaults(t *testing.T) {
	kinds := []emulator.Kind{
		emulator.SignUp, emulator.Update, emulator.Delete, emulator.AdminDelete, emulator.Login, emulator.SessionCreate, emulator.List,
		emulator.BlobCreate, emulator.BlobDelete,
	}
	faults := []emulator.FaultKind{
		emulator.LoseBefore, emulator.LoseAfter, emulator.ErrorBefore, emulator.ErrorAfter, emulator.Throttle, emulator.EndSession,
		emulator.Truncate, emulator.Foreign, emulator.Reset,
	}
	for _, kind := range kinds {
		for _, fault := range faults {
			t.Run(string(kind)+"-"+string(fault), func(t *testing.T) {
				for skip := range 4 {
					synctest.Test(t, func(t *testing.T) {
						p := newPatient(t, emulator.Options{Faults: []emulator.Fault{{Do: fault, Call: kind, Skip: skip, Times: 1}}})
						facts := p.examine(t.Context(), t)
						p.clean(t)
						noLie(t, facts, usual())
						for _, left := range facts.Left { // what can't be looked up, or may come to be yet, is named
							file := kind == emulator.BlobCreate && strings.HasPrefix(left, "file ")
							if !file && !strings.HasPrefix(left, doctor.Tag+"-fly-") {
								t.Errorf("left: %s", facts.Left)
							}
						}
					})
				}
			})
		}
	}
}

// A sign-up that is answered with trouble, and carried out some seconds later.
func TestLateSignUps(t *testing.T) {
	for _, delay := range []time.Duration{500 * time.Millisecond, 2 * time.Second, 5 * time.Second} {
		for skip := range 7 {
			t.Run(fmt.Sprintf("%v-after-%d", delay, skip), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPatient(t, emulator.Options{Faults: []emulator.Fault{
						{Do: emulator.Late, Call: emulator.SignUp, Skip: skip, Delay: delay, Status: http.StatusGatewayTimeout},
					}})
					facts := p.examine(t.Context(), t)
					p.clean(t)
					noLie(t, facts, usual())
				})
			})
		}
	}
}

// Trouble of any kind, all the time.
func TestRandomFaults(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var plans []emulator.Fault
				for _, do := range []emulator.FaultKind{
					emulator.LoseBefore, emulator.LoseAfter, emulator.ErrorAfter, emulator.Throttle, emulator.EndSession, emulator.Truncate,
				} {
					plans = append(plans, emulator.Fault{Do: do, Chance: 0.04})
				}
				lag := time.Duration(seed%3) * time.Second
				p := newPatient(t, emulator.Options{Faults: plans, FaultSeed: seed, ListLag: lag})
				facts := p.examine(t.Context(), t)
				right := usual()
				if lag > 0 {
					right[doctor.ListAtOnce] = doctor.No
				}
				noLie(t, facts, right)
				p.cleanBut(t, len(facts.Left))
			})
		})
	}
}

// Ctrl-C at any moment, before or after the service did what it was asked: what was made is removed before the doctor
// ends, or named.
func TestInterrupted(t *testing.T) {
	for _, lag := range []time.Duration{0, 3 * time.Second} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("lag-%v-after-%t", lag, after), func(t *testing.T) {
				for stop := 1; stop < 90; stop++ {
					synctest.Test(t, func(t *testing.T) {
						interrupted(t, emulator.Options{ListLag: lag, WriteOthers: stop%2 == 0}, stop, after)
					})
				}
			})
		}
	}
}

func interrupted(t *testing.T, o emulator.Options, stop int, after bool) {
	p := newPatient(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sent, base, stopped := 0, p.client.Base, time.Time{}
	p.client.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
		if sent++; sent != stop {
			return base.RoundTrip(r)
		}
		stopped = time.Now()
		if !after {
			cancel()
			return base.RoundTrip(r)
		}
		answer, err := base.RoundTrip(r)
		cancel()
		if err == nil {
			err = answer.Body.Close()
		}
		return nil, cmp.Or(err, context.Canceled)
	})
	facts := p.examine(ctx, t)
	if took := time.Since(stopped); sent >= stop && took > 26*time.Second {
		t.Errorf("stopped at request %d: it took %v", stop, took)
	}
	if sent >= stop && facts.Trouble == nil && facts.Answer(doctor.SessionMakesUsers).Answer == doctor.Unknown {
		t.Errorf("stopped at request %d: no trouble: %+v", stop, facts)
	}
	if len(facts.Left) > 1 { // the one whose sign-up was cut off
		t.Errorf("stopped at request %d: left %s", stop, facts.Left)
	}
	p.cleanBut(t, len(facts.Left))
}

// A killed doctor leaves its accounts behind; the next one removes them, and nobody else.
func TestKilledAndTriedAgain(t *testing.T) {
	for name, admin := range map[string]bool{"all-keys": true, "no-admin-key": false} {
		t.Run(name, func(t *testing.T) { killedAndTriedAgain(t, admin) })
	}
}

func killedAndTriedAgain(t *testing.T, admin bool) {
	most, flew := 0, false
	for stop := range 110 {
		synctest.Test(t, func(t *testing.T) {
			p := newPatient(t, emulator.Options{LoginCreatesUsers: true})
			if !admin {
				p.client.AdminKey, p.options.AdminKey = "", false
			}
			base := p.client.Base
			var sent atomic.Int64
			p.client.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
				if sent.Add(1) > int64(stop) { // killed: nothing is sent any more
					return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
				}
				return base.RoundTrip(r)
			})
			p.examine(t.Context(), t)
			w := p.server.Counters().Written
			behind := int(w.SignUp + w.OnTheFly - w.Delete - w.AdminDelete)
			most, flew = max(most, behind), flew || behind > 0 && w.OnTheFly > 0
			p.client.Base = base
			facts := p.examine(t.Context(), t)
			if facts.Removed != behind {
				t.Errorf("killed after %d requests: %d accounts were left behind, %d removed", stop, behind, facts.Removed)
			}
			want := usual()
			want[doctor.LoginMakesUsers] = doctor.Yes
			if !admin {
				want[doctor.DeleteAdmin] = doctor.NotTried
			}
			if diff := gocmp.Diff(answers(facts), want); diff != "" {
				t.Errorf("killed after %d requests: answers: got (-), want (+):\n%s", stop, diff)
			}
			p.clean(t)
		})
	}
	if most == 0 || !flew {
		t.Error("no kill left an account behind, or none that a sign-in made: the test proves nothing")
	}
}

// noLie fails where an answer is neither right nor unknown.
func noLie(t *testing.T, facts doctor.Facts, right map[doctor.Question]doctor.Answer) {
	t.Helper()
	for _, c := range facts.Checks {
		if c.Answer != doctor.Unknown && c.Answer != right[c.Question] {
			t.Errorf("%s is answered with %q: %s", c.Question, c.Answer, c.Words)
		}
	}
}
