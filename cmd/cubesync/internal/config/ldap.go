package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"cubesync/source/ldapdir"
)

// LDAP is a source of kind ldap. What is left out of its JSON is the way to the directory, which decides about nobody; who asks
// decides what can be seen.
type LDAP struct {
	Preset      string `json:"-"` // what it says stands in the other fields and in the mapping
	Usual       bool   `json:"-"` // the mapping is the preset's
	URLs        []string
	StartTLS    bool                `json:"-"`
	Plain       bool                `json:"-"`
	CAs         []*x509.Certificate `json:"-"` // trusted besides the system's
	Certificate *tls.Certificate    `json:"-"` // ours
	Pins        [][]byte            `json:"-"`

	BindDN              string
	Password            Secret `json:"-"`
	External, Anonymous bool
	Subject             string `json:",omitempty"` // of our certificate, where it is what signs in

	Base, Filter string
	Scope        ldapdir.Scope
	Values       map[string]ldapdir.Multi
	LeaveOut     bool // disabled accounts are as if they weren't there
	Groups       ldapdir.Groups

	PageSize                               int           `json:"-"`
	DialTimeout, ReplyTimeout, IdleTimeout time.Duration `json:"-"`
}

const bindRemedy = "write {dn: DN, password: ${NAME}}, external or anonymous"

func (c *checker) ldap(n node) *LDAP {
	group := n.object("write urls, bind and base under it", "preset", "urls", "start_tls", "allow_plaintext", "ca_file", "client_certificate", "pins", "bind",
		"base", "filter", "scope", "values", "disabled", "groups", "page_size", "timeouts")
	if !n.given() || group.broken {
		return nil
	}
	name := group.get("preset").choice("", "openldap", "active_directory", "freeipa")
	usual := presets()[name]
	timeouts := group.get("timeouts").object("write dial, request or idle under it", "dial", "request", "idle")
	const most = time.Hour
	d := &LDAP{
		Preset:   name,
		StartTLS: group.get("start_tls").flag(),
		Plain:    group.get("allow_plaintext").flag(),
		CAs:      group.get("ca_file").certificates(""),
		Base:     group.need("base", "name the entry below which the users are, such as ou=people,dc=example,dc=com").dn(),
		Filter:   usual.filter,
		Scope:    ldapdir.Scope(group.get("scope").choice(string(ldapdir.Subtree), string(ldapdir.Subtree), string(ldapdir.One), string(ldapdir.Base))),
		LeaveOut: group.get("disabled").choice("keep", "keep", "absent") == "absent",
		PageSize: group.get("page_size").integer(0, 1, 100_000),

		DialTimeout:  timeouts.get("dial").duration(ldapdir.DefaultDialTimeout, time.Second, most),
		ReplyTimeout: timeouts.get("request").duration(ldapdir.DefaultRequestTimeout, time.Second, most),
		IdleTimeout:  timeouts.get("idle").duration(ldapdir.DefaultIdleTimeout, time.Second, most),
	}
	d.URLs = c.directoryURLs(group, d)
	d.Certificate = c.clientCertificate(group.get("client_certificate"))
	d.Pins = group.get("pins").pins()
	c.directoryBind(group.need("bind", bindRemedy), d)
	if d.External && d.Certificate != nil {
		d.Subject = d.Certificate.Leaf.Subject.String()
	}
	if filter := group.get("filter"); filter.given() || usual.filter == "" {
		d.Filter = group.need("filter", "say which entries are users, such as (objectClass=inetOrgPerson), or choose a preset").filter()
	}
	d.Values = c.severalValues(group.get("values"))
	d.Groups = c.directoryGroups(group.get("groups"), usual.groups)
	return d
}

// directoryURLs reads where the directory is.
func (c *checker) directoryURLs(group object, d *LDAP) []string {
	var urls []string
	open := false
	for _, item := range group.need("urls", "name the servers, such as [ldaps://ldap.example.com]").list("write a list such as [ldaps://ldap.example.com]") {
		text, ok := item.text()
		if !ok {
			continue
		}
		plain, err := ldapdir.CheckURL(text)
		switch {
		case err != nil:
			problem, remedy, _ := strings.Cut(err.Error(), ": ")
			item.complain(problem, remedy)
		case plain && !d.StartTLS && !d.Plain:
			item.complain("would send everything unencrypted", "write ldaps://, add start_tls: true, or permit that with allow_plaintext: true")
		}
		open = open || plain
		urls = append(urls, text)
	}
	if at := group.get("start_tls"); d.StartTLS && len(urls) > 0 && !open {
		at.complain("is for ldap://, and there is none", "take the line out")
	}
	return urls
}

// directoryBind reads as whom the directory is read.
func (c *checker) directoryBind(n node, d *LDAP) {
	if !n.given() {
		return
	}
	if n.value.kind != objectKind {
		switch n.choice("", "external", "anonymous") {
		case "external":
			d.External = true
		case "anonymous":
			d.Anonymous = true
		}
		return
	}
	group := n.object(bindRemedy, "dn", "password")
	d.BindDN, _ = group.need("dn", "name who signs in").text() // Active Directory takes ann@example.com too
	const remedy = "write ${NAME} or file:PATH"
	password := group.need("password", remedy)
	if password.given() && open(password.value.text) {
		password.complain("is a password that everybody can read", remedy)
		return
	}
	d.Password, _ = password.secret()
}

func (c *checker) clientCertificate(n node) *tls.Certificate {
	group := n.object("write {certificate: PATH, key: PATH}", "certificate", "key")
	if !n.given() || group.broken {
		return nil
	}
	var parts [2][]byte
	for i, name := range []string{"certificate", "key"} {
		at := group.need(name, "name its PEM file")
		text, ok := at.text()
		if !ok {
			return nil
		}
		content, problem, remedy := readWhole(at.absolute(text), maxCertificateBytes, "a "+name)
		if problem != "" {
			at.complain(problem, remedy)
			return nil
		}
		parts[i] = content
	}
	pair, err := tls.X509KeyPair(parts[0], parts[1])
	if err != nil {
		n.complain("is no certificate with its key", "name PEM files, the key's without a password")
		return nil
	}
	return &pair
}

// pins are hashes of keys.
func (n node) pins() [][]byte {
	if !n.given() {
		return nil
	}
	const remedy = "write a list such as [sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=]"
	var pins [][]byte
	for _, item := range n.list(remedy) {
		text, ok := item.text()
		if !ok {
			continue
		}
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "sha256/"))
		if err != nil || len(sum) != 32 {
			item.complain("is not the SHA-256 of a public key", remedy)
			continue
		}
		pins = append(pins, sum)
	}
	return pins
}

func (n node) dn() string {
	text, ok := n.text()
	if ok {
		if err := ldapdir.CheckDN(text); err != nil {
			n.complain(err.Error(), "write one such as ou=people,dc=example,dc=com")
		}
	}
	return text
}

func (n node) filter() string {
	text, ok := n.text()
	if ok {
		if err := ldapdir.CheckFilter(text); err != nil {
			n.complain(err.Error(), "write one such as (objectClass=inetOrgPerson); in a value, ( is \\28, ) is \\29, * is \\2a and \\ is \\5c")
		}
	}
	return text
}

// severalValues reads what becomes of attributes with several values.
func (c *checker) severalValues(n node) map[string]ldapdir.Multi {
	const remedy = `write first, list, error or {join: ";"} for an attribute`
	group := n.anyKeys(remedy)
	ways := map[string]ldapdir.Multi{}
	for _, name := range group.names {
		at := group.get(name)
		if at.value.kind == objectKind {
			separator, _ := at.object(remedy, "join").need("join", "write what stands between two values").text()
			ways[name] = ldapdir.Multi{Way: ldapdir.Join, Separator: separator}
			continue
		}
		if way := at.choice("error", string(ldapdir.First), string(ldapdir.List), "error"); way != "error" {
			ways[name] = ldapdir.Multi{Way: ldapdir.Way(way)}
		}
	}
	if len(ways) == 0 {
		return nil
	}
	return ways
}

// directoryGroups reads which groups give tags.
func (c *checker) directoryGroups(n node, usual ldapdir.Membership) ldapdir.Groups {
	group := n.object("write tags: under it", "tags", "by", "depth", "base")
	if !n.given() || group.broken {
		return ldapdir.Groups{}
	}
	g := ldapdir.Groups{By: ldapdir.Membership(group.get("by").choice(string(usual), string(ldapdir.MemberList), string(ldapdir.MemberOf), string(ldapdir.InChain)))}
	depth, base := group.get("depth"), group.get("base")
	g.Depth = depth.integer(0, 0, 20)
	switch {
	case g.Depth > 0 && g.By != ldapdir.MemberList:
		depth.complain("has no use with by: "+string(g.By), "take it out, or write by: member")
	case g.Depth > 0:
		g.Base = group.need("base", "name the entry below which all groups are, such as ou=groups,dc=example,dc=com").dn()
	case base.given():
		base.complain("has no use without depth", "take it out, or say how many groups within groups are followed")
	}
	const remedy = "write a list such as [{dn: \"cn=sales,ou=groups,dc=example,dc=com\", tag: sales}]"
	for _, item := range group.need("tags", remedy).list(remedy) {
		one := item.object(remedy, "dn", "tag")
		tag := ldapdir.GroupTag{DN: one.need("dn", "name the group").dn()}
		at := one.need("tag", "say what its members are tagged with")
		tag.Tag = at.ownerTag()
		if strings.Contains(tag.Tag, ldapdir.GroupSeparator) {
			at.complain("has a "+ldapdir.GroupSeparator+", which separates tags", "choose a tag without one")
		}
		g.Tags = append(g.Tags, tag)
	}
	return g
}

// ldapUse checks that what is said of attributes and groups is of use to the mapping, and the other way round.
func (c *checker) ldapUse(n node, d *LDAP, prefix string, used []string) {
	if d == nil {
		return
	}
	values := n.child("values")
	for name := range d.Values {
		if !slices.ContainsFunc(used, func(column string) bool { return strings.EqualFold(column, name) }) {
			values.child(name).complain("is an attribute that the mapping doesn't use", "map it, or take the line out")
		}
	}
	mapped := slices.Contains(used, ldapdir.GroupsColumn)
	switch groups := n.child("groups"); {
	case groups.given() && !mapped:
		groups.complain("gives tags that the mapping doesn't use", fmt.Sprintf("add {column: %s, split: %q} to mapping.tags", prefix+ldapdir.GroupsColumn, ldapdir.GroupSeparator))
	case !groups.given() && mapped:
		n.complain("has no groups, whose tags the mapping uses", "add groups: under ldap, or take the column "+prefix+ldapdir.GroupsColumn+" out of the mapping")
	}
}

// child returns what stands under a key of a group that was read before, without a word about its other keys.
func (n node) child(name string) node {
	if n.value != nil {
		for i := range n.value.entries {
			if e := &n.value.entries[i]; e.key == name {
				return node{checker: n.checker, key: n.path(name), at: e.value.at, value: &e.value}
			}
		}
	}
	return node{checker: n.checker, key: n.path(name), at: n.at}
}
