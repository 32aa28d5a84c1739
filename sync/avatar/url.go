package avatar

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxHops is how many redirects are followed.
const maxHops = 3

// newClient makes a client of its own for other people's servers: no proxy, which would connect to what the check of
// addresses never sees, no cookies, and no credential of anybody.
func (a *Album) newClient() *http.Client {
	dialer := &net.Dialer{Timeout: a.options.Timeout, Control: a.control}
	return &http.Client{
		Timeout: a.options.Timeout,
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: a.options.RootCAs, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:      true,
			DisableCompression:     true, // pictures are compressed, and what unpacks to a thousand times its size isn't wanted
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConnsPerHost:    8,
			IdleConnTimeout:        10 * time.Second,
		},
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			next.Header.Del("Referer") // what is secret in an address is nobody else's
			if len(via) > maxHops {
				return problemf("%s redirects more than %d times", shown(via[0].URL), maxHops)
			}
			return a.permits(next.URL)
		},
	}
}

// permits refuses addresses that nobody allowed.
func (a *Album) permits(u *url.URL) error {
	scheme := strings.ToLower(u.Scheme)
	port := map[string]string{"https": "443", "http": "80"}[scheme]
	switch {
	case port == "" || scheme == "http" && !a.options.Plain:
		return problemf("%s isn't an https address", shown(u))
	case u.User != nil:
		return problemf("%s has a user in it, and credentials aren't sent", shown(u))
	}
	name := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	with := net.JoinHostPort(name, u.Port())
	for _, host := range a.options.Hosts {
		host = strings.ToLower(host)
		if host == with || host == name && (u.Port() == "" || u.Port() == port) {
			return nil
		}
	}
	return problemf("the host %s isn't allowed (hosts)", u.Host)
}

// fetch downloads a picture.
func (a *Album) fetch(ctx context.Context, cell string) ([]byte, error) {
	u, err := url.Parse(cell)
	if err != nil || u.Host == "" {
		return nil, problemf("the cell isn't an address")
	}
	if err := a.permits(u); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, problemf("the cell isn't an address")
	}
	request.Header.Set("User-Agent", "cubesync")
	request.Header.Set("Accept", "image/png, image/jpeg, image/gif, image/webp")
	answer, err := a.client.Do(request)
	if err != nil {
		return nil, failed(u, err)
	}
	defer func() { _ = answer.Body.Close() }() // it was only read
	switch {
	case answer.StatusCode != http.StatusOK:
		return nil, problemf("%s answered %d", shown(u), answer.StatusCode)
	case answer.ContentLength > int64(a.options.MaxBytes):
		return nil, a.tooLarge()
	}
	content, err := io.ReadAll(io.LimitReader(answer.Body, int64(a.options.MaxBytes)+1))
	if err != nil {
		return nil, failed(u, err)
	}
	return content, nil
}

// failed says why a download failed, in words that hold no more of an address than shown does.
func failed(u *url.URL, err error) error {
	if problem, ok := errors.AsType[*ProblemError](err); ok {
		return problem
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return problemf("%s didn't answer in time (timeout)", shown(u))
	}
	if outer, ok := errors.AsType[*net.OpError](err); ok {
		return problemf("%s can't be reached: %v", shown(u), outer)
	}
	if outer, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return problemf("%s isn't who it says: %v", shown(u), outer.Err)
	}
	return problemf("%s can't be downloaded: its answer is broken", shown(u)) // other errors may quote addresses
}

// shown is an address without user, query and fragment, which may hold what gives access.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

func shownText(cell string) string {
	u, err := url.Parse(cell)
	if err != nil || u.Host == "" {
		return "(not an address)"
	}
	return shown(u)
}
