package connectycube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"cubesync/sync/account"

	"github.com/google/go-cmp/cmp"
)

// gate is a server that lets anybody in and keeps what they said.
type gate struct {
	said     []string      // method, path and body
	user     string        // who signs in, as JSON
	more     string        // who else is looked up
	refuses  bool          // logins
	behind   time.Duration // the gate's clock
	dateless bool          // it doesn't tell the time
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header()["Date"] = nil // net/http would add one
	if !g.dateless {
		w.Header().Set("Date", time.Now().Add(-g.behind).UTC().Format(http.TimeFormat))
	}
	g.said = append(g.said, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+string(body)))
	switch {
	case r.URL.Path == "/login.json" && g.refuses:
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprintf(w, `{"errors":[%q]}`, "wrong: "+string(body))
	case r.URL.Path == "/login.json":
		_, _ = fmt.Fprintf(w, `{"user":%s}`, g.user)
	case r.URL.Path == "/users/v2.json":
		query := r.URL.Query()
		_, _ = fmt.Fprintf(w, `{"total_entries":1,"items":[{"id":5,"login":%q,"email":%q}%s]}`, query.Get("login"), query.Get("email"), g.more)
	default:
		_, _ = fmt.Fprint(w, `{"session":{"id":1,"token":"t"}}`)
	}
}

func tokens(all ...string) func(context.Context) (token, secret string, err error) {
	return func(context.Context) (string, string, error) {
		next := all[0]
		all = all[1:]
		token, secret, _ := strings.Cut(next, ":")
		return token, secret, nil
	}
}

func TestSignInsAsTheyAreSent(t *testing.T) {
	const application = `POST /session.json {"application_id":7,"auth_key":"auth-key"}`
	const lookUp = "GET /users/v2.json" // of who has the login, where no id is expected
	tests := map[string]struct {
		who  Credentials
		want []string
	}{
		"login": {Credentials{Login: "l", Password: "p"}, []string{application, lookUp, `POST /login.json {"login":"l","password":"p"}`}},
		"email": {Credentials{Email: "e", Password: "p"}, []string{application, lookUp, `POST /login.json {"email":"e","password":"p"}`}},
		"guest": {
			Credentials{Guest: "Ann"},
			[]string{`POST /session.json {"application_id":7,"auth_key":"auth-key","user":{"full_name":"Ann","guest":"1"}}`},
		},
		"facebook": {
			Credentials{Provider: &Provider{Vouching: Facebook, Token: tokens("t")}},
			[]string{application, `POST /login.json {"keys":{"token":"t"},"provider":"facebook"}`},
		},
		"twitter": {
			Credentials{Provider: &Provider{Vouching: Twitter, Token: tokens("t:s")}},
			[]string{application, `POST /login.json {"keys":{"secret":"s","token":"t"},"provider":"twitter"}`},
		},
		"firebase-phone": {
			Credentials{Provider: &Provider{Vouching: FirebasePhone, Project: "x", Token: tokens("t")}},
			[]string{application, `POST /login.json {"firebase_phone":{"access_token":"t","project_id":"x"},"provider":"firebase_phone"}`},
		},
		"firebase-email": {
			Credentials{Provider: &Provider{Vouching: FirebaseEmail, Project: "x", Token: tokens("t")}},
			[]string{application, `POST /login.json {"firebase_email":{"access_token":"t","project_id":"x"},"provider":"firebase_email"}`},
		},
		"custom-identity": {
			Credentials{Provider: &Provider{Vouching: CustomIdentity, Token: tokens("t")}},
			[]string{application, `POST /login.json {"login":"t","password":"not-a-password"}`},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := &gate{user: `{"id":5}`}
			c := newTestClient(t, g)
			if err := test.who.check(); err != nil {
				t.Fatal(err)
			}
			c.options.User = &test.who
			if _, err := c.signIn(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(g.said, test.want); diff != "" {
				t.Errorf("got (-), want (+):\n%s", diff)
			}
		})
	}
}

func TestProviderIsAskedForEachSignIn(t *testing.T) {
	g := &gate{user: `{"id":5}`}
	c := newTestClient(t, g)
	c.options.User = &Credentials{Provider: &Provider{Vouching: CustomIdentity, Token: tokens("first", "second")}}
	for range 2 {
		if _, err := c.signIn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(g.said[1], "first") || !strings.Contains(g.said[3], "second") {
		t.Errorf("sent %v", g.said)
	}
}

func TestProviderFails(t *testing.T) {
	t.Run("no-token", func(t *testing.T) {
		g := &gate{}
		c := newTestClient(t, g)
		c.options.User = &Credentials{Provider: &Provider{Vouching: Facebook, Token: func(context.Context) (token, secret string, err error) {
			return "", "", errors.New("no token today")
		}}}
		_, err := c.signIn(t.Context())
		if account.KindOf(err) != account.Unauthenticated || !strings.Contains(err.Error(), "no token today") {
			t.Errorf("got error %v", err)
		}
		if last := g.said[len(g.said)-1]; last != "DELETE /session.json" {
			t.Errorf("the session was left: %v", g.said)
		}
	})
	t.Run("refused", func(t *testing.T) {
		c := newTestClient(t, &gate{refuses: true})
		c.options.User = &Credentials{Provider: &Provider{Vouching: Twitter, Token: tokens("hush-token:hush-secret")}}
		_, err := c.signIn(t.Context())
		if account.KindOf(err) != account.Unauthenticated || strings.Contains(err.Error(), "hush") {
			t.Errorf("got error %v", err)
		}
	})
}

func TestAnotherUserThanExpected(t *testing.T) {
	now := time.Now().UTC().Format(time.RFC3339)
	earlier := time.Now().Add(-2 * time.Hour).UTC().Format(time.RFC3339)
	tests := map[string]struct {
		user    map[string]any
		who     Credentials
		deleted bool
	}{
		"tells-no-date":    {map[string]any{"id": 9, "created_at": now}, Credentials{Login: "l", Password: "p", ID: 5}, false},
		"tells-too-little": {map[string]any{"id": 9, "created_at": now}, Credentials{Login: "l", Password: "p", ID: 5}, false},
		"another-clock":    {map[string]any{"id": 9, "created_at": earlier}, Credentials{Login: "l", Password: "p", ID: 5}, true},
		"no-id-configured": {map[string]any{"id": 9, "full_name": "Ann"}, Credentials{Login: "l", Password: "p"}, false}, // a look-up shows user 5
		"made-on-the-fly":  {map[string]any{"id": 9, "login": "l", "created_at": now}, Credentials{Login: "l", Password: "p", ID: 5}, true},
		"with-a-name":      {map[string]any{"id": 9, "full_name": "Ann", "created_at": now}, Credentials{Login: "l", Password: "p", ID: 5}, false},
		"older":            {map[string]any{"id": 9, "created_at": "2020-01-01T00:00:00Z"}, Credentials{Login: "l", Password: "p", ID: 5}, false},
		"of-a-provider":    {map[string]any{"id": 9, "created_at": now}, Credentials{Provider: &Provider{Vouching: Facebook, Token: tokens("t")}, ID: 5}, false},
		"with-external-id": {map[string]any{"id": 9, "external_id": "E1", "created_at": now}, Credentials{Login: "l", Password: "p", ID: 5}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			unclear := strings.HasPrefix(name, "tells-")
			for _, field := range wholeFields() {
				if test.user[field] == nil && name != "tells-too-little" {
					test.user[field] = nil
				}
			}
			body, _ := json.Marshal(test.user)
			g := &gate{user: string(body), dateless: name == "tells-no-date"}
			if name == "another-clock" {
				g.behind = 2 * time.Hour
			}
			c := newTestClient(t, g)
			c.options.User = &test.who
			_, err := c.signIn(t.Context())
			if account.KindOf(err) != account.Unauthenticated || !strings.Contains(err.Error(), "user 9 signed in, not user 5") {
				t.Errorf("got error %v", err)
			}
			advised := test.who.ID != 0 && !test.deleted && !unclear // the id of a user who is gone helps nobody
			if got := strings.Contains(err.Error(), "; write id: 9 under connectycube.service_user"); got != advised {
				t.Errorf("the id is advised: %v, want %v; error %v", got, advised, err)
			}
			deleted := strings.Contains(strings.Join(g.said, "\n"), "DELETE /users/9.json")
			if deleted != test.deleted || strings.Contains(err.Error(), "deleted again") != test.deleted {
				t.Errorf("deleted %v, want %v; error %v", deleted, test.deleted, err)
			}
			if strings.Contains(err.Error(), "may have made user 9") != unclear {
				t.Errorf("got error %v", err)
			}
		})
	}
}

// Where two have the e-mail, a look-up tells nothing about who signs in.
func TestServiceUserAmongTwo(t *testing.T) {
	g := &gate{user: `{"id":5}`, more: `,{"id":4,"email":"e"}`}
	c := newTestClient(t, g)
	c.options.User = &Credentials{Email: "e", Password: "p"}
	if s, err := c.signIn(t.Context()); err != nil || s == nil || c.serviceUser.Load() != 5 {
		t.Errorf("user %d, error %v", c.serviceUser.Load(), err)
	}
	c.serviceUser.Store(0)
	g.user = `{"id":4}`
	if _, err := c.signIn(t.Context()); err != nil || c.serviceUser.Load() != 4 {
		t.Errorf("user %d, error %v", c.serviceUser.Load(), err)
	}
}

// A look-up of the login that shows somebody else isn't believed: it tells nothing about who signs in.
func TestServiceUserWhoseLookUpIsIgnored(t *testing.T) {
	g := &gate{user: `{"id":5}`, more: `,{"id":4,"login":"another"}`}
	c := newTestClient(t, g)
	c.options.User = &Credentials{Login: "l", Password: "p"}
	if _, err := c.signIn(t.Context()); err != nil || c.serviceUser.Load() != 5 {
		t.Errorf("user %d, error %v", c.serviceUser.Load(), err)
	}
}

func TestCredentialsAreChecked(t *testing.T) {
	token := tokens("t")
	for name, test := range map[string]struct {
		who   Credentials
		words string
	}{
		"guest-and-login":    {Credentials{Guest: "Ann", Login: "l", Password: "p"}, "exactly one"},
		"provider-and-email": {Credentials{Provider: &Provider{}, Email: "e", Password: "p"}, "exactly one"},
		"guest-with-id":      {Credentials{Guest: "Ann", ID: 5}, "another user each time"},
		"nobody-vouches":     {Credentials{Provider: &Provider{Vouching: "aunt", Token: token}}, `"aunt"`},
		"no-project":         {Credentials{Provider: &Provider{Vouching: FirebaseEmail, Token: token}}, "project"},
		"idle-project":       {Credentials{Provider: &Provider{Vouching: Facebook, Project: "x", Token: token}}, "project"},
		"no-token":           {Credentials{Provider: &Provider{Vouching: Facebook}}, "token is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.who.check(); err == nil || !strings.Contains(err.Error(), test.words) {
				t.Errorf("got error %v", err)
			}
		})
	}
}
