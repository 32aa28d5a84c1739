package emulator

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"
)

// What a backend may take of our time and memory. They are this server's choice.
const (
	verifyTimeout = 10 * time.Second
	verifyBody    = 1 << 20
)

// verifier asks the backend.
type verifier struct {
	address url.URL
	mapping map[string]string
	client  http.Client
}

// newVerifier is nil without an identity provider.
func newVerifier(i *Identity) *verifier {
	if i == nil {
		return nil
	}
	address, _ := url.Parse(i.VerifyURL) // checked before
	v := &verifier{address: *address, mapping: i.Mapping, client: http.Client{
		Timeout:       verifyTimeout,
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}, // nothing to close later
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if v.mapping == nil {
		v.mapping = map[string]string{"uid": "#{user.id}"}
	}
	return v
}

// ask returns the backend's answer. Its errors don't show the address, whose token is a secret.
func (v *verifier) ask(ctx context.Context, token string) ([]byte, error) {
	address := v.address
	params := address.Query()
	params.Set("token", token)
	address.RawQuery = params.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, badAuthentication("The remote side can't be asked.")
	}
	req.Header.Set("Accept", "application/json")
	resp, err := v.client.Do(req)
	if err != nil {
		return nil, badAuthentication("The remote side doesn't answer.")
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, verifyBody+1))
	switch {
	case err != nil:
		return nil, badAuthentication("The response breaks off.")
	case len(raw) > verifyBody:
		return nil, badAuthentication("The response is larger than %d bytes.", verifyBody)
	case resp.StatusCode/100 != 2 && len(raw) == 0:
		return nil, badAuthentication("Unauthorized on remote side. Status: %d.With empty response", resp.StatusCode)
	case resp.StatusCode/100 != 2:
		return nil, badAuthentication("Unauthorized on remote side. Status: %d.Response %q", resp.StatusCode, raw[:min(len(raw), 500)])
	}
	return raw, nil
}
