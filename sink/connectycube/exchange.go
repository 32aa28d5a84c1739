package connectycube

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"cubesync/sync/failpoint"
)

// maxAnswer is far above any page of users; it keeps a foreign server from filling the memory.
const maxAnswer int64 = 16 << 20

// unreadableError is an answer that arrived, but can't be understood.
type unreadableError struct {
	status    int
	reason    string
	requestID string
}

func (e *unreadableError) Error() string { return "the answer can't be read: " + e.reason }

// exchange makes one HTTP request per call and reads its answer whole, within the timeout, so that the connection is
// free again and a cut-off answer is an error here and not further up. It follows no redirect, so no credential
// travels to another host.
type exchange struct {
	base      http.RoundTripper
	endpoint  string
	userAgent string
	timeout   time.Duration
	calls     [kindCount]atomic.Int64
	doubts    [kindCount]atomic.Int64
	throttled atomic.Int64
	told      atomic.Pointer[told]
	latency   latency
}

// told is the service's clock of its last answer, as it was spelled too, and when that arrived.
type told struct {
	spelled  string
	date, at time.Time
}

// hear takes in the date of an answer. Many come within its second, so the same one isn't taken apart again.
func (e *exchange) hear(spelled string) {
	now := told{spelled: spelled, at: time.Now()}
	if last := e.told.Load(); last != nil && last.spelled == spelled {
		now.date = last.date
	} else {
		var err error
		if now.date, err = http.ParseTime(spelled); err != nil {
			return
		}
	}
	e.told.Store(&now)
}

// clock returns what time it is by the service's clock; zero where it never told.
func (e *exchange) clock() time.Time {
	last := e.told.Load()
	if last == nil {
		return time.Time{}
	}
	return last.date.Add(time.Since(last.at))
}

func newExchange(o Options) *exchange {
	e := &exchange{base: o.Base, endpoint: o.Endpoint, userAgent: "cubesync/" + o.Version, timeout: o.Timeout}
	if e.base == nil {
		e.base = newTransport(o)
	}
	if e.timeout <= 0 {
		e.timeout = defaultTimeout
	}
	return e
}

// newTransport keeps a connection for each worker: with the standard two, most calls would open one of their own.
func newTransport(o Options) *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 o.Proxy,
		TLSClientConfig:       &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
		DialContext:           failpoint.Dial(dialer.DialContext),
		MaxIdleConnsPerHost:   max(o.Workers, 4) + 4, // beside the workers there are sessions and pages
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,

		// A proxy that refuses leaves no connection, as one that is down; net/http makes any error of it.
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, said *http.Response) error {
			if said.StatusCode == http.StatusOK {
				return nil
			}
			return &net.OpError{Op: proxyConnect, Net: "tcp", Err: errors.New("the proxy answered " + said.Status)}
		},
	}
}

func (e *exchange) send(ctx context.Context, c *call) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	request, err := e.request(failpoint.WhenSent(ctx, c.name), c)
	if err != nil {
		return nil, &unsentError{err}
	}
	got, err := e.roundTrip(request, c)
	failpoint.Reach(failpoint.Answered, c.name)
	if doubtful(got, err) {
		e.doubts[c.kind].Add(1)
	}
	if err == nil {
		e.hear(got.header.Get("Date"))
	}
	return got, err
}

// doubtful reports whether a request may have been carried out, or may be yet, though no answer says so.
func doubtful(got *answer, err error) bool {
	if err != nil {
		return !neverSent(err)
	}
	refused := got.status >= http.StatusBadRequest && got.status < http.StatusInternalServerError
	return !got.done() && (!refused || got.status == http.StatusRequestTimeout)
}

// roundTrip sends the request and reads its answer whole.
func (e *exchange) roundTrip(request *http.Request, c *call) (*answer, error) {
	e.calls[c.kind].Add(1)
	began := time.Now()
	response, err := e.base.RoundTrip(request)
	if err != nil {
		e.closeIdle() // where one kept connection is lost, the others may be, too
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // nothing is lost with it: what was read was read
	body, err := readBody(response, cmp.Or(c.limit, maxAnswer))
	got := &answer{status: response.StatusCode, header: response.Header, body: body, took: time.Since(began)}
	if got.status == http.StatusTooManyRequests {
		e.throttled.Add(1)
	} else {
		e.latency.took(got.took) // what is refused is refused at once
	}
	if got.status >= http.StatusBadRequest {
		return got, nil // the status says it; the body would only have explained it
	}
	if err != nil {
		return nil, &unreadableError{got.status, err.Error(), got.requestID()}
	}
	if got.done() && c.read != nil {
		if err := c.read(body); err != nil {
			return nil, &unreadableError{got.status, err.Error(), got.requestID()}
		}
	}
	return got, nil
}

func (e *exchange) request(ctx context.Context, c *call) (*http.Request, error) {
	address := e.endpoint + c.path
	if c.query != "" {
		address += "?" + c.query
	}
	content := c.body
	if c.fresh != nil {
		content = c.fresh()
	}
	var body io.Reader
	switch {
	case content != nil:
		body = bytes.NewReader(content)
	case c.method == http.MethodGet:
		body = unrepeatable{}
	}
	request, err := http.NewRequestWithContext(ctx, c.method, address, body)
	if err != nil {
		return nil, fmt.Errorf("building the request: %w", err)
	}
	request.Header.Set("User-Agent", e.userAgent)
	request.Header.Set("Accept", "application/json")
	if content != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.pass.header != "" {
		request.Header.Set(c.pass.header, c.pass.value)
	}
	return request, nil
}

// unrepeatable is an empty body that net/http can't read twice, and sends as none. A GET without a body is one that
// net/http repeats by itself where a kept connection was lost: past the limit and the count, and even if it acts.
type unrepeatable struct{}

func (unrepeatable) Read([]byte) (int, error) { return 0, io.EOF }

// readBody returns what it could read of at most limit bytes, even with an error.
func readBody(response *http.Response, limit int64) ([]byte, error) {
	switch {
	case response.ContentLength > limit:
		return nil, tooLarge(limit)
	case response.ContentLength > 0: // nearly always
		body := make([]byte, response.ContentLength)
		n, err := io.ReadFull(response.Body, body)
		return body[:n], err
	}
	var body bytes.Buffer
	_, err := body.ReadFrom(io.LimitReader(response.Body, limit+1))
	if err == nil && int64(body.Len()) > limit {
		err = tooLarge(limit)
	}
	return body.Bytes(), err
}

func tooLarge(limit int64) error { return fmt.Errorf("it is larger than %d MiB", limit>>20) }

// byKind names the kinds that were counted.
func byKind(counters *[kindCount]atomic.Int64) map[string]int {
	counts := make(map[string]int, kindCount)
	for kind, name := range kindNames {
		if n := counters[kind].Load(); n > 0 {
			counts[name] = int(n)
		}
	}
	return counts
}

func (e *exchange) closeIdle() {
	if idle, ok := e.base.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
}
