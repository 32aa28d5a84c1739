package connectycube_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sink/emulator"
	"cubesync/sync/account"
)

func TestSessionDetails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, options := open(t)
		base := options.Base
		options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			answer, err := base.RoundTrip(r)
			if err == nil { // the service's clock is ten minutes behind
				answer.Header.Set("Date", time.Now().Add(-10*time.Minute).UTC().Format(http.TimeFormat))
				answer.Header.Set("CB-Token-ExpirationDate", time.Now().Add(80*time.Minute).UTC().Format("2006-01-02 15:04:05 MST"))
			}
			return answer, err
		})
		c := newClient(t, options)
		service := find(t, c.Service(owner()), account.ByLogin, "service")[0]
		got, err := c.Session(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got.ID == 0 || got.UserID != service.ID || got.ApplicationID != emulator.DefaultApplicationID || got.CreatedAt.IsZero() || got.UpdatedAt.IsZero() {
			t.Errorf("got %+v", got)
		}
		if got.User == nil || got.User.Login.Text != "service" {
			t.Errorf("got user %+v", got.User)
		}
		if got.Skew != 10*time.Minute {
			t.Errorf("skew %v", got.Skew)
		}
		if left := time.Until(got.Expires); left != 90*time.Minute { // by the service's clock; ours is ahead of it
			t.Errorf("it expires in %v", left)
		}
	})
}

func TestSessionDetailsThatCannotBeRead(t *testing.T) {
	for _, body := range []string{``, `{}`, `<html>`, `{"session":null}`} {
		_, options := open(t)
		base := options.Base
		odd := answering(new([]string), http.StatusOK, body)
		options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodGet && r.URL.Path == "/session.json" {
				return odd(r)
			}
			return base.RoundTrip(r)
		})
		synctest.Test(t, func(t *testing.T) {
			_, err := newClient(t, options).Session(t.Context())
			if account.KindOf(err) != account.Unavailable || !strings.Contains(err.Error(), "no session") {
				t.Errorf("%q: got error %v", body, err)
			}
		})
	}
}
