package connectycube_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/user"
)

// Something on the way that loses the question makes strangers of the answer: nobody is believed to be there, and nobody
// is written.
func TestIgnoredQuestion(t *testing.T) {
	server, options := onServer(t, emulator.Options{WriteOthers: true})
	first := signUp(t, newClient(t, options).Service(owner()), "E1")
	second := signUp(t, newClient(t, options).Service(owner()), "E2")
	base := options.Base
	options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
		if strings.HasPrefix(r.URL.Path, "/users/v2") {
			r = r.Clone(r.Context())
			r.URL.RawQuery = "login=" + second.Values[user.Login].Text + "&sort_asc=id"
		}
		return base.RoundTrip(r)
	})
	options.User = &connectycube.Credentials{Login: "service", Password: servicePassword, ID: 1}
	c := newClient(t, options)
	shared := c.Service(connectycube.Authority{Updates: connectycube.UpdatesAsShared})
	for name, ask := range map[string]func() error{
		"list": func() error {
			return shared.List(t.Context(), "our-tag", func(a account.Account) error {
				t.Errorf("listed %v", a)
				return nil
			})
		},
		"list-changed": func() error {
			_, err := shared.ListChanged(t.Context(), "our-tag", first.UpdatedAt, func(a account.Account) error {
				t.Errorf("listed %v", a)
				return nil
			})
			return err
		},
		"find": func() error {
			found, err := shared.Find(t.Context(), account.ByLogin, []string{"hr-E1"})
			if len(found) != 0 {
				t.Errorf("found %v", found)
			}
			return err
		},
		"find-users": func() error {
			found, err := c.FindUsers(t.Context(), connectycube.FieldExternalID, "E1")
			if len(found) != 0 {
				t.Errorf("found %v", found)
			}
			return err
		},
		"update-as-shared": func() error {
			_, err := shared.Update(t.Context(), first, setting(user.FullName, "Ann"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := ask()
			if account.KindOf(err) != account.Unavailable || err == nil || !strings.Contains(err.Error(), "ignored the question") || !strings.Contains(err.Error(), "connectycube.endpoint") {
				t.Errorf("got error %v", err)
			}
		})
	}
	if got := server.Counters().Written; got.Update != 0 {
		t.Errorf("written %+v", got)
	}
}

// showing puts something else into what look-ups show.
func showing(shown, instead string, base http.RoundTripper) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		got, err := base.RoundTrip(r)
		if err != nil || !strings.HasPrefix(r.URL.Path, "/users/v2") {
			return got, err
		}
		body, err := io.ReadAll(got.Body)
		body = bytes.ReplaceAll(body, []byte(instead), []byte(shown))
		got.Body, got.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return got, err
	}
}

// A server that answers what it is asked is believed, though it hides the value, folds it in a way of its own, or lags.
func TestAnswerThatDoesNotShowTheValue(t *testing.T) {
	for name, shown := range map[string]string{"hidden": `"login":null`, "another": `"login":"not-yet"`} {
		t.Run(name, func(t *testing.T) {
			_, options := open(t)
			made := signUp(t, newClient(t, options).Service(owner()), "E1")
			login := made.Values[user.Login].Text
			options.Base = showing(shown, `"login":"`+login+`"`, options.Base)
			found, err := newClient(t, options).Service(owner()).Find(t.Context(), account.ByLogin, []string{login})
			if err != nil || len(found) != 1 {
				t.Errorf("found %v, error %v", found, err)
			}
		})
	}
}
