package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// outcome is what a request gets.
type outcome struct {
	status int    // 0: no answer
	body   any    // shown as JSON
	page   string // or this, as HTML
	silent bool   // or nothing at all
	end    ending
}

// ending is how the connection goes on.
type ending int

const (
	intact ending = iota // the answer goes out
	half                 // it breaks off in the middle
	closed               // nothing goes out, the connection closes
	reset                // the same, by a TCP reset
)

// breaker is a http.ResponseWriter that has no connection, but can tell how one would have ended.
type breaker interface{ breakOff(error) }

func (o outcome) send(w http.ResponseWriter) {
	if o.end == closed || o.end == reset {
		cut(w, o.end == reset)
		return
	}
	raw, kind := []byte(o.page), "text/html"
	if o.page == "" && !o.silent {
		var err error
		kind = "application/json; charset=utf-8"
		if raw, err = json.Marshal(o.body); err != nil {
			o.status, raw = http.StatusInternalServerError, []byte(fmt.Sprintf(`{"message":%q}`, err.Error()))
		}
	}
	w.Header().Set("Content-Type", kind)
	if o.end == half {
		w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
		raw = raw[:len(raw)/2]
	}
	w.WriteHeader(o.status)
	_, _ = w.Write(raw) // the client may be gone: nothing to be done about it here
	if o.end == half {
		_ = http.NewResponseController(w).Flush()
		cut(w, false)
	}
}

// cut ends the connection. It doesn't return where only a panic does that.
func cut(w http.ResponseWriter, byReset bool) {
	if b, ok := w.(breaker); ok {
		b.breakOff(brokenBy(byReset))
		return
	}
	if !byReset {
		panic(http.ErrAbortHandler)
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // HTTP/2
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // so that closing resets
	}
	_ = conn.Close()
}

// brokenBy is the error that a client without a connection gets.
func brokenBy(byReset bool) error {
	if byReset {
		return &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	return io.ErrUnexpectedEOF
}

// carryOut does what a request asks for.
func (s *Server) carryOut(c *call, found *route) outcome {
	s.users.endGuests(s.clock.now().Unix())
	s.identify(c)
	if err := found.admit(s, c); err != nil {
		return s.refuse(c, found.kind, err)
	}
	a, err := found.handle(s, c)
	shows := a.shows
	if err != nil {
		shows = s.users.lastSequence() // a refusal may rest on any write before it
	}
	if unsettled := s.users.settle(shows); unsettled != nil {
		err = broken(unsettled)
	}
	if err != nil {
		return s.refuse(c, found.kind, err)
	}
	_, nothing := a.body.(struct{})
	return outcome{status: a.status, body: a.body, silent: nothing && s.options.EmptyAnswers}
}

// carryOutLater does it when the client no longer waits.
func (s *Server) carryOutLater(c *call, found *route, delay time.Duration) {
	raw, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if err != nil {
		return // it can't be carried out now or later
	}
	c.raw = raw
	r := c.r.Clone(context.WithoutCancel(c.r.Context()))
	r.Body = io.NopCloser(bytes.NewReader(raw))
	later := &call{w: &reply{header: http.Header{}}, r: r, id: c.id, uid: c.uid}
	time.AfterFunc(delay, func() { s.carryOut(later, found) })
}

// refuse turns an error into what the client gets, and counts it.
func (s *Server) refuse(c *call, kind Kind, err error) outcome {
	var f *failure
	if !errors.As(err, &f) {
		errors.As(broken(err), &f)
	}
	if f.status < http.StatusInternalServerError {
		s.tally.refuse(kind)
	}
	if f.header[0] != "" {
		c.w.Header().Set(f.header[0], f.header[1])
	}
	return outcome{status: f.status, body: f.body}
}
