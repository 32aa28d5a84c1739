package sqlquery

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"cubesync/source/sourcetest/servers"
)

// tds speaks as much of SQL Server's protocol as it takes to be read from by its driver over a network: here, what is tested is
// the driver as well. What a server of Microsoft's would answer, it doesn't know.
type tds struct {
	address     string
	snapshots   byte                            // what the database says of them
	denied      bool                            // nobody is let in
	query       func(c net.Conn, answer []byte) // sends the answer to the query, or some of it; nil: all
	asks        func(c net.Conn, since []byte)  // sends the answer to the query with a parameter of that value; nil: there is none
	silent      bool                            // towards those who ask for an end
	rows        int
	certificate *tls.Certificate // nil: it has no TLS

	lock  sync.Mutex
	asked []string
}

// startTDS starts one that ends with the test.
func startTDS(t *testing.T, s *tds) *tds {
	t.Helper()
	s.address = servers.Serve(t, s.serve)
	return s
}

func (s *tds) heard(what string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.asked = append(s.asked, what)
}

func (s *tds) all() []string {
	s.lock.Lock()
	defer s.lock.Unlock()
	return slices.Clone(s.asked)
}

// The kinds of packets.
const (
	tdsBatch     = 0x01
	tdsCall      = 0x03
	tdsReply     = 0x04
	tdsAttention = 0x06
	tdsManager   = 0x0e
	tdsLogin     = 0x10
	tdsPrelogin  = 0x12
)

func (s *tds) serve(c net.Conn) {
	version := []byte{0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 16, 0, 0, 0, 0, 0}
	for {
		kind, body, err := readTDS(c)
		if err != nil {
			return
		}
		switch kind {
		case tdsPrelogin: // a version, and whether there is TLS
			if s.certificate == nil {
				reply(c, append(version, 2))
				continue
			}
			reply(c, append(version, 3))
			wrapped := &shaking{Conn: c}
			secure := tls.Server(wrapped, &tls.Config{Certificates: []tls.Certificate{*s.certificate}, MaxVersion: tls.VersionTLS12}) //nolint:gosec // as SQL Server speaks it
			if secure.Handshake() != nil {
				return
			}
			wrapped.over = true
			c = secure
		case tdsLogin:
			s.heard("login")
			if s.denied {
				reply(c, slices.Concat(failed(18456, "Login failed for user 'hr' with secret-word."), done(2, 0)))
				return
			}
			reply(c, slices.Concat(token(0xad, slices.Concat([]byte{1, 0x74, 0, 0, 4, 0}, []byte{16, 0, 0, 0})), done(0, 0)))
		case tdsBatch:
			s.answer(c, body)
		case tdsCall:
			s.call(c, body)
		case tdsManager:
			body = body[binary.LittleEndian.Uint32(body):]
			s.heard(fmt.Sprintf("transaction %d %d", body[0], body[2])) // what to do with it, and how apart it is
			reply(c, slices.Concat(token(0xe3, []byte{8, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0}), done(0, 0)))
		case tdsAttention:
			s.heard("attention")
			if !s.silent {
				reply(c, done(0x20, 0))
			}
		}
	}
}

// answer answers one of the two queries.
func (s *tds) answer(c net.Conn, body []byte) {
	query := fromUTF16(body[binary.LittleEndian.Uint32(body):])
	s.heard(query)
	if strings.Contains(query, "snapshot_isolation_state") {
		reply(c, slices.Concat(heading(1), []byte{0xd1, 1, s.snapshots}, done(last, 1)))
		return
	}
	all := answer(s.rows, s.rows)
	if s.query == nil {
		reply(c, all)
		return
	}
	s.query(c, all)
}

func fromUTF16(b []byte) string {
	text := make([]uint16, len(b)/2)
	for i := range text {
		text[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(text))
}

// call answers sp_executesql: a query, what its parameter is called, and its value.
func (s *tds) call(c net.Conn, body []byte) {
	const executeSQL = 10
	body = body[binary.LittleEndian.Uint32(body):]
	if binary.LittleEndian.Uint16(body) != 0xffff || binary.LittleEndian.Uint16(body[2:]) != executeSQL {
		s.heard("another procedure")
		return
	}
	body = body[6:]
	var texts []string
	for range 2 { // without a name, of the type nvarchar with a length and a collation
		size := int(binary.LittleEndian.Uint16(body[2+1+2+5:]))
		value := body[2+1+2+5+2:]
		texts, body = append(texts, fromUTF16(value[:size])), value[size:]
	}
	s.heard(texts[0])
	s.heard(texts[1])
	body = body[1+2*int(body[0])+1:] // its name
	s.asks(c, body[3:])              // its type, its scale or size, and its length
}

// inCall is what a call gives: the results of its statements, and its end.
func inCall(results []byte) []byte {
	return slices.Concat(results, []byte{0x79, 0, 0, 0, 0, 0xfe, 0, 0, 0xe0, 0}, make([]byte, 8))
}

// doneInCall ends the result of a statement within a call.
func doneInCall(status uint16, rows int) []byte {
	b := done(status|1, rows)
	b[0] = 0xff
	return b
}

// answer is so many rows of numbers, and how many they are said to be.
func answer(rows, said int) []byte {
	b := heading(8)
	for n := range rows {
		b = append(b, number8(n+1)...)
	}
	return slices.Concat(b, done(more, rows), heading(8), number8(said), done(last, 1))
}

// number8 is a row of one number.
func number8(n int) []byte { return binary.LittleEndian.AppendUint64([]byte{0xd1, 8}, uint64(n)) }

// How a result ends: with its number of rows, and whether another follows.
const (
	last = 0x10
	more = 0x11
)

// heading is a column of numbers of so many bytes, called id.
func heading(width byte) []byte {
	return []byte{0x81, 1, 0, 0, 0, 0, 0, 1, 0, 0x26, width, 2, 'i', 0, 'd', 0}
}

func done(status uint16, rows int) []byte {
	b := binary.LittleEndian.AppendUint16([]byte{0xfd}, status)
	b = append(b, 0xc1, 0)
	return binary.LittleEndian.AppendUint64(b, uint64(rows)) //nolint:gosec // few
}

func token(kind byte, body []byte) []byte {
	return append(binary.LittleEndian.AppendUint16([]byte{kind}, uint16(len(body))), body...) //nolint:gosec // short
}

// failed is an error of the server's.
func failed(number uint32, text string) []byte {
	b := append(binary.LittleEndian.AppendUint32(nil, number), 1, 14)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(text))) //nolint:gosec // short
	for _, c := range []byte(text) {
		b = append(b, c, 0)
	}
	return token(0xaa, append(b, 0, 0, 1, 0, 0, 0))
}

// shaking has TLS shake hands within packets, as the protocol wants it; then come packets within TLS.
type shaking struct {
	net.Conn
	over bool
	left []byte
}

func (h *shaking) Read(to []byte) (int, error) {
	if h.over {
		return h.Conn.Read(to)
	}
	var err error
	if len(h.left) == 0 {
		_, h.left, err = readTDS(h.Conn)
	}
	n := copy(to, h.left)
	h.left = h.left[n:]
	return n, err
}

func (h *shaking) Write(from []byte) (int, error) {
	if h.over {
		return h.Conn.Write(from)
	}
	reply(h.Conn, from)
	return len(from), nil
}

func reply(c net.Conn, body []byte) { packet(c, body, true) }

// packet sends a packet, after which another may belong to the same answer.
func packet(c net.Conn, body []byte, end bool) {
	head := []byte{tdsReply, 0, 0, 0, 0, 0, 1, 0}
	if end {
		head[1] = 1
	}
	binary.BigEndian.PutUint16(head[2:], uint16(len(head)+len(body))) //nolint:gosec // short
	_, _ = c.Write(append(head, body...))                             // whoever asked may be gone
}

func readTDS(c net.Conn) (kind byte, body []byte, err error) {
	for {
		var head [8]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return 0, nil, err
		}
		part := make([]byte, int(binary.BigEndian.Uint16(head[2:]))-len(head))
		if _, err := io.ReadFull(c, part); err != nil {
			return 0, nil, err
		}
		if body = append(body, part...); head[1]&1 == 1 {
			return head[0], body, nil
		}
	}
}
