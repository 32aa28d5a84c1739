package servers

import (
	"net"
	"sync"
	"testing"
)

// Serve listens until the test ends, and has each connection answered in a goroutine of its own. It closes them.
func Serve(t testing.TB, answer func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback
	if err != nil {
		t.Fatal(err)
	}
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() {
				defer func() { _ = conn.Close() }() // its answer was given
				answer(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close() // nobody listens any more
		connections.Wait()
	})
	return listener.Addr().String()
}
