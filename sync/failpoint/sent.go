//go:build failpoints && unix

package failpoint

import (
	"context"
	"net"
	"net/http/httptrace"
	"sync/atomic"
)

// Dial returns a dial whose connections tell when a request has left. net/http tells it too early: before it flushes.
func Dial(by Dialer) Dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		plain, err := by(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &conn{Conn: plain}, nil
	}
}

// conn is a connection whose next write is a request's last.
type conn struct {
	net.Conn
	last atomic.Pointer[string] // what it is; nil: it isn't
}

func (c *conn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if what := c.last.Swap(nil); what != nil && err == nil {
		Reach(Sent, *what)
	}
	return n, err
}

// WhenSent reaches Sent as soon as a request that is made with the context has left, on a connection of Dial without TLS.
func WhenSent(ctx context.Context, what string) context.Context {
	var on *conn
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) { on, _ = got.Conn.(*conn) },
		WroteRequest: func(how httptrace.WroteRequestInfo) {
			if how.Err == nil && on != nil {
				on.last.Store(&what)
			}
		},
	})
}
