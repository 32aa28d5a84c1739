package connectycube

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"cubesync/sync/account"
	"cubesync/sync/user"

	"github.com/google/go-cmp/cmp"
)

// tagServer takes tags in some forms.
type tagServer struct {
	refuses func(body string) int // the status, 0: takes it
	sent    []string
}

func (s *tagServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, tags, _ := strings.Cut(string(body), `"tag_list":`)
	s.sent = append(s.sent, strings.TrimSuffix(tags, "}}"))
	if status := s.refuses(s.sent[len(s.sent)-1]); status != 0 {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"errors":{"tag_list":["can't be the %s"]}}`, map[byte]string{'[': "array", '"': "text"}[s.sent[len(s.sent)-1][0]])
		return
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprint(w, `{"user":{"id":5,"login":"l"}}`)
}

func signUpTagged(t *testing.T, c *Client, tags string) error {
	t.Helper()
	var u user.User
	u.Values[user.Login], u.Values[user.Tags] = user.Text("l"), user.Text(tags)
	_, err := c.signUp(t.Context(), u, "a-good-password", &call{pass: pass{authKeyHeader, c.options.AuthKey}})
	return err
}

func refusing(form string, status int) func(string) int {
	return func(body string) int {
		if strings.HasPrefix(body, form) {
			return status
		}
		return 0
	}
}

func TestTagsAsTheServerTakesThem(t *testing.T) {
	const invalid = http.StatusUnprocessableEntity
	tests := map[string]struct {
		refuses func(string) int
		want    []string // of two sign-ups
		kind    account.Kind
		fails   bool
	}{
		"array":           {refusing("?", 0), []string{`["a","b"]`, `["a","b"]`}, 0, false},
		"text":            {refusing("[", invalid), []string{`["a","b"]`, `"a,b"`, `"a,b"`}, 0, false},
		"neither":         {refusing("", invalid), []string{`["a","b"]`, `"a,b"`, `["a","b"]`, `"a,b"`}, account.Invalid, true},
		"text-in-trouble": {func(b string) int { return map[byte]int{'[': invalid, '"': 500}[b[0]] }, []string{`["a","b"]`, `"a,b"`, `["a","b"]`, `"a,b"`}, account.Ambiguous, true},
		"trouble":         {refusing("", 500), []string{`["a","b"]`, `["a","b"]`}, account.Ambiguous, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := &tagServer{refuses: test.refuses}
			c := newTestClient(t, s)
			for range 2 {
				err := signUpTagged(t, c, "a,b")
				if (err != nil) != test.fails || (test.fails && account.KindOf(err) != test.kind) {
					t.Errorf("got error %v", err)
				}
				if name == "neither" && !strings.Contains(err.Error(), "the array") { // it isn't the form: the first refusal says what is
					t.Errorf("got error %v", err)
				}
			}
			if diff := cmp.Diff(s.sent, test.want); diff != "" {
				t.Errorf("sent (-), want (+):\n%s", diff)
			}
		})
	}
	t.Run("array-once-taken", func(t *testing.T) {
		s := &tagServer{refuses: refusing("?", 0)}
		c := newTestClient(t, s)
		if err := signUpTagged(t, c, "a"); err != nil {
			t.Fatal(err)
		}
		s.refuses = refusing("", invalid) // these tags, not the form
		if err := signUpTagged(t, c, "odd"); account.KindOf(err) != account.Invalid || len(s.sent) != 2 {
			t.Errorf("got error %v; sent %v", err, s.sent)
		}
	})
}
