package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

type closeNoter struct {
	io.Reader
	closed bool
}

func (c *closeNoter) Close() error { c.closed = true; return nil }

func TestTransportHonoursTheContext(t *testing.T) {
	const body = `{"user":{"login":"ann","password":"annspassword"}}`
	request := func(ctx context.Context) (*http.Request, *closeNoter) {
		noter := &closeNoter{Reader: strings.NewReader(body)}
		req, _ := http.NewRequestWithContext(ctx, "POST", "http://emulator.test/users", noter)
		req.Header.Set("CB-AuthKey", DefaultAuthKey)
		return req, noter
	}
	t.Run("over-before", func(t *testing.T) {
		client := open(t, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		req, noter := request(ctx)
		_, err := client.server.Transport().RoundTrip(req) //nolint:bodyclose // there is none
		if !errors.Is(err, context.Canceled) || !noter.closed || client.server.Counters().Requests != 0 {
			t.Errorf("error %v, body closed %v, requests %d", err, noter.closed, client.server.Counters().Requests)
		}
	})
	t.Run("over-meanwhile", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			client, _ := openSlow(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			req, noter := request(ctx)
			_, err := client.server.Transport().RoundTrip(req) //nolint:bodyclose // there is none
			if !errors.Is(err, context.DeadlineExceeded) || !noter.closed || client.server.Counters().Written.SignUp != 1 {
				t.Errorf("error %v, body closed %v, written %+v", err, noter.closed, client.server.Counters().Written)
			}
		})
	})
}

// Over sockets and in-process the answers are the same.
func TestTransportEqualsSockets(t *testing.T) {
	client := open(t, Options{})
	server := httptest.NewServer(client.server)
	defer server.Close()
	ask := func(base string, rt http.RoundTripper, method, path, body string) string {
		req, _ := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		raw, _ := io.ReadAll(resp.Body)
		return fmt.Sprint(resp.Status, resp.Header.Get("Content-Type"), resp.Header.Get("Allow"), resp.ContentLength, string(raw))
	}
	for _, c := range [][3]string{
		{"GET", "/", ""}, {"GET", "/nowhere", ""}, {"PATCH", "/session", ""}, {"GET", "/session", ""},
		{"POST", "/session", "{"}, {"POST", "/session", `{"a":"` + strings.Repeat("x", maxBody) + `"}`},
	} {
		overSockets := ask(server.URL, http.DefaultTransport, c[0], c[1], c[2])
		inProcess := ask("http://emulator.test", client.server.Transport(), c[0], c[1], c[2])
		if diff := cmp.Diff(overSockets, inProcess); diff != "" {
			t.Errorf("%s %s (-sockets +in-process):\n%s", c[0], c[1], diff)
		}
	}
}

// Everything at once, for the race detector; logins stay unique and nobody is lost.
func TestConcurrentUse(t *testing.T) {
	client := open(t, Options{Data: t.TempDir() + "/users.jsonl"})
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			own := fmt.Sprintf(`{"login":"user%d","password":"12345678"}`, worker)
			id := client.signUp(own)
			session := client.session(own)
			for i := range 20 {
				client.with("CB-AuthKey", DefaultAuthKey).do("POST", "/users", fmt.Sprintf(`{"user":{"login":"same%d","password":"12345678"}}`, i))
				session.do("PUT", fmt.Sprintf("/users/%d", id), fmt.Sprintf(`{"user":{"phone":"%d","tag_list":"hr,t%d"}}`, i, i%3)).want(t, 200, "hr")
				session.do("GET", "/users/v2?user_tags=hr&user_tags[nin][]=t1", "").want(t, 200, "items")
				session.do("GET", "/users/v2?user_tags=hr", "").want(t, 200, "items")
			}
			session.do("DELETE", fmt.Sprintf("/users/%d", id), "").want(t, 200, "")
		})
	}
	all.Wait()
	want := Writes{SignUp: 8 + 20, Update: 8 * 20, Delete: 8}
	if got := client.server.Counters().Written; got != want || client.server.users.count != 20 {
		t.Errorf("written %+v, %d users, want %+v and 20", got, client.server.users.count, want)
	}
}
