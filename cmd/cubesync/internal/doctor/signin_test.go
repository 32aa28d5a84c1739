package doctor_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"cubesync/cmd/cubesync/internal/doctor"
	"cubesync/sink/emulator"
)

// Where users have no password, the service isn't to blame for what they may not do.
func TestUsersWhoCannotSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient(t, emulator.Options{})
		base := p.client.Base
		p.client.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Body == nil || !strings.HasSuffix(r.URL.Path, "/login.json") {
				return base.RoundTrip(r)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			if bytes.Contains(body, []byte(doctor.Tag)) {
				return &http.Response{StatusCode: http.StatusUnauthorized, Body: io.NopCloser(strings.NewReader(`{"errors":["Unauthorized"]}`)), Request: r}, nil
			}
			return base.RoundTrip(r)
		})
		facts := p.examine(t.Context(), t)
		for _, q := range []doctor.Question{doctor.UpdateOwner, doctor.DeleteOwner} {
			if c := facts.Answer(q); c.Answer != doctor.No || !strings.HasPrefix(c.Words, "users can't sign in with the passwords") {
				t.Errorf("got %+v", c)
			}
		}
		p.clean(t)
	})
}

// A session that lives and is told 401 by a write is refused: that is a no.
func TestWritesThatAreUnauthorized(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient(t, emulator.Options{})
		base := p.client.Base
		p.client.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/users/") {
				return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"errors":["Not this one"]}`)), Request: r}, nil
			}
			return base.RoundTrip(r)
		})
		facts := p.examine(t.Context(), t)
		if c := facts.Answer(doctor.UpdateOwner); c.Answer != doctor.No || !strings.Contains(c.Words, "Not this one") {
			t.Errorf("got %+v", c)
		}
		p.clean(t)
	})
}

// A sign-in that was refused, or never sent, can't be carried out late: nobody is named who may be left.
func TestRefusedSignInsAreInNoDoubt(t *testing.T) {
	refusals := map[string]func(r *http.Request) (*http.Response, error){
		"throttled": func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
		},
		"never-connected": func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		},
	}
	for name, refuse := range refusals {
		t.Run(name, func(t *testing.T) {
			for skip := range 8 {
				synctest.Test(t, func(t *testing.T) {
					p := newPatient(t, emulator.Options{LoginCreatesUsers: true})
					base, signIns := p.client.Base, 0
					p.client.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
						if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/login.json") {
							if signIns++; signIns == skip+1 {
								return refuse(r)
							}
						}
						return base.RoundTrip(r)
					})
					if facts := p.examine(t.Context(), t); len(facts.Left) > 0 || facts.Trouble != nil {
						t.Errorf("sign-in %d: left %s, trouble %v", skip, facts.Left, facts.Trouble)
					}
					p.clean(t)
				})
			}
		})
	}
	t.Run("session-ended", func(t *testing.T) {
		for skip := range 8 {
			synctest.Test(t, func(t *testing.T) {
				p := newPatient(t, emulator.Options{LoginCreatesUsers: true})
				if err := p.server.SetFaults(1, emulator.Fault{Do: emulator.EndSession, Call: emulator.Login, Skip: skip}); err != nil {
					t.Fatal(err)
				}
				if facts := p.examine(t.Context(), t); len(facts.Left) > 0 || facts.Trouble != nil {
					t.Errorf("sign-in %d: left %s, trouble %v", skip, facts.Left, facts.Trouble)
				}
				p.clean(t)
			})
		}
	})
}
