package servers

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// Cutter stands before an LDAP server and cuts connections in the middle of a search.
type Cutter struct {
	URL string

	lock           sync.Mutex
	on             bool
	pages, entries int
	cuts           int
}

// NewCutter starts one that ends with the test. It cuts nothing yet.
func NewCutter(t testing.TB, s *Slapd) *Cutter {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback
	if err != nil {
		t.Fatal(err)
	}
	c := &Cutter{URL: "ldap://" + listener.Addr().String()}
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { c.pass(near, strings.TrimPrefix(s.URL, "ldap://")) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close() // nobody listens any more
		connections.Wait()
	})
	return c
}

// After cuts each connection when so many whole pages, and then so many entries, were passed on.
func (c *Cutter) After(pages, entries int) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.on, c.pages, c.entries, c.cuts = true, pages, entries, 0
}

// Never cuts nothing any more.
func (c *Cutter) Never() {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.on = false
}

// Cuts is how many connections were cut since After.
func (c *Cutter) Cuts() int {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.cuts
}

// cut decides whether a connection ends here.
func (c *Cutter) cut(pages, entries int) bool {
	c.lock.Lock()
	defer c.lock.Unlock()
	if !c.on || pages < c.pages || entries < c.entries {
		return false
	}
	c.cuts++
	return true
}

// The answers to a search, in the protocol's own numbers.
const (
	searchEntry = 0x64
	searchDone  = 0x65
)

func (c *Cutter) pass(near net.Conn, to string) {
	defer func() { _ = near.Close() }()
	far, err := net.Dial("tcp", to) //nolint:noctx // loopback
	if err != nil {
		return
	}
	defer func() { _ = far.Close() }()
	go func() {
		_, _ = io.Copy(far, near) // until one of them ends
		_ = far.Close()
	}()
	answers := bufio.NewReader(far)
	for pages, entries := 0, 0; ; {
		message, operation, err := readMessage(answers)
		if err != nil {
			return
		}
		if (operation == searchEntry || operation == searchDone) && c.cut(pages, entries) {
			return
		}
		switch operation {
		case searchEntry:
			entries++
		case searchDone:
			pages, entries = pages+1, 0
		}
		if _, err := near.Write(message); err != nil {
			return
		}
	}
}

// readMessage reads a whole LDAP message, and finds out which operation is in it.
func readMessage(r *bufio.Reader) (message []byte, operation byte, err error) {
	head, err := r.Peek(2)
	if err != nil {
		return nil, 0, err
	}
	header, length := 2, int(head[1])
	if length >= 0x80 {
		header += length - 0x80
		if header > 6 {
			return nil, 0, errors.New("a message of more than 4 GB")
		}
		if head, err = r.Peek(header); err != nil {
			return nil, 0, err
		}
		length = int(binary.BigEndian.Uint32(append(make([]byte, 6-header), head[2:header]...)))
	}
	message = make([]byte, header+length)
	if _, err := io.ReadFull(r, message); err != nil {
		return nil, 0, err
	}
	at := header + 2 + int(message[header+1]) // behind the message's number
	return message, message[at], nil
}
