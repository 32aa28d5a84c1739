package connectycube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"cubesync/sync/account"
)

func newTestExchange(t *testing.T, handler http.HandlerFunc) *exchange {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	e := newExchange(Options{Endpoint: server.URL, Workers: 8, Version: "1.2", Timeout: 200 * time.Millisecond})
	t.Cleanup(e.closeIdle)
	return e
}

func TestRequestAsItIsSent(t *testing.T) {
	e := newTestExchange(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s %s %s %s %s", r.Method, r.URL, r.UserAgent(), r.Header.Get("Content-Type"), r.Header.Get("Accept"), r.Header.Get("CB-AuthKey"), body)
		if _, ok := r.Header["Idempotency-Key"]; ok {
			t.Error("it carries an Idempotency-Key")
		}
	})
	got, err := e.send(t.Context(), &call{method: "PUT", path: "/users/5.json", query: "a=b%2B", body: []byte(`{}`), pass: pass{authKeyHeader, "k"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := "PUT /users/5.json?a=b%2B cubesync/1.2 application/json application/json k {}"; string(got.body) != want {
		t.Errorf("got %s, want %s", got.body, want)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	e := newTestExchange(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/users.json" {
			t.Errorf("followed to %s with %v", r.URL, r.Header)
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	got, err := e.send(t.Context(), &call{method: "GET", path: "/users.json", pass: pass{tokenHeader, "t"}})
	if err != nil || got.status != http.StatusTemporaryRedirect {
		t.Errorf("got %v, error %v", got, err)
	}
}

func TestAnswersThatCannotBeRead(t *testing.T) {
	tests := map[string]http.HandlerFunc{
		"announced-too-large": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(maxAnswer+1))
			w.WriteHeader(http.StatusOK)
		},
		"too-large": func(w http.ResponseWriter, _ *http.Request) {
			for range maxAnswer>>20 + 1 {
				_, _ = w.Write(bytes.Repeat([]byte{' '}, 1<<20))
			}
		},
		"cut-off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{")
		},
		"foreign": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
	}
	for name, handler := range tests {
		t.Run(name, func(t *testing.T) {
			e := newTestExchange(t, handler)
			e.timeout = 10 * time.Second
			got, err := e.send(t.Context(), &call{method: "GET", path: "/", read: accountForm().page(&page[account.Account]{})})
			unreadable, ok := errors.AsType[*unreadableError](err)
			if !ok || strings.Contains(name, "too-large") != strings.Contains(unreadable.reason, "16 MiB") {
				t.Errorf("got %v, error %v", got, err)
			}
		})
	}
	t.Run("silent", func(t *testing.T) {
		e := newTestExchange(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		if got, err := e.send(t.Context(), &call{method: "GET", path: "/"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, error %v", got, err)
		}
	})
	t.Run("refusal-that-is-cut-off", func(t *testing.T) {
		e := newTestExchange(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = io.WriteString(w, "{")
		})
		if got, err := e.send(t.Context(), &call{method: "POST", path: "/"}); err != nil || got.status != http.StatusUnprocessableEntity {
			t.Errorf("got %v, error %v", got, err)
		}
	})
}

// A request that isn't answered is given up: after half a minute, or when the options say so.
func TestSilenceEnds(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{0: 30 * time.Second, 7 * time.Second: 7 * time.Second} {
		t.Run(want.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newExchange(Options{Endpoint: "https://api.example.org", Timeout: timeout, Base: silence{}})
				began := time.Now()
				_, err := e.send(t.Context(), &call{method: "GET", path: "/"})
				if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != want {
					t.Errorf("gave up after %v: %v", took, err)
				}
			})
		})
	}
}

// An answer without an end fills no memory.
func TestNoMoreIsReadThanAllowed(t *testing.T) {
	body := &endless{}
	e := newExchange(Options{Endpoint: "https://api.example.org", Base: answeringWith(&http.Response{StatusCode: 200, ContentLength: -1, Body: io.NopCloser(body)})})
	_, err := e.send(t.Context(), &call{method: "GET", path: "/", limit: 1 << 20})
	if _, ok := errors.AsType[*unreadableError](err); !ok || body.read > 2<<20 {
		t.Errorf("read %d bytes; error %v", body.read, err)
	}
}

func TestUnreadableAnswerKeepsItsRequestID(t *testing.T) {
	for name, body := range map[string]io.Reader{"cut-off": iotest.ErrReader(io.ErrUnexpectedEOF), "foreign": strings.NewReader("<html>")} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{"X-Request-Id": {"r-7"}}
			e := newExchange(Options{Endpoint: "https://api.example.org", Base: answeringWith(&http.Response{StatusCode: 200, Header: header, Body: io.NopCloser(body)})})
			_, err := e.send(t.Context(), &call{method: "GET", path: "/", read: accountForm().page(&page[account.Account]{})})
			if unreadable, ok := errors.AsType[*unreadableError](err); !ok || unreadable.requestID != "r-7" {
				t.Errorf("got error %#v", err)
			}
		})
	}
}

type answeringFunc func() *http.Response

func (f answeringFunc) RoundTrip(*http.Request) (*http.Response, error) { return f(), nil }

func answeringWith(response *http.Response) answeringFunc {
	return func() *http.Response { return response }
}

// endless is a body of spaces, as far as one reads.
type endless struct{ read int64 }

func (e *endless) Read(into []byte) (int, error) {
	if e.read += int64(len(into)); e.read > 64<<20 {
		return 0, io.EOF // for a test that fails
	}
	return len(into), nil
}

// silence never answers.
type silence struct{}

func (silence) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// Every GET that is sent was let go and counted: net/http repeats none by itself.
func TestLostConnectionRepeatsNothing(t *testing.T) {
	var arrived atomic.Int32 // on connections of their own
	e := newTestExchange(t, func(w http.ResponseWriter, r *http.Request) {
		if arrived.Add(1) == 2 {
			panic(http.ErrAbortHandler)
		}
		if r.ContentLength != 0 || r.TransferEncoding != nil {
			t.Errorf("a GET has a body: %d, %v", r.ContentLength, r.TransferEncoding)
		}
		_, _ = io.WriteString(w, "{}")
	})
	e.timeout = 10 * time.Second
	for i := range 3 {
		_, err := e.send(t.Context(), &call{method: http.MethodGet, path: "/", kind: lookUpCall})
		if (err != nil) != (i == 1) {
			t.Errorf("error %v", err)
		}
	}
	if got := byKind(&e.calls)["look-up"]; got != 3 || arrived.Load() != 3 {
		t.Errorf("%d were counted, %d arrived", got, arrived.Load())
	}
}

// A balancer that has forgotten all kept connections costs one try, not one for each of them.
func TestOneLostConnectionIsEnough(t *testing.T) {
	const kept = 4
	var known sync.Map
	var forgotten atomic.Bool
	var all sync.WaitGroup
	all.Add(kept)
	e := newTestExchange(t, func(_ http.ResponseWriter, r *http.Request) {
		if forgotten.Load() {
			if _, old := known.Load(r.RemoteAddr); old {
				panic(http.ErrAbortHandler)
			}
			return
		}
		known.Store(r.RemoteAddr, true)
		all.Done()
		all.Wait() // each on a connection of its own
	})
	e.timeout = 10 * time.Second
	get := func() error {
		_, err := e.send(t.Context(), &call{method: http.MethodGet, path: "/", kind: lookUpCall})
		return err
	}
	var group sync.WaitGroup
	for range kept {
		group.Go(func() {
			if err := get(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	forgotten.Store(true)
	if err := get(); err == nil {
		t.Error("no connection was lost: this proves nothing")
	}
	if err := get(); err != nil {
		t.Error(err)
	}
}

func TestConnectionsAreReused(t *testing.T) {
	var mu sync.Mutex
	connections := map[string]bool{}
	e := newTestExchange(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		connections[r.RemoteAddr] = true
		mu.Unlock()
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, strings.Repeat("x", 10000))
	})
	e.timeout = 10 * time.Second
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				if _, err := e.send(t.Context(), &call{method: "GET", path: "/"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if len(connections) > 12 {
		t.Errorf("%d connections for 8 workers", len(connections))
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := Options{Endpoint: "https://api.example.com/", ApplicationID: "1", AuthKey: "secret-auth-key"}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		spoil func(*Options)
		words string
	}{
		"no-endpoint":      {func(o *Options) { o.Endpoint = "" }, "endpoint"},
		"no-scheme":        {func(o *Options) { o.Endpoint = "api.example.com" }, "endpoint"},
		"user-in-url":      {func(o *Options) { o.Endpoint = "https://u:secret-word@api.example.com" }, "no user"},
		"no-application":   {func(o *Options) { o.ApplicationID = "" }, "application id"},
		"no-auth-key":      {func(o *Options) { o.AuthKey = "" }, "authorization key"},
		"negative-limit":   {func(o *Options) { o.RequestsPerSecond = -1 }, "requests per second"},
		"nobody":           {func(o *Options) { o.User = &Credentials{Password: "secret-word"} }, "login or an e-mail"},
		"both":             {func(o *Options) { o.User = &Credentials{Login: "l", Email: "e", Password: "secret-word"} }, "login or an e-mail"},
		"without-password": {func(o *Options) { o.User = &Credentials{Login: "l"} }, "password"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			options := good
			test.spoil(&options)
			_, err := New(options)
			if err == nil || !strings.Contains(err.Error(), test.words) || strings.Contains(err.Error(), "secret-") {
				t.Errorf("got error %v", err)
			}
		})
	}
	for id, want := range map[string]string{"7": "7", "007": `"007"`, "-7": `"-7"`, `a"b`: `"a\"b"`} {
		if got := string(mustMarshal(applicationID(id))); got != want {
			t.Errorf("application id %q is sent as %s, want %s", id, got, want)
		}
	}
}

func TestUsersAsTheServiceMayWriteThem(t *testing.T) {
	tests := map[string]struct{ json, tags, id, data string }{
		"v2":      {`{"id":5,"external_id":"E1","user_tags":["b","a"],"custom_data":"{}"}`, "a,b", "E1", "{}"},
		"v1":      {`{"id":"5","external_id":17,"user_tags":"b, a","unknown":{"x":[1]}}`, "a,b", "17", ""},
		"bare":    {`{"id":5,"external_id":null,"user_tags":null,"custom_data":{"a":1}}`, "", "", `{"a":1}`},
		"broken":  {"{\"id\":5,\"external_id\":\"a\xffb\"}", "", "a\ufffdb", ""},
		"least":   {`{"id":5}`, "", "", ""},
		"oddness": {`{"id":5,"user_tags":[1,null,"x"],"created_at":"yesterday"}`, "1,x", "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got page[account.Account]
			if err := accountForm().page(&got)([]byte(`{"total_entries":1,"items":[` + test.json + `]}`)); err != nil {
				t.Fatal(err)
			}
			a := got.items[0]
			if a.ID != 5 || a.ExternalID != test.id || a.Values[6].Text != test.tags || a.Values[5].Text != test.data {
				t.Errorf("got %+v", a)
			}
			for field, value := range a.Values {
				if !value.Set {
					t.Errorf("field %d isn't set", field)
				}
			}
		})
	}
}
