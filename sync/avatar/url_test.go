package avatar

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// photos is a server of pictures on this machine, and what it was asked.
type photos struct {
	*httptest.Server
	mu    sync.Mutex
	asked []*http.Request
}

func serve(t *testing.T, plain bool, answer http.HandlerFunc) *photos {
	t.Helper()
	p := &photos{}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked = append(p.asked, r)
		p.mu.Unlock()
		answer(w, r)
	})
	if plain {
		p.Server = httptest.NewServer(handler)
	} else {
		p.Server = httptest.NewTLSServer(handler)
	}
	t.Cleanup(p.Close)
	return p
}

func (p *photos) host() string { return strings.SplitN(p.URL, "//", 2)[1] }

func (p *photos) requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked)
}

// album is one that may reach this machine, and trusts the servers.
func album(t *testing.T, change func(*Options), servers ...*photos) *Album {
	t.Helper()
	o := Options{From: FromURL, MaxBytes: 2000, Timeout: 5 * time.Second, RootCAs: x509.NewCertPool(), Reachable: netip.Addr.IsLoopback}
	for _, s := range servers {
		o.Hosts = append(o.Hosts, s.host())
		if s.Certificate() != nil {
			o.RootCAs.AddCert(s.Certificate())
		}
	}
	if change != nil {
		change(&o)
	}
	a := New(o)
	t.Cleanup(a.Close)
	return a
}

func TestFetch(t *testing.T) {
	content := picture(t, "png", 3, 3)
	s := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ann.png":
			_, _ = w.Write(content)
		case "/moved":
			http.Redirect(w, r, "/ann.png?again=1", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/elsewhere":
			http.Redirect(w, r, "https://photos.example.com/token-in-the-path?sig=secret", http.StatusFound)
		case "/down":
			http.Redirect(w, r, "http://"+r.Host+"/ann.png", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/odd":
			w.Header().Set("Location", "https://%zz/secret")
			w.WriteHeader(http.StatusFound)
		case "/large":
			w.Header().Set("Content-Length", "3000")
			_, _ = w.Write(make([]byte, 3000))
		case "/endless":
			for {
				if _, err := w.Write(make([]byte, 1000)); err != nil {
					return
				}
				w.(http.Flusher).Flush() //nolint:errcheck // as every ResponseWriter of the server is
			}
		case "/cut":
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(content)
		case "/page":
			_, _ = w.Write([]byte("<html>please sign in</html>"))
		default:
			http.NotFound(w, r)
		}
	})
	a := album(t, nil, s)
	for _, path := range []string{"/ann.png", "/moved", "/ann.png?sig=secret"} {
		got, err := a.Get(t.Context(), s.URL+path)
		if err != nil || !bytes.Equal(got.Content, content) {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, r := range s.asked {
		for _, header := range []string{"Referer", "Cookie", "Authorization", "Cb-Token"} {
			if value := r.Header.Get(header); value != "" {
				t.Errorf("%s was sent %s: %s", r.URL, header, value)
			}
		}
	}
	for cell, want := range map[string]string{
		s.URL + "/none?sig=secret":              s.URL + "/none answered 404",
		s.URL + "/loop":                         s.URL + "/loop redirects more than 3 times",
		s.URL + "/elsewhere":                    "the host photos.example.com isn't allowed (hosts)",
		s.URL + "/down":                         "http://" + s.host() + "/ann.png isn't an https address",
		s.URL + "/file":                         "file:///etc/passwd isn't an https address",
		s.URL + "/odd?sig=secret":               s.URL + "/odd can't be downloaded: its answer is broken",
		s.URL + "/large":                        "the picture is larger than 2000 bytes (max_bytes)",
		s.URL + "/endless":                      "the picture is larger than 2000 bytes (max_bytes)",
		s.URL + "/cut?sig=secret":               s.URL + "/cut can't be downloaded: its answer is broken",
		s.URL + "/page":                         "it is no PNG, JPEG, GIF or WebP picture",
		"ann.png":                               "the cell isn't an address",
		"ftp://" + s.host() + "/a":              "ftp://" + s.host() + "/a isn't an https address",
		"https://ann:secret@" + s.host() + "/a": "https://" + s.host() + "/a has a user in it, and credentials aren't sent",
		"https://photos.example.com/a":          "the host photos.example.com isn't allowed (hosts)",
		"https://" + s.host() + ".example.com/": "the cell isn't an address",
	} {
		_, err := a.Get(t.Context(), cell)
		problem(t, err, want)
	}
}

// Every address that is connected to is looked at, whatever led to it.
func TestAddressesAreChecked(t *testing.T) {
	const refused = "the host is at an address that isn't public, such as this machine or its network (networks)"
	content := picture(t, "png", 3, 3)
	inside := serve(t, false, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) })
	t.Run("as-configured", func(t *testing.T) {
		a := album(t, func(o *Options) { o.Reachable = nil; o.Networks = prefixes("127.0.0.0/8", "::1/128") }, inside)
		_, err := a.Get(t.Context(), inside.URL+"/a.png")
		problem(t, err, refused)
	})
	t.Run("by-name", func(t *testing.T) {
		_, port, _ := strings.Cut(inside.host(), ":")
		a := album(t, func(o *Options) { o.Reachable = nil; o.Hosts = []string{"localhost:" + port} }, inside)
		_, err := a.Get(t.Context(), "https://localhost:"+port+"/a.png")
		problem(t, err, refused)
	})
	t.Run("by-redirect", func(t *testing.T) {
		outside := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, inside.URL+"/a.png", http.StatusFound)
		})
		var dials []netip.Addr
		a := album(t, func(o *Options) {
			o.Reachable = func(at netip.Addr) bool {
				dials = append(dials, at)
				return len(dials) == 1 // as if the first were public
			}
		}, outside, inside)
		_, err := a.Get(t.Context(), outside.URL)
		problem(t, err, refused)
		if len(dials) != 2 {
			t.Errorf("looked at %v", dials)
		}
	})
	if n := inside.requests(); n > 0 {
		t.Errorf("the server inside was asked %d times", n)
	}
}

// A proxy of the environment would connect to what nobody looks at.
func TestNoProxyIsUsed(t *testing.T) {
	proxy := serve(t, true, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	t.Setenv("HTTPS_PROXY", proxy.URL)
	t.Setenv("HTTP_PROXY", proxy.URL)
	a := album(t, func(o *Options) { o.Plain, o.Hosts = true, []string{"photos.example.invalid"} })
	_, err := a.Get(t.Context(), "http://photos.example.invalid/a.png")
	if err == nil || proxy.requests() > 0 {
		t.Errorf("the proxy was asked %d times: %v", proxy.requests(), err)
	}
}

func TestPlainHTTPAndPorts(t *testing.T) {
	s := serve(t, true, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(picture(t, "gif", 2, 2)) })
	if _, err := album(t, func(o *Options) { o.Plain = true }, s).Get(t.Context(), s.URL); err != nil {
		t.Error(err)
	}
	_, err := album(t, nil, s).Get(t.Context(), s.URL)
	problem(t, err, s.URL+" isn't an https address")

	a := New(Options{From: FromURL, Hosts: []string{"Photos.example.com", "other.example.com:8443"}})
	for address, want := range map[string]bool{
		"https://photos.example.com/": true, "https://PHOTOS.example.com./": true, "https://photos.example.com:443/": true,
		"https://photos.example.com:8443/": false, "https://other.example.com:8443/": true, "https://other.example.com/": false,
		"https://evilphotos.example.com/": false, "https://photos.example.com.example.org/": false, "https://example.com/": false,
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.permits(u); (got == nil) != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

func TestCertificatesAreChecked(t *testing.T) {
	s := serve(t, false, func(http.ResponseWriter, *http.Request) {})
	s.Config.ErrorLog = nil
	a := album(t, func(o *Options) { o.RootCAs = x509.NewCertPool() }, s)
	_, err := a.Get(t.Context(), s.URL+"/a?sig=secret")
	if err == nil || !strings.Contains(err.Error(), "isn't who it says") || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

func TestTimeAndStop(t *testing.T) {
	hang := make(chan struct{})
	s := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
		_, _ = fmt.Fprint(w)
	})
	defer close(hang)
	_, err := album(t, func(o *Options) { o.Timeout = 50 * time.Millisecond }, s).Get(t.Context(), s.URL+"/slow?sig=secret")
	problem(t, err, s.URL+"/slow didn't answer in time (timeout)")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := album(t, nil, s).Get(ctx, s.URL); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestSources(t *testing.T) {
	a := New(Options{From: FromURL})
	for cell, want := range map[string]string{
		"https://ann:secret@photos.example.com/a.png?sig=secret#x": "https://photos.example.com/a.png", "a.png": "(not an address)", "https://%zz": "(not an address)",
	} {
		if got := a.Source(cell); got != want {
			t.Errorf("%q is shown as %q; want %q", cell, got, want)
		}
	}
	stamps := []string{a.Stamp("https://photos.example.com/a?1"), a.Stamp("https://photos.example.com/a?2"), New(Options{From: FromFile}).Stamp("https://photos.example.com/a?1")}
	slices.Sort(stamps)
	if len(slices.Compact(stamps)) != 3 || a.Local() || !New(Options{From: FromFile}).Local() {
		t.Errorf("stamps %q", stamps)
	}
}
