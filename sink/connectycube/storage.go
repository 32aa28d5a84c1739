package connectycube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"cubesync/sync/account"
)

// maxHops is how many redirects a download follows.
const maxHops = 3

// store uploads the file to where the service wants it. The storage is somebody else's: no header of ours that carries
// a credential goes there, and it takes no permit from our limit. It is sent once; what fails is in doubt.
func (c *Client) store(ctx context.Context, destination string, f NewFile) error {
	u, fields, err := c.storageForm(destination)
	as := &call{name: uploadFileName, kind: uploadCall, method: http.MethodPost}
	if err != nil {
		return &account.Error{Kind: account.Unavailable, Call: as.name, Words: err.Error()}
	}
	as.secrets = []string{u.String(), destination}
	for _, field := range fields {
		as.secrets = append(as.secrets, field.value)
	}
	body, contentType := multipartBody(fields, f)
	got, err := c.exchange.foreign(ctx, as, u.String(), body, contentType)
	if err == nil && (got.done() || got.status == http.StatusNoContent) {
		return nil
	}
	failed := c.failure(as, got, err)
	known, ok := errors.AsType[*account.Error](failed)
	if ok && known.Kind == account.Unauthenticated {
		known.Kind = account.Forbidden // the storage refuses this upload; it knows nothing of our credentials
	}
	if ok && known.Hint == hintEndpoint { // it isn't the service that can't be reached
		known.Hint = "check that " + u.Host + " can be reached: the service keeps files there"
	}
	return failed
}

type formField struct{ name, value string }

// storageForm takes the address of an upload apart: scheme, host and path are where it goes, and every query parameter
// is a form field, decoded as the JavaScript SDK does it, where a plus is a plus.
func (c *Client) storageForm(destination string) (*url.URL, []formField, error) {
	u, err := url.Parse(destination)
	if err != nil || u.Host == "" || !c.mayTrust(u) {
		return nil, nil, errors.New("the service named no address of the kind that files may be uploaded to")
	}
	var fields []formField
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, _ := strings.Cut(part, "=")
		plainName, nameErr := url.PathUnescape(name)
		plainValue, valueErr := url.PathUnescape(value)
		if nameErr != nil || valueErr != nil {
			return nil, nil, errors.New("the service named an address to upload to whose parameters can't be read")
		}
		if plainName != "" {
			fields = append(fields, formField{plainName, plainValue})
		}
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}, fields, nil
}

// mayTrust reports whether a file may travel to or from the address: encrypted, wherever the service is reached so.
func (c *Client) mayTrust(u *url.URL) bool {
	return u.Scheme == "https" || (u.Scheme == "http" && strings.HasPrefix(c.options.Endpoint, "http:"))
}

// multipartBody writes the form, the file last: the storage ignores what comes after it.
func multipartBody(fields []formField, f NewFile) (body []byte, contentType string) {
	var out bytes.Buffer
	form := multipart.NewWriter(&out) // writes to memory, which doesn't fail
	for _, field := range fields {
		_ = form.WriteField(field.name, field.value)
	}
	header := textproto.MIMEHeader{
		"Content-Disposition": {mime.FormatMediaType("form-data", map[string]string{"name": "file", "filename": f.Name})},
		"Content-Type":        {f.ContentType},
	}
	if part, err := form.CreatePart(header); err == nil {
		_, _ = part.Write(f.Content)
	}
	_ = form.Close()
	return out.Bytes(), form.FormDataContentType()
}

// Download returns the content of a file. The service may hand the request on to a storage; what goes there carries no
// token.
func (c *Client) Download(ctx context.Context, uid string) ([]byte, error) {
	as := &call{
		name: "download a file", kind: fileCall, method: http.MethodGet, path: contentPath(uid), shared: true,
		hint: hintServiceUser, limit: maxFile,
	}
	got, err := c.chain.send(ctx, as)
	for range maxHops {
		if err != nil || got.status < 300 || got.status >= 400 {
			break
		}
		next, parseErr := url.Parse(c.options.Endpoint + as.path)
		if parseErr == nil {
			next, parseErr = next.Parse(got.header.Get("Location"))
		}
		if parseErr != nil || next.Host == "" || !c.mayTrust(next) {
			break
		}
		as.secrets = append(as.secrets, next.String(), next.RawQuery)
		got, err = c.exchange.foreign(ctx, as, next.String(), nil, "")
	}
	if err == nil && got.done() {
		return got.body, nil
	}
	return nil, c.failure(as, got, err)
}

// foreign makes a request to an address that isn't the service's: without a credential, and past the limiter.
func (e *exchange) foreign(ctx context.Context, c *call, address string, body []byte, contentType string) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, c.method, address, content)
	if err != nil {
		return nil, &unsentError{fmt.Errorf("building the request: %w", err)}
	}
	request.Header.Set("User-Agent", e.userAgent)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	return e.roundTrip(request, c)
}
