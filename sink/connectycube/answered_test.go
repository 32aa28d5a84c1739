package connectycube_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/user"
)

func TestSignUpAnsweredWithSomebodyElse(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		done bool
	}{
		"our-external-id":     {`{"user":{"id":"5","external_id":"E1","login":"renamed"}}`, true},
		"no-external-id":      {`{"user":{"id":5,"login":"hr-E1"}}`, true},
		"another-external-id": {`{"user":{"id":5,"external_id":"E9","login":"hr-E1"}}`, false},
		"another-login":       {`{"user":{"id":5,"external_id":null,"login":"hr-E9"}}`, false},
		"no-id":               {`{"user":{"external_id":"E1"}}`, false},
		"id-zero":             {`{"user":{"id":0,"external_id":"E1"}}`, false},
		"cut-off":             {`{"user":{"id":5,"external_id":"E1"`, false},
		"html":                {`<html>hello</html>`, false},
		"nothing":             {``, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, options := open(t)
			options.Base = answering(new([]string), http.StatusCreated, test.body)
			c, err := connectycube.New(options)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Service(owner()).Create(t.Context(), person("E1"), "a-good-password")
			if (err == nil) != test.done || (err != nil && account.KindOf(err) != account.Ambiguous) {
				t.Errorf("got error %v", err)
			}
		})
	}
}

// Without a login and an external ID in the answer nothing says whom it is about.
func TestSignUpAnsweredWithNobody(t *testing.T) {
	_, options := open(t)
	options.Base = answering(new([]string), http.StatusCreated, `{"user":{"id":5,"email":"e1@example.com"}}`)
	u := person("E1")
	u.Values[user.Login] = user.Text("")
	if _, err := newClient(t, options).Service(owner()).Create(t.Context(), u, "a-good-password"); err == nil || account.KindOf(err) != account.Ambiguous {
		t.Errorf("got error %v", err)
	}
}

// What is accepted only, or answered with no content, may never happen.
func TestAcceptedIsNotDone(t *testing.T) {
	for _, status := range []int{http.StatusAccepted, http.StatusNoContent} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			_, options := open(t)
			made := signUp(t, newClient(t, options).Service(owner()), "E1")
			base, accepted := options.Base, answering(new([]string), status, `{"user":{"id":`+fmt.Sprint(made.ID)+`,"external_id":"E1"}}`)
			options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/session.json" || r.URL.Path == "/login.json" || r.Method == http.MethodGet {
					return base.RoundTrip(r)
				}
				return accepted(r)
			})
			s := newClient(t, options).Service(owner())
			_, createErr := s.Create(t.Context(), person("E1"), "a-good-password")
			_, updateErr := s.Update(t.Context(), made, setting(user.FullName, "New"))
			for _, err := range []error{createErr, updateErr, s.Delete(t.Context(), made)} {
				if err == nil || account.KindOf(err) != account.Ambiguous {
					t.Errorf("got error %v", err)
				}
			}
		})
	}
}

// answering answers every request with the status and body, and keeps the bodies of the requests.
func answering(sent *[]string, status int, body string) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			got, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			*sent = append(*sent, string(got))
		}
		recorder := httptest.NewRecorder()
		recorder.WriteHeader(status)
		_, _ = recorder.WriteString(body)
		return recorder.Result(), nil
	}
}

func TestUpdateAnsweredWithSomebodyElse(t *testing.T) {
	server, options := open(t)
	s := newClient(t, options).Service(owner())
	made := signUp(t, s, "E1")
	base, other := options.Base, answering(new([]string), http.StatusOK, `{"user":{"id":424242,"external_id":"E1"}}`)
	options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPut {
			return other(r)
		}
		return base.RoundTrip(r)
	})
	_, err := newClient(t, options).Service(owner()).Update(t.Context(), made, setting(user.FullName, "New"))
	if err == nil || account.KindOf(err) != account.Ambiguous {
		t.Errorf("got error %v", err)
	}
	if got := server.Counters().ByKind[emulator.SessionDestroy]; got != 1 {
		t.Errorf("%d sessions were ended, want that of the owner", got)
	}
}
