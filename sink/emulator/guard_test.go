package emulator

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// socket sends a request as it comes over a socket, named as in header.
func (c *testClient) socket(method, path, body string, header http.Header) testAnswer {
	c.t.Helper()
	r := httptest.NewRequestWithContext(c.t.Context(), method, path, strings.NewReader(body))
	r.Host, r.Header = header.Get("Host"), header
	w := httptest.NewRecorder()
	c.server.ServeHTTP(w, r)
	return testAnswer{w.Code, w.Header(), w.Body.String()}
}

// A foreign name that leads here is DNS rebinding: its pages would be of one origin with this server.
func TestForeignNamesAreMisdirected(t *testing.T) {
	client := open(t, Options{})
	for host, want := range map[string]int{
		"127.0.0.1:8390": 200, "[::1]:8390": 200, "localhost": 200, "LocalHost:8390": 200, "10.0.2.2:8390": 200, "[fe80::1]": 200,
		"evil.example:8390": 421, "127.0.0.1.example": 421, "localhost.example": 421, "": 421,
	} {
		for _, path := range []string{"/__emulator/requests", "/"} {
			if got := client.socket("GET", path, "", http.Header{"Host": {host}}); got.status != want {
				t.Errorf("host %q, GET %s: %d, want %d", host, path, got.status, want)
			}
		}
	}
	evil := http.Header{"Host": {"evil.example"}, "Origin": {"http://evil.example"}, "Sec-Fetch-Site": {"same-origin"}}
	client.socket("POST", "/session", plainSession, evil).want(t, 421, "127.0.0.1 or localhost")
}

// A page of somewhere else can send a form or plain text here without asking, though it can't read the answer.
func TestForeignPagesWriteNothing(t *testing.T) {
	for name, c := range map[string]struct {
		header http.Header
		want   int
	}{
		"node":           {http.Header{"Sec-Fetch-Mode": {"cors"}}, 201},
		"page-of-here":   {http.Header{"Origin": {"http://localhost:3000"}, "Sec-Fetch-Site": {"cross-site"}}, 201},
		"own-page":       {http.Header{"Origin": {"http://127.0.0.1:8390"}, "Sec-Fetch-Site": {"same-origin"}}, 201},
		"foreign-page":   {http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}}, 403},
		"older-browser":  {http.Header{"Origin": {"https://evil.example"}}, 403},
		"hidden-origin":  {http.Header{"Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"}}, 403},
		"without-origin": {http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			client := open(t, Options{})
			c.header.Set("Host", "127.0.0.1:8390")
			c.header.Set("Content-Type", "text/plain")
			client.socket("POST", "/session", sessionOf(ann), c.header).want(t, c.want, "")
			if made := client.server.Counters().Written.OnTheFly == 1; made != (c.want == 201) {
				t.Errorf("a user was made: %t", made)
			}
			plan := client.socket("POST", "/__emulator/faults", `{"faults":[]}`, c.header)
			if refused := plan.status == 403; refused != (c.want == 403) {
				t.Errorf("planning faults: %d", plan.status)
			}
		})
	}
}
