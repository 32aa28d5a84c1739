package servers

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// What every domain has: its suffix, who may do anything there, who reads, and their password.
const (
	DomainSuffix   = "DC=corp,DC=example,DC=com"
	DomainAdmin    = "administrator@corp.example.com"
	DomainReader   = domainReader + "@corp.example.com"
	DomainPassword = "Correct-horse-9"

	domainReader = "reader"
)

// ActiveDirectory is a domain controller of the tests' own, which Samba is: a package's tests share one.
type ActiveDirectory struct {
	TLSURL string // ldaps://
	URL    string // ldap://, where a sign-in needs StartTLS
	CA     *Identity
	server *Database
}

//go:embed activedirectory.py
var domainScript string

// StartActiveDirectory starts a domain controller, with the entries that load writes as LDIF. Whoever starts it stops it; it ends
// with the process all the same. Its ports can't be chosen: it has an address of loopback of its own, and needs root.
func StartActiveDirectory(load func(w io.Writer) error) (*ActiveDirectory, error) {
	samba, err := find("samba", "/usr/sbin/samba")
	if err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("samba as a domain controller %w", ErrRoot)
	}
	folder, err := os.MkdirTemp("", "cubesync")
	if err != nil {
		return nil, err
	}
	ip := net.IPv4(127, byte(rand.IntN(255)+1), byte(rand.IntN(256)), byte(rand.IntN(254)+1)) //nolint:gosec // no secret
	d := &ActiveDirectory{
		TLSURL: "ldaps://" + ip.String(), URL: "ldap://" + ip.String(),
		server: &Database{folder: folder, end: syscall.SIGKILL, server: &exec.Cmd{SysProcAttr: &syscall.SysProcAttr{}}, exited: make(chan struct{})},
	}
	d.server.ready = func() bool {
		conn, err := net.Dial("tcp", ip.String()+":636") //nolint:noctx // loopback
		if err == nil {
			err = conn.Close()
		}
		return err == nil
	}
	configuration := filepath.Join(folder, "smb.conf")
	err = d.configure(configuration, ip)
	if err == nil {
		err = provision(configuration, ip, load)
	}
	if err == nil {
		err = d.server.start(samba, "--interactive", "--model=single", "--configfile="+configuration)
	}
	if err != nil {
		_ = os.RemoveAll(folder) // the error is the one to tell
		return nil, err
	}
	return d, nil
}

func (d *ActiveDirectory) configure(path string, ip net.IP) error {
	folder := d.server.folder
	var err error
	d.CA, err = newIdentity(folder, "ca", nil, authority())
	if err != nil {
		return err
	}
	id, err := newIdentity(folder, "server", d.CA, &x509.Certificate{
		Subject: pkix.Name{CommonName: "dc1.corp.example.com"}, IPAddresses: []net.IP{ip, net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotAfter: time.Now().Add(time.Hour),
	})
	if err != nil {
		return err
	}
	lines := []string{
		"[global]", "netbios name = DC1", "realm = CORP.EXAMPLE.COM", "workgroup = CORP", "server role = active directory domain controller",
		"server services = ldap", "bind interfaces only = yes", "interfaces = " + ip.String() + "/8", "ldb:nosync = yes", "log file = " + filepath.Join(folder, "log"),
		"tls cafile = " + d.CA.CertificateFile, "tls certfile = " + id.CertificateFile, "tls keyfile = " + id.KeyFile,
	}
	for _, option := range []string{"private dir", "state directory", "cache directory", "lock directory", "pid directory"} {
		name, _, _ := strings.Cut(option, " ")
		at := filepath.Join(folder, name)
		if err := os.Mkdir(at, 0o700); err != nil {
			return err
		}
		lines = append(lines, option+" = "+at)
	}
	for _, name := range []string{"ncalrpc", "binddns"} { // which it makes itself
		lines = append(lines, name+" dir = "+filepath.Join(folder, name))
	}
	for _, share := range []string{"sysvol", "netlogon"} {
		lines = append(lines, "["+share+"]", "path = "+filepath.Join(folder, "state", share))
	}
	return os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

// provision makes the domain's files and writes the entries past the server, which would take much longer.
func provision(configuration string, ip net.IP, load func(w io.Writer) error) error {
	var ldif, out bytes.Buffer
	if err := load(&ldif); err != nil {
		return err
	}
	const patience = 5 * time.Minute // it takes some seconds, where nothing else is done
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// Debian's own Python has Samba's modules, which another one in PATH doesn't.
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", "-c", domainScript, configuration, ip.String(), DomainPassword, domainReader)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &ldif, &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("make a domain: %w: %s", err, out.String())
	}
	return nil
}

// Tool runs samba-tool on the domain's files, and returns what it says.
func (d *ActiveDirectory) Tool(args ...string) (string, error) {
	folder := d.server.folder
	out, err := exec.Command("samba-tool", append(args, "--configfile="+filepath.Join(folder, "smb.conf"), "-H", filepath.Join(folder, "private", "sam.ldb"))...).CombinedOutput() //nolint:noctx,gosec // it ends by itself
	if err != nil {
		return "", fmt.Errorf("samba-tool: %w: %s", err, out)
	}
	return string(out), nil
}

// Stop ends the server at once, and takes its folder away.
func (d *ActiveDirectory) Stop() { d.server.Stop() }
