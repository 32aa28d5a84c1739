package config

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Proxy says through which proxy the service is reached.
type Proxy struct {
	Environment bool   // HTTPS_PROXY, HTTP_PROXY and NO_PROXY say it, as for every Go program
	address     Secret // its URL, which may hold a password
}

// Address returns the proxy's URL, nil without one. It may hold a password: it isn't for showing.
func (p Proxy) Address() *url.URL {
	if p.address.IsZero() {
		return nil
	}
	address, err := url.Parse(p.address.Reveal())
	if err != nil {
		return nil // it was parsed when it was checked
	}
	return address
}

// The words for a proxy; any other is its URL.
const (
	proxyOfEnvironment = "environment"
	noProxy            = "none"
)

// reachable complains of a setting of the network where there is none to the endpoint; it then counts as not given.
func (n node) reachable(endpoint string) node {
	if n.given() && endpoint == EmbeddedEmulator {
		n.complain("has no use with the embedded emulator, which no network leads to", "take the line out, or name another endpoint")
		n.value = nil
	}
	return n
}

// proxy returns what is said of the proxy. Complaints don't show it: it may hold a password.
func (n node) proxy() Proxy {
	text, ok := n.resolved()
	switch {
	case !ok || text == proxyOfEnvironment:
		return Proxy{Environment: true}
	case text == noProxy:
		return Proxy{}
	}
	const remedy = "write environment, none, or a URL such as http://proxy.example.com:3128"
	address, err := url.Parse(text)
	switch {
	case err != nil || address.Hostname() == "":
		n.complain("is not the address of a proxy", remedy+", with the signs in its password percent-encoded")
	case !slices.Contains([]string{"http", "https", "socks5"}, address.Scheme):
		n.complain("is not the address of an http, https or socks5 proxy", remedy)
	case !hasPort(address):
		n.complain(noSuchPort())
	case address.Path != "" && address.Path != "/" || strings.ContainsAny(text, "?#"):
		remedy := "end the address after host and port"
		if strings.Contains(text, "@") {
			remedy += "; in a password, / is written %2F, ? is %3F and # is %23"
		}
		n.complain("has a path, a query or a fragment", remedy)
	case openPassword(n.value.text):
		n.complain("holds a password that everybody can read", "write ${NAME} for it, or file:PATH for the whole address")
	}
	return Proxy{address: NewSecret(text)}
}

// openPassword reports whether the text of an address, as it stands in the file, holds a password beside references.
func openPassword(raw string) bool {
	_, rest, _ := strings.Cut(raw, "://")
	at := strings.LastIndex(rest, "@")
	if at < 0 || strings.HasPrefix(raw, "file:") {
		return false
	}
	_, password, _ := strings.Cut(rest[:at], ":")
	return open(password)
}

// open reports whether a secret of another system, as it stands in the file, is there to be read by whoever may read the file: it is
// more than references.
func open(raw string) bool {
	return !strings.HasPrefix(raw, "file:") && regexp.MustCompile(`\$\{\w+\}`).ReplaceAllString(raw, "") != ""
}

// maxCertificateBytes is more than all certificates that any system trusts.
const maxCertificateBytes = 4 << 20

// certificates reads a file of PEM certificates.
func (n node) certificates(endpoint string) []*x509.Certificate {
	if n.given() && strings.HasPrefix(endpoint, "http:") {
		n.complain("has no use without https", "take the line out, or write an https endpoint")
		return nil
	}
	text, ok := n.text()
	if !ok {
		return nil
	}
	const remedy = "name a file with one or more -----BEGIN CERTIFICATE----- blocks"
	path := n.absolute(text)
	content, problem, advice := readWhole(path, maxCertificateBytes, "certificates")
	if problem != "" {
		n.complain(problem, advice)
		return nil
	}
	if len(strings.TrimSpace(string(content))) == 0 {
		n.complain(path+" is empty", remedy)
		return nil
	}
	found, problem := parseCertificates(content)
	if problem != "" {
		n.complain(path+" "+problem, remedy)
	}
	return found
}

// parseCertificates takes what stands between blocks for remarks. Everything in a block must be a whole certificate:
// what the standard library would pass over in silence is what somebody meant to be trusted.
func parseCertificates(content []byte) (found []*x509.Certificate, problem string) {
	const begin = "-----BEGIN "
	begun := strings.Count(string(content), begin)
	if begun == 0 {
		return nil, "holds no PEM certificate"
	}
	for n := 1; n <= begun; n++ {
		block, rest := pem.Decode(content)
		if block == nil {
			return nil, fmt.Sprintf("is damaged: block %d isn't whole", n)
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Sprintf("holds %s as block %d, where only certificates belong", block.Type, n)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Sprintf("is damaged: block %d is no certificate", n)
		}
		found, content = append(found, certificate), rest
	}
	return found, ""
}
