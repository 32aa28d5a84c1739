package connectycube

import (
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"cubesync/sync/account"
)

func welcome(w http.ResponseWriter, _ *http.Request) {
	_, _ = fmt.Fprint(w, `{"session":{"id":1,"token":"t"}}`)
}

func openedSession(t *testing.T, o Options) error {
	t.Helper()
	o.ApplicationID, o.AuthKey = "7", "auth-key"
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.exchange.closeIdle)
	_, err = c.openSession(t.Context())
	return err
}

func TestProxy(t *testing.T) {
	asked := ""
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		welcome(w, r)
	}))
	defer proxy.Close()
	address, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := openedSession(t, Options{Endpoint: "http://api.example.org", Proxy: http.ProxyURL(address)}); err != nil {
		t.Fatal(err)
	}
	if asked != "http://api.example.org/session.json" {
		t.Errorf("the proxy was asked for %q", asked)
	}
}

// A write that no proxy took was never sent: it is in no doubt.
func TestProxyIsDown(t *testing.T) {
	proxy := httptest.NewServer(http.NotFoundHandler())
	address, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy.Close()
	e := newExchange(Options{Endpoint: "https://api.example.org", Proxy: http.ProxyURL(address)})
	_, err = e.send(t.Context(), &call{method: http.MethodPost, path: "/users.json", kind: signUpCall})
	if !neverConnected(err) {
		t.Errorf("got error %v", err)
	}
}

// So was one that the proxy refused, and the error says that it was the proxy.
func TestProxyThatRefuses(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()
	address, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			c, err := New(Options{Endpoint: scheme + "://api.example.org", ApplicationID: "7", AuthKey: "k", Proxy: http.ProxyURL(address)})
			if err != nil {
				t.Fatal(err)
			}
			defer c.exchange.closeIdle()
			as := &call{method: http.MethodPost, path: "/users.json", kind: signUpCall}
			got, err := c.exchange.send(t.Context(), as)
			err = c.failure(as, got, err)
			if account.KindOf(err) != account.Unavailable || !strings.Contains(err.Error(), "407") || !strings.Contains(err.Error(), "connectycube.proxy") {
				t.Errorf("got error %v", err)
			}
		})
	}
}

// A SOCKS proxy that can't reach the service leaves no connection either.
func TestSOCKSProxyThatCannotConnect(t *testing.T) {
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			client, err := proxy.Accept()
			if err != nil {
				return
			}
			hello := make([]byte, 300)
			_, _ = io.ReadAtLeast(client, hello, 3)
			_, _ = client.Write([]byte{5, 0})
			_, _ = io.ReadAtLeast(client, hello, 10)
			_, _ = client.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0}) // connection refused
			_ = client.Close()
		}
	})
	defer serving.Wait()
	defer func() { _ = proxy.Close() }()
	e := newExchange(Options{Endpoint: "https://api.example.org", Proxy: http.ProxyURL(&url.URL{Scheme: "socks5", Host: proxy.Addr().String()})})
	defer e.closeIdle()
	_, err = e.send(t.Context(), &call{method: http.MethodPost, path: "/users.json", kind: signUpCall})
	if !neverConnected(err) || !byProxy(err) {
		t.Errorf("got error %v", err)
	}
}

func TestRootCAs(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(welcome))
	defer server.Close()
	if err := openedSession(t, Options{Endpoint: server.URL}); account.KindOf(err) != account.Unavailable || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a stranger's certificate: got error %v", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	if err := openedSession(t, Options{Endpoint: server.URL, RootCAs: pool}); err != nil {
		t.Error(err)
	}
}

func TestTransportOptionsBesideATransport(t *testing.T) {
	for _, o := range []Options{{Proxy: http.ProxyFromEnvironment}, {RootCAs: x509.NewCertPool()}} {
		o.Endpoint, o.ApplicationID, o.AuthKey, o.Base = "https://api.example.org", "7", "auth-key", &http.Transport{}
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), "transport that is given") {
			t.Errorf("got error %v", err)
		}
	}
}

// No call follows a redirect with a credential, wherever it leads and whatever the call is.
func TestNoCredentialTravelsToAnotherHost(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s went elsewhere with %v", r.Method, r.URL, r.Header)
	}))
	defer elsewhere.Close()
	c := newTestClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/session.json" && r.Method == http.MethodPost {
			welcome(w, r)
			return
		}
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	_, sessionErr := c.Session(t.Context())
	_, listErr := listed(c, t)
	_, findErr := c.FindUsers(t.Context(), FieldLogin, "l")
	_, fileErr := c.File(t.Context(), 7)
	for _, err := range []error{
		sessionErr, listErr, findErr, fileErr, c.ResetPassword(t.Context(), "a@example.org"), c.DeleteFile(t.Context(), 7),
		signUpTagged(t, c, "a"), c.DeleteByExternalUserID(t.Context(), 17),
	} {
		if account.KindOf(err) != account.Unavailable {
			t.Errorf("got error %v", err)
		}
	}
}
