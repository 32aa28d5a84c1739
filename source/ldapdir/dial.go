package ldapdir

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// server is where a directory is.
type server struct {
	shown   string // the URL
	scheme  string
	network string
	address string
	host    string
}

// plain reports whether what is sent to the server can be read on the way.
func (s server) plain() bool { return s.scheme == "ldap" }

// CheckURL reports what is wrong with a server's URL, and whether it is one that isn't encrypted by itself.
func CheckURL(text string) (plain bool, err error) {
	at, err := parseServer(text)
	return at.plain(), err
}

func parseServer(text string) (server, error) {
	if path, local := strings.CutPrefix(text, "ldapi://"); local {
		unescaped, err := url.PathUnescape(path)
		if err != nil || !strings.HasPrefix(unescaped, "/") {
			return server{}, fmt.Errorf("%q is not the address of a socket: write ldapi:///run/slapd/ldapi", text)
		}
		return server{shown: text, scheme: "ldapi", network: "unix", address: unescaped}, nil
	}
	const remedy = "write one such as ldaps://ldap.example.com"
	u, err := url.Parse(text)
	if err != nil {
		return server{}, errors.New("it is not the address of a server: " + remedy) // it may hold a password
	}
	ports := map[string]string{"ldap": ldap.DefaultLdapPort, "ldaps": ldap.DefaultLdapsPort}
	port, known := ports[u.Scheme]
	switch {
	case strings.Contains(text, "@"):
		return server{}, errors.New("the address of a server holds a user name or password: bind holds them")
	case !known || u.Hostname() == "":
		return server{}, fmt.Errorf("%q is not the address of a server: %s", text, remedy)
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return server{}, fmt.Errorf("%q goes on after the server: base, scope and filter stand by themselves", text)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	return server{
		shown: strings.TrimSuffix(text, "/"), scheme: u.Scheme, network: "tcp", address: net.JoinHostPort(u.Hostname(), port), host: u.Hostname(),
	}, nil
}

// link is a connection that we have signed in on.
type link struct {
	*ldap.Conn
	raw    net.Conn
	server server
	passed []string // what is to be said of servers that were passed over before it
}

// close ends the connection, whatever it waits for: go-ldap's Close alone waits until what it writes has gone out.
func (l *link) close() {
	_ = l.raw.Close() // nothing was written that must arrive
	_ = l.Close()
}

// connect reaches the first server that answers. A password that one of them refuses isn't tried with the next: they share
// their passwords, and count wrong ones.
func (s *Source) connect(ctx context.Context) (*link, error) {
	var problems []string
	for _, at := range s.servers {
		l, err := s.dial(ctx, at)
		if err == nil {
			for _, problem := range problems {
				l.passed = append(l.passed, "passed over "+problem)
			}
			return l, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		problems = append(problems, fmt.Sprintf("%s: %s", at.shown, err))
		if refused := (*bindError)(nil); errors.As(err, &refused) && !refused.elsewhere() {
			break
		}
	}
	return nil, fmt.Errorf("read LDAP directory: %s", strings.Join(problems, "; "))
}

func (s *Source) dial(ctx context.Context, at server) (*link, error) {
	dialing, done := context.WithTimeout(ctx, s.options.DialTimeout)
	defer done()
	raw, err := (&net.Dialer{}).DialContext(dialing, at.network, at.address)
	if err != nil {
		return nil, fmt.Errorf("%w: check the name and the port under urls, and that the server runs and can be reached from here", err)
	}
	secured, err := s.secure(dialing, at, raw)
	if err != nil {
		_ = raw.Close() // the first error is the one to tell
		return nil, explainTLS(err)
	}
	l := &link{Conn: ldap.NewConn(secured, true), raw: raw, server: at}
	l.Start()
	if err := s.bind(ctx, l); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// secure encrypts a new connection, unless it is to stay as it is.
func (s *Source) secure(ctx context.Context, at server, raw net.Conn) (net.Conn, error) {
	if at.scheme == "ldapi" || at.plain() && !s.options.StartTLS {
		return raw, nil
	}
	if at.plain() {
		if err := startTLS(ctx, raw); err != nil {
			return nil, err
		}
	}
	conn := tls.Client(raw, s.options.TLS.config(at.host))
	if err := conn.HandshakeContext(ctx); err != nil {
		if !at.plain() && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.As(err, new(tls.RecordHeaderError))) {
			return nil, fmt.Errorf("no TLS is spoken there (%w): ldaps:// is for port 636; for port 389 write ldap:// with start_tls: true", err)
		}
		return nil, err
	}
	return conn, nil
}

// startTLS asks for encryption. go-ldap's own way can't be interrupted while the server is silent, and forgets what was
// wrong with a certificate.
func startTLS(ctx context.Context, raw net.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	packet := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	packet.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, ""))
	request := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationExtendedRequest, nil, "")
	request.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, "1.3.6.1.4.1.1466.20037", ""))
	packet.AppendChild(request)
	if _, err := raw.Write(packet.Bytes()); err != nil {
		return fmt.Errorf("StartTLS: %w", err)
	}
	answer, err := ber.ReadPacket(raw) // not one byte more: what comes next must be encrypted
	if err == nil {
		err = ldap.GetLDAPError(answer)
	}
	if err != nil {
		return fmt.Errorf("StartTLS: %w: write ldaps:// if the server knows only that", err)
	}
	return nil
}

func (t TLS) config(host string) *tls.Config {
	c := &tls.Config{ServerName: host, RootCAs: t.Roots, MinVersion: tls.VersionTLS12}
	if t.Certificate != nil {
		c.Certificates = []tls.Certificate{*t.Certificate}
	}
	if len(t.Pins) > 0 {
		c.VerifyConnection = t.pinned
	}
	return c
}

// pinned reports where no certificate of the verified chains has one of the keys.
func (t TLS) pinned(state tls.ConnectionState) error {
	for _, chain := range state.VerifiedChains {
		for _, certificate := range chain {
			sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
			for _, pin := range t.Pins {
				if bytes.Equal(pin, sum[:]) {
					return nil
				}
			}
		}
	}
	return errors.New("no certificate of the server has one of the pinned keys: if its key was changed on purpose, add the new one to pins")
}

// explainTLS adds what to do about a certificate.
func explainTLS(err error) error {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &unknown):
		return fmt.Errorf("%w: name the file of the CA that signed it as ca_file", err)
	case errors.As(err, &name) && len(name.Certificate.DNSNames)+len(name.Certificate.IPAddresses) == 0:
		return fmt.Errorf("%w: have one issued that has the server's name as a subject alternative name", err)
	case errors.As(err, &name):
		return fmt.Errorf("%w: write the address with a name that the certificate has", err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("%w: have the server's certificate renewed, or set this machine's clock", err)
	}
	return err
}

// bindError is a sign-in that the server refused.
type bindError struct {
	how string
	err error
}

func (e *bindError) Unwrap() error { return e.err }

func (e *bindError) Error() string {
	text := "sign in " + e.how + ": " + inTheirWords(e.err)
	switch code(e.err) {
	case ldap.LDAPResultInvalidCredentials:
		return text + ": check bind.dn and bind.password, and whether the account is locked"
	case ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultConfidentialityRequired, ldap.LDAPResultStrongAuthRequired:
		return text + ": the server wants another way to sign in, or an encrypted connection"
	}
	return text
}

// elsewhere reports whether another server may take what this one refused.
func (e *bindError) elsewhere() bool {
	c := code(e.err)
	return c == ldap.LDAPResultBusy || c == ldap.LDAPResultUnavailable || c == ldap.ErrorNetwork || c == noCode
}

func (s *Source) bind(ctx context.Context, l *link) error {
	stop := context.AfterFunc(ctx, func() { _ = l.raw.Close() })
	defer stop()
	l.SetTimeout(s.options.ReplyTimeout)
	// It is for the sign-in only: it would be for a page as a whole, and what waits longer to be taken is dropped without a word.
	defer l.SetTimeout(0)
	b := s.options.Bind
	switch {
	case b.Anonymous:
		return nil
	case b.External:
		if err := l.ExternalBind(); err != nil {
			return &bindError{"as who our certificate or process is", err}
		}
	default:
		if err := l.Bind(b.DN, b.Password); err != nil {
			return &bindError{fmt.Sprintf("as %q", b.DN), err}
		}
	}
	return nil
}
