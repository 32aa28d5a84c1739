package connectycube_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
)

func TestSessionsAreSigned(t *testing.T) {
	t.Run("accepted", func(t *testing.T) {
		_, options := open(t)
		options.AuthSecret = emulator.DefaultAuthSecret
		if _, err := newClient(t, options).Session(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("secret-in-the-answer", func(t *testing.T) {
		_, options := open(t)
		options.AuthSecret = "hush-auth-secret"
		options.Base = answering(new([]string), http.StatusUnprocessableEntity, `{"errors":["not signed with hush-auth-secret"]}`)
		c, err := connectycube.New(options)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Session(t.Context())
		if account.KindOf(err) != account.Unauthenticated {
			t.Errorf("got error %v", err)
		}
		noSecret(t, err, options, "hush")
	})
	t.Run("wrong-secret", func(t *testing.T) {
		_, options := open(t)
		options.AuthSecret = "wrong-auth-secret"
		_, err := newClient(t, options).Session(t.Context())
		if account.KindOf(err) != account.Unauthenticated || !strings.Contains(err.Error(), "connectycube.auth_secret") {
			t.Errorf("got error %v", err)
		}
		noSecret(t, err, options, options.AuthSecret)
	})
}

// A signature is accepted once, so what is sent again is signed again.
func TestEachSendingIsSignedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, options := open(t)
		options.AuthSecret = emulator.DefaultAuthSecret
		var sent []string
		throttle := answering(&sent, http.StatusTooManyRequests, "")
		base := options.Base
		options.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path != "/session.json" || r.Method != http.MethodPost {
				return base.RoundTrip(r)
			}
			if len(sent) < 2 {
				return throttle(r)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			sent = append(sent, string(body))
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			return base.RoundTrip(r)
		})
		if _, err := newClient(t, options).Session(t.Context()); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, body := range sent {
			var params map[string]any
			if err := json.Unmarshal([]byte(body), &params); err != nil {
				t.Fatal(err)
			}
			seen[fmt.Sprint(params["nonce"], params["signature"])] = true
		}
		if len(sent) != 3 || len(seen) != 3 {
			t.Errorf("%d sendings with %d signatures", len(sent), len(seen))
		}
	})
}

func TestClockSkewIsExplained(t *testing.T) {
	for name, test := range map[string]struct {
		ahead  time.Duration // of the service's clock
		status int
		secret string
		words  string
	}{
		"behind":     {90 * time.Minute, 422, "s", "1h30m0s behind the service's"},
		"ahead":      {-25 * time.Hour, 401, "s", "25h0m0s ahead of the service's"},
		"within":     {59 * time.Minute, 401, "s", "connectycube.auth_secret"},
		"not-signed": {90 * time.Minute, 401, "", "connectycube.auth_key"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, options := open(t)
				options.AuthSecret = test.secret
				options.Base = roundTripper(func(*http.Request) (*http.Response, error) {
					recorder := httptest.NewRecorder()
					recorder.Header().Set("Date", time.Now().Add(test.ahead).UTC().Format(http.TimeFormat))
					recorder.WriteHeader(test.status)
					_, _ = recorder.WriteString(`{"errors":{"base":["Bad timestamp"]}}`)
					return recorder.Result(), nil
				})
				c, err := connectycube.New(options)
				if err != nil {
					t.Fatal(err)
				}
				_, err = c.Session(t.Context())
				if account.KindOf(err) != account.Unauthenticated || !strings.Contains(err.Error(), test.words) {
					t.Errorf("got error %v", err)
				}
			})
		})
	}
}
