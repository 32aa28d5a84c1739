package sqlquery

import (
	"cmp"
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"
)

// errTooSlow is why a query's context ended that took too long.
var errTooSlow = errors.New("the query took too long")

// failure is what an error of a driver means.
type failure struct {
	text    string // "" for the error's own
	kind    kind
	special string // what to do, "" for what the kind says
}

type kind uint8

const (
	other   kind = iota
	lost         // the connection or the server went away: another try may succeed
	passing      // the server is too busy, or two transactions were in each other's way: likewise
	slow         // it took too long
	denied       // the server doesn't let this user in, or read
)

// explain says in words what went wrong, without any secret, and whether another try may succeed.
func (s *Source) explain(own context.Context, err error) (text string, retryable bool) {
	f := s.server.classify(err)
	if f.kind == other && isLost(err) {
		f.kind = lost
	}
	if why := unreached(err); why != "" && f.text == "" {
		f.text, f.special = why, "check host and port in the DSN, and that the server runs and can be reached from here"
	}
	if errors.Is(context.Cause(own), errTooSlow) {
		f.kind, f.text = slow, "nothing more came"
	}
	text = s.scrubbed(cmp.Or(f.text, err.Error()))
	remedy := f.special
	switch f.kind {
	case lost:
		text, remedy = "the connection was lost or couldn't be made: "+text, cmp.Or(remedy, "see that the server runs and can be reached")
	case passing:
		remedy = cmp.Or(remedy, "try again")
	case slow:
		text = fmt.Sprintf("the query took longer than its timeout of %s: %s", s.options.Timeout, text)
		remedy = cmp.Or(remedy, "have an index made for it, or raise the timeout")
	case denied:
		remedy = cmp.Or(remedy, "check user and password in the DSN, and what the user may read")
	default:
		if isUntrusted(err) {
			remedy = cmp.Or(remedy, believe)
		}
		remedy = cmp.Or(remedy, "correct the query, or the DSN")
	}
	return s.Place() + ": " + text + ": " + remedy, f.kind == lost || f.kind == passing
}

// unreached says where no connection could be made, and why not: drivers say it twice, with much beside it. "" is that something
// else went wrong.
func unreached(err error) string {
	if unknown, is := errors.AsType[*net.DNSError](err); is {
		return unknown.Name + ": " + unknown.Err
	}
	dial, is := errors.AsType[*net.OpError](err)
	if !is || dial.Op != "dial" || dial.Addr == nil {
		return ""
	}
	if code, is := errors.AsType[syscall.Errno](dial.Err); is {
		return dial.Addr.String() + ": " + code.Error()
	}
	return dial.Addr.String() + ": " + dial.Err.Error()
}

// encoded is what an address asks for whose password has signs such as / and #.
const encoded = ", with the signs in its password percent-encoded"

// What to do where the driver or the server says more exactly what is wrong than the kind does.
const (
	nameDatabase = "check the database's name in the DSN, and what the user may read"
	nameTable    = "check the tables' names in the query, and what the user may read"
	offerTLS     = "switch TLS on in the server, or do without: allow_plaintext: true, and no ca_file"
)

// isLost recognises connections that broke.
func isLost(err error) bool {
	if _, is := errors.AsType[net.Error](err); is {
		return !isUntrusted(err)
	}
	for _, broken := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, driver.ErrBadConn, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, broken) {
			return true
		}
	}
	return false
}

// believe is what to do about a server that can't prove who it is.
const believe = "name the authority that signed the server's certificate with ca_file, and the server in the DSN as the certificate does"

// isUntrusted recognises a server that can't prove who it is.
func isUntrusted(err error) bool {
	_, is := errors.AsType[*tls.CertificateVerificationError](err)
	return is
}

// scrubbed is a driver's text without secrets, on one line.
func (s *Source) scrubbed(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	for _, secret := range s.server.secrets() {
		for _, spelled := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			text = without(text, spelled)
		}
	}
	return text
}

// without replaces a secret in a text. A short one is replaced where it stands by itself: elsewhere it would take parts of
// other words out.
func without(text, secret string) string {
	const short = 5
	if secret == "" {
		return text
	}
	inWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, secret)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		last, _ := utf8.DecodeLastRuneInString(before)
		next, _ := utf8.DecodeRuneInString(after)
		if len(secret) < short && (before != "" && inWord(last) || after != "" && inWord(next)) {
			out.WriteString(secret)
		} else {
			out.WriteString("[secret]")
		}
		text = after
	}
}
