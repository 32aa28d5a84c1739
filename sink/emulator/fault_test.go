package emulator

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// attempt is do for requests that may get no answer, or half of one.
func (c *testClient) attempt(rt http.RoundTripper, base, method, path, body string) (a testAnswer, err error) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for name, text := range c.header {
		req.Header.Set(name, text)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return a, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return testAnswer{resp.StatusCode, resp.Header, string(raw)}, err
}

func TestFaults(t *testing.T) {
	const made, absent = true, false
	cases := map[string]struct {
		fault  Fault
		status int   // 0: none
		broken error // what the client's error is; nil: anything, where there is no answer
		made   bool  // whether bob was signed up
		body   string
	}{
		"lose-before":         {fault: Fault{Do: LoseBefore}, made: absent},
		"lose-after":          {fault: Fault{Do: LoseAfter}, made: made},
		"late":                {fault: Fault{Do: Late, Delay: time.Hour}, made: absent},
		"late-with-an-answer": {fault: Fault{Do: Late, Delay: time.Hour, Status: 504}, status: 504, made: absent},
		"error-before":        {fault: Fault{Do: ErrorBefore}, status: 500, made: absent, body: "Internal Server Error"},
		"error-after":         {fault: Fault{Do: ErrorAfter, Status: 503}, status: 503, made: made},
		"throttle":            {fault: Fault{Do: Throttle}, status: 429, made: absent, body: "Too many requests"},
		"end-session":         {fault: Fault{Do: EndSession}, status: 401, made: absent, body: noSessionBody},
		"truncate":            {fault: Fault{Do: Truncate}, status: 201, broken: io.ErrUnexpectedEOF, made: made, body: `{"user":`},
		"foreign":             {fault: Fault{Do: Foreign}, status: 502, made: made, body: "<html>"},
		"foreign-success":     {fault: Fault{Do: Foreign, Status: 200}, status: 200, made: made, body: "<html>"},
		"reset":               {fault: Fault{Do: Reset}, broken: syscall.ECONNRESET, made: absent},
		"slow":                {fault: Fault{Do: Slow, Delay: time.Millisecond}, status: 201, made: made},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Run("in-process", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client := open(t, Options{Faults: []Fault{c.fault}})
					strike(t, client, client.server.Transport(), "http://emulator.test", c.status, c.broken, c.body, c.made)
					if c.fault.Do == Late {
						time.Sleep(time.Hour + time.Second)
						client.session("").do("GET", "/users/by_login?login=bob", "").want(t, 200, "")
					}
				})
			})
			t.Run("sockets", func(t *testing.T) {
				client := open(t, Options{Faults: []Fault{c.fault}})
				web := httptest.NewServer(client.server)
				defer web.Close()
				transport := &http.Transport{}
				defer transport.CloseIdleConnections()
				strike(t, client, transport, web.URL, c.status, c.broken, c.body, c.made)
			})
		})
	}
}

// strike signs bob up through a fault.
func strike(t *testing.T, client *testClient, rt http.RoundTripper, base string, status int, broken error, body string, made bool) {
	t.Helper()
	plans := client.server.faults.plans
	client.server.faults.plans = nil
	session := client.session("")
	client.server.faults.plans = plans

	session.t = t
	a, err := session.attempt(rt, base, "POST", "/users", `{"user":`+bob+`}`)
	if a.status != status || !strings.Contains(a.body, body) {
		t.Errorf("got %d %q, want %d with %q", a.status, a.body, status, body)
	}
	if wantError := status == 0 || broken != nil; (err != nil) != wantError || broken != nil && !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	if got := client.server.users.find("bob", "") != nil; got != made {
		t.Errorf("bob exists: %t, want %t", got, made)
	}
	if a, err := client.session("").attempt(rt, base, "GET", "/session", ""); err != nil || a.status != 200 {
		t.Errorf("after the fault: %d %s %v", a.status, a.body, err)
	}
}

func TestSlowAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := open(t, Options{Faults: []Fault{{Do: Slow, Delay: 30 * time.Second}}})
		began := time.Now()
		client.do("GET", "/session", "").want(t, 401, "")
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("answered after %s", took)
		}
	})
}

func TestShiftedPages(t *testing.T) {
	client := open(t, Options{})
	for _, login := range []string{"one", "two", "three", "four"} {
		client.signUp(`{"login":"` + login + `","password":"12345678","tag_list":"t"}`)
	}
	session := client.session("")
	for _, c := range []struct {
		shift int
		want  string
	}{{0, `"skip":2,"total_entries":4,"items":[{"id":4,`}, {-1, `"items":[{"id":2,`}, {-5, `"items":[{"id":1,`}, {2, `"items":[]`}} {
		if err := client.server.SetFaults(0, Fault{Do: ShiftPage, Call: List, Shift: c.shift}); err != nil {
			t.Fatal(err)
		}
		session.do("GET", "/users/v2?user_tags=t&offset=2", "").want(t, 200, c.want)
		session.do("GET", "/users/v2?user_tags=t&offset=2", "").want(t, 200, `"items":[{"id":3,`)
	}
}

// struck sends requests and writes what each got: "." is a 401, as without a fault.
func struck(client *testClient, requests int) string {
	var got strings.Builder
	for range requests {
		switch a := client.do("GET", "/session", ""); a.status {
		case 401:
			got.WriteString(".")
		case 429:
			got.WriteString("t")
		default:
			got.WriteString("e")
		}
	}
	return got.String()
}

func TestFaultPlans(t *testing.T) {
	for name, c := range map[string]struct {
		plans []Fault
		want  string
	}{
		"once":             {[]Fault{{Do: Throttle}}, "t........."},
		"storm":            {[]Fault{{Do: Throttle, Skip: 2, Times: 3}}, "..ttt....."},
		"other-call":       {[]Fault{{Do: Throttle, Call: SignUp}}, ".........."},
		"this-call":        {[]Fault{{Do: Throttle, Call: SessionShow}}, "t........."},
		"first-plan-wins":  {[]Fault{{Do: Throttle}, {Do: ErrorBefore, Times: 3}}, "teee......"},
		"certain":          {[]Fault{{Do: Throttle, Chance: 1}}, "tttttttttt"},
		"certain-but-once": {[]Fault{{Do: Throttle, Chance: 1, Times: 1}}, "t........."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := struck(open(t, Options{Faults: c.plans}), 10); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestFaultSeeds(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(5) {
		o := Options{FaultSeed: seed, Faults: []Fault{{Do: Throttle, Chance: 0.3}}}
		first, second := struck(open(t, o), 200), struck(open(t, o), 200)
		if first != second {
			t.Errorf("seed %d: %s and %s", seed, first, second)
		}
		if n := strings.Count(first, "t"); n < 40 || n > 80 {
			t.Errorf("seed %d: %d of 200 struck, want about 60", seed, n)
		}
		seen[first] = true
	}
	if len(seen) != 5 {
		t.Errorf("five seeds gave %d different series", len(seen))
	}
}

func TestFaultsOverHTTP(t *testing.T) {
	client := open(t, Options{})
	client.do("POST", "/__emulator/faults", `{"seed":7,"faults":[{"do":"late","call":"sign_up","delay":"2s","times":2},{"do":"throttle"}]}`).
		want(t, 200, `{"seed":7,"faults":[{"do":"late","call":"sign_up","times":2,"delay":"2s","struck":0},{"do":"throttle","struck":0}]}`)
	if got := struck(client, 2); got != "t." {
		t.Errorf("got %s, want t.", got)
	}
	client.do("GET", "/__emulator/faults", "").want(t, 200, `{"do":"throttle","struck":1}`)
	for body, fragment := range map[string]string{
		`{"faults":[{"do":"explode"}]}`:                     `unknown fault \"explode\"; there are lose_before, lose_after, late, `,
		`{"faults":[{"call":"list"}]}`:                      `a fault needs do: one of lose_before, `,
		`{"faults":[{"do":"late","call":"dial"}]}`:          `unknown call \"dial\"; there are session_create, `,
		`{"faults":[{"do":"late","delay":"soon"}]}`:         `fault late: delay \"soon\" isn't a time such as 2s or 500ms`,
		`{"faults":[{"do":"late","delay":"-1s"}]}`:          `can't be negative`,
		`{"faults":[{"do":"late","chance":1.5}]}`:           `isn't between 0 and 1`,
		`{"faults":[{"do":"error_before","status":99}]}`:    `isn't between 200 and 599`,
		`{"faults":[{"do":"error_before","statsu":500}]}`:   `unknown field \"statsu\"; a plan has seed and faults, and each fault has do, call, skip, times, chance, delay, status, shift`,
		`{"faults":[{"do":"error_before","status":"500"}]}`: `status: wrong kind of value (string); a plan has seed and faults`,
		`[]`:                         `the body: wrong kind of value (array)`,
		`{"do":"throttle"}`:          `do, call, skip, times, chance, delay, status, shift`,
		`{"faults":[{"do":"slow"}]}`: `fault slow needs a delay`,
		`{"faults":[{"do":"throttle","delay":"2s"}]}`:     `fault throttle takes no delay`,
		`{"faults":[{"do":"lose_after","status":500}]}`:   `fault lose_after takes no status`,
		`{"faults":[{"do":"lose_after","shift":1}]}`:      `fault lose_after takes no shift`,
		`{"faults":[{"do":"shift_page","call":"login"}]}`: `fault shift_page: login has no pages to shift; its call is list`,
	} {
		client.do("POST", "/__emulator/faults", body).want(t, 400, fragment)
	}
	client.do("GET", "/__emulator/faults", "").want(t, 200, `"seed":7`) // what was refused changed nothing
	client.do("POST", "/__emulator/faults", `{"faults":[{"do":"shift_page"}]}`).want(t, 200, `{"do":"shift_page","call":"list","struck":0}`)
	client.do("POST", "/__emulator/faults", `{"faults":[]}`).want(t, 200, `{"seed":0,"faults":[]}`)
	if _, err := Open(Options{Faults: []Fault{{Do: "explode"}}}); err == nil {
		t.Error("opened with an unknown fault")
	}
}

func TestFaultsAreCounted(t *testing.T) {
	client := open(t, Options{Faults: []Fault{{Do: Throttle, Times: 2}, {Do: LoseBefore}}})
	for range 3 {
		_, _ = client.attempt(client.server.Transport(), "http://emulator.test", "GET", "/session", "")
	}
	got := client.server.Counters()
	if got.Requests != 3 || got.Refused[SessionShow] != 2 {
		t.Errorf("%d requests, %d refused, want 3 and 2", got.Requests, got.Refused[SessionShow])
	}
}

// TestFaultsBesideEachOther is for the race detector: everything at once, and afterwards every user is there once.
func TestFaultsBesideEachOther(t *testing.T) {
	client := open(t, Options{ListLag: time.Millisecond, ActivityUpdates: true, FaultSeed: 1, Faults: []Fault{
		{Do: LoseAfter, Chance: 0.2}, {Do: LoseBefore, Chance: 0.2}, {Do: Throttle, Chance: 0.2}, {Do: Truncate, Chance: 0.2},
		{Do: Late, Delay: time.Microsecond, Chance: 0.2},
	}})
	web := httptest.NewServer(client.server)
	defer web.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			signer := client.with("CB-AuthKey", DefaultAuthKey)
			for j := range 25 {
				body := fmt.Sprintf(`{"user":{"login":"user-%d-%d","password":"12345678"}}`, i, j)
				for client.server.users.find(fmt.Sprintf("user-%d-%d", i, j), "") == nil {
					_, _ = signer.attempt(transport, web.URL, "POST", "/users", body)
				}
			}
			client.server.Requests()
		})
	}
	all.Wait()
	if got := client.server.Counters().Written.SignUp; got != 200 {
		t.Errorf("%d sign-ups, want 200", got)
	}
}
