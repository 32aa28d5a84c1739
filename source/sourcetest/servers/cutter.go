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

// Cutter stands before an LDAP server and disturbs searches in their middle: it cuts the connection, or answers with a result code
// in the server's place.
type Cutter struct {
	URL string

	lock           sync.Mutex
	on             bool
	pages, entries int
	code           byte // 0: the connection is cut
	cuts           int
}

// NewCutter starts one that ends with the test. It cuts nothing yet.
func NewCutter(t testing.TB, s *Slapd) *Cutter {
	t.Helper()
	c := &Cutter{}
	c.URL = "ldap://" + Serve(t, func(near net.Conn) { c.pass(near, strings.TrimPrefix(s.URL, "ldap://")) })
	return c
}

// After cuts each connection when so many whole pages, and then so many entries, were passed on.
func (c *Cutter) After(pages, entries int) {
	c.Answer(0, pages, entries)
}

// Answer ends each search there with a result code, and leaves the connection be.
func (c *Cutter) Answer(code byte, pages, entries int) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.on, c.pages, c.entries, c.code, c.cuts = true, pages, entries, code, 0
}

// Never cuts nothing any more.
func (c *Cutter) Never() {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.on = false
}

// Cuts is how many searches were disturbed since After or Answer.
func (c *Cutter) Cuts() int {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.cuts
}

// cut decides whether a search ends here, and with which code.
func (c *Cutter) cut(pages, entries int) (code byte, here bool) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if !c.on || pages < c.pages || entries < c.entries {
		return 0, false
	}
	c.cuts++
	return c.code, true
}

// The answers to a search, in the protocol's own numbers.
const (
	searchEntry = 0x64
	searchDone  = 0x65
)

func (c *Cutter) pass(near net.Conn, to string) {
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
		message, id, operation, err := readMessage(answers)
		if err != nil {
			return
		}
		code, here := byte(0), false
		if operation == searchEntry || operation == searchDone {
			code, here = c.cut(pages, entries)
		}
		switch {
		case here && code == 0:
			return
		case here:
			message, entries = resultOf(id, code), 0
			drop(answers, operation)
		case operation == searchEntry:
			entries++
		case operation == searchDone:
			pages, entries = pages+1, 0
		}
		if _, err := near.Write(message); err != nil {
			return
		}
	}
}

// drop reads what the server says until a search is done.
func drop(answers *bufio.Reader, operation byte) {
	for err := error(nil); operation != searchDone && err == nil; {
		_, _, operation, err = readMessage(answers)
	}
}

// resultOf is the end of a search with a result code.
func resultOf(id []byte, code byte) []byte {
	end := []byte{searchDone, 7, 0x0a, 1, code, 4, 0, 4, 0}
	body := append([]byte{2, byte(len(id))}, append(id, end...)...)
	return append([]byte{0x30, byte(len(body))}, body...)
}

// readMessage reads a whole LDAP message, and finds out which number it has and which operation is in it.
func readMessage(r *bufio.Reader) (message, id []byte, operation byte, err error) {
	head, err := r.Peek(2)
	if err != nil {
		return nil, nil, 0, err
	}
	header, length := 2, int(head[1])
	if length >= 0x80 {
		header += length - 0x80
		if header > 6 {
			return nil, nil, 0, errors.New("a message of more than 4 GB")
		}
		if head, err = r.Peek(header); err != nil {
			return nil, nil, 0, err
		}
		length = int(binary.BigEndian.Uint32(append(make([]byte, 6-header), head[2:header]...)))
	}
	message = make([]byte, header+length)
	if _, err := io.ReadFull(r, message); err != nil {
		return nil, nil, 0, err
	}
	at := header + 2 + int(message[header+1]) // behind the message's number
	return message, message[header+2 : at], message[at], nil
}
