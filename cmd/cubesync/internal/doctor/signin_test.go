package doctor_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
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
