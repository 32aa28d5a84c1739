package servers

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// SlapdOptions say what an OpenLDAP server is to hold, and how it is reached.
type SlapdOptions struct {
	Load     func(w io.Writer) error // writes its entries as LDIF, below Suffix, whose own entry is there
	Lines    []string                // more of slapd.conf, for its database
	TLS      *Identity               // what it shows who it is with; nil: neither ldaps:// nor StartTLS
	Roots    string                  // the file of the CAs that client certificates may be of
	TestData bool                    // has the object class row, with id, note and blob beside name
}

// What every server has: its suffix, who may do anything there, whom its limits and rules concern, and their password.
const (
	Suffix   = "dc=example,dc=com"
	RootDN   = "cn=admin," + Suffix
	ReaderDN = "cn=reader," + Suffix
	Password = "correct horse battery staple"
)

// Slapd is an OpenLDAP server of a test's own.
type Slapd struct {
	URL    string // ldap://
	TLSURL string // ldaps://localhost; "" without TLS
	Socket string // ldapi://
	server *exec.Cmd
	exited chan struct{}
}

// rowSchema is that of TestData.
const rowSchema = `
attributetype ( 1.3.6.1.4.1.99999.1.1 NAME 'id' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.1.2 NAME 'note' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.99999.1.3 NAME 'blob' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
attributetype ( 1.3.6.1.4.1.99999.1.4 NAME 'nsAccountLock' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.4.1.99999.2.1 NAME 'row' SUP top STRUCTURAL MUST cn MAY ( id $ name $ note $ blob $ nsAccountLock ) )
`

// StartSlapd starts a server that ends with the test.
func StartSlapd(t testing.TB, o SlapdOptions) *Slapd {
	t.Helper()
	s, err := StartSlapdIn(t.TempDir(), o)
	Need(t, err)
	t.Cleanup(s.Stop)
	return s
}

// StartSlapdIn starts a server that keeps its data in this folder. Whoever starts it stops it.
func StartSlapdIn(folder string, o SlapdOptions) (*Slapd, error) {
	binary, err := find("slapd", "/usr/sbin/slapd")
	if err != nil {
		return nil, err
	}
	if err := configureSlapd(folder, o); err != nil {
		return nil, err
	}
	if err := loadSlapd(binary, folder, o); err != nil {
		return nil, err
	}
	const tries = 3 // another program may take the port that was free
	for try := 1; ; try++ {
		s, err := startSlapd(binary, folder, o)
		if err == nil || try == tries {
			return s, err
		}
	}
}

func configureSlapd(folder string, o SlapdOptions) error {
	schema := "/etc/ldap/schema/"
	if _, err := os.Stat(schema); err != nil {
		schema = "/etc/openldap/schema/"
	}
	data := filepath.Join(folder, "data")
	lines := []string{
		"include " + schema + "core.schema", "include " + schema + "cosine.schema", "include " + schema + "inetorgperson.schema", "include " + schema + "nis.schema",
		"pidfile " + filepath.Join(folder, "pid"),
		"modulepath /usr/lib/ldap", "moduleload back_mdb", "moduleload memberof",
		"authz-regexp gidNumber=0\\+uidNumber=0,cn=peercred,cn=external,cn=auth " + ReaderDN,
		"authz-regexp cn=client " + ReaderDN,
	}
	if o.TestData {
		file := filepath.Join(folder, "row.schema")
		if err := os.WriteFile(file, []byte(rowSchema), 0o600); err != nil {
			return err
		}
		lines = append(lines, "include "+file)
	}
	if o.TLS != nil {
		lines = append(lines, "TLSCertificateFile "+o.TLS.CertificateFile, "TLSCertificateKeyFile "+o.TLS.KeyFile)
	}
	if o.Roots != "" {
		lines = append(lines, "TLSCACertificateFile "+o.Roots, "TLSVerifyClient allow")
	}
	lines = append(lines, "database mdb", "maxsize 1073741824", "dbnosync", "index objectClass eq", "suffix "+Suffix, "directory "+data, "rootdn "+RootDN, fmt.Sprintf("rootpw %q", Password),
		"access to attrs=userPassword by anonymous auth", "access to * by * read")
	lines = append(lines, o.Lines...)
	return errors.Join(
		os.Mkdir(data, 0o700),
		os.WriteFile(filepath.Join(folder, "slapd.conf"), []byte(strings.Join(lines, "\n")+"\n"), 0o600),
	)
}

// loadSlapd writes the entries past the server, which would take much longer.
func loadSlapd(binary, folder string, o SlapdOptions) error {
	entries, ldif := io.Pipe()
	go func() { _ = ldif.CloseWithError(writeEntries(ldif, o)) }() // slapadd's input then ends, or fails
	// slapd called by this name is slapadd; -q leaves out what guards against a power failure.
	load := exec.Command(binary, "-T", "add", "-q", "-f", filepath.Join(folder, "slapd.conf")) //nolint:noctx // it ends with its input
	load.Stdin = entries
	out, err := load.CombinedOutput()
	_ = entries.Close() // nobody reads any more
	if err != nil {
		return fmt.Errorf("slapadd: %w: %s", err, out)
	}
	return nil
}

func writeEntries(to io.Writer, o SlapdOptions) error {
	out := bufio.NewWriter(to)
	fmt.Fprintf(out, "dn: %s\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n", Suffix)
	fmt.Fprintf(out, "dn: %s\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\nuserPassword: %s\n\n", ReaderDN, Password)
	if o.Load != nil {
		if err := o.Load(out); err != nil {
			return err
		}
	}
	return out.Flush()
}

func startSlapd(binary, folder string, o SlapdOptions) (*Slapd, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := &Slapd{URL: "ldap://" + address, Socket: "ldapi://" + filepath.Join(folder, "ldapi"), exited: make(chan struct{})}
	listen := s.URL + " ldapi://" + url.QueryEscape(filepath.Join(folder, "ldapi"))
	if o.TLS != nil {
		secure, err := freeAddress()
		if err != nil {
			return nil, err
		}
		listen += " ldaps://" + secure
		s.TLSURL = "ldaps://localhost" + secure[strings.LastIndex(secure, ":"):]
	}
	var log bytes.Buffer
	s.server = exec.Command(binary, "-d", "0", "-f", filepath.Join(folder, "slapd.conf"), "-h", listen) //nolint:noctx // Stop ends it
	s.server.Stdout, s.server.Stderr = &log, &log
	dieWithTest(s.server)
	if err := s.server.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = s.server.Wait() // it is told to end by a signal
		close(s.exited)
	}()
	const patience = 30 * time.Second
	for began := time.Now(); time.Since(began) < patience; time.Sleep(20 * time.Millisecond) {
		select {
		case <-s.exited:
			return nil, fmt.Errorf("slapd ended at its start: %s", log.String())
		default:
		}
		if conn, err := net.Dial("tcp", address); err == nil { //nolint:noctx // loopback
			return s, conn.Close()
		}
	}
	s.Stop()
	return nil, fmt.Errorf("slapd doesn't listen after %s", patience)
}

// Stop ends the server at once, as a power failure would.
func (s *Slapd) Stop() {
	_ = s.server.Process.Kill() // it may have ended by itself
	<-s.exited
}

// freeAddress returns one that nobody listens at.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
