package doctor_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/cmd/cubesync/internal/doctor"
	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
)

// A second sign-up that is refused for another reason proves nothing about the value that it shares.
func TestUniquenessIsProven(t *testing.T) {
	const limit, suspicious = `{"errors":{"base":["You have reached the users limit of your plan"]}}`, `{"errors":["Suspicious activity"]}`
	cases := map[string]struct {
		body  string
		every bool // sign-up after the first is refused, not only one that shares a value
		want  doctor.Answer
	}{
		"the-plan-is-full":                {limit, true, doctor.Unknown},
		"no-field-is-named":               {suspicious, true, doctor.Unknown},
		"another-field-is-taken":          {`{"errors":{"full_name":["has already been taken"]}}`, true, doctor.Unknown},
		"the-field-is-too-long":           {`{"errors":{"login":["is too long"]}}`, true, doctor.Unknown},
		"only-a-shared-one-is-suspicious": {suspicious, false, doctor.Yes},
		"the-field-is-taken":              {`{"errors":{"login":["has already been taken"]}}`, true, doctor.Yes},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient(t, emulator.Options{})
				base, logins := p.client.Base, map[string]bool{}
				p.client.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
					if !signUp(r) {
						return base.RoundTrip(r)
					}
					sent, err := io.ReadAll(r.Body)
					if err != nil {
						return nil, err
					}
					_, login, _ := strings.Cut(string(sent), `"login":"`)
					login, _, _ = strings.Cut(login, `"`)
					refused := logins[login] || c.every && len(logins) > 0
					logins[login] = true
					if refused {
						return &http.Response{StatusCode: http.StatusUnprocessableEntity, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(c.body))}, nil
					}
					r.Body = io.NopCloser(bytes.NewReader(sent))
					return base.RoundTrip(r)
				})
				facts := p.examine(t.Context(), t)
				if got := facts.Answer(doctor.UniqueLogins); got.Answer != c.want {
					t.Errorf("got %+v", got)
				}
				p.clean(t)
			})
		})
	}
}

// Files can't be looked up by their names: one that may be there is named.
func TestFilesInDoubtAreNamed(t *testing.T) {
	for _, do := range []emulator.FaultKind{emulator.LoseAfter, emulator.ErrorAfter, emulator.Truncate} {
		t.Run(string(do), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient(t, emulator.Options{Faults: []emulator.Fault{{Do: do, Call: emulator.BlobCreate}}})
				facts := p.examine(t.Context(), t)
				made := p.server.Counters().ByKind
				if made[emulator.BlobCreate]-made[emulator.BlobDelete] != 1 {
					t.Fatalf("the test proves nothing: %+v", made)
				}
				if len(facts.Left) != 1 || !strings.HasPrefix(facts.Left[0], "file "+doctor.Tag) {
					t.Errorf("left %s", facts.Left)
				}
			})
		})
	}
}

// However slow the service is: a doctor comes to an end, and cleans up.
func TestSlowServices(t *testing.T) {
	for _, delay := range []time.Duration{5 * time.Second, 25 * time.Second, 40 * time.Second} {
		t.Run(delay.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient(t, emulator.Options{})
				if err := p.server.SetFaults(1, emulator.Fault{Do: emulator.Slow, Chance: 1, Delay: delay}); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				facts := p.examine(t.Context(), t)
				if took := time.Since(began); took > 4*time.Minute {
					t.Errorf("it took %v", took)
				}
				if !facts.TooLong && facts.Trouble == nil {
					t.Errorf("nothing is said of it: %+v", facts)
				}
				noLie(t, facts, usual())
				time.Sleep(time.Minute)
				p.cleanBut(t, len(facts.Left))
			})
		})
	}
}

// Two doctors at once keep out of each other's way: neither removes what the other has made, and neither tells a lie.
func TestTwoDoctors(t *testing.T) {
	others := 0
	for gap := range 16 {
		synctest.Test(t, func(t *testing.T) {
			p := newPatient(t, emulator.Options{})
			second := *p
			done := make(chan doctor.Facts)
			go func() {
				time.Sleep(time.Duration(gap) * 900 * time.Millisecond)
				client, err := connectycube.New(second.client)
				if err != nil {
					panic(err)
				}
				second.options.Client = client
				facts := doctor.Examine(t.Context(), second.options)
				_ = client.Close(context.Background())
				done <- facts
			}()
			first := p.examine(t.Context(), t)
			for _, facts := range []doctor.Facts{first, <-done} {
				noLie(t, facts, usual())
				for q := range usual() {
					if c := facts.Answer(q); c.Answer == doctor.Unknown {
						t.Errorf("gap %d: %+v", gap, c)
					}
				}
				if facts.Others {
					others++
				}
				if len(facts.Left) > 0 || facts.Removed > 0 || facts.Trouble != nil {
					t.Errorf("gap %d: %+v", gap, facts)
				}
			}
			p.clean(t)
		})
	}
	if others == 0 {
		t.Error("no doctor noticed another")
	}
}

// A sign-in as owner that is carried out after its account was deleted makes a user of its login, where the service makes
// users of unknown logins.
func TestLateSignIns(t *testing.T) {
	for _, delay := range []time.Duration{2 * time.Second, 3 * time.Second, 4 * time.Second, 5 * time.Second} {
		for skip := range 8 {
			t.Run(fmt.Sprintf("%v-after-%d", delay, skip), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					troubled(t, emulator.Options{LoginCreatesUsers: true, WriteOthers: true}, emulator.Fault{Do: emulator.Late, Call: emulator.Login, Skip: skip, Delay: delay})
				})
			})
		}
	}
}

// What one kind of trouble does to one kind of call, a few times: whoever stays is named, and no answer is a lie.
func TestRepeatedFaults(t *testing.T) {
	for _, do := range []emulator.FaultKind{
		emulator.LoseAfter, emulator.Foreign, emulator.ErrorBefore, emulator.Truncate, emulator.Late, emulator.EndSession, emulator.Throttle,
	} {
		for _, call := range []emulator.Kind{
			emulator.AdminDelete, emulator.Delete, emulator.Login, emulator.SessionCreate, emulator.SignUp, emulator.Update, emulator.List,
			emulator.BlobCreate, emulator.BlobDelete, emulator.BlobRead,
		} {
			t.Run(string(call)+"-"+string(do), func(t *testing.T) {
				for n := range 2 * 2 * 2 {
					fault := emulator.Fault{Do: do, Call: call, Times: []int{2, 5}[n/2%2], Skip: []int{0, 2}[n/4]}
					if do == emulator.Late {
						fault.Delay = 5 * time.Second
					}
					synctest.Test(t, func(t *testing.T) {
						troubled(t, emulator.Options{LoginCreatesUsers: n%2 == 0, DenyOnTheFly: n%2 == 1}, fault)
					})
				}
			})
		}
	}
}

// Histories of trouble of several kinds, with any switches: whoever stays is named, and no answer is a lie.
func TestFaultHistories(t *testing.T) {
	kinds := []emulator.FaultKind{
		emulator.LoseBefore, emulator.LoseAfter, emulator.Late, emulator.ErrorBefore, emulator.ErrorAfter, emulator.Throttle,
		emulator.EndSession, emulator.Truncate, emulator.Foreign, emulator.Reset, emulator.ShiftPage,
	}
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 77))
				rarely := func() bool { return r.IntN(3) == 0 }
				o := emulator.Options{
					FaultSeed: seed, LoginCreatesUsers: !rarely(), ListLag: time.Duration(r.IntN(4)) * 2 * time.Second, WriteOthers: rarely(),
					NoAdminAPI: rarely(), SharedExternalIDs: rarely(), SharedEmails: rarely(), FixedExternalIDs: rarely(), DenyOnTheFly: rarely(),
					SignInEndsOthers: rarely(), NoRetryAfter: rarely(), NoV2: r.IntN(9) == 0, EmptyAnswers: rarely(),
				}
				var faults []emulator.Fault
				for range 1 + r.IntN(3) {
					f := emulator.Fault{Do: kinds[r.IntN(len(kinds))], Chance: []float64{0.05, 0.15, 0.3, 0.5}[r.IntN(4)]}
					if f.Do == emulator.Late {
						f.Delay = time.Duration(1+r.IntN(9)) * time.Second
					}
					faults = append(faults, f)
				}
				troubled(t, o, faults...)
			})
		})
	}
}

// troubled examines an application that is in trouble, and compares what is said of it with the truth.
func troubled(t *testing.T, o emulator.Options, faults ...emulator.Fault) {
	o.Faults = faults
	p := newPatient(t, o)
	time.Sleep(time.Minute) // the service user isn't new
	facts := p.examine(t.Context(), t)
	time.Sleep(time.Minute) // what is late is carried out
	if err := p.server.SetFaults(1); err != nil {
		t.Fatal(err)
	}
	p.cleanBut(t, len(facts.Left))
	if got := p.strangers(t); len(got) != 3 {
		t.Errorf("of those who were there before there are %s", got)
	}
	right := usual()
	for q, yes := range map[doctor.Question]bool{
		doctor.LoginMakesUsers: o.LoginCreatesUsers, doctor.SessionMakesUsers: !o.DenyOnTheFly, doctor.UpdateShared: o.WriteOthers,
		doctor.DeleteShared: o.WriteOthers, doctor.DeleteAdmin: !o.NoAdminAPI, doctor.UniqueEmails: !o.SharedEmails,
		doctor.UniqueExternalIDs: !o.SharedExternalIDs, doctor.PutExternalID: !o.FixedExternalIDs, doctor.ListAtOnce: o.ListLag == 0,
	} {
		right[q] = map[bool]doctor.Answer{true: doctor.Yes, false: doctor.No}[yes]
	}
	noLie(t, facts, right)
	if t.Failed() {
		t.Logf("%+v; left %s, trouble %+v", o, slices.Compact(facts.Left), facts.Trouble)
	}
}
