package main

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sink/emulator"
)

// The keys of the service behind the proxy, and the proxy's password.
const (
	networkAuthKey    = "55555555-auth-key-of-the-network"
	networkAdminKey   = "66666666-admin-key-of-the-network"
	networkPassword   = "77777777-service-password-of-the-network"
	networkAuthSecret = "88888888-auth-secret-of-the-network"
	proxyWord         = "99999999-password-of-the-proxy"
)

// startNetwork starts a service whose certificate no system trusts, under a name that only the proxy can find.
func startNetwork(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 0)
	server, err := emulator.Open(emulator.Options{
		AuthKey: networkAuthKey, AdminKey: networkAdminKey, AuthSecret: networkAuthSecret, RequireSignature: true,
		Users: []emulator.SeedUser{{Login: "sync", Password: networkPassword}},
	})
	ts.Check(err)
	service := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = "localhost" // the emulator answers to no other name
		server.ServeHTTP(w, r)
	}))
	service.Config.ErrorLog = log.New(io.Discard, "", 0) // a client who doesn't trust it hangs up
	service.StartTLS()
	p := &connectProxy{to: service.Listener.Addr().String()}
	front := httptest.NewServer(p)
	ts.Defer(func() {
		front.CloseClientConnections()
		front.Close()
		service.CloseClientConnections()
		service.Close()
		ts.Check(server.Close())
	})
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: service.Certificate().Raw})
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), certificate, 0o600))
	ts.Setenv("ENDPOINT", "https://chat.example.com") // as the certificate of httptest has it
	ts.Setenv("PROXY", front.Listener.Addr().String())
	ts.Setenv("PROXY_WORD", proxyWord)
	for name, text := range map[string]string{
		"AUTH_KEY": networkAuthKey, "AUTH_SECRET": networkAuthSecret, "ADMIN_KEY": networkAdminKey, "PASSWORD": networkPassword,
	} {
		ts.Setenv(name, text)
		watchOf(ts).secret(text)
	}
	watchOf(ts).secret(proxyWord)
	watchOf(ts).proxy = p
}

// connectProxy leads every CONNECT to one server.
type connectProxy struct {
	to   string
	used atomic.Int64
}

func (p *connectProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	word := "Basic " + base64.StdEncoding.EncodeToString([]byte("sync:"+proxyWord))
	switch {
	case r.Method != http.MethodConnect || r.Host != "chat.example.com:443":
		http.Error(w, "unexpected "+r.Method+" "+r.Host, http.StatusBadGateway)
		return
	case r.Header.Get("Proxy-Authorization") != word:
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	p.used.Add(1)
	server, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", p.to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusOK)
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = server.Close()
		return
	}
	var both sync.WaitGroup
	for _, way := range []struct {
		to   net.Conn
		from io.Reader
	}{{server, buffered}, {client, server}} {
		both.Go(func() {
			_, _ = io.Copy(way.to, way.from) // until one side ends
			_ = client.Close()
			_ = server.Close()
		})
	}
	both.Wait()
}

func proxied(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, false, args, 0)
	p := watchOf(ts).proxy
	if p == nil {
		ts.Fatalf("no proxy was started")
	}
	if n := p.used.Swap(0); (n > 0) == neg {
		ts.Fatalf("the proxy was used %d times", n)
	}
}

// companyBackend answers who a token stands for, as an application with a Custom Identity Provider asks it.
type companyBackend struct {
	mu         sync.Mutex
	token, uid string
}

func (b *companyBackend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.URL.Query().Get("token") != b.token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	fmt.Fprintf(w, `{"user":{"id":%q}}`, b.uid)
}

func backend(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	w := watchOf(ts)
	w.secret(args[0])
	if w.backend == nil {
		w.backend = &companyBackend{}
		server := httptest.NewServer(w.backend)
		ts.Defer(server.Close)
		ts.Setenv("BACKEND", server.URL)
	}
	w.backend.mu.Lock()
	defer w.backend.mu.Unlock()
	w.backend.token, w.backend.uid = args[0], args[1]
}

func TestProxy(t *testing.T) {
	if proxy(config.Proxy{}) != nil {
		t.Error("a proxy where there is none")
	}
	if proxy(config.Proxy{Environment: true}) == nil {
		t.Error("the environment isn't asked for a proxy")
	}
}
