package ldapdir_test

import (
	"net"
	"strings"
	"sync"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"cubesync/source/ldapdir"
	"cubesync/source/sourcetest/servers"
)

// protocolServer speaks as much LDAP as it takes to answer as no real server can be brought to at will.
type protocolServer struct {
	url    string
	bind   func() uint16 // the result code of a sign-in; nil: 0
	search func(s *session, r request)

	lock     sync.Mutex
	binds    int
	requests []request
}

// request is a search as a server sees it.
type request struct {
	id         any
	base       string
	filter     string
	attributes []string
	paging     *ldap.ControlPaging
	number     int // of the connection's searches, from 0
}

// session is one connection.
type session struct {
	conn net.Conn
	id   any
}

// serve starts a server that ends with the test.
func serve(t testing.TB, search func(s *session, r request)) *protocolServer {
	t.Helper()
	p := &protocolServer{search: search}
	p.url = "ldap://" + servers.Serve(t, func(conn net.Conn) { p.talk(&session{conn: conn}) })
	return p
}

func (p *protocolServer) talk(s *session) {
	for searches := 0; ; {
		message, err := ber.ReadPacket(s.conn)
		if err != nil || len(message.Children) < 2 {
			return
		}
		s.id = message.Children[0].Value
		operation := message.Children[1]
		switch operation.Tag {
		case ldap.ApplicationBindRequest:
			p.lock.Lock()
			p.binds++
			p.lock.Unlock()
			code := uint16(0)
			if p.bind != nil {
				code = p.bind()
			}
			s.result(ldap.ApplicationBindResponse, code, "")
		case ldap.ApplicationSearchRequest:
			r := requestOf(message)
			r.number = searches
			searches++
			p.lock.Lock()
			p.requests = append(p.requests, r)
			p.lock.Unlock()
			p.search(s, r)
		}
	}
}

// searches are those that were asked for so far.
func (p *protocolServer) searches() []request {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.requests
}

func requestOf(message *ber.Packet) request {
	o := message.Children[1]
	r := request{id: message.Children[0].Value, base: o.Children[0].Data.String()}
	r.filter, _ = ldap.DecompileFilter(o.Children[6])
	for _, a := range o.Children[7].Children {
		r.attributes = append(r.attributes, a.Data.String())
	}
	if len(message.Children) > 2 {
		for _, c := range message.Children[2].Children {
			if control, err := ldap.DecodeControl(c); err == nil && control.GetControlType() == ldap.ControlTypePaging {
				r.paging, _ = control.(*ldap.ControlPaging)
			}
		}
	}
	return r
}

func (s *session) send(operation *ber.Packet, controls ...ldap.Control) {
	message := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, s.id, ""))
	message.AppendChild(operation)
	if len(controls) > 0 {
		all := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
		for _, c := range controls {
			all.AppendChild(c.Encode())
		}
		message.AppendChild(all)
	}
	_, _ = s.conn.Write(message.Bytes()) // who went away is told by the next read
}

func text(value string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, value, "")
}

// entry sends an entry: name, value, name, value… Several values of one attribute stand one after the other.
func (s *session) entry(dn string, pairs ...string) { s.entryWith(nil, dn, pairs...) }

func (s *session) entryWith(controls []ldap.Control, dn string, pairs ...string) {
	o := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	o.AppendChild(text(dn))
	list := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	for i := 0; i < len(pairs); {
		name := pairs[i]
		a := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
		a.AppendChild(text(name))
		values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for ; i < len(pairs) && pairs[i] == name; i += 2 {
			values.AppendChild(text(pairs[i+1]))
		}
		a.AppendChild(values)
		list.AppendChild(a)
	}
	o.AppendChild(list)
	s.send(o, controls...)
}

func (s *session) reference(url string) {
	o := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultReference, nil, "")
	o.AppendChild(text(url))
	s.send(o)
}

func (s *session) result(operation ber.Tag, code uint16, message string, controls ...ldap.Control) {
	o := ber.Encode(ber.ClassApplication, ber.TypeConstructed, operation, nil, "")
	o.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, uint64(code), ""))
	o.AppendChild(text(""))
	o.AppendChild(text(message))
	s.send(o, controls...)
}

// done ends a search.
func (s *session) done(code uint16, message string, controls ...ldap.Control) {
	s.result(ldap.ApplicationSearchResultDone, code, message, controls...)
}

// page ends a page of a search; the cookie is empty behind the last.
func (s *session) page(cookie string) { s.done(0, "", paged(cookie)) }

func paged(cookie string) ldap.Control { return &ldap.ControlPaging{Cookie: []byte(cookie)} }

// asked are options for such a server.
func (p *protocolServer) asked(columns ...string) ldapdir.Options {
	return ldapdir.Options{
		URLs: []string{p.url}, Plain: true, Bind: ldapdir.Bind{DN: "cn=reader", Password: "a password"},
		Base: "dc=example", Filter: "(objectClass=user)", Columns: columns, Key: columns[0],
	}
}

// has wants a text to have others in it.
func has(t testing.TB, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%q doesn't say %q", got, w)
		}
	}
}
