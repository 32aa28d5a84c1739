package config

import (
	"cmp"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// application is what the pipelines' rules need to know of connectycube. What is given counts even when it is wrong:
// it has its own complaint.
type application struct {
	reach       reach
	serviceUser bool
	guest       bool // the service user is one
	identity    bool // a provider of one's own vouches for the service user, and so for everybody
	adminKey    bool
}

// reach says where an endpoint is.
type reach uint8

const (
	unknownReach reach = iota // the endpoint is wrong
	localReach                // the emulator, or a server on this machine
	liveReach
)

func (c *checker) connectyCube(n node) (ConnectyCube, application) {
	group := n.object("write endpoint, application_id and auth_key under it",
		"endpoint", "application_id", "auth_key", "auth_secret", "service_user", "admin_key", "rate_limit", "timeout", "proxy", "ca_file")
	if !n.given() || group.broken {
		return ConnectyCube{}, application{serviceUser: true, adminKey: true}
	}
	endpoint, reach := group.need("endpoint", "write emulator, or the https address of the service").endpoint()
	app := ConnectyCube{
		Endpoint:      endpoint,
		ApplicationID: group.need("application_id", "copy it from the application's overview page").identifier(),
		AuthKey:       group.need("auth_key", "copy it from the application's overview page").credential(reach, EmulatorAuthKey),
		AuthSecret:    group.get("auth_secret").credential(reach, EmulatorAuthSecret),
		ServiceUser:   c.serviceUser(group.get("service_user"), reach),
		AdminKey:      group.get("admin_key").credential(reach, EmulatorAdminKey),
		RateLimit:     group.get("rate_limit").rate(defaultRateLimit),
		Timeout:       group.get("timeout").duration(defaultTimeout, time.Second, 10*time.Minute),
		Proxy:         group.get("proxy").reachable(endpoint).proxy(),
		CAs:           group.get("ca_file").reachable(endpoint).certificates(endpoint),
	}
	with := app.known()
	with.reach = reach
	with.serviceUser, with.adminKey = group.get("service_user").given(), group.get("admin_key").given()
	return app, with
}

// known is what the rules need to know of an application that was read.
func (c ConnectyCube) known() application {
	who := c.ServiceUser
	return application{
		serviceUser: who != nil, guest: who != nil && who.Guest != "",
		identity: who != nil && who.Provider != nil && who.Provider.Name == customIdentity,
		adminKey: !c.AdminKey.IsZero(),
	}
}

// Gives reports whether updates or deletes can be made with a right, as far as the configuration goes.
func (c ConnectyCube) Gives(as Authority, passwords Passwords) bool {
	problem, _ := c.known().lacks(as, passwords)
	return problem == ""
}

// credential returns a secret, and refuses the emulator's with a live endpoint.
func (n node) credential(reach reach, emulators string) Secret {
	secret, _ := n.secret()
	if secret.Reveal() == emulators && reach == liveReach {
		n.complain("is the emulator's, which everybody can read", "write your own: ${NAME} or file:PATH")
	}
	return secret
}

// identifier returns a resolved text; a plain number is one too.
func (n node) identifier() string {
	if n.given() && n.value.kind == numberKind {
		return n.value.text
	}
	text, _ := n.resolved()
	return text
}

// endpoint returns EmbeddedEmulator or a base URL. Complaints don't show it: it may hold a password.
func (n node) endpoint() (string, reach) {
	text, ok := n.resolved()
	if !ok {
		return "", unknownReach
	}
	if text == EmbeddedEmulator {
		return text, localReach
	}
	address, err := url.Parse(text)
	if err != nil || address.Host == "" || address.Scheme != "https" && address.Scheme != "http" {
		n.complain("is not an address", "write emulator, or a URL such as https://api.connectycube.com")
		return "", unknownReach
	}
	where := liveReach
	if loopback(address.Hostname()) {
		where = localReach
	}
	switch {
	case address.User != nil:
		n.complain("holds a user name or password", "take everything up to the @ out; auth_key and service_user hold the credentials")
	case strings.ContainsAny(text, "?#"):
		n.complain("has a query or a fragment", "end the address before it")
	case address.Hostname() == "":
		n.complain("names no host", "write a URL such as https://api.connectycube.com")
	case !hasPort(address):
		n.complain(noSuchPort())
	case regexp.MustCompile(`(\.json|/session|/login|/users|/users/v2|/blobs)/*$`).MatchString(address.Path):
		n.complain("is the address of a call", "end it before the call's path")
	case address.Scheme == "http" && where == liveReach:
		n.complain("would send keys and passwords unencrypted", "write https; http is for servers on this machine only")
	default:
		return strings.TrimRight(address.String(), "/"), where
	}
	return "", unknownReach
}

// hasPort reports whether the port of an address exists, if it names one.
func hasPort(address *url.URL) bool {
	port, err := strconv.ParseUint(cmp.Or(address.Port(), "1"), 10, 16)
	return err == nil && port > 0
}

func noSuchPort() (problem, remedy string) {
	return "has a port that doesn't exist", "write one from 1 to 65535, or none"
}

// loopback reports whether the host is this machine by its name or number alone, without asking anybody.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
