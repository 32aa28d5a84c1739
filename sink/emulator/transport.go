package emulator

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Transport answers requests in this process: the same handler without sockets and without goroutines, so it works
// inside a testing/synctest bubble. A request whose context is over before it is sent is never carried out; one whose
// context ends while it is being answered is carried out, and the caller gets the context's error, as over a network.
func (s *Server) Transport() http.RoundTripper { return inProcess{http.HandlerFunc(s.serve)} }

type inProcess struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper: it always closes the body and never changes the request.
func (t inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	body := req.Body
	if body == nil {
		body = http.NoBody
	}
	defer func() { _ = body.Close() }()
	ctx := req.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}

	incoming := (&http.Request{
		Method: req.Method, URL: req.URL, Host: req.URL.Host, RequestURI: req.URL.RequestURI(), RemoteAddr: "in-process",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: req.Header.Clone(), Body: body, ContentLength: req.ContentLength,
	}).WithContext(ctx)
	if incoming.Header == nil {
		incoming.Header = http.Header{}
	}
	out := &reply{header: http.Header{}}
	t.handler.ServeHTTP(out, incoming)

	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if out.status == 0 && out.broken != nil {
		return nil, out.broken
	}
	return out.response(req), nil
}

// reply is the http.ResponseWriter that collects an answer.
type reply struct {
	header http.Header
	status int
	body   bytes.Buffer
	broken error // how the connection ended, if not well
}

// breakOff implements breaker.
func (r *reply) breakOff(err error) { r.broken = err }

func (r *reply) Header() http.Header { return r.header }

func (r *reply) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *reply) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

func (r *reply) response(req *http.Request) *http.Response {
	r.WriteHeader(http.StatusOK)
	if r.header.Get("Date") == "" { // as the server of net/http does
		r.header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	length, body := int64(r.body.Len()), io.Reader(&r.body)
	if r.broken != nil {
		length, _ = strconv.ParseInt(r.header.Get("Content-Length"), 10, 64)
		body = io.MultiReader(body, failing{r.broken})
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)), StatusCode: r.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: r.header, Body: io.NopCloser(body), ContentLength: length, Request: req,
	}
}

// failing is a reader that only fails.
type failing struct{ err error }

// Read implements io.Reader.
func (f failing) Read([]byte) (int, error) { return 0, f.err }
